"""Requesting a code and entering it."""

from datetime import timedelta
from unittest import mock

import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit.models import Event, Verb
from core.throttle import RateLimit
from invitations import acceptance
from invitations.models import Invitation, InvitationCode
from invitations.views import accept
from outbox.models import Message
from tests.helpers.invited_users import NUMBER, Invited, body_of, by, invite

pytestmark = pytest.mark.django_db
CODE, ACCOUNT, WELCOME = "/uitnodiging/code/", "/uitnodiging/account/", "/uitnodiging/"


@pytest.fixture
def invited(alice: User) -> Invited:
    return invite(alice)


def another_browser(invited: Invited) -> Client:
    client = Client()
    client.get(reverse("invitations:open_link", args=[invited.token]))
    return client


def state(invited: Invited) -> str:
    invited.invitation.refresh_from_db()
    return invited.invitation.state


def test_it_sends_a_code(invited: Invited) -> None:
    assert invited.post("send_code")["Location"] == WELCOME
    assert invited.client.get(WELCOME)["Location"] == CODE
    message = Message.objects.get(kind="code")
    row = InvitationCode.objects.get()
    assert body_of(message)["to"] == NUMBER
    assert (message.channel, message.recipient, message.expires_at) == ("sms", "", row.expires_at)
    assert row.expires_at - row.sent_at < timedelta(minutes=10, seconds=1)
    invited.invitation.refresh_from_db()
    assert invited.invitation.opened_at is not None
    verbs = list(Event.objects.order_by("id").values_list("verb", flat=True))
    assert verbs[-2:] == [Verb.INVITATION_OPENED, Verb.CODE_SENT]
    assert Event.objects.latest("id").correlation_id


@pytest.mark.parametrize(
    "shape", ["{}{}{}{}{}{}", " {}{}{} {}{}{} ", "{}{}{}-{}{}{}", "{}{}{} {}{}{}", "{}{}.{}{}.{}{}"]
)
def test_it_takes_the_code_in_any_shape(shape: str, invited: Invited) -> None:
    invited.post("send_code")
    assert invited.post("enter_code", code=shape.format(*invited.last_code()))["Location"] == ACCOUNT
    assert invited.client.get(WELCOME)["Location"] == ACCOUNT
    assert invited.client.get(CODE)["Location"] == WELCOME


@pytest.mark.parametrize(
    "junk", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\x00", "😀😀", "\u202e123456", "9" * 400_000]
)
def test_it_does_not_count_what_is_no_code(junk: str, invited: Invited) -> None:
    invited.post("send_code")
    response = invited.post("enter_code", code=junk)
    assert response.status_code == 200
    assert response.context["form"].errors["code"]
    assert InvitationCode.objects.get().wrong_tries == 0
    assert not Event.objects.filter(verb=Verb.CODE_REJECTED).exists()


def test_it_answers_a_megabyte_and_a_missing_token(invited: Invited) -> None:
    invited.post("send_code")
    assert invited.post("enter_code", code="1" * 1_000_000).status_code == 400
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = invited.client.cookies
    assert invited.post("enter_code", strict, code=invited.last_code()).status_code == 403
    assert invited.post("send_code", strict).status_code == 403


def test_it_kills_the_code_after_five_wrong_tries(invited: Invited) -> None:
    invited.post("send_code")
    for left in (4, 3, 2, 1):
        response = invited.post("enter_code", code=invited.wrong_code())
        error = response.context["form"].errors.as_data()["code"][0]
        assert error.code == "wrong"
        assert str(left) in error.message
    assert invited.post("enter_code", code=invited.wrong_code())["Location"] == WELCOME
    assert invited.post("enter_code", code=invited.last_code())["Location"] == WELCOME
    assert invited.client.get(WELCOME).context["last"].tries_left == 0
    assert invited.client.get(ACCOUNT)["Location"] == WELCOME
    assert state(invited) == Invitation.State.OPEN


@pytest.mark.slow
def test_it_locks_after_fifteen_wrong_tries(invited: Invited) -> None:
    for _code in range(3):
        invited.post("send_code")
        for _try in range(5):
            response = invited.post("enter_code", code=invited.wrong_code())
    assert state(invited) == Invitation.State.LOCKED
    assert invited.invitation.encrypted_phone is None
    assert response["Location"] == WELCOME
    answer = invited.client.get(WELCOME)
    assert (answer.status_code, answer.context["reason"]) == (410, "locked")
    assert invited.post("send_code").status_code == 410
    assert Event.objects.filter(verb=Verb.INVITATION_LOCKED).count() == 1
    assert User.objects.filter(pk=invited.invitation.user_id).exists()


def test_it_forgets_a_code_after_ten_minutes(invited: Invited) -> None:
    invited.post("send_code")
    code = invited.last_code()
    with time_machine.travel(InvitationCode.objects.get().expires_at, tick=False):
        assert invited.post("enter_code", code=code)["Location"] == WELCOME
        assert invited.client.get(WELCOME).context["last"].tries_left == 5
        assert invited.client.get(ACCOUNT)["Location"] == WELCOME


def test_it_ties_the_code_to_the_browser(invited: Invited) -> None:
    other = another_browser(invited)
    invited.post("send_code")
    assert invited.post("enter_code", other, code=invited.last_code())["Location"] == WELCOME
    assert other.get(WELCOME).status_code == 200
    assert other.get(ACCOUNT)["Location"] == WELCOME
    assert InvitationCode.objects.get().wrong_tries == 0


def test_it_is_not_spoilt_by_a_scanner(invited: Invited) -> None:
    scanner = another_browser(invited)
    invited.post("send_code", scanner)
    assert invited.client.get(WELCOME).status_code == 200
    invited.post("send_code")
    mine = invited.last_code()
    invited.post("send_code", scanner)
    invited.post("enter_code", scanner, code=invited.wrong_code())
    assert invited.post("enter_code", code=mine)["Location"] == ACCOUNT


def test_it_accepts_only_the_last_code(invited: Invited) -> None:
    invited.post("send_code")
    first = invited.last_code()
    invited.post("send_code")
    if first != invited.last_code():
        assert invited.post("enter_code", code=first).status_code == 200
    assert invited.post("enter_code", code=invited.last_code())["Location"] == ACCOUNT


def test_it_pauses_after_three_in_an_hour(invited: Invited) -> None:
    with time_machine.travel(invited.invitation.sent_at + timedelta(minutes=1), tick=False) as clock:
        for _time in range(5):
            invited.post("send_code")
        assert InvitationCode.objects.count() == 3
        clock.shift(timedelta(minutes=11))
        context = invited.client.get(WELCOME).context
        assert context["paused_until"] == InvitationCode.objects.earliest("sent_at").sent_at + timedelta(hours=1)
        clock.shift(timedelta(minutes=50))
        assert not invited.client.get(WELCOME).context["paused"]
        invited.post("send_code")
        assert InvitationCode.objects.count() == 4
        assert state(invited) == Invitation.State.OPEN


def test_it_says_when_the_code_was_sent_and_how_many_follow(invited: Invited) -> None:
    with time_machine.travel(invited.invitation.sent_at + timedelta(minutes=1), tick=False):
        expected = [(1, 2), (2, 1), (3, 0)]
        for sent, left in expected:
            invited.post("send_code")
            page = invited.client.get(CODE)
            assert (page.context["codes_sent"], page.context["codes_left"]) == (sent, left)
            assert page.context["paused"] == (left == 0), "a figure of zero is never shown"
            moment = timezone.localtime(InvitationCode.objects.earliest("sent_at").sent_at)
            assert (f"verstuurd om {moment:%H:%M}" in page.text) == (left > 0)


@pytest.mark.slow
def test_it_sends_ten_in_all(invited: Invited) -> None:
    with time_machine.travel(invited.invitation.sent_at + timedelta(minutes=1), tick=False) as clock:
        for _time in range(12):
            invited.post("send_code")
            clock.shift(timedelta(minutes=61))
        assert InvitationCode.objects.count() == 10
        context = invited.client.get(WELCOME).context
        assert (context["paused"], context["paused_until"]) == (True, None)


def test_it_sends_one_code_for_a_double_click(invited: Invited) -> None:
    for _click in range(2):
        invited.post("send_code", after="")
    first = InvitationCode.objects.get()
    for _click in range(2):
        invited.post("send_code", after=str(first.pk))
    assert InvitationCode.objects.count() == 2


@pytest.mark.parametrize("name", ["send_code", "enter_code", "create_account"])
@pytest.mark.parametrize("named", ["", "x", "00000000-0000-0000-0000-000000000000"])
def test_it_refuses_a_form_of_another_invitation(name: str, named: str, invited: Invited) -> None:
    invited.prove()
    count = InvitationCode.objects.count()
    response = invited.post(name, invitation=named, code="123456", username="iemand", password="Zonnebloem-42")
    assert (response.status_code, response.context["reason"]) == (409, "other")
    assert InvitationCode.objects.count() == count
    assert state(invited) == Invitation.State.OPEN


@pytest.mark.slow
def test_each_tab_goes_on_with_its_own_invitation(invited: Invited, alice: User) -> None:
    second = invite(alice, email="tweede@devries.example", last_name="Tweede")
    invited.post("send_code")
    code = invited.last_code()
    invited.client.get(reverse("invitations:open_link", args=[second.token]))
    assert "Tweede" in invited.client.get(WELCOME).text
    assert invited.post("enter_code", code="000000").context["invitation"] == invited.invitation
    assert invited.post("enter_code", code=code)["Location"] == ACCOUNT
    assert invited.client.get(ACCOUNT).context["invitation"] == invited.invitation
    assert second.post("send_code", invited.client)["Location"] == WELCOME
    assert invited.client.get(CODE).context["invitation"] == second.invitation
    response = invited.post(
        "create_account", username="p.deboer", password="Zonnebloem-42", password_again="Zonnebloem-42"
    )
    assert response["Location"] == "/"
    assert state(invited) == Invitation.State.ACCEPTED
    assert invited.client.get(CODE).context["invitation"] == second.invitation


def test_it_refuses_an_invitation_that_another_browser_opened(invited: Invited, alice: User) -> None:
    second = invite(alice, email="tweede@devries.example", last_name="Tweede")
    assert second.post("send_code", invited.client).status_code == 409


def test_three_invitations_are_kept(invited: Invited, alice: User) -> None:
    for number in range(3):
        other = invite(alice, email=f"{number}@devries.example", last_name=f"Nummer {number}")
        invited.client.get(reverse("invitations:open_link", args=[other.token]))
    assert invited.post("send_code").status_code == 409
    invited.client.get(reverse("invitations:open_link", args=[invited.token]))
    assert invited.post("send_code")["Location"] == WELCOME


def test_it_counts_codes_of_the_office(invited: Invited, settings: LazySettings) -> None:
    settings.LOKET_SMS_PER_HOUR = 1
    for _time in range(2):
        invited.post("send_code")
    assert Message.objects.filter(kind="code").count() == 1


def test_it_throttles_by_network_address(invited: Invited) -> None:
    with mock.patch.object(accept, "SENT_CODE_LIMIT", RateLimit("test", 1, timedelta(minutes=5))):
        assert [invited.post("send_code").status_code for _time in range(2)] == [302, 429]
    with mock.patch.object(accept, "CHECKED_CODE_LIMIT", RateLimit("test 2", 1, timedelta(minutes=5))):
        codes = [invited.post("enter_code", code=invited.wrong_code()).status_code for _time in range(2)]
    assert codes == [200, 429]


def test_it_does_nothing_once_revoked(invited: Invited, alice: User) -> None:
    invited.post("send_code")
    code = invited.last_code()
    import invitations.actions

    stale = Invitation.objects.select_related("user").get()
    invitations.actions.revoke_invitation(invited.invitation.user, by=by(alice))
    assert Message.objects.get(kind="code").state == Message.State.CANCELED
    assert invited.post("enter_code", code=code).status_code == 404
    for act in (
        lambda: acceptance.check_code(stale, code=code, browser="x", by=by(alice)),
        lambda: acceptance.send_code(stale, token=invited.token, browser="x", by=by(alice)),
    ):
        with pytest.raises(invitations.actions.InvitationNotOpen):
            act()
