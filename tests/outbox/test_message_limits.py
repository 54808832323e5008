"""Message limits per recipient, sender and office, for every path that sends messages."""

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

import authentication.actions
import invitations.actions
import outbox.actions
import users.actions
import users.change_login_method
import users.email_changes
from accounts.models import Provider, User
from audit.actors import build_job_actor
from core.dates import format_upcoming
from core.throttle import RateLimit, consume_attempts
from outbox import message_limits
from outbox.message_limits import LIMITED_KINDS, UNLIMITED_KINDS, MessageLimitReached
from outbox.models import Message
from permissions.checks import Right
from tests.helpers.invited_users import DETAILS, NUMBER, by, invite
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]
APPS = (
    "accounts", "api", "authentication", "history", "imports", "invitations", "notifications", "oauth", "outbox",
    "permissions", "reviews", "scim", "senders", "support", "teams", "users",
)  # fmt: skip
WRITERS = {"send", "queue_sms", "build_email"}


def kinds() -> set[str]:
    """Return every kind of message in the code."""
    found = {"factor_duty_ahead"}  # a constant
    for path in (path for app in APPS for path in (ROOT / app).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in WRITERS:
                values = [one.value for one in node.keywords if one.arg == "kind"]
                found |= {str(value.value) for value in values if isinstance(value, ast.Constant)}
    return found


@pytest.mark.slow
def test_every_kind_of_message_is_counted_or_must_go() -> None:
    assert kinds() == LIMITED_KINDS | UNLIMITED_KINDS
    assert frozenset() == LIMITED_KINDS & UNLIMITED_KINDS


def test_who_asks_must_be_said(office: Provider) -> None:
    with pytest.raises(ValueError, match="username"):
        outbox.actions.queue_sms(kind="username", to=NUMBER, text="x", provider_id=office.pk, user_id=None)


def until_refused(act: Callable[[], object]) -> int:
    """Return how often `act` succeeds before it is refused."""
    for number in range(200):
        try:
            with transaction.atomic():
                act()
        except MessageLimitReached as error:
            return number if error.wait > timedelta(0) and format_upcoming(error.retry_at) in str(error) else -1
    return 200


def invited_again(alice: User) -> Callable[[], object]:
    user = invite(alice).invitation.user
    return lambda: invitations.actions.resend_invitation(user, mobile_number=NUMBER, email=user.email, by=by(alice))


def address_asked(alice: User) -> Callable[[], object]:
    user = make_user(alice.provider, username="adres")
    return lambda: users.email_changes.request_email_change(user, "bom@elders.example", by=by(alice))


def username_sent(alice: User) -> Callable[[], object]:
    user = make_user(alice.provider, username="naam")
    return lambda: users.actions.send_username(user, by=by(alice))


def unblocked(alice: User) -> Callable[[], object]:
    user = make_user(alice.provider, username="dicht")

    def act() -> None:
        users.actions.block_user(user, by=by(alice))
        users.actions.unblock_user(user, by=by(alice))

    return act


def link_mailed(alice: User) -> Callable[[], object]:
    return lambda: authentication.actions.email_password_link(alice, by=build_job_actor("password_links"))


@pytest.mark.parametrize(
    ("send_action", "number"),
    [(invited_again, 9), (address_asked, 10), (username_sent, 10), (unblocked, 10), (link_mailed, 10)],
)
def test_every_action_that_mails_one_address_stops(
    alice: User, send_action: Callable[[User], Callable[[], object]], number: int
) -> None:
    act = send_action(alice)
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
    assert until_refused(lambda: users.actions.send_username(user, by=by(alice))) == 10
    assert until_refused(lambda: users.actions.send_username(user, by=by(other))) == 0
    assert until_refused(lambda: invite(alice, email="BOM@elders.example")) == 0
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert until_refused(lambda: users.actions.send_username(user, by=by(other))) == 10
    with time_machine.travel(timezone.now() + timedelta(hours=4)):
        assert until_refused(lambda: users.actions.send_username(user, by=by(other))) == 3  # 20 a day, restored evenly


def test_invitations_do_not_use_up_the_password_e_mails_of_an_address(bob: User, charlie: User) -> None:
    assert until_refused(lambda: invite(charlie, email=bob.email)) == 10
    assert until_refused(link_mailed(bob)) == 10


@pytest.mark.slow
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
    assert invitations.actions.invite_user(
        office, details=DETAILS | {"email": "op@elders.example"}, mobile_number=NUMBER, by=actor()
    )


def test_nothing_is_counted_for_what_comes_to_nothing(alice: User) -> None:
    user = make_user(alice.provider, username="naam")
    for _time in range(15):
        with transaction.atomic():
            users.actions.send_username(user, by=by(alice))
            transaction.set_rollback(True)
    assert until_refused(lambda: users.actions.send_username(user, by=by(alice))) == 10


def test_what_tells_is_never_held_back(alice: User) -> None:
    user = make_user(alice.provider, username="naam")
    until_refused(lambda: users.actions.send_username(user, by=by(alice)))
    users.actions.block_user(user, by=by(alice))
    assert Message.objects.filter(kind="blocked").exists()


def test_a_page_says_when_it_works_again(alice_client: Client, alice: User) -> None:
    user = make_user(alice.provider, username="naam")
    until_refused(lambda: users.actions.send_username(user, by=by(alice)))
    response = alice_client.post(reverse("users:send_username", args=[user.pk]))
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 360
    assert user.email in response.content.decode()


@pytest.mark.slow
def test_a_set_is_counted_in_one_statement(office: Provider, alice: User) -> None:
    asked = [("username", f"u{number}@elders.example", office.pk) for number in range(1000)]
    with CaptureQueriesContext(connection) as queries, message_limits.batch_charges():
        for message in asked:
            message_limits.charge_messages([message], by(alice))
    assert len(queries) == 1
    rest = [("username", f"v{number}@elders.example", office.pk) for number in range(9100)]  # a few may be restored
    with pytest.raises(MessageLimitReached), transaction.atomic():
        message_limits.charge_messages(rest, by(alice))
    message_limits.charge_messages(rest[:9000], by(alice))


def test_both_mails_of_another_address_are_counted_at_once(alice: User, bob: User) -> None:
    with mock.patch("core.throttle.consume_attempts", wraps=consume_attempts) as charged:
        users.email_changes.request_email_change(bob, "nieuw@x.example", by=by(alice))
    assert charged.call_count == 1
    assert {bob.email, "nieuw@x.example"} <= {key for _limit, key in charged.call_args.args[0]}


def test_a_set_that_is_too_many_is_refused_whole_and_names_the_address(alice: User) -> None:
    user = make_user(alice.provider, username="naam")

    def eleven() -> None:
        with message_limits.batch_charges():
            for _time in range(11):
                users.actions.send_username(user, by=by(alice))

    with pytest.raises(MessageLimitReached, match=user.email), transaction.atomic():
        eleven()
    assert not Message.objects.exists()
    assert message_limits.find_limited_recipients([user.email]) == {}
    until_refused(lambda: users.actions.send_username(user, by=by(alice)))
    assert message_limits.find_limited_recipients([user.email, alice.email]).keys() == {user.email}


def test_a_thousand_colleagues_are_invited_one_by_one(office: Provider, alice: User, settings: LazySettings) -> None:
    asked = [("invitation", f"u{number}@elders.example", office.pk) for number in range(1000)]
    message_limits.charge_messages(asked, by(alice))
    settings.LOKET_SMS_PER_HOUR = 0
    with pytest.raises(MessageLimitReached), transaction.atomic():
        message_limits.charge_messages(asked[:1], by(alice))


def test_a_command_of_the_operator_is_not_counted(alice: User) -> None:
    user = make_user(alice.provider, username="naam")
    with mock.patch.object(message_limits, "_consume_limits") as spent:
        users.actions.send_username(user, by=actor())
        spent.assert_not_called()
        users.actions.send_username(user, by=by(alice))
        spent.assert_called()


def test_many_keys_are_charged_in_one_order_and_all_or_none_counts() -> None:
    few, many = (RateLimit("few", 1, timedelta(minutes=1)), "a"), (RateLimit("many", 5, timedelta(minutes=1)), "a")
    assert consume_attempts({few: 1, many: 1}) is None
    refused = consume_attempts({few: 1, many: 1})
    assert refused is not None
    assert refused[0] == few
