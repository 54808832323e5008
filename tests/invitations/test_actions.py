"""Inviting, resending, revoking and expiring: as actions."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
import time_machine
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import invitations.actions
from accounts.models import Provider, User
from audit.models import Event, Verb
from core import encryption
from core.ids import uuid7
from invitations import acceptance
from invitations.actions import InvitationNotOpen
from invitations.models import Invitation, InvitationCode
from outbox.message_limits import MessageLimitReached
from outbox.models import Message
from outbox.placeholders import EmailText
from permissions.checks import Right
from tests.helpers.invited_users import DETAILS, NUMBER, body_of, by, invite, token_of
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
OWN = EmailText("Kom", "Hier: {UitnodigingLink}")


def resend(user: User, alice: User, email: str = DETAILS["email"]) -> None:
    invitations.actions.resend_invitation(user, mobile_number="+31687654321", email=email, by=by(alice))


def test_it_invites(office: Provider, alice: User) -> None:
    with CaptureQueriesContext(connection) as queries:
        user = invitations.actions.invite_user(office, details=DETAILS, mobile_number=NUMBER, by=by(alice))
    assert len(queries) < 20
    user.refresh_from_db()
    assert user.username is None
    assert not user.may_sign_in
    assert user.invitation.state == Invitation.State.OPEN
    assert b"612345678" not in bytes(user.invitation.encrypted_phone)
    message = Message.objects.get()
    assert (message.channel, message.recipient, message.state) == ("mail", "p.deboer@devries.example", "queued")
    assert message.expires_at == user.invitation.expires_at
    created, sent = Event.objects.order_by("id")
    assert (created.verb, sent.verb) == ("user_created", "invitation_sent")
    assert created.changes == {name: [None, value] for name, value in DETAILS.items()} | {
        "login_method": [None, "website_sso"]
    }
    assert acceptance.get_phone_ending(user.invitation, token=token_of(user.invitation)) == "78"
    with pytest.raises(encryption.DecryptionError):
        acceptance.get_phone_ending(user.invitation, token=encryption.generate_token())


@pytest.mark.parametrize(
    "moved", [{"id": uuid7()}, {"email": "iemand@elders.example"}, {"expires_at": timezone.now() + timedelta(days=99)}]
)
def test_the_number_opens_for_its_own_invitation_address_and_period_only(
    office: Provider, alice: User, moved: dict[str, object]
) -> None:
    user = invitations.actions.invite_user(office, details=DETAILS, mobile_number=NUMBER, by=by(alice))
    token = token_of(user.invitation)
    for name, value in moved.items():
        setattr(user.invitation, name, value)
    with pytest.raises(encryption.DecryptionError):
        acceptance.get_phone_ending(user.invitation, token=token)


def test_it_makes_one_user_of_one_decision(office: Provider, alice: User) -> None:
    name = uuid7()
    users = [
        invitations.actions.invite_user(office, details=DETAILS, mobile_number=NUMBER, by=by(alice), user_id=name)
        for _click in range(2)
    ]
    assert users[0].pk == users[1].pk == name
    assert Message.objects.count() == 1


def test_it_does_not_trip_over_an_id_of_another_office(office: Provider, alice: User, charlie: User, bob: User) -> None:
    for taken in (charlie, bob):
        user = invitations.actions.invite_user(
            office, details=DETAILS, mobile_number=NUMBER, by=by(alice), user_id=taken.pk
        )
        assert user.pk != taken.pk
        assert user.provider_id == office.pk


def test_it_uses_the_text_of_this_invitation(office: Provider, alice: User) -> None:
    user = invitations.actions.invite_user(office, details=DETAILS, mobile_number=NUMBER, by=by(alice), text=OWN)
    assert body_of(user.invitation.message)["subject"] == OWN.subject
    with pytest.raises(ValidationError):
        invitations.actions.invite_user(
            office, details=DETAILS, mobile_number=NUMBER, by=by(alice), text=EmailText("x", "geen link")
        )


def test_it_needs_right_and_office(office: Provider, bob: User, charlie: User) -> None:
    for who in (bob, charlie):
        with pytest.raises(PermissionDenied):
            invitations.actions.invite_user(office, details=DETAILS, mobile_number=NUMBER, by=by(who))
    assert not Invitation.objects.exists()


def test_it_needs_authority(office: Provider, alice: User, bob: User, charlie: User) -> None:
    clerk = make_user(office, Right.MANAGE_USERS, username="clerk")
    user = invite(alice).invitation.user
    user.individual_rights.create(provider=office, right=Right.VIEW_AUDIT)
    for who in (clerk, bob, charlie):
        with pytest.raises(PermissionDenied):
            resend(user, who)
        with pytest.raises(PermissionDenied):
            invitations.actions.revoke_invitation(user, by=by(who))


def test_it_caps_what_an_office_sends(office: Provider, alice: User, settings: LazySettings) -> None:
    settings.LOKET_SMS_PER_HOUR = 2
    user = invite(alice).invitation.user
    resend(user, alice)
    for act in (lambda: resend(user, alice), lambda: invite(alice)):
        with pytest.raises(MessageLimitReached):
            act()
    with time_machine.travel(timezone.now() + timedelta(minutes=61), tick=False):
        resend(user, alice)


def test_it_sends_again(alice: User) -> None:
    invited = invite(alice)
    user, first = invited.invitation.user, invited.invitation.message
    invited.post("send_code")
    resend(user, alice, "nieuw@devries.example")
    token = token_of(invited.invitation)
    invitation = Invitation.objects.select_related("user", "message").get()
    assert token != invited.token
    assert acceptance.get_phone_ending(invitation, token=token) == "21"
    assert (invitation.user.email, invitation.email, invitation.opened_at) == (*["nieuw@devries.example"] * 2, None)
    first.refresh_from_db()
    assert (first.state, first.encrypted_body) == (Message.State.CANCELED, None)
    assert Message.objects.get(kind="code").state == Message.State.CANCELED
    assert not InvitationCode.objects.exists()
    assert Event.objects.get(verb=Verb.EMAIL_CHANGED).changes == {"email": [DETAILS["email"], "nieuw@devries.example"]}


@pytest.mark.parametrize("state", ["revoked", "expired", "locked"])
def test_it_opens_a_closed_invitation_again(state: str, alice: User) -> None:
    invited = invite(alice)
    Invitation.objects.update(state=state, encrypted_phone=None)
    resend(invited.invitation.user, alice)
    assert Invitation.objects.get().is_open()


def test_it_does_not_send_to_blocked_users(alice: User) -> None:
    user = invite(alice).invitation.user
    User.objects.filter(pk=user.pk).update(blocked_at=timezone.now())
    with pytest.raises(ValidationError) as caught:
        resend(user, alice)
    assert caught.value.code == "no_access"


def test_it_revokes_once(alice: User, bob: User) -> None:
    invited = invite(alice)
    user = invited.invitation.user
    invitations.actions.revoke_invitation(user, by=by(alice))
    invitation = Invitation.objects.get()
    assert (invitation.state, invitation.encrypted_phone) == (Invitation.State.REVOKED, None)
    assert Message.objects.get().state == Message.State.CANCELED
    for one in (user, bob):
        with pytest.raises(InvitationNotOpen):
            invitations.actions.revoke_invitation(one, by=by(alice))


def test_it_does_not_touch_an_accepted_one(alice: User) -> None:
    invited = invite(alice)
    invited.prove()
    invited.post("create_account", username="p.deboer", password="Zonnebloem-42", password_again="Zonnebloem-42")
    with pytest.raises(InvitationNotOpen):
        resend(invited.invitation.user, alice)
    with pytest.raises(InvitationNotOpen):
        invitations.actions.revoke_invitation(invited.invitation.user, by=by(alice))


def test_it_expires_what_is_due(alice: User) -> None:
    invited = invite(alice)
    assert invitations.actions.expire_due_invitations() == 0
    with time_machine.travel(invited.invitation.expires_at, tick=False):
        assert invitations.actions.expire_due_invitations() == 1
        assert invitations.actions.expire_due_invitations() == 0
    assert Invitation.objects.get().state == Invitation.State.EXPIRED
    assert Event.objects.get(verb=Verb.INVITATION_EXPIRED).origin == "scheduled"


def together(*acts: object) -> list[object]:
    """Run each of `acts` in its own thread at the same moment; return results or exceptions in that order."""
    results: list[object] = [None] * len(acts)
    ready = Barrier(len(acts))

    def run(place: int) -> None:
        ready.wait()
        try:
            results[place] = acts[place]()
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


@pytest.mark.django_db(transaction=True)
def test_it_accepts_one_of_two_at_the_same_moment(alice: User) -> None:
    invited = invite(alice)
    browser, actor = encryption.generate_token(), by(invited.invitation.user)
    acceptance.send_code(invited.invitation, token=invited.token, browser=browser, by=actor)
    assert acceptance.check_code(invited.invitation, code=invited.last_code(), browser=browser, by=actor)

    def accept(username: str) -> User:
        mine = Invitation.objects.select_related("user__provider").get()
        return acceptance.accept_invitation(
            mine, browser=browser, username=username, password="Zonnebloem-42", by=actor
        )

    results = together(lambda: accept("eerste"), lambda: accept("tweede"))
    assert sorted(type(result).__name__ for result in results) == ["InvitationNotOpen", "User"]
    winner = next(result for result in results if isinstance(result, User))
    assert User.objects.get(pk=winner.pk).username == winner.username
    assert Event.objects.filter(verb=Verb.INVITATION_ACCEPTED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_it_gives_a_username_to_one_of_two(alice: User, charlie: User) -> None:
    acts = []
    for who in (alice, charlie):
        invited = invite(who)
        browser, actor = encryption.generate_token(), by(invited.invitation.user)
        acceptance.send_code(invited.invitation, token=invited.token, browser=browser, by=actor)
        acceptance.check_code(invited.invitation, code=invited.last_code(), browser=browser, by=actor)

        def accept(invitation: Invitation = invited.invitation, browser: str = browser, actor: object = actor) -> User:
            return acceptance.accept_invitation(
                invitation, browser=browser, username="gewild", password="Zonnebloem-42", by=actor
            )

        acts.append(accept)
    results = together(*acts)
    assert sorted(type(result).__name__ for result in results) == ["User", "ValidationError"]
    assert next(result for result in results if isinstance(result, ValidationError)).code == "taken"


@pytest.mark.parametrize("_time", range(5))
@pytest.mark.django_db(transaction=True)
def test_it_ends_in_one_state_however_it_is_pulled(_time: int, alice: User) -> None:
    invited = invite(alice)
    user, browser, actor = invited.invitation.user, encryption.generate_token(), by(invited.invitation.user)
    acceptance.send_code(invited.invitation, token=invited.token, browser=browser, by=actor)
    acceptance.check_code(invited.invitation, code=invited.last_code(), browser=browser, by=actor)
    results = together(
        lambda: acceptance.accept_invitation(
            invited.invitation, browser=browser, username="p.deboer", password="Zonnebloem-42", by=actor
        ),
        lambda: resend(user, alice),
        lambda: invitations.actions.revoke_invitation(user, by=by(alice)),
    )
    assert not [one for one in results if isinstance(one, Exception) and not isinstance(one, InvitationNotOpen)]
    user.refresh_from_db()
    invited.invitation.refresh_from_db()
    accepted = isinstance(results[0], User)
    assert user.may_sign_in == accepted == (invited.invitation.state == Invitation.State.ACCEPTED)


@pytest.mark.django_db(transaction=True)
def test_it_counts_every_wrong_try_of_many_at_once(alice: User) -> None:
    invited = invite(alice)
    browser, actor = encryption.generate_token(), by(invited.invitation.user)
    acceptance.send_code(invited.invitation, token=invited.token, browser=browser, by=actor)
    wrong = invited.wrong_code()
    act = lambda: acceptance.check_code(invited.invitation, code=wrong, browser=browser, by=actor)  # noqa: E731
    assert together(*[act] * 7) == [False] * 7
    assert InvitationCode.objects.get().wrong_tries == 5
    assert not acceptance.check_code(invited.invitation, code=invited.last_code(), browser=browser, by=actor)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_codes_at_the_same_moment_stay_within_what_an_office_may_send(alice: User, settings: LazySettings) -> None:
    everybody = [invite(alice) for _number in range(6)]
    settings.LOKET_SMS_PER_HOUR = 2
    acts = [
        lambda one=one: acceptance.send_code(
            one.invitation, token=one.token, browser=encryption.generate_token(), by=by(one.invitation.user)
        )
        for one in everybody
    ]
    assert sorted(type(result).__name__ for result in together(*acts)) == ["MessageLimitReached"] * 4 + ["NoneType"] * 2
    assert Message.objects.filter(kind="code").count() == 2
