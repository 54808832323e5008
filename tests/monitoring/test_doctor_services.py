"""The doctor on mail, SMS, Microsoft, certificates and DNS: it connects as the product does, and sends nothing."""

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from django.core.management import CommandError, call_command
from pytest_httpserver import HTTPServer

from monitoring.diagnosis import services
from monitoring.diagnosis.findings import Level
from tests.authentication.microsoft.test_sign_in_browser import certificate_in
from tests.helpers.demo_process import free_port
from tests.helpers.dns_server import NameServer
from tests.helpers.dns_server import name_server as name_server
from tests.helpers.servers import MailServer, QuickServer, SmsGateway
from tests.monitoring.test_doctor import SECRET, find
from tests.monitoring.test_doctor import own_server as own_server


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield door.getsockname()[1]


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """TLS for a server on localhost, with a certificate of 10 days that this machine accepts."""
    return _trust(tmp_path, monkeypatch, days=10)


def _trust(folder: Path, monkeypatch: pytest.MonkeyPatch, *, days: int) -> ssl.SSLContext:
    certificate, key = certificate_in(folder, days=days)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class MailLogin:
    """Accepts one password."""

    def __call__(self, server: object, session: object, envelope: object, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == SECRET.encode(), handled=False)


@pytest.fixture
def submission(settings: Any, trusted: ssl.SSLContext) -> Iterator[None]:
    """A mail server that requires TLS and a password."""
    controller = Controller(
        object(), hostname="127.0.0.1", port=free_port(), tls_context=trusted, require_starttls=True,
        authenticator=MailLogin(), auth_required=True,
    )  # fmt: skip
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "localhost", controller.port
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "loket", SECRET
    settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = True, False
    yield
    controller.stop()


def test_mail_is_tried_up_to_the_password(submission: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ((level, text),) = find(services.check_mail)
    assert level == Level.OK
    assert text.endswith("accepts this machine, with TLS and with the username and password")
    settings.EMAIL_HOST_PASSWORD = "other"
    ((level, text),) = find(services.check_mail)
    assert (level, "refuses the username or password (535)" in text) == (Level.PROBLEM, True)
    monkeypatch.delenv("SSL_CERT_FILE")
    ((level, text),) = find(services.check_mail)
    assert (level, "certificate" in text) == (Level.PROBLEM, True)
    settings.EMAIL_USE_TLS = False
    ((level, text),) = find(services.check_mail)
    assert level == Level.PROBLEM


def test_mail_sends_nothing(mail_server: MailServer, settings: Any) -> None:
    assert find(services.check_mail)[0][0] == Level.OK
    assert (mail_server.mails, mail_server.senders) == ([], [])
    settings.EMAIL_PORT = free_port()
    ((level, text),) = find(services.check_mail)
    assert (level, text.endswith("refuses the connection")) == (Level.PROBLEM, True)


@pytest.mark.slow
def test_mail_that_says_nothing(mail_server: MailServer, settings: Any, silent_port: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(services, "CONNECT_SECONDS", 0.3)
    settings.EMAIL_PORT = silent_port
    ((level, text),) = find(services.check_mail)
    assert (level, "says nothing or ends the connection" in text) == (Level.PROBLEM, True)


def test_a_mail_provider_is_not_called(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    assert find(services.check_mail)[0][0] == Level.PROBLEM, "no token"
    settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": SECRET}
    connected = []
    monkeypatch.setattr(services, "_connect", lambda host, port, **_options: connected.append((host, port)))
    ((level, text),) = find(services.check_mail)
    assert (level, text) == (Level.OK, "Postmark at api.postmarkapp.com can be reached")
    assert connected == [("api.postmarkapp.com", 443)]


def test_the_sms_gateway_is_reached_and_not_asked(sms_gateway: SmsGateway, settings: Any, own_server: None) -> None:
    ((level, text),) = find(services.check_sms)
    assert (level, "can be reached" in text) == (Level.OK, True)
    assert sms_gateway.asked == []
    settings.SMS_URL = f"json://u:{SECRET}@127.0.0.1:{free_port()}/?:to={{to}}"
    ((level, text),) = find(services.check_sms)
    assert (level, text.endswith("refuses the connection")) == (Level.PROBLEM, True)
    settings.SMS_URL = f"nonsense://{SECRET}/{{to}}"
    ((level, text),) = find(services.check_sms)
    assert (level, SECRET in text) == (Level.PROBLEM, False)
    settings.SMS_URL = "console:"
    assert find(services.check_sms)[0][0] == Level.WARNING


@pytest.mark.parametrize("url", ["infobip://key@host/{to}", f"sinch://{'a' * 32}:{'b' * 32}@31612345678/{{to}}"])
def test_a_gateway_whose_address_apprise_composes_is_not_broken(
    url: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_connect", lambda *_arguments, **_options: pytest.fail("it has no such host"))
    settings.SMS_URL = url
    assert find(services.check_sms) == [(Level.OK, "SMS_URL is understood; where its gateway is, only apprise knows")]


@pytest.fixture
def http_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Let the web servers of this process have another clock."""

    def shift(period: timedelta) -> None:
        there = format_datetime(datetime.now(UTC) + period, usegmt=True)
        monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda *_arguments: there)

    return shift


def test_microsoft_and_its_clock(
    settings: Any, httpserver: HTTPServer, http_clock: Callable[[timedelta], None]
) -> None:
    assert find(services.check_microsoft) == [(Level.UNUSED, "")]
    settings.LOKET_ENTRA_CLIENT_ID = "x"
    settings.LOKET_ENTRA_AUTHORITY = httpserver.url_for("/organizations")
    path = "/organizations/v2.0/.well-known/openid-configuration"
    httpserver.expect_oneshot_request(path).respond_with_json({"issuer": "x", "jwks_uri": "y"})
    httpserver.expect_oneshot_request(path).respond_with_json({"error": "invalid_tenant"}, status=400)
    assert [level for level, _text in find(services.check_microsoft)] == [Level.OK, Level.OK]
    http_clock(timedelta(minutes=-10))
    (level, text), clock = find(services.check_microsoft)
    assert (level, text) == (Level.PROBLEM, "localhost does not know the authority (status 400)")
    assert (clock[0], clock[1].endswith("s ahead of that of localhost")) == (Level.PROBLEM, True)
    settings.LOKET_ENTRA_AUTHORITY = f"http://127.0.0.1:{free_port()}/organizations"
    assert find(services.check_microsoft) == [(Level.PROBLEM, "127.0.0.1 cannot be reached")]


def test_the_clock_of_another_address(httpserver: HTTPServer, http_clock: Callable[[timedelta], None]) -> None:
    httpserver.expect_request("/").respond_with_data("")
    http_clock(timedelta(minutes=1))
    ((level, text),) = find(services.build_clock_check(httpserver.url_for("/")))
    assert (level, text.endswith("s behind that of localhost")) == (Level.WARNING, True)
    with pytest.raises(CommandError, match="Give an address such as"):
        call_command("doctor", "--clock", "ftp://x")


@pytest.mark.parametrize(
    ("days", "level"), [(30, Level.OK), (10, Level.WARNING), (3, Level.PROBLEM), (-1, Level.PROBLEM)]
)
def test_the_certificate_of_the_public_address(
    days: int, level: Level, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, httpserver_ssl: Any
) -> None:
    context = _trust(tmp_path, monkeypatch, days=days)
    with httpserver_ssl(context) as server:
        settings.LOKET_URL = f"https://localhost:{server.port}"
        ((found, text),) = find(services.check_tls)
    assert found == level
    assert f"valid for {days} more days" in text if days > 0 else "expired" in text


@pytest.fixture
def httpserver_ssl() -> Any:
    """Create a web server with TLS."""
    return lambda context: QuickServer("127.0.0.1", ssl_context=context)


def test_tls_that_is_missing_or_not_reached(settings: Any, own_server: None) -> None:
    settings.LOKET_URL = "http://localhost"
    assert find(services.check_tls) == [(Level.WARNING, "LOKET_URL has no https")]
    settings.LOKET_URL = f"https://localhost:{free_port()}"
    ((level, text),) = find(services.check_tls)
    assert (level, text.endswith("refuses the connection")) == (Level.WARNING, True)


def test_the_records_of_the_sender(settings: Any, name_server: NameServer) -> None:
    settings.DEFAULT_FROM_EMAIL = "loket@loket.example"
    name_server.records = {"loket.example": ["v=spf1 mx -all"], "_dmarc.loket.example": ["v=DMARC1; p=nonsense"]}
    host, spf, dmarc = find(services.check_dns)
    assert host[0] == Level.OK
    assert spf == (Level.OK, "the SPF record of our own sender is in order")
    assert dmarc == (Level.WARNING, "the DMARC record of our own sender: wrong")


def test_traces(monkeypatch: pytest.MonkeyPatch, silent_port: int) -> None:
    assert find(services.check_traces) == [(Level.UNUSED, "")]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent_port}")
    reached = f"the receiver at 127.0.0.1:{silent_port} can be reached"
    assert find(services.check_traces) == [(Level.OK, reached)]
    port = free_port()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"http://127.0.0.1:{port}/v1/traces")
    assert find(services.check_traces) == [(Level.WARNING, f"127.0.0.1:{port} refuses the connection")]
    monkeypatch.setattr(services, "find_spec", lambda _name: None)
    assert find(services.check_traces) == [(Level.WARNING, "no traces: the extra loket[otel] is not installed")]
