"""The sender of an office: chosen, proved in DNS, signed, and given up when its records break."""

import re
import time
from datetime import timedelta
from typing import Any

import dkim
import dns.resolver  # noqa: F401 (loaded before a test measures how long it asks)
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from time_machine import travel

from accounts.logos import OfficeLogo
from accounts.models import Provider, User
from audit.models import Event, Verb
from core import encryption
from monitoring.key_rotation import rotate_keys
from outbox.models import Message
from outbox.worker import send_due_messages
from senders import actions, jobs, records
from senders.dns_lookup import CHECK_SECONDS, DnsLookup
from senders.models import DkimKey, OfficeSender, RecordKind, RecordState
from senders.signing import generate_key, load_sender
from tests.helpers.dns_server import NameServer
from tests.helpers.dns_server import name_server as name_server
from tests.helpers.servers import MailServer
from tests.helpers.users import actor
from tests.outbox.test_sending import queue_mail

pytestmark = pytest.mark.django_db
PAGE = "/kantoor/afzender/"
CHECK, ROTATE, REMOVE = f"{PAGE}controleren/", f"{PAGE}sleutel/", f"{PAGE}verwijderen/"
DOMAIN = "smit.example"
OURS = {"bounces.loket.example": ["v=spf1 mx -all"]}


@pytest.fixture
def sender(
    office: Provider, alice: User, name_server: NameServer, mail_server: MailServer, settings: Any
) -> OfficeSender:
    """A sender that was just saved."""
    settings.LOKET_BOUNCE_DOMAIN = "bounces.loket.example"
    name_server.records |= OURS
    return actions.set_sender(office, address=f"post@{DOMAIN}", reply_to=f"info@{DOMAIN}", by=actor(alice))


def publish(sender: OfficeSender, name_server: NameServer, *, without: tuple[RecordKind, ...] = ()) -> None:
    """Publish the records that the page asks for."""
    keys = DkimKey.objects.current().filter(provider=sender.provider)
    wanted = [
        records.build_ownership_record(sender),
        *(records.build_dkim_record(sender.domain, key) for key in keys),
        records.build_dmarc_record(sender.domain),
    ]
    name_server.records |= {record.name: [record.value] for record in wanted if record.kind not in without}


def check(sender: OfficeSender) -> OfficeSender:
    """Let the periodic job check the sender now."""
    OfficeSender.objects.filter(pk=sender.pk).update(next_check_at=timezone.now())
    assert jobs.check_due_senders() == 1
    sender.refresh_from_db()
    return sender


def list_changes(name: str) -> list[Any]:
    """Return the changes of a field of the office, oldest first."""
    events = Event.objects.filter(verb=Verb.PROVIDER_CHANGED).order_by("pk")
    return [event.changes[name] for event in events if name in event.changes]


def send(mail_server: MailServer, office: Provider) -> Any:
    """Send an e-mail of an office, and return what the mail server got."""
    queue_mail(provider_id=office.pk)
    send_due_messages()
    return mail_server.mails[-1]


@pytest.fixture
def used(sender: OfficeSender, name_server: NameServer) -> OfficeSender:
    """A sender that is in use."""
    publish(sender, name_server)
    assert check(sender).is_in_use
    return sender


def test_signed_mail_verifies_and_aligns_while_the_envelope_is_ours(
    used: OfficeSender, name_server: NameServer, mail_server: MailServer
) -> None:
    mail = send(mail_server, used.provider)
    content = mail_server.contents[-1]
    assert dkim.verify(content, dnsfunc=name_server.find_text)
    tags = dict(part.strip().split("=", 1) for part in str(mail["DKIM-Signature"]).split(";"))
    assert tags["d"] == mail["From"].addresses[0].domain == DOMAIN, "DMARC aligns by DKIM, also strictly"
    assert mail["From"].addresses[0].addr_spec == f"post@{DOMAIN}"
    assert mail["Reply-To"] == f"info@{DOMAIN}"
    assert mail_server.senders[-1].endswith("@bounces.loket.example")
    assert mail_server.senders[-1].startswith("bounce+")
    assert content.isascii()
    assert mail["Subject"] == "Uitnodiging – één"
    assert "https://loket.example/uitnodiging/geheim/" in mail.get_body(["plain"]).get_content()


@pytest.mark.parametrize("has_logo", [False, True])
def test_signed_mail_verifies_without_return_paths_and_with_a_logo(
    used: OfficeSender, name_server: NameServer, mail_server: MailServer, settings: Any, has_logo: bool
) -> None:
    settings.LOKET_BOUNCE_DOMAIN = ""
    if has_logo:
        OfficeLogo.objects.create(provider=used.provider, digest="a" * 64, png=b"\x89PNG" * 99, width=301, height=80)
    mail = send(mail_server, used.provider)
    assert dkim.verify(mail_server.contents[-1], dnsfunc=name_server.find_text)
    assert mail_server.senders == ["loket@loket.example"], "SPF and bounces are ours"
    assert any(part.get_content_type() == "image/png" for part in mail.walk()) == has_logo


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"</html>", b"Betaal</html>"),
        (b"post@smit.example", b"post@smit.evil.example"),
        (b"MIME-Version: 1.0", b"MIME-Version: 1.0\r\nReply-To: x@evil.example"),
        (b"MIME-Version: 1.0", b"MIME-Version: 1.0\r\nSubject: x"),
    ],
)
def test_changed_mail_does_not_verify(
    used: OfficeSender, name_server: NameServer, mail_server: MailServer, old: bytes, new: bytes
) -> None:
    send(mail_server, used.provider)
    content = mail_server.contents[-1]
    assert old in content
    assert not dkim.verify(content.replace(old, new, 1), dnsfunc=name_server.find_text)


@pytest.mark.parametrize("kind", [RecordKind.OWNERSHIP, RecordKind.DKIM, RecordKind.DMARC])
def test_sender_is_not_used_before_every_record_holds(
    sender: OfficeSender, name_server: NameServer, mail_server: MailServer, kind: RecordKind
) -> None:
    publish(sender, name_server, without=(kind,))
    assert not check(sender).is_in_use
    assert sender.get_state(kind) == RecordState.MISSING
    mail = send(mail_server, sender.provider)
    assert mail["From"].addresses[0].addr_spec == "loket@loket.example"
    assert mail["DKIM-Signature"] is None
    assert not Message.objects.filter(kind="sender_stopped").exists(), "it was never used"


@pytest.mark.parametrize("kind", [RecordKind.OWNERSHIP, RecordKind.DKIM, RecordKind.DMARC])
def test_broken_record_stops_the_sender_and_warns_administrators(
    used: OfficeSender, name_server: NameServer, mail_server: MailServer, alice: User, kind: RecordKind
) -> None:
    label = {"ownership": "_loket.", "dkim": "._domainkey.", "dmarc": "_dmarc."}[kind]
    (name,) = [name for name in name_server.records if label in name]
    del name_server.records[name]
    assert not check(used).is_in_use
    send_due_messages()
    (warning,) = mail_server.mails
    assert warning["To"] == alice.email
    assert warning["From"].addresses[0].addr_spec == "loket@loket.example"
    text = warning.get_body(["plain"]).get_content()
    assert f"post@{DOMAIN}" in text
    assert str(kind.label) in text
    mail = send(mail_server, used.provider)
    assert mail["From"].addresses[0].addr_spec == "loket@loket.example"
    assert mail["DKIM-Signature"] is None
    assert mail["Reply-To"] == (None if kind == RecordKind.OWNERSHIP else f"info@{DOMAIN}")
    publish(used, name_server)
    assert check(used).is_in_use
    assert send(mail_server, used.provider)["From"].addresses[0].addr_spec == f"post@{DOMAIN}"
    again = [[False, True], [True, False], [False, True]]
    assert list_changes("sender_in_use") == again
    assert list_changes("sender_proved") == (again if kind == RecordKind.OWNERSHIP else again[:1])


def test_a_record_that_comes_and_goes_warns_once_a_day(used: OfficeSender, name_server: NameServer) -> None:
    policy = name_server.records[f"_dmarc.{DOMAIN}"]
    for days, warnings in ((0, 1), (0, 1), (2, 2)):
        with travel(timezone.now() + timedelta(days=days), tick=True):
            del name_server.records[f"_dmarc.{DOMAIN}"]
            assert not check(used).is_in_use
            name_server.records[f"_dmarc.{DOMAIN}"] = policy
            assert check(used).is_in_use
        assert Message.objects.filter(kind="sender_stopped").count() == warnings


def test_dns_that_does_not_answer_changes_nothing_for_some_hours(used: OfficeSender, name_server: NameServer) -> None:
    name_server.failing.add(f"_dmarc.{DOMAIN}")
    assert check(used).is_in_use
    assert used.get_state(RecordKind.DMARC) == RecordState.NO_ANSWER
    assert used.next_check_at - timezone.now() < actions.RETRY_INTERVAL
    with travel(timezone.now() + actions.SILENCE_GRACE, tick=True):
        assert not check(used).is_in_use
    assert Message.objects.filter(kind="sender_stopped").count() == 1


@pytest.mark.slow
def test_dns_that_is_silent_takes_seconds(name_server: NameServer) -> None:
    name_server.silent.add("*")
    started = time.monotonic()
    lookup = DnsLookup(1.0)
    assert [lookup.find_texts(f"{name}.{DOMAIN}") for name in "abcd"] == [None] * 4
    assert time.monotonic() - started < 3
    assert CHECK_SECONDS <= 4


def test_key_is_replaced_once_its_record_is_seen(
    used: OfficeSender, name_server: NameServer, mail_server: MailServer, alice: User
) -> None:
    old = DkimKey.objects.get()
    new = actions.rotate_dkim_key(used.provider, by=actor(alice))
    assert check(used).is_in_use
    assert f"s={old.selector};" in str(send(mail_server, used.provider)["DKIM-Signature"]), (
        "the new one is not seen yet"
    )
    publish(used, name_server)
    assert check(used).is_in_use
    mail = send(mail_server, used.provider)
    assert f"s={new.selector};" in str(mail["DKIM-Signature"])
    assert dkim.verify(mail_server.contents[-1], dnsfunc=name_server.find_text)
    old.refresh_from_db()
    assert old.encrypted_private_key is None
    del name_server.records[f"{old.selector}._domainkey.{DOMAIN}"]
    assert check(used).is_in_use
    with travel(timezone.now() + actions.RETIRED_KEY_RETENTION + timedelta(hours=1), tick=True):
        check(used)
    assert list(DkimKey.objects.all()) == [new]


def test_private_key_is_encrypted_for_its_row_and_rotates_with_the_other_values(sender: OfficeSender) -> None:
    key = DkimKey.objects.get()
    assert b"PRIVATE KEY" not in bytes(key.encrypted_private_key)
    assert key.decrypt_private_key().startswith(b"-----BEGIN PRIVATE KEY")
    other = DkimKey(provider=sender.provider, encrypted_private_key=key.encrypted_private_key)
    with pytest.raises(encryption.DecryptionError):
        other.decrypt_private_key()
    assert [result.value_count for result in rotate_keys(reencrypt=False) if result.column.model is DkimKey] == [1]


def test_key_that_cannot_be_decrypted_leaves_the_sender_of_the_product(
    used: OfficeSender, mail_server: MailServer
) -> None:
    DkimKey.objects.update(encrypted_private_key=b"damaged")
    assert send(mail_server, used.provider)["From"].addresses[0].addr_spec == "loket@loket.example"


def test_a_domain_is_one_office_and_the_other_is_not_silent(
    used: OfficeSender, name_server: NameServer, charlie: User, alice: User, mail_server: MailServer
) -> None:
    other = actions.set_sender(charlie.office, address=f"ook@{DOMAIN}", reply_to="", by=actor(charlie))
    assert check(other).get_state(RecordKind.OWNERSHIP) == RecordState.WRONG, "nothing is said before the proof"
    name_server.records[f"_loket.{DOMAIN}"].append(records.build_ownership_record(other).value)
    for _time in range(2):
        assert check(other).get_state(RecordKind.OWNERSHIP) == RecordState.TAKEN
        assert check(used).is_in_use
    assert not other.is_in_use
    (told,) = Message.objects.filter(kind="sender_contested")
    assert told.user_id == alice.pk
    event = Event.objects.filter(provider_id=used.pk).latest("at")
    assert event.changes == {"sender_contested": [None, DOMAIN]}
    assert charlie.full_name not in event.actor_name
    assert send(mail_server, other.provider)["From"].addresses[0].addr_spec == "loket@loket.example"
    with pytest.raises(IntegrityError), transaction.atomic():
        OfficeSender.objects.filter(pk=other.pk).update(proved_at=timezone.now())
    name_server.records[f"_loket.{DOMAIN}"].pop(0)
    assert not check(used).is_in_use
    assert check(other).get_state(RecordKind.OWNERSHIP) == RecordState.HOLDS


def test_an_office_that_starts_again_and_again_does_not_flood_the_holder_of_its_domain(
    used: OfficeSender, name_server: NameServer, charlie: User
) -> None:
    for _time in range(3):
        other = actions.set_sender(charlie.office, address=f"ook@{DOMAIN}", reply_to="", by=actor(charlie))
        name_server.records[f"_loket.{DOMAIN}"].append(records.build_ownership_record(other).value)
        assert check(other).get_state(RecordKind.OWNERSHIP) == RecordState.TAKEN
        actions.remove_sender(charlie.office, by=actor(charlie))
    assert Message.objects.filter(kind="sender_contested").count() == 1
    OfficeSender.objects.update(conflict_told_at=timezone.now() - actions.WARNING_INTERVAL)
    other = actions.set_sender(charlie.office, address=f"ook@{DOMAIN}", reply_to="", by=actor(charlie))
    name_server.records[f"_loket.{DOMAIN}"].append(records.build_ownership_record(other).value)
    check(other)
    assert Message.objects.filter(kind="sender_contested").count() == 2


def test_another_domain_has_to_be_proved_anew(used: OfficeSender, alice: User) -> None:
    challenge, key = used.challenge, DkimKey.objects.get()
    changed = actions.set_sender(used.provider, address=f"loket@{DOMAIN}", reply_to="", by=actor(alice))
    assert (changed.challenge, changed.is_in_use, DkimKey.objects.get()) == (challenge, True, key)
    changed = actions.set_sender(used.provider, address="loket@anders.example", reply_to="", by=actor(alice))
    assert changed.challenge != challenge
    assert not changed.is_in_use
    assert DkimKey.objects.get() != key


def test_a_policy_of_the_registered_domain_counts(office: Provider, alice: User, name_server: NameServer) -> None:
    sender = actions.set_sender(office, address="x@mail.smit.example", reply_to="", by=actor(alice))
    publish(sender, name_server, without=(RecordKind.DMARC,))
    name_server.records[f"_dmarc.{DOMAIN}"] = ["v=DMARC1; p=reject; adkim=s; aspf=s"]
    assert check(sender).is_in_use


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (RecordKind.OWNERSHIP, ["loket-domain-verification=anders"]),
        (RecordKind.DKIM, ["v=DKIM1; k=rsa; p="]),
        (RecordKind.DKIM, ["v=DKIM1; k=rsa; p=MIIB"]),
        (RecordKind.DKIM, ["v=DKIM1; t=y; p={key}"]),
        (RecordKind.DKIM, ["v=DKIM1; p={key}", "v=DKIM1; p=MIIB"]),
        (RecordKind.DMARC, ["v=DMARC1; p=often"]),
        (RecordKind.DMARC, ["v=DMARC1; p=none", "v=DMARC1; p=reject"]),
    ],
)
def test_a_record_with_another_value_is_wrong(
    sender: OfficeSender, name_server: NameServer, kind: RecordKind, texts: list[str]
) -> None:
    publish(sender, name_server)
    key = DkimKey.objects.get()
    names = {
        "ownership": f"_loket.{DOMAIN}",
        "dkim": f"{key.selector}._domainkey.{DOMAIN}",
        "dmarc": f"_dmarc.{DOMAIN}",
    }
    name_server.records[names[kind]] = [text.replace("{key}", key.public_key) for text in texts]
    assert not check(sender).is_in_use
    assert sender.get_state(kind) == RecordState.WRONG


def test_other_records_and_split_values_do_no_harm(sender: OfficeSender, name_server: NameServer) -> None:
    publish(sender, name_server)
    key = DkimKey.objects.get()
    spaced = f"k=rsa ; p={key.public_key[:100]} {key.public_key[100:]};"
    name_server.records[f"{key.selector}._domainkey.{DOMAIN}"] = [spaced]
    name_server.records[f"_loket.{DOMAIN}"].insert(0, "ms=12")
    name_server.records[f"_dmarc.{DOMAIN}"] = ["v=DMARC1;p=quarantine;rua=mailto:x@smit.example", "anders"]
    assert check(sender).is_in_use


@pytest.mark.parametrize("spf", [[], ["v=spf1 -all", "v=spf1 mx"]])
def test_spf_of_the_envelope_is_told_and_does_not_decide(
    sender: OfficeSender, name_server: NameServer, alice_client: Client, spf: list[str]
) -> None:
    publish(sender, name_server)
    name_server.records["bounces.loket.example"] = spf
    assert check(sender).is_in_use
    assert sender.get_state(RecordKind.SPF) != RecordState.HOLDS
    page = alice_client.get(PAGE).content.decode()
    row = page[page.index("Toegestane mailservers (SPF)") :]
    assert row.index("bounces.loket.example") < row.index(str(sender.get_state(RecordKind.SPF).label))


def test_job_leaves_a_sender_to_the_worker_that_claimed_it(sender: OfficeSender) -> None:
    assert actions.claim_due_check(sender.pk)
    assert not actions.claim_due_check(sender.pk)
    assert jobs.check_due_senders() == 0


def test_findings_about_a_removed_or_other_sender_are_dropped(
    sender: OfficeSender, name_server: NameServer, alice: User
) -> None:
    publish(sender, name_server)
    findings = records.find_records(sender, DkimKey.objects.current())
    actions.set_sender(sender.provider, address="x@anders.example", reply_to="", by=actor(alice))
    assert actions._record_findings(sender, findings, actor(alice)) is None
    assert not OfficeSender.objects.get().is_in_use


# The page.


def save(client: Client, address: str, reply_to: str = "") -> Any:
    return client.post(PAGE, {"address": address, "reply_to": reply_to}, follow=True)


def test_page_tells_which_records_are_needed_and_checks_them(
    alice_client: Client, office: Provider, name_server: NameServer, settings: Any
) -> None:
    settings.LOKET_BOUNCE_DOMAIN = "bounces.loket.example"
    name_server.records |= OURS
    page = save(alice_client, "Post@BÜRGERI.example").content.decode()
    sender, key = OfficeSender.objects.get(), DkimKey.objects.get()
    assert sender.address == "Post@xn--brgeri-3ya.example"
    assert "DNS-records van bürgeri.example" in page
    for record in (records.build_ownership_record(sender), records.build_dkim_record(sender.domain, key)):
        assert f"<code>{record.name}</code>" in page
        assert record.value in page
    assert page.count("Nog niet gecontroleerd") >= 3
    page = alice_client.post(CHECK, follow=True).content.decode()
    assert "Nog niet alle records zijn in orde" in page
    assert page.count(">Niet gevonden<") == 3
    publish(sender, name_server)
    OfficeSender.objects.update(checked_at=timezone.now() - actions.MIN_CHECK_INTERVAL)
    page = alice_client.post(CHECK, follow=True).content.decode()
    assert page.count('<span class="mark good">In orde</span>') == 4
    assert "In gebruik" in page


def test_checking_while_dns_is_silent_does_not_say_that_all_is_in_order(
    alice_client: Client, used: OfficeSender, name_server: NameServer
) -> None:
    name_server.failing.add(f"_dmarc.{DOMAIN}")
    OfficeSender.objects.update(checked_at=timezone.now() - actions.MIN_CHECK_INTERVAL)
    alice_client.cookies["django_language"] = "en"
    page = alice_client.post(CHECK, follow=True).content.decode()
    assert "In use" in page
    assert "The records are in order" not in page
    assert f"DNS does not answer for every record. E-mails come from post@{DOMAIN} for now" in page


def test_pressing_again_at_once_does_not_ask_dns(
    alice_client: Client, sender: OfficeSender, name_server: NameServer
) -> None:
    for _time in range(3):
        alice_client.post(CHECK)
    assert len(name_server.asked) == len(set(name_server.asked)) == 4


def test_pressing_again_while_dns_is_asked_takes_no_second_thread(
    sender: OfficeSender, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def find_slowly(asked_sender: OfficeSender, keys: Any) -> records.Findings:
        asked.append(asked_sender)
        if len(asked) < 3:
            actions.check_sender(alice.office, by=actor(alice))
        return records.Findings(dict.fromkeys(RecordKind, RecordState.NO_ANSWER), {})

    monkeypatch.setattr(actions, "find_records", find_slowly)
    actions.check_sender(alice.office, by=actor(alice))
    assert len(asked) == 1


@pytest.mark.slow
def test_page_takes_seconds_when_dns_is_silent(
    alice_client: Client, sender: OfficeSender, name_server: NameServer
) -> None:
    alice_client.get(PAGE)  # templates are compiled once
    name_server.silent.add("*")
    started = time.monotonic()
    alice_client.post(CHECK)
    assert time.monotonic() - started < CHECK_SECONDS + 4
    page = alice_client.get(PAGE).content.decode()
    assert page.count("DNS geeft geen antwoord") >= 3


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("", "Vul het adres in"),
        ("smit.example", "Vul een gewoon e-mailadres in"),
        ("a@b@smit.example", "Vul een gewoon e-mailadres in"),
        ("post@smit.example\r\nBcc: x@evil.example", "Vul een gewoon e-mailadres in"),
        ("post@smit.example\nBcc:x@evil.example", "Vul een gewoon e-mailadres in"),
        ("<post@smit.example>", "Vul een gewoon e-mailadres in"),
        ('"a b"@smit.example', "Vul een gewoon e-mailadres in"),
        ("pöst@smit.example", "Vul een gewoon e-mailadres in"),
        ("post@[127.0.0.1]", "Vul een gewoon e-mailadres in"),
        ("post@smit..example", "Vul een gewoon e-mailadres in"),
        (f"post@{'a.' * 98}smit.example", "Vul een gewoon e-mailadres in"),
        ("post@localhost", "Vul een gewoon e-mailadres in"),
        ("post@nl", "Vul een gewoon e-mailadres in"),
        ("post@co.uk", "Iedereen kan"),
        ("post@github.io", "Iedereen kan"),
        ("post@loket.example", "is van Loket"),
        ("post@bounces.loket.example", "is van Loket"),
    ],
)
def test_other_addresses_are_refused_with_what_to_do(
    alice_client: Client, mail_server: MailServer, address: str, answer: str
) -> None:
    assert answer in save(alice_client, address).content.decode()
    assert not OfficeSender.objects.exists()


def test_replies_stay_within_the_proved_domain(alice_client: Client) -> None:
    page = save(alice_client, "post@mail.smit.example", "x@evil.example").content.decode()
    assert "Antwoorden kunnen alleen" in page
    save(alice_client, "post@mail.smit.example", "info@smit.example")
    assert OfficeSender.objects.get().reply_to == "info@smit.example"


def test_database_refuses_an_address_that_could_end_a_header(sender: OfficeSender) -> None:
    for address in (f"a@{DOMAIN}\r\nBcc: x@x.example", f"a <b@{DOMAIN}>", f"a@{DOMAIN}\n"):
        with pytest.raises(IntegrityError), transaction.atomic():
            OfficeSender.objects.update(address=address)


def test_each_office_sees_its_own_sender_only(
    alice_client: Client, charlie_client: Client, sender: OfficeSender, name_server: NameServer
) -> None:
    assert DOMAIN in alice_client.get(PAGE).content.decode()
    assert DOMAIN not in charlie_client.get(PAGE).content.decode()
    for url in (CHECK, ROTATE, REMOVE):
        charlie_client.post(url)
    assert not name_server.asked
    assert DkimKey.objects.count() == 1
    assert OfficeSender.objects.get() == sender
    assert alice_client.get(f"{PAGE}{sender.pk}/").status_code == 404


def test_colleagues_without_the_right_get_403(
    bob_client: Client, sender: OfficeSender, name_server: NameServer
) -> None:
    for url in (PAGE, ROTATE, REMOVE):
        assert bob_client.get(url).status_code == 403
    for url in (PAGE, CHECK, ROTATE, REMOVE):
        assert bob_client.post(url, {"address": "x@evil.example"}).status_code == 403
    assert not name_server.asked
    assert OfficeSender.objects.get().address == f"post@{DOMAIN}"


def test_get_changes_and_asks_nothing(alice_client: Client, sender: OfficeSender, name_server: NameServer) -> None:
    assert alice_client.get(CHECK).status_code == 405
    for url in (PAGE, ROTATE, REMOVE):
        assert alice_client.get(url).status_code == 200
    assert not name_server.asked
    assert DkimKey.objects.count() == OfficeSender.objects.count() == 1


def test_new_key_and_removal_are_confirmed(alice_client: Client, used: OfficeSender) -> None:
    alice_client.post(ROTATE)
    page = alice_client.get(PAGE).content.decode()
    assert page.count("._domainkey.") == 2
    assert "nieuwe sleutel" in page
    assert "publiceer die eerst" in alice_client.post(ROTATE).content.decode().lower()
    assert DkimKey.objects.count() == 2
    alice_client.post(REMOVE)
    assert not OfficeSender.objects.exists()
    assert not DkimKey.objects.exists()
    assert load_sender(used.pk) is None
    assert list_changes("reply_to")[-1] == [f"info@{DOMAIN}", None]


def test_page_has_a_fixed_number_of_queries(alice_client: Client, alice: User, used: OfficeSender) -> None:
    alice_client.get(PAGE)
    counts = []
    for _time in range(2):
        with CaptureQueriesContext(connection) as queries:
            alice_client.get(PAGE)
        counts.append(len(queries))
        DkimKey.objects.update(retired_at=timezone.now(), encrypted_private_key=None)
        generate_key(used.provider).save()
    assert counts[0] == counts[1] <= 12


def test_home_page_says_that_the_sender_stopped(
    alice_client: Client, bob_client: Client, used: OfficeSender, name_server: NameServer
) -> None:
    sentence = "komen niet meer van je eigen adres"
    assert sentence not in alice_client.get("/").content.decode()
    name_server.records.clear()
    check(used)
    assert sentence in alice_client.get("/").content.decode()
    assert sentence not in bob_client.get("/").content.decode()


# With an e-mail provider that signs.


@pytest.fixture
def mailgun(settings: Any) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.mailgun.EmailBackend"


def test_provider_signs_once_the_operator_says_so(
    sender: OfficeSender, name_server: NameServer, alice_client: Client, mailgun: None
) -> None:
    publish(sender, name_server)
    assert not check(sender).is_in_use
    page = alice_client.get(PAGE).content.decode()
    assert "verstuurd en ondertekend door Mailgun" in page
    assert "._domainkey." not in page
    name_server.records[f"mx._domainkey.{DOMAIN}"] = ["k=rsa; p=MIIB"]
    call_command("approve_sender", str(sender.pk), DOMAIN.upper(), "--dkim-selector", "mx")
    assert check(sender).is_in_use
    loaded = load_sender(sender.pk)
    assert (loaded.address, loaded.sign) == (f"post@{DOMAIN}", None)
    assert "mx._domainkey" in alice_client.get(PAGE).content.decode()
    name_server.records[f"mx._domainkey.{DOMAIN}"] = []
    assert not check(sender).is_in_use
    call_command("approve_sender", str(sender.pk), DOMAIN, "--withdraw")
    assert load_sender(sender.pk).address == ""


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["x y"], "--dkim-selector"),
        (["mx", "anders.example"], "no sender at this domain"),
    ],
)
def test_approval_of_something_else_is_refused(
    sender: OfficeSender, mailgun: None, arguments: list[str], answer: str
) -> None:
    selector, domain = [*arguments, DOMAIN][:2]
    with pytest.raises(CommandError, match=answer):
        call_command("approve_sender", str(sender.pk), domain, "--dkim-selector", selector)


def test_approval_needs_a_provider(sender: OfficeSender) -> None:
    with pytest.raises(CommandError, match="No e-mail provider"):
        call_command("approve_sender", str(sender.pk), DOMAIN, "--dkim-selector", "mx")


def test_names_of_offices_are_no_headers(used: OfficeSender, mail_server: MailServer) -> None:
    queue_mail(provider_id=used.pk, sender_name="Smit\r\nBcc: x@evil.example")
    send_due_messages()
    mail = mail_server.mails[-1]
    assert mail["Bcc"] is None
    assert re.search(r"Smit\s+Bcc: x", mail["From"].addresses[0].display_name)
