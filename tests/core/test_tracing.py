"""Traces are sent over OTLP, hold nothing personal and no token, and cost nothing without an address."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from django.test import Client
from django.urls import reverse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from accounts.models import User
from core import tracing
from core.periodic_jobs import JobRunner, PeriodicJob
from invitations.models import Invitation
from outbox.worker import send_due_messages
from tests.helpers.demo_process import ROOT
from tests.helpers.invited_users import NUMBER, invite
from tests.helpers.servers import MailServer, SmsGateway, own_environment

Span = dict[str, object]
SECRET = "geheim-Wachtw00rd"


@dataclass
class Receiver:
    """What was posted to the address for traces."""

    url: str
    bodies: list[bytes] = field(default_factory=list)

    def read_spans(self) -> list[Span]:
        """Return name, status, parent and attributes of each span that was sent."""
        tracing.flush()
        found: list[Span] = []
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    found += [_read_span(span) for span in scope.spans]
        return found

    def find(self, name: str) -> Span:
        (found,) = [span for span in self.read_spans() if span["name"] == name]
        return found


def _read_span(span: trace_pb2.Span) -> Span:
    attributes = {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}
    known = {"name": span.name, "id": span.span_id, "parent": span.parent_span_id, "has_failed": span.status.code == 2}
    return {**known, "message": span.status.message, "events": list(span.events), **attributes}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver on loopback, which this process sends to."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Receiver(f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "loket")
        monkeypatch.setattr(tracing._Output, "provider", None)
        tracing.start()
        yield found
        tracing._Output.provider.shutdown()
        server.shutdown()


@pytest.mark.slow
def test_a_request_says_its_route_and_never_its_token(receiver: Receiver, alice: User) -> None:
    invited = invite(alice)
    page = Client().get(reverse("invitations:open_link", args=[invited.token]), {"code": SECRET})
    assert page.status_code == 302
    span = [one for one in receiver.read_spans() if one["name"].startswith("GET ")][-1]
    assert span["name"] == "GET /uitnodiging/<str:token>/"
    assert span["http.route"] == "/uitnodiging/<str:token>/"
    assert (span["http.response.status_code"], span["has_failed"]) == (302, False)
    assert span["loket.correlation_id"] == page["X-Request-ID"]
    queries = [one for one in receiver.read_spans() if one["parent"] == span["id"]]
    assert any(one["name"] == "SELECT" and "invitations_invitation" in one["db.query.text"] for one in queries)
    sent = b"".join(receiver.bodies)
    for secret in (invited.token, SECRET, "Boer", "p.deboer", NUMBER, str(Invitation.objects.get().token_hash)):
        assert secret.encode() not in sent, secret


@pytest.mark.slow
@pytest.mark.django_db
def test_an_unknown_address_is_not_sent(receiver: Receiver) -> None:
    Client().get(f"/{SECRET}/")
    assert receiver.find("GET")["http.response.status_code"] == 404
    assert SECRET.encode() not in b"".join(receiver.bodies)


@pytest.mark.slow
def test_an_error_is_sent_without_its_message(receiver: Receiver) -> None:
    with pytest.raises(ValueError, match=SECRET), tracing.span("broken"):
        raise ValueError(SECRET)
    span = receiver.find("broken")
    assert (span["has_failed"], span["error.type"], span["message"], span["events"]) == (True, "ValueError", "", [])


@pytest.mark.slow
def test_jobs_and_messages_are_spans(
    receiver: Receiver, alice: User, mail_server: MailServer, sms_gateway: SmsGateway
) -> None:
    invite(alice).post("send_code")
    assert send_due_messages() == 2
    assert JobRunner(PeriodicJob(_fail, 60, "test.failing")).run() == 60
    assert receiver.find("send invitation")["loket.state"] == "sent"
    assert receiver.find("send code")["loket.channel"] == "sms"
    job = receiver.find("job test.failing")
    assert (job["has_failed"], job["error.type"]) == (True, "ValueError")
    sent = b"".join(receiver.bodies)
    for secret in (SECRET, "p.deboer", NUMBER):
        assert secret.encode() not in sent, secret


def _fail() -> None:
    raise ValueError(SECRET)


def test_without_the_extra_it_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with caplog.at_level(logging.WARNING):
        tracing.start()
    assert "loket[otel] is not installed" in caplog.text
    with tracing.span("nothing") as facts:
        assert facts == {}


def test_the_standard_switch_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/v1/traces")
    assert tracing.get_endpoint() == "http://127.0.0.1:1/v1/traces"
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert tracing.get_endpoint() == ""


@pytest.mark.slow
def test_nothing_is_imported_without_an_address(tmp_path: Path) -> None:
    environment = {name: value for name, value in own_environment(tmp_path).items() if not name.startswith("OTEL_")}
    program = "import sys, loket.wsgi; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
