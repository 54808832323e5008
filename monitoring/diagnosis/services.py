"""Checks of what Loket talks to: mail, SMS, Microsoft, its own public address and DNS. None sends a message."""

import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import get_connection
from django.core.mail.backends.smtp import EmailBackend

from authentication.microsoft.id_tokens import get_discovery_url
from core import tracing
from core.public_addresses import LOOPBACK_HOSTS
from monitoring.diagnosis.findings import (
    CONNECT_SECONDS,
    Finding,
    Level,
    describe_clock,
    describe_network_error,
    judge,
    uses_own_server,
)
from outbox import sending
from senders.domains import get_envelope_domain
from senders.models import RecordState
from senders.records import find_own_records

_DAY_SECONDS = 24 * 3600


def check_mail() -> Iterator[Finding]:
    """Connect and log in as for sending."""
    try:
        sending.require_email_backend()
    except ImproperlyConfigured:
        advice = "Correct LOKET_EMAIL_BACKEND and its ANYMAIL_… variables: loket check names the setting."
        yield Finding("mail", Level.PROBLEM, "the e-mail backend cannot be used", advice)
        return
    backend: Any = get_connection()
    if isinstance(backend, EmailBackend):
        yield _check_smtp(backend)
    elif url := getattr(backend, "api_url", ""):
        host = str(urlsplit(url).hostname)
        yield _check_host("mail", host, 443, f"{backend.esp_name} at {host} can be reached")
    else:
        yield Finding("mail", Level.UNUSED, "e-mail goes to no mail server")


def _check_smtp(backend: Any) -> Finding:
    host, port = backend.host, backend.port
    backend.timeout = CONNECT_SECONDS
    try:
        backend.open()
        backend.connection.noop()
        is_encrypted = isinstance(backend.connection.sock, ssl.SSLSocket)
    except smtplib.SMTPException as error:
        return Finding("mail", Level.PROBLEM, *_describe_smtp_error(error, host, port))
    except (OSError, UnicodeError) as error:
        return Finding("mail", Level.PROBLEM, *describe_network_error(error, host, port))
    finally:
        with suppress(OSError):
            backend.close()
    text = f"{host}:{port} accepts this machine, {'with' if is_encrypted else 'without'} TLS"
    if backend.username:
        text += " and with the username and password"
    if not is_encrypted and host not in LOOPBACK_HOSTS:
        advice = "Everything travels readable: use submission://… or ?ssl=True in EMAIL_URL."
        return Finding("mail", Level.WARNING, text, advice)
    return Finding("mail", Level.OK, text)


def _describe_smtp_error(error: smtplib.SMTPException, host: str, port: int) -> tuple[str, str]:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        text = f"{host}:{port} refuses the username or password ({error.smtp_code})"
        return text, "Correct EMAIL_URL; percent-encode special characters in it."
    if isinstance(error, smtplib.SMTPNotSupportedError):
        text = f"{host}:{port} offers no STARTTLS, or no login"
        return text, "Use smtp:// without username in EMAIL_URL, or the port for submission."
    if isinstance(error, smtplib.SMTPResponseException):
        text = f"{host}:{port} refuses this machine ({error.smtp_code})"
        return text, "Let the mail server relay for this machine, or log in: EMAIL_URL."
    return (
        f"{host}:{port} says nothing or ends the connection",
        "Check the firewall, and the port: 587 for submission://, 465 for ?ssl=True.",
    )


def check_sms() -> Iterator[Finding]:
    """Check the address of the gateway and connect to it; no request is made."""
    if settings.SMS_URL in ("console:", "demo:"):
        level = Level.WARNING if uses_own_server() else Level.UNUSED
        yield Finding("sms", level, "SMS messages are not sent to phones", "Set SMS_URL (docs/operating.md).")
        return
    try:
        sending.require_sms_gateway()
    except ImproperlyConfigured:
        advice = "Correct it: an address of apprise in which {to} stands for the number."
        yield Finding("sms", Level.PROBLEM, "SMS_URL is not understood", advice)
        return
    if (gateway := sending.find_sms_host()) is None:
        yield Finding("sms", Level.OK, "SMS_URL is understood; where its gateway is, only apprise knows")
    else:
        host, port = gateway
        yield _check_host("sms", host, port, f"the gateway at {host}:{port} can be reached", with_tls=False)


def _check_host(name: str, host: str, port: int, text: str, *, with_tls: bool = True) -> Finding:
    try:
        _connect(host, port, with_tls=with_tls)
    except (OSError, UnicodeError) as error:
        return Finding(name, Level.PROBLEM, *describe_network_error(error, host, port))
    return Finding(name, Level.OK, text)


def _connect(host: str, port: int, *, with_tls: bool) -> dict[str, Any]:
    """Connect, and return the certificate if `with_tls`. Raises OSError, UnicodeError."""
    with socket.create_connection((host, port), timeout=CONNECT_SECONDS) as plain:
        if not with_tls:
            return {}
        with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as encrypted:
            return dict(encrypted.getpeercert() or {})


def check_microsoft() -> Iterator[Finding]:
    """Fetch the document that sign-in begins with, and compare the clocks."""
    if settings.LOKET_DEMO or not settings.LOKET_ENTRA_CLIENT_ID:
        yield Finding("microsoft", Level.UNUSED)
        return
    url = get_discovery_url(settings.LOKET_ENTRA_AUTHORITY)
    host = str(urlsplit(url).hostname)
    try:
        response, middle = _fetch("GET", url)
        is_valid = response.status_code == 200 and {"issuer", "jwks_uri"} <= response.json().keys()
    except (requests.RequestException, ValueError, AttributeError) as error:
        yield Finding("microsoft", Level.PROBLEM, *_describe_request_error(error, host))
        return
    if is_valid:
        yield Finding("microsoft", Level.OK, f"{host} answers; whether the client secret is valid shows at sign-in")
    else:
        text = f"{host} does not know the authority (status {response.status_code})"
        yield Finding("microsoft", Level.PROBLEM, text, "Correct LOKET_ENTRA_AUTHORITY.")
    yield from _compare_clock(response, middle, host)


def _fetch(method: str, url: str) -> tuple[requests.Response, float]:
    """Return the response, and the moment halfway the request in seconds since 1970."""
    begin = time.time()
    with requests.Session() as session:
        session.trust_env = False  # as sign-in does
        response = session.request(method, url, timeout=CONNECT_SECONDS, allow_redirects=False)
    return response, (begin + time.time()) / 2


def _describe_request_error(error: Exception, host: str) -> tuple[str, str]:
    if isinstance(error, requests.exceptions.SSLError):
        return f"the certificate of {host} is not accepted", "Update ca-certificates; no proxy may replace it."
    if isinstance(error, requests.exceptions.Timeout):
        return describe_network_error(TimeoutError(), host, None)
    if isinstance(error, requests.RequestException):
        return f"{host} cannot be reached", "Let this machine reach it over HTTPS without a proxy."
    return f"{host} answers something else", "Correct the address."


def _compare_clock(response: requests.Response, middle: float, host: str) -> Iterator[Finding]:
    with suppress(KeyError, ValueError):  # without a Date there is nothing to compare
        remote = parsedate_to_datetime(response.headers["Date"]).timestamp() + 0.5  # it is rounded down to a second
        yield describe_clock("clock", middle - remote, f"that of {host}")


def build_clock_check(url: str) -> Callable[[], Iterator[Finding]]:
    """Return a check of the clock against the Date of an HTTP server."""

    def check() -> Iterator[Finding]:
        host = str(urlsplit(url).hostname)
        try:
            response, middle = _fetch("HEAD", url)
        except (requests.RequestException, ValueError) as error:
            yield Finding("clock", Level.PROBLEM, *_describe_request_error(error, host))
            return
        yield from _compare_clock(response, middle, host)

    return check


def check_tls() -> Iterator[Finding]:
    """Check the certificate of LOKET_URL as browsers see it."""
    url = urlsplit(settings.LOKET_URL)
    host, port = str(url.hostname), url.port or 443
    if url.scheme != "https":
        level = Level.WARNING if uses_own_server() else Level.UNUSED
        yield Finding("tls", level, "LOKET_URL has no https", "Passwords travel readable: use https.")
        return
    try:
        certificate = _connect(host, port, with_tls=True)
    except ssl.SSLCertVerificationError as error:
        yield Finding("tls", Level.PROBLEM, *describe_network_error(error, host, port))
    except (OSError, UnicodeError) as error:
        text, advice = describe_network_error(error, host, port)
        yield Finding("tls", Level.WARNING, text, f"{advice} Perhaps only other machines can reach it.")
    else:
        days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / _DAY_SECONDS
        level = judge(days, warning=21, problem=7)
        advice = "" if level == Level.OK else "Renew the certificate, and see why that did not happen by itself."
        yield Finding("tls", level, f"the certificate of {host} is valid for {days:.0f} more days", advice)


def check_dns() -> Iterator[Finding]:
    """Check that the public host has an address, and that mail servers find our sender's records."""
    host = str(urlsplit(settings.LOKET_URL).hostname)
    try:
        addresses = sorted({str(entry[4][0]) for entry in socket.getaddrinfo(host, None)})
    except (OSError, UnicodeError) as error:
        yield Finding("dns", Level.PROBLEM, *describe_network_error(error, host, None))
    else:
        yield Finding("dns", Level.OK, f"{host} is {', '.join(addresses[:4])}")
    if get_envelope_domain() == "localhost":
        yield Finding("dns", Level.UNUSED, "LOKET_FROM_EMAIL is at localhost")
        return
    for kind, state in find_own_records().items():
        record = f"the {kind.name} record of our own sender"
        if state == RecordState.HOLDS:
            yield Finding("dns", Level.OK, f"{record} is in order")
        else:
            advice = "Publish it in DNS (docs/operating.md, Mail and SMS): mail ends up as junk."
            yield Finding("dns", Level.WARNING, f"{record}: {state.name.lower().replace('_', ' ')}", advice)


def check_traces() -> Iterator[Finding]:
    """Check that traces can be made, and that their receiver can be reached."""
    url = urlsplit(tracing.get_endpoint())
    if not url.geturl():
        yield Finding("traces", Level.UNUSED)
    elif find_spec("opentelemetry") is None:
        advice = "Install requirements-otel.txt (docs/operating.md, Traces)."
        yield Finding("traces", Level.WARNING, "no traces: the extra loket[otel] is not installed", advice)
    else:
        host, port = str(url.hostname), url.port or (443 if url.scheme == "https" else 80)
        text = f"the receiver at {host}:{port} can be reached"
        found = _check_host("traces", host, port, text, with_tls=url.scheme == "https")
        yield found._replace(level=min(found.level, Level.WARNING, key=list(Level).index))


CHECKS = {
    "mail": check_mail, "sms": check_sms, "microsoft": check_microsoft, "tls": check_tls, "dns": check_dns,
    "traces": check_traces,
}  # fmt: skip
