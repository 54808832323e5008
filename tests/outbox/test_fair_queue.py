"""Fair queueing: offices take turns, urgent messages go first, and a hanging server affects only its own domain."""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

import outbox.actions
from core.ids import uuid7
from outbox import fair_queue, message_limits, worker
from outbox.emails import EmailContent
from outbox.fair_queue import FairQueue
from outbox.models import LOW_PRIORITY_KINDS, URGENT_KINDS, Message, PausedOffice
from tests.helpers.servers import MailServer
from tests.outbox.test_sending import fresh, queue_mail, queue_sms
from tests.outbox.test_worker import LONG, is_sent, running, wait_until

MAIL = Message.Channel.MAIL
BIG, SMALL = UUID(int=1), UUID(int=2)


def queue_many(number: int, provider_id: UUID, **overrides: Any) -> None:
    """Queue e-mails of one office, bypassing the message limits."""
    values: dict[str, Any] = {"kind": "invitation", "to": "p.deboer@devries.example"} | overrides
    mails = [
        outbox.actions.build_email(
            **values, content=EmailContent("x", "x"), provider_id=provider_id, user_id=None, sender_name=""
        )
        for _number in range(number)
    ]
    Message.objects.bulk_create(mails, batch_size=1000)


def next_of(found: FairQueue, urgency: int = fair_queue.ANY_URGENCY) -> Message:
    message = found.claim_next(urgency)
    assert message is not None
    return message


@pytest.mark.django_db
def test_offices_take_turns_however_much_one_has_queued() -> None:
    queue_many(4, BIG)
    none, small = queue_mail(), queue_mail(provider_id=SMALL)
    found = FairQueue(MAIL, senders=20)
    first = [next_of(found) for _turn in range(3)]
    assert {message.provider_id for message in first} == {BIG, SMALL, None}
    assert {none, small} < set(first)
    assert [next_of(found).provider_id for _turn in range(3)] == [BIG] * 3
    assert found.claim_next() is None
    late = queue_mail(provider_id=SMALL)
    assert found.claim_next() == late, "nothing is left, so it is looked anew at once"


@pytest.mark.django_db
def test_an_office_that_comes_later_is_seen_soon(monkeypatch: Any) -> None:
    monkeypatch.setattr(fair_queue, "OFFICES_MAX_AGE_SECONDS", 0.0)
    queue_many(4, BIG)
    found = FairQueue(MAIL, senders=20)
    assert next_of(found).provider_id == next_of(found).provider_id == BIG
    small = queue_mail(provider_id=SMALL)
    assert found.claim_next() == small


@pytest.mark.django_db
def test_links_go_before_invitations_and_those_before_digests() -> None:
    kinds = ["signals", "invitation", "password_link", "blocked", "checkpoint", "confirm_address"]
    for kind in kinds:
        queue_mail(kind=kind, provider_id=BIG)
    found = FairQueue(MAIL, senders=20)
    taken = [next_of(found).kind for _turn in kinds]
    assert taken == ["password_link", "confirm_address", "invitation", "blocked", "signals", "checkpoint"]


@pytest.mark.django_db
def test_a_sender_for_what_is_urgent_leaves_the_rest() -> None:
    queue_many(3, BIG)
    found = FairQueue(MAIL, senders=4)
    assert found.claim_next(fair_queue.ONLY_URGENT) is None
    assert next_of(found).provider_id == next_of(found).provider_id == BIG
    assert found.claim_next() is None, "half of the senders are at it"
    link = queue_mail(kind="password_link", provider_id=BIG)
    assert found.claim_next(fair_queue.ONLY_URGENT) == link, "one more is for what is urgent"


@pytest.mark.django_db
def test_an_office_has_half_of_the_senders_and_a_domain_as_well(monkeypatch: Any) -> None:
    monkeypatch.setattr(fair_queue, "OFFICES_MAX_AGE_SECONDS", 0.0)
    for number in range(4):
        queue_mail(provider_id=BIG, to=f"a@one{number}.example")
    found = FairQueue(MAIL, senders=4)
    assert next_of(found).provider_id == next_of(found).provider_id == BIG
    assert found.claim_next() is None
    for number in range(3):
        queue_mail(provider_id=UUID(int=10 + number), to="a@same.example")
    assert next_of(found).domain == next_of(found).domain == "same.example"
    assert found.claim_next() is None


def test_every_kind_is_known() -> None:
    assert (URGENT_KINDS | LOW_PRIORITY_KINDS) <= (message_limits.LIMITED_KINDS | message_limits.UNLIMITED_KINDS)
    assert queue_urgency("code") == 0 < queue_urgency("invitation") < queue_urgency("signals")


def queue_urgency(kind: str) -> int:
    return int(Message.get_urgency(kind))


@pytest.mark.django_db
def test_what_is_not_due_or_rests_has_no_turn() -> None:
    later, paused = queue_mail(provider_id=BIG), queue_mail(provider_id=SMALL)
    Message.objects.filter(pk=later.pk).update(due=timezone.now() + timedelta(minutes=1))
    PausedOffice.objects.create(provider_id=SMALL)
    assert FairQueue(MAIL).claim_next() is None
    closed = queue_mail(provider_id=SMALL, kind="office_closed")
    assert FairQueue(MAIL).claim_next() == closed
    assert fresh(paused).attempts == 0


@pytest.mark.django_db
def test_a_domain_that_hangs_is_left_alone_for_a_while(monkeypatch: Any) -> None:
    now = [1000.0]
    monkeypatch.setattr(fair_queue.time, "monotonic", lambda: now[0])
    for _number in range(6):
        queue_mail(provider_id=BIG, to="a@Hangs.example")
    works = queue_mail(provider_id=BIG, to="a@works.example")
    found = FairQueue(MAIL, senders=6)
    held = [next_of(found) for _turn in range(2)]
    found.release_sender(held[0], seconds=fair_queue.HANG_SECONDS, is_sent=False)
    found.release_sender(held[1], seconds=0.1, is_sent=True)
    held = [next_of(found)]
    assert held[0] != works, "it answered again"
    found.release_sender(held[0], seconds=fair_queue.HANG_SECONDS, is_sent=False)
    assert found.claim_next() == works
    assert found.claim_next() is None
    now[0] += fair_queue.COOLDOWN_SECONDS + 1
    probe = next_of(found)
    assert found.claim_next() is None, "one sender finds out"
    found.release_sender(probe, seconds=fair_queue.HANG_SECONDS, is_sent=False)
    now[0] += fair_queue.COOLDOWN_SECONDS + 1
    assert found.claim_next() is None, "it rests twice as long"
    now[0] += fair_queue.COOLDOWN_SECONDS
    found.release_sender(next_of(found), seconds=0.1, is_sent=True)
    assert found.claim_next() is not None


@pytest.mark.django_db
def test_domains_that_hang_have_one_sender_together() -> None:
    found = FairQueue(MAIL, senders=10)
    for number in range(3):
        queue_mail(provider_id=uuid7(), to=f"a@hangs{number}.example")
    for message in [next_of(found) for _turn in range(3)]:
        Message.objects.filter(pk=message.pk).update(due=timezone.now())
        found.release_sender(message, seconds=fair_queue.HANG_SECONDS, is_sent=False)
    found._cooldowns = {domain: (0.0, pause) for domain, (_until, pause) in found._cooldowns.items()}
    next_of(found)
    assert found.claim_next() is None


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_server_that_hangs_for_one_domain_holds_up_no_other(mail_server: MailServer, settings: Any) -> None:
    settings.EMAIL_TIMEOUT = 10 * LONG
    mail_server.hangs_for = "hangs.example"
    for _number in range(20):
        queue_mail(provider_id=BIG, to="a@hangs.example")
    with running():
        try:
            wait_until(lambda: mail_server.held == 2)
            others = [queue_mail(provider_id=SMALL, to="b@works.example") for _number in range(5)]
            others.append(queue_mail(provider_id=BIG, to="b@works.example", kind="password_link"))
            wait_until(lambda: all(is_sent(mail) for mail in others), 10)
            assert mail_server.held == 2
        finally:
            mail_server.hangs_for = ""
            mail_server.behaviour = "accept"


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_five_mails_of_an_office_go_out_within_two_seconds_of_20_000_of_another(mail_server: MailServer) -> None:
    mail_server.behaviour, mail_server.seconds = "slow", 0.05
    queue_many(20_000, BIG)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE outbox_message")
    with running():
        wait_until(lambda: len(mail_server.mails) > 20)
        five = [queue_mail(provider_id=SMALL, to=f"b{number}@smit.example") for number in range(5)]
        link = queue_mail(provider_id=BIG, kind="password_link")
        started = time.monotonic()
        wait_until(lambda: all(is_sent(mail) for mail in [*five, link]))
        seconds = time.monotonic() - started
        waiting = Message.objects.pending().count()
    assert waiting > 15_000
    assert seconds < 2


@pytest.mark.django_db(transaction=True)
def test_an_sms_has_turns_as_well() -> None:
    for _number in range(3):
        queue_sms(provider_id=BIG)
    small = queue_sms(provider_id=SMALL)
    found = FairQueue(Message.Channel.SMS, senders=8)
    assert small in [found.claim_next(), found.claim_next()]


def test_there_is_a_sender_for_what_is_urgent() -> None:
    assert 0 < worker.URGENT_ONLY_SENDERS < worker.MAIL_SENDERS
