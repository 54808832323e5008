"""Prometheus metrics: requests, counted over every process of a web server, and figures from the database.

The figures are queried at each scrape, so they are correct for any number of web servers and workers.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.db.models import Count
from django.utils import timezone
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from audit.models import ChainLink, Event, PendingEvent, Verb
from core.ids import build_min_uuid7
from core.models import FailedJobItem, PeriodicJobStatus, WorkerHeartbeat
from monitoring import health, metric_files
from outbox.models import Message, ReportCount, ReportResult

RECENT_PERIOD = timedelta(hours=1)
_request_counter = Counter("loket_requests", "Requests that were answered.", ["method", "route", "status"])
_replica_page_counter = Counter(
    "loket_replica_pages", "Pages that a replica may give, by what gave them.", ["read_from"]
)
_request_seconds = Histogram("loket_request_seconds", "How long the answers took.")


@metric_files.disable_on_error
def count_request(method: str, route: str, status: int, seconds: float) -> None:
    _request_counter.labels(method, route, str(status)).inc()
    _request_seconds.observe(seconds)


def render_metrics(folder: Path) -> bytes:
    """Return all metrics as text, with the request counts found in `folder`."""
    registry = CollectorRegistry()
    if folder.is_dir():
        MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    registry.register(_DatabaseCollector())
    return generate_latest(registry)


@metric_files.disable_on_error
def count_replica_page(read_from: str) -> None:
    """Count a page that a replica may serve, by the server it was read from."""
    _replica_page_counter.labels(read_from).inc()


class _DatabaseCollector(Collector):
    """Collect the figures that are queried from the database."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; without a database only that it is down."""
        try:
            found = [*_collect_outbox(), *_collect_sign_ins(), *_collect_chain(), *_collect_jobs()]
        except (OperationalError, InterfaceError):
            found = []
        yield GaugeMetricFamily(
            "loket_requests_counted", "Whether this process counts its requests.", value=metric_files.is_counting()
        )
        yield GaugeMetricFamily("loket_database_up", "Whether the database answers.", value=bool(found))
        yield from found


def _collect_outbox() -> Iterator[Metric]:
    now = timezone.now()
    workers = WorkerHeartbeat.objects.filter(at__gt=now - health.WORKER_SILENT_AFTER).count()
    yield GaugeMetricFamily("loket_workers", "Workers that were seen lately.", value=workers)
    yield _build_age_gauge(
        "loket_outbox_oldest_due_seconds", "How long a message that is due has waited.", health.get_oldest_due()
    )
    states = Message.objects.pending().values_list("channel").order_by().annotate(number=Count("pk"))
    yield _build_labeled_gauge("loket_outbox_waiting", "Messages that are still to be sent.", "channel", dict(states))
    lately = Message.objects.filter(pk__gte=build_min_uuid7(now - RECENT_PERIOD)).order_by()
    numbers = dict.fromkeys(Message.State.values, 0) | dict(lately.values_list("state").annotate(number=Count("pk")))
    yield _build_labeled_gauge(
        "loket_messages_last_hour", "Messages made in the last hour, by what became of them.", "state", numbers
    )
    reports = CounterMetricFamily("loket_delivery_reports", "Mails to return paths of messages.", labels=["result"])
    counted = dict.fromkeys(ReportResult.values, 0) | dict(ReportCount.objects.values_list("result", "number"))
    for result, number in counted.items():
        reports.add_metric([result], number)
    yield reports


def _collect_sign_ins() -> Iterator[Metric]:
    lately = Event.objects.filter(pk__gte=build_min_uuid7(timezone.now() - RECENT_PERIOD)).order_by()
    verbs = {Verb.SIGNED_IN: "let in", Verb.SIGN_IN_REFUSED: "refused"}
    found = dict(lately.filter(verb__in=verbs).values_list("verb").annotate(number=Count("pk")))
    numbers = {word: found.get(verb, 0) for verb, word in verbs.items()}
    yield _build_labeled_gauge("loket_sign_ins_last_hour", "Sign-ins of the last hour.", "result", numbers)


def _collect_chain() -> Iterator[Metric]:
    head = ChainLink.objects.order_by("-event_id").values_list("event_id", flat=True).first()
    waiting = PendingEvent.objects.order_by("event_id").values_list("event_id", flat=True).first()
    yield _build_age_gauge(
        "loket_chain_head_age_seconds", "Since the newest event that has its place in a chain.", _get_event_time(head)
    )
    yield _build_age_gauge(
        "loket_chain_waiting_seconds", "How long an event has waited for its place.", _get_event_time(waiting)
    )


def _collect_jobs() -> Iterator[Metric]:
    now = timezone.now()
    states = PeriodicJobStatus.objects.order_by("name")
    undone = {state.name: (now - (state.done_at or state.since)).total_seconds() for state in states}
    yield _build_labeled_gauge(
        "loket_job_undone_seconds", "Since a periodic job was last done to its end.", "job", undone
    )
    failures = CounterMetricFamily(
        "loket_job_failures", "How often a periodic job, or an office or row of it, failed.", labels=["job"]
    )
    for state in states:
        failures.add_metric([state.name], state.failed)
    yield failures
    items = dict(FailedJobItem.objects.values_list("job").order_by().annotate(number=Count("pk")))
    numbers = dict.fromkeys(undone, 0) | items
    yield _build_labeled_gauge(
        "loket_job_failing_items", "Offices and rows that failed at their last try.", "job", numbers
    )


def _get_event_time(event_id: UUID | None) -> datetime | None:
    """Return the creation time that an event id holds (RFC 9562 section 5.7)."""
    return None if event_id is None else datetime.fromtimestamp((event_id.int >> 80) / 1000, tz=UTC)


def _build_age_gauge(name: str, text: str, since: datetime | None) -> Metric:
    seconds = (timezone.now() - since).total_seconds() if since else 0.0
    return GaugeMetricFamily(name, text, value=max(0.0, seconds))


def _build_labeled_gauge(name: str, text: str, label: str, numbers: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in numbers.items():
        family.add_metric([str(value)], number)
    return family
