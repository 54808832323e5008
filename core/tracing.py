"""OpenTelemetry traces, if OTEL_EXPORTER_OTLP_ENDPOINT is set: a span for each request, query, message, import and job.

A span has what the code puts there: names of the code, templates of routes, SQL without its parameters. Instrumentation
libraries are not used, because they record whole addresses, which may hold a token, and messages of errors, which may
hold a name. Traces begin here: a `traceparent` of a client would let it choose which requests are traced.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import structlog
from django.db import connections

import core
from core.logs import get_correlation_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINT_SETTINGS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_MAX_SQL_LENGTH = 2000  # characters

Attributes = dict[str, Any]
log = structlog.get_logger("loket.tracing")


class _Output:
    """Where spans of this process go, if they go anywhere."""

    provider: "TracerProvider | None" = None


def get_endpoint() -> str:
    """Return the address that spans are sent to, or "" if there are none."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ""
    return next(filter(None, map(os.environ.get, ENDPOINT_SETTINGS)), "")


def start() -> None:
    """Send spans of this process from now on, if an address is set. Call it after forking: a thread sends them."""
    if not get_endpoint():
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("no traces", reason="loket[otel] is not installed")
        return
    os.environ.setdefault("OTEL_SERVICE_NAME", "loket")
    _Output.provider = TracerProvider(resource=Resource.create({"service.version": core.__version__}))
    _Output.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))


def flush() -> None:
    """Send the spans that wait, at the end of a process that does not end as Python expects."""
    if _Output.provider is not None:
        _Output.provider.force_flush()


@contextmanager
def span(name: str, **attributes: Any) -> Iterator[Attributes]:
    """Measure a block; what it adds to the dictionary become attributes, and `name` another name."""
    if _Output.provider is None:
        yield {}
        return
    from opentelemetry.trace import SpanKind

    facts: Attributes = {"loket.correlation_id": get_correlation_id(), **attributes}
    tracer = _Output.provider.get_tracer("loket", core.__version__)
    kind = SpanKind[facts.pop("kind", "internal").upper()]
    with tracer.start_as_current_span(
        name, kind=kind, record_exception=False, set_status_on_exception=False
    ) as measured:
        try:
            yield facts
        except Exception as error:
            mark_failed(error)
            raise
        finally:
            measured.update_name(facts.pop("name", name))
            measured.set_attributes({key: value for key, value in facts.items() if value not in (None, "")})


def mark_failed(error: Exception | None = None) -> None:
    """Mark the current span as failed, by the class of the error only."""
    if _Output.provider is None:
        return
    from opentelemetry.trace import StatusCode, get_current_span

    current = get_current_span()
    current.set_status(StatusCode.ERROR)
    if error is not None:
        current.set_attribute("error.type", type(error).__qualname__)


@contextmanager
def request_span() -> Iterator[Attributes]:
    """Measure a request and each of its queries."""
    if _Output.provider is None:
        yield {}
        return
    with ExitStack() as stack:
        facts = stack.enter_context(span("request", kind="server"))
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(_trace_query))
        yield facts


def _trace_query(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    text = sql if isinstance(sql, str) else type(sql).__name__  # a statement that is composed may hold values
    name = text.partition(" ")[0].upper()
    with span(name, kind="client", **{"db.system.name": "postgresql", "db.query.text": text[:_MAX_SQL_LENGTH]}):
        return execute(sql, params, many, context)
