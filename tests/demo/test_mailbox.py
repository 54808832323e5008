"""The demo mailbox."""

import json
import re
import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse

from accounts.logos import OfficeLogo
from accounts.models import User
from demo import mailbox
from outbox.emails import EmailContent
from outbox.worker import send_due_messages
from tests.helpers.mfa import code_now, give_app
from tests.outbox.test_sending import queue_mail, queue_sms, state

URLS = [reverse("demo:mailbox"), reverse("demo:mailbox_json"), reverse("demo:mailbox_email", args=[1])]


@pytest.fixture
def demo(settings: Any, tmp_path: Path) -> Path:
    """The demo's settings; returns the mailbox file."""
    settings.LOKET_DEMO = True
    settings.LOKET_DATA_DIR = tmp_path
    settings.EMAIL_BACKEND = "demo.mailbox.EmailBackend"
    settings.SMS_URL = "demo:"
    return tmp_path / "postvak.jsonl"


def test_mailbox_has_the_documented_addresses() -> None:
    assert URLS == ["/demo/postvak/", "/demo/postvak.json", "/demo/postvak/1/"]


@pytest.mark.django_db
def test_sent_messages_are_shown_newest_first(demo: Path, client: Client) -> None:
    messages = [
        queue_mail(content=EmailContent("Uitnodiging – één", '<script>x</script> https://loket.example/u/?a=1&b="2"'))
    ]
    send_due_messages()
    messages.append(queue_sms())
    send_due_messages()
    assert [state(message) for message in messages] == [("sent", 1), ("sent", 1)]
    found = client.get(URLS[1]).json()
    fields = ["at", "channel", "html", "reply_to", "sender", "state", "subject", "text", "to"]
    assert [sorted(entry) for entry in found] == [fields] * 2
    assert [(entry["channel"], entry["to"]) for entry in found] == [
        ("sms", "+31612345678"),
        ("mail", "p.deboer@devries.example"),
    ]
    assert {entry["state"] for entry in found} == {"sent"}
    assert found[0]["at"] > found[1]["at"]
    assert "&lt;script&gt;x" in found[1]["html"]
    page = client.get(URLS[0])
    assert page.status_code == 200
    html = page.content.decode()
    assert html.index("482913") < html.index("p.deboer@devries.example")
    assert 'href="https://loket.example/u/?a=1&amp;b=' in html
    assert "<script>" not in html
    assert "no-store" in page["Cache-Control"]


@pytest.mark.django_db
def test_an_email_is_shown_in_a_frame_that_runs_and_fetches_nothing(demo: Path, client: Client, alice: User) -> None:
    OfficeLogo.objects.create(provider=alice.office, digest="a" * 64, png=b"\x89PNG", width=301, height=80)
    queue_mail(provider_id=alice.provider_id, reply_to="alice@devries.example")
    mailbox.deliver_sms(to="+31612345678", text="482913")
    send_due_messages()
    html = client.get(URLS[0]).content.decode()
    assert re.findall(r"<iframe src=\"([^\"]*)\" sandbox=\"([^\"]*)\"", html) == [
        ("/demo/postvak/2/", "allow-popups allow-popups-to-escape-sandbox")
    ]
    assert "Antwoord naar alice@devries.example" in html
    frame = client.get("/demo/postvak/2/")
    assert frame["X-Frame-Options"] == "SAMEORIGIN"
    policy = dict(directive.strip().split(" ", 1) for directive in frame["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
        "sandbox": "allow-popups allow-popups-to-escape-sandbox",
    }
    page = frame.content.decode()
    assert '<base target="_blank">' in page
    assert 'src="data:image/png;base64,iVBORw=="' in page
    assert "cid:" not in page
    for number in (0, 1, 3):
        assert client.get(f"/demo/postvak/{number}/").status_code == 404


@pytest.mark.django_db
def test_mailbox_is_empty_at_first(demo: Path, client: Client) -> None:
    assert client.get(URLS[1]).json() == []
    assert client.get(URLS[0]).status_code == 200
    assert not demo.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("url", URLS)
def test_mailbox_exists_in_the_demo_only(demo: Path, settings: Any, client: Client, url: str) -> None:
    settings.LOKET_DEMO = False
    assert client.get(url).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(
    "meta",
    [
        {"REMOTE_ADDR": "192.0.2.1"},
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=x"},
    ],
)
def test_mailbox_answers_this_machine_only(demo: Path, client: Client, url: str, meta: dict[str, str]) -> None:
    assert client.get(url, **meta).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("url", URLS)
def test_reading_the_mailbox_changes_nothing(demo: Path, client: Client, url: str) -> None:
    assert client.post(url).status_code == 405
    assert client.head(url, REMOTE_ADDR="::1").status_code == (404 if url == URLS[2] else 200)


def test_mailbox_file_is_readable_by_its_owner_only(demo: Path) -> None:
    mailbox.deliver_sms(to="+31612345678", text="x")
    assert stat.S_IMODE(demo.stat().st_mode) == 0o600


def test_partial_line_is_skipped(demo: Path) -> None:
    mailbox.deliver_sms(to="+31612345678", text="first\n\u2028é")
    with demo.open("ab") as file:
        file.write(b'{"channel": "sm')
    assert [entry["text"] for entry in mailbox.list_delivered()] == ["first\n\u2028é"]
    mailbox.deliver_sms(to="+31612345678", text="second")
    assert [entry["text"] for entry in mailbox.list_delivered()] == ["second", "first\n\u2028é"]


def test_mail_without_html_is_delivered(demo: Path) -> None:
    EmailMessage("s", "t", "a@b.example", ["c@d.example"]).send()
    assert mailbox.list_delivered()[0]["html"] == ""


def _deliver_many(number: int) -> None:
    for turn in range(50):
        mailbox.deliver_sms(to="+31612345678", text=f"{number}-{turn} " + "x" * 9000)


@pytest.mark.slow
def test_many_processes_can_deliver_at_once(demo: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(_deliver_many, range(4)))
    assert len({json.loads(line)["text"] for line in demo.read_text().splitlines()}) == 200


def test_mailbox_is_a_deployment_error(demo: Path, settings: Any) -> None:
    def errors() -> list[str | None]:
        return [
            found.id for found in run_checks(tags=["security"], include_deployment_checks=True) if found.level >= 40
        ]

    assert "outbox.E001" in errors()
    settings.LOKET_DEMO, settings.SMS_URL = False, "console:"
    assert "outbox.E002" in errors()
    settings.SMS_URL = "json://gateway.example/?:to={to}"
    assert not any(found and found.startswith("outbox") for found in errors())
    settings.LOKET_DEMO = True
    assert not [found for found in run_checks(tags=["security"]) if (found.id or "").startswith("outbox")]


@pytest.mark.django_db
def test_the_mailbox_shows_the_codes_of_the_demos_accounts_only(
    demo: Path, settings: Any, client: Client, alice: User
) -> None:
    secret = give_app(alice)
    assert code_now(secret) not in client.get(URLS[0]).text
    alice.username = "m.vermeer"
    alice.save()
    assert code_now(secret) in client.get(URLS[0]).text
    assert client.get(URLS[0], REMOTE_ADDR="192.0.2.1").status_code == 404
    settings.LOKET_DEMO = False
    assert client.get(URLS[0]).status_code == 404
