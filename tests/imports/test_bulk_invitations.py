"""The invitations of an import: a budget of their own, spread over the next hours."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

import history.erasure
import invitations.actions
import outbox.actions
import users.actions
import users.suspension
from accounts.models import Provider, User
from audit.models import Event, Verb
from core.ids import uuid7
from imports.models import ImportJob
from imports.plans.plan import PlanRefused
from invitations.models import Invitation
from outbox import message_limits
from outbox.models import Message
from outbox.worker import send_due_messages
from tests.helpers.api_client import Program, program
from tests.helpers.import_files import INVITED, applied, apply_user_file, command, file_of, planned
from tests.helpers.invited_users import NUMBER, invite
from tests.helpers.login_methods import confirmed
from tests.helpers.servers import MailServer
from tests.helpers.users import actor
from tests.imports import test_bulk_actions, test_user_jobs

pytestmark = pytest.mark.django_db
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOON = datetime(2026, 11, 27, 11, 0, tzinfo=UTC)  # 12:00 in Amsterdam
Clock = Any


def rows(count: int, start: int = 0) -> list[dict[str, str]]:
    return [INVITED | {"email": f"u{number}@devries.example"} for number in range(start, start + count)]


def list_due_times() -> list[str]:
    due = Message.objects.filter(kind="invitation").order_by("due", "pk").values_list("due", flat=True)
    return [f"{timezone.localtime(at):%H:%M}" for at in due]


def last_user() -> User:
    return User.objects.filter(invitation__isnull=False).latest("invitation__message__due", "pk")


@pytest.fixture
def clock(settings: LazySettings) -> Iterator[Clock]:
    settings.LOKET_BULK_INVITATIONS_PER_HOUR = 2
    with time_machine.travel(NOON, tick=False) as travelled:
        yield travelled


@pytest.fixture
def calls(alice: User) -> Program:
    return program(alice)


@pytest.fixture
def spread(office: Provider, alice: User, clock: Clock) -> User:
    """Five invitations: two now, two at 13:00, one at 14:00, whose user is returned."""
    applied(office, *rows(5), by=actor(alice))
    return last_user()


@pytest.mark.slow
def test_a_thousand_by_command_hold_up_nothing_else(office: Provider, alice: User, tmp_path: Path) -> None:
    path = tmp_path / "mensen.csv"
    path.write_bytes(file_of(*rows(1000)).getvalue())
    code, said = command("import_users", path, provider=office.name, invite=True, apply=True)
    assert code == 0
    last = timezone.localtime(Message.objects.latest("due").due + MINUTE)
    at = f"{'morgen ' if last.date() > timezone.localdate() else ''}om {last:%H:%M}"
    assert f"Uitnodigingen die direct uitgaan: 500; de andere 500 volgen, de laatste {at}." in said
    assert Message.objects.filter(due__lte=timezone.now()).count() == 500
    client, (first, second) = confirmed(alice), User.objects.filter(invitation__isnull=False)[:2]
    job = test_bulk_actions.planned(client, first, act="block")
    assert "Uitgevoerd" in test_bulk_actions.done(client, job)
    first.refresh_from_db()
    assert first.blocked_at is not None
    invitations.actions.resend_invitation(second, mobile_number=NUMBER, email=second.email, by=actor(alice))
    assert Message.objects.filter(user_id=second.pk).latest("pk").scheduled_at is None


@pytest.mark.slow
def test_the_job_and_the_list_say_when_the_rest_is_sent(
    office: Provider, alice: User, clock: Clock, mail_server: MailServer
) -> None:
    client = confirmed(alice)
    job = test_user_jobs.send(client, *rows(5))
    planned_text = "Uitnodigingen die direct uitgaan: 2; de andere 3 volgen, de laatste om 14:00."
    assert planned_text in test_user_jobs.page(client, job)
    shown = test_user_jobs.done(client, job)
    assert planned_text not in shown
    assert "Nog te versturen uitnodigingen: 5, de laatste om 14:00." in shown
    assert list_due_times() == ["12:00", "12:00", "13:00", "13:00", "14:00"]
    assert send_due_messages() == 2
    shown = test_user_jobs.page(client, job)
    assert "Uitnodigingen verstuurd: 2; de andere 3 volgen, de laatste om 14:00." in shown
    people = client.get(reverse("users:user_list")).text
    assert (people.count("wordt verstuurd om 13:00"), people.count("wordt verstuurd om 14:00")) == (2, 1)
    card = client.get(reverse("users:user_detail", args=[last_user().pk])).text
    assert "wordt verstuurd om 14:00" in card
    assert not re.search(r"naar [^<]+, vandaag", card), "the time of an e-mail that was not sent"
    client.post(reverse("imports:revert", args=[job.pk]))
    revert = ImportJob.objects.get(undoes=job)
    assert "“uitnodiging” die al verstuurd zijn, blijven verstuurd (2×)." in test_user_jobs.page(client, revert)
    clock.shift(2 * HOUR)
    assert send_due_messages() == 3
    assert "volgen, de laatste" not in test_user_jobs.page(confirmed(alice), job)
    assert len(mail_server.mails) == len(set(mail_server.recipients)) == 5


def test_the_period_starts_when_the_mail_is_sent(spread: User) -> None:
    invitation = spread.invitation
    assert invitation.sent_at == invitation.message.due == NOON + 2 * HOUR
    assert (
        invitation.expires_at
        == invitation.message.expires_at
        == NOON + 2 * HOUR + timedelta(days=spread.office.invitation_days)
    )


def test_another_import_follows_the_first(spread: User, office: Provider, clock: Clock) -> None:
    plan = planned(office, *rows(2, start=10), by=actor())
    assert plan.send_forecast is not None
    assert (plan.send_forecast.sent, plan.send_forecast.waiting) == (0, 2)
    applied(office, *rows(2, start=10))
    assert list_due_times()[5:] == ["14:00", "15:00"]
    clock.shift(4 * HOUR)
    applied(office, *rows(2, start=20))
    assert list_due_times()[7:] == ["16:00", "16:00"]


def test_an_import_that_fails_takes_no_place(office: Provider, alice: User, clock: Clock, settings: Any) -> None:
    settings.LOKET_MESSAGES_TO_ONE_PER_HOUR = 1
    message_limits.charge_messages([("username", "u2@devries.example", office.pk)], actor(alice))
    with pytest.raises(PlanRefused, match=r"u2@devries\.example.*om 13:00"):
        applied(office, *rows(3), by=actor(alice))
    applied(office, *rows(2), by=actor(alice))
    assert list_due_times() == ["12:00", "12:00"]


def revoke(user: User, alice: User) -> None:
    invitations.actions.revoke_invitation(user, by=actor(alice))


def change_address(user: User, alice: User) -> None:
    invitations.actions.resend_invitation(user, mobile_number=NUMBER, email="nieuw@devries.example", by=actor(alice))


def suspend(user: User, _alice: User) -> None:
    users.suspension.suspend_office(user.office, by=replace(actor(), reason="onbetaald"))


def block(user: User, alice: User) -> None:
    users.actions.block_user(user, by=actor(alice))


def erase(user: User, alice: User) -> None:
    User.objects.filter(pk=user.pk).update(blocked_at=NOON - timedelta(days=3650))
    history.erasure.erase_user(User.objects.get(pk=user.pk), by=actor(alice))


@pytest.mark.parametrize("act", [revoke, change_address, suspend, block, erase])
def test_what_happens_before_stops_the_mail(
    spread: User, alice: User, clock: Clock, mail_server: MailServer, act: Callable[[User, User], None]
) -> None:
    address = spread.email
    act(spread, alice)
    clock.shift(3 * HOUR)
    send_due_messages()
    mails = zip(mail_server.recipients, mail_server.mails, strict=True)
    assert not [mail for to, mail in mails if to == address and "/uitnodiging/" in str(mail.get_body(["plain"]))]


def test_who_was_blocked_before_is_invited_again(spread: User, alice: User, clock: Clock) -> None:
    users.actions.block_user(spread, by=actor(alice))
    users.actions.unblock_user(spread, by=actor(alice))
    page = confirmed(alice).get(reverse("users:user_detail", args=[spread.pk])).text
    assert "De mail is niet verstuurd" in page
    assert "het account was eerder geblokkeerd" in confirmed(alice).get(reverse("users:user_list")).text


def test_an_office_that_is_open_again_sends_no_more_than_its_number(
    spread: User, clock: Clock, mail_server: MailServer
) -> None:
    by = replace(actor(), reason="onbetaald")
    users.suspension.suspend_office(spread.office, by=by)
    clock.shift(4 * HOUR)
    users.suspension.reactivate_office(spread.office, by=by)
    assert list_due_times() == ["16:00", "16:00", "17:00", "17:00", "18:00"]
    send_due_messages()
    assert Message.objects.filter(kind="invitation", state="sent").count() == 2


def test_the_history_says_when_the_mail_is_sent(spread: User, alice: User) -> None:
    events = Event.objects.filter(verb=Verb.INVITATION_SENT).order_by("pk")
    assert ["send_at" in event.changes for event in events] == [False, False, True, True, True]
    page = confirmed(alice).get(reverse("history:user_events", args=[spread.pk]), {"view": "lines"}).text
    assert "de mail is gepland op 27 november 2026 14:00" in page


def test_offices_from_a_file_are_told_too(clock: Clock, tmp_path: Path) -> None:
    file, secrets = tmp_path / "kantoren.toml", tmp_path / "geheim.csv"
    entry = '[[office.user]]\nlogin_method = "website_sso"\ninitials = "P."\nlast_name = "Boer"\nemail = "{}"\n'
    emails = [row["email"] for row in rows(3)]
    file.write_text('format = 1\n[[office]]\nname = "Nieuw"\n' + "".join(map(entry.format, emails)))
    secrets.write_text("email;mobile_number\n" + "".join(f"{email};06 12345678\n" for email in emails))
    code, said = command("offices", "apply", file, "--secrets", secrets)
    assert (code, list_due_times()) == (0, ["12:00", "12:00", "13:00"]), said
    assert "Uitnodigingen die direct uitgaan: 2; de andere 1 volgen, de laatste om 13:00." in said


def test_a_canceled_one_frees_its_place(spread: User, office: Provider, alice: User) -> None:
    revoke(spread, alice)
    applied(office, *rows(1, start=10))
    assert list_due_times()[-2:] == ["14:00", "14:00"]
    assert Message.objects.filter(state="cancelled").count() == 1


def test_a_heartbeat_leaves_them_in_place_unless_the_clock_was_wrong(spread: User, clock: Clock) -> None:
    outbox.actions.record_heartbeat(uuid7())
    assert send_due_messages() == 2
    clock.shift(-HOUR)
    outbox.actions.record_heartbeat(uuid7())
    assert send_due_messages() == 3


def test_a_worker_that_dies_loses_and_doubles_none(spread: User, clock: Clock, mail_server: MailServer) -> None:
    clock.shift(2 * HOUR)
    message = outbox.actions.claim_message(Message.Channel.MAIL, spread.provider_id)
    assert message is not None
    assert send_due_messages() == 4
    clock.shift(MINUTE)
    assert send_due_messages() == 1
    assert len(mail_server.recipients) == len(set(mail_server.recipients)) == 5


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_share_the_hours(office: Provider, alice: User, settings: LazySettings) -> None:
    settings.LOKET_BULK_INVITATIONS_PER_HOUR = 2
    begin = Barrier(2)

    def run(start: int) -> None:
        try:
            begin.wait()
            apply_user_file(office, file_of(*rows(3, start=start)))
        finally:
            connection.close()

    threads = [Thread(target=run, args=[start]) for start in (0, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    due = list(Message.objects.order_by("due").values_list("due", flat=True))
    assert len(due) == 6
    assert all(later - earlier >= HOUR for earlier, later in zip(due, due[2:], strict=False))


def test_a_bulk_resend_is_spread_and_a_single_one_is_not(office: Provider, alice: User, clock: Clock) -> None:
    people = [invite(alice, email=f"los{number}@devries.example").invitation.user for number in range(3)]
    client = confirmed(alice)
    clock.shift(MINUTE)
    numbers = {f"number-{user.pk}": "0612345678" for user in people}
    test_bulk_actions.done(client, test_bulk_actions.planned(client, *people, name="bulk_action_numbers", **numbers))
    assert list_due_times()[-3:] == ["12:01", "12:01", "13:01"]
    assert invite(alice, email="enkel@devries.example").invitation.message.scheduled_at is None


@pytest.mark.parametrize("count", [0, 3])
def test_singles_have_a_limit_of_their_own(spread: User, alice: User, settings: LazySettings, count: int) -> None:
    settings.LOKET_SMS_PER_HOUR = count
    for number in range(count):
        invite(alice, email=f"los{number}@devries.example")
    with pytest.raises(Exception, match=r"opnieuw|kan om") as refused, transaction.atomic():
        invite(alice, email="te-veel@devries.example")
    assert "-" not in str(refused.value)
    applied(spread.office, *rows(1, start=30), by=actor(alice))  # nor do single invitations hold up an import


def test_the_web_service_invites_after_an_import_and_says_when_it_works_again(
    calls: Program, office: Provider, alice: User, settings: LazySettings
) -> None:
    settings.LOKET_BULK_INVITATIONS_PER_HOUR, settings.LOKET_SMS_PER_HOUR = 2, 2
    applied(office, *rows(5), by=actor(alice))
    body = {
        "personalDetails": {"initials": "P.", "lastName": "Boer"},
        "contactInformation": {"emailAddress": "rest@devries.example"},
        "destinationForSecret": "0612345678",
    }
    answers = [calls.call("POST", f"/providers/{office.pk}/users/invite", body) for _time in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429], answers[0].content
    assert 0 < int(answers[2]["Retry-After"]) <= 1800
    at = timezone.localtime() + timedelta(seconds=int(answers[2]["Retry-After"]))
    text = answers[2].json()["messages"][0]["description"]
    clocks = {f"{at + timedelta(minutes=more):%H:%M}" for more in (0, 1)}  # the text says the minute after
    assert clocks & set(re.findall(r"\d\d:\d\d", text))
    assert "second" not in text
    assert Invitation.objects.count() == 7
