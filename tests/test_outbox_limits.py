"""No door sends more messages than there may go to one recipient, by one sender and of one office."""

import ast
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
import time_machine
from django.conf import LazySettings
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import accounts.actions
import accounts.email_changes
import invitations.actions
import invitations.kinds
import outbox.actions
import signin.actions
from accounts.models import Provider, User
from audit.actors import scheduled
from outbox import limits
from outbox.limits import ASKED, TELLING, TooMany
from outbox.models import Message
from signin.throttle import Limit, charge_all
from teams.rights import Right
from tests.invited import DETAILS, NUMBER, by, invite
from tests.people import actor, make_user

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parent.parent
APPS = ("accounts", "bulk", "invitations", "notifications", "outbox", "signin", "support", "teams", "webservice")
WRITERS = {"write", "queue_mail", "queue_sms", "written_mail"}


def kinds() -> set[str]:
    """Return every kind of message that the code writes."""
    found = {"factor_duty_ahead"}  # a constant
    for path in (path for app in APPS for path in (ROOT / app).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in WRITERS:
                values = [one.value for one in node.keywords if one.arg == "kind"]
                found |= {str(value.value) for value in values if isinstance(value, ast.Constant)}
    return found


def test_every_kind_of_message_is_counted_or_must_go() -> None:
    assert kinds() == ASKED | TELLING
    assert frozenset() == ASKED & TELLING


def test_who_asks_must_be_said(office: Provider) -> None:
    with pytest.raises(ValueError, match="username"):
        outbox.actions.queue_sms(kind="username", to=NUMBER, text="x", provider_id=office.pk, user_id=None)


def until_refused(act: Callable[[], object]) -> int:
    """Return how often `act` is done before it is refused."""
    for number in range(200):
        try:
            with transaction.atomic():
                act()
        except TooMany as error:
            return number if error.wait > timedelta(0) and str(error.minutes) in str(error) else -1
    return 200


def invited_again(alice: User) -> Callable[[], object]:
    user = invite(alice).invitation.user
    return lambda: invitations.actions.resend(user, mobile_number=NUMBER, email=user.email, by=by(alice))


def address_asked(alice: User) -> Callable[[], object]:
    user = make_user(alice.provider, username="adres")
    return lambda: accounts.email_changes.ask_email_change(user, "bom@elders.example", by=by(alice))


def username_sent(alice: User) -> Callable[[], object]:
    user = make_user(alice.provider, username="naam")
    return lambda: accounts.actions.send_username(user, by=by(alice))


def unblocked(alice: User) -> Callable[[], object]:
    user = make_user(alice.provider, username="dicht")

    def act() -> None:
        accounts.actions.block(user, by=by(alice))
        accounts.actions.unblock(user, by=by(alice))

    return act


def link_mailed(alice: User) -> Callable[[], object]:
    return lambda: signin.actions.mail_link(alice, by=scheduled("password_links"))


@pytest.mark.parametrize(
    ("road", "number"),
    [(invited_again, 9), (address_asked, 10), (username_sent, 10), (unblocked, 10), (link_mailed, 10)],
)
def test_every_action_that_mails_one_address_stops(
    alice: User, road: Callable[[User], Callable[[], object]], number: int
) -> None:
    act = road(alice)
    sent = Message.objects.count()
    assert until_refused(act) == number
    kept = Message.objects.count()
    assert until_refused(act) == 0
    assert Message.objects.count() == kept > sent
    with time_machine.travel(timezone.now() + timedelta(minutes=7)):
        assert until_refused(act) == 1  # one is back


def test_an_address_counts_for_all_roads_and_senders_and_a_day(office: Provider, alice: User) -> None:
    other = make_user(office, Right.MANAGE_PROVIDER, username="ander")
    user = make_user(office, username="slachtoffer", email="bom@elders.example")
    assert until_refused(lambda: accounts.actions.send_username(user, by=by(alice))) == 10
    assert until_refused(lambda: accounts.actions.send_username(user, by=by(other))) == 0
    assert until_refused(lambda: invite(alice, email="BOM@elders.example")) == 0
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert until_refused(lambda: accounts.actions.send_username(user, by=by(other))) == 10
    with time_machine.travel(timezone.now() + timedelta(hours=4)):
        assert (
            until_refused(lambda: accounts.actions.send_username(user, by=by(other))) == 3
        )  # 20 a day come back evenly


def test_nobody_keeps_a_new_password_from_another(bob: User, charlie: User) -> None:
    assert until_refused(lambda: invite(charlie, email=bob.email)) == 10
    assert until_refused(link_mailed(bob)) == 10


def test_a_phone_counts_however_many_invitations_name_it(alice: User) -> None:
    everybody = [invite(alice, email=f"u{number}@elders.example") for number in range(12)]
    assert [one.post("send_code").status_code for one in everybody] == [302] * 10 + [429] * 2
    assert Message.objects.filter(kind="code").count() == 10


def test_an_office_and_a_sender_are_bound(office: Provider, alice: User, settings: LazySettings) -> None:
    other = make_user(office, Right.MANAGE_PROVIDER, username="ander")
    settings.LOKET_MESSAGES_BY_ONE_PER_HOUR, settings.LOKET_MESSAGES_PER_HOUR = 2, 3
    numbers = iter(range(100))
    ask = lambda who: lambda: invite(who, email=f"u{next(numbers)}@elders.example")  # noqa: E731
    assert until_refused(ask(alice)) == 2
    assert until_refused(ask(other)) == 1
    assert invitations.actions.invite(
        office, details=DETAILS | {"email": "op@elders.example"}, mobile_number=NUMBER, by=actor()
    )


def test_nothing_is_counted_for_what_comes_to_nothing(alice: User) -> None:
    user = make_user(alice.provider, username="naam")
    for _time in range(15):
        with transaction.atomic():
            accounts.actions.send_username(user, by=by(alice))
            transaction.set_rollback(True)
    assert until_refused(lambda: accounts.actions.send_username(user, by=by(alice))) == 10


def test_what_tells_is_never_held_back(alice: User) -> None:
    user = make_user(alice.provider, username="naam")
    until_refused(lambda: accounts.actions.send_username(user, by=by(alice)))
    accounts.actions.block(user, by=by(alice))
    assert Message.objects.filter(kind="blocked").exists()


def test_a_page_says_when_it_works_again(alices: Client, alice: User) -> None:
    user = make_user(alice.provider, username="naam")
    until_refused(lambda: accounts.actions.send_username(user, by=by(alice)))
    response = alices.post(reverse("accounts:send_username", args=[user.pk]))
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 360
    assert user.email in response.content.decode()


def test_a_set_is_counted_in_one_statement(office: Provider, alice: User) -> None:
    asked = [("username", f"u{number}@elders.example", office.pk) for number in range(1000)]
    with CaptureQueriesContext(connection) as queries, limits.together():
        for message in asked:
            limits.charge([message], by(alice))
    assert len(queries) == 1
    assert limits.room(office.pk, by(alice), "username") in (9000, 9001)  # one may be back


def test_both_mails_of_another_address_are_counted_at_once(alice: User, bob: User) -> None:
    with mock.patch("signin.throttle.charge_all", wraps=charge_all) as charged:
        accounts.email_changes.ask_email_change(bob, "nieuw@x.example", by=by(alice))
    assert charged.call_count == 1
    assert {bob.email, "nieuw@x.example"} <= {key for _limit, key in charged.call_args.args[0]}


def test_a_set_that_is_too_many_is_refused_whole_and_names_the_address(alice: User) -> None:
    user = make_user(alice.provider, username="naam")

    def eleven() -> None:
        with limits.together():
            for _time in range(11):
                accounts.actions.send_username(user, by=by(alice))

    with pytest.raises(TooMany, match=user.email), transaction.atomic():
        eleven()
    assert not Message.objects.exists()
    assert limits.refused([user.email]) == {}
    until_refused(lambda: accounts.actions.send_username(user, by=by(alice)))
    assert limits.refused([user.email, alice.email]).keys() == {user.email}


def test_a_thousand_colleagues_are_invited_at_once(office: Provider, alice: User, settings: LazySettings) -> None:
    assert limits.room(office.pk, by(alice), "invitation") >= 1000
    settings.LOKET_SMS_PER_HOUR = 0
    assert limits.room(office.pk, by(alice), "invitation") == 0


def test_a_command_of_the_operator_is_not_counted(alice: User) -> None:
    user = make_user(alice.provider, username="naam")
    with mock.patch.object(limits, "_spend") as spent:
        accounts.actions.send_username(user, by=actor())
        spent.assert_not_called()
        accounts.actions.send_username(user, by=by(alice))
        spent.assert_called()


def test_many_keys_are_charged_in_one_order_and_all_or_none_counts() -> None:
    few, many = (Limit("few", 1, timedelta(minutes=1)), "a"), (Limit("many", 5, timedelta(minutes=1)), "a")
    assert charge_all({few: 1, many: 1}) is None
    refused = charge_all({few: 1, many: 1})
    assert refused is not None
    assert refused[0] == few
