"""How example users arrive: invited, accepted, or stopped at any step on the way."""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

from django.utils import timezone
from django_otp.oath import hotp

import authentication.mfa.actions
import invitations.acceptance
import invitations.actions
import teams.actions
from accounts.models import Provider, User
from audit.actors import Actor, EventOrigin, build_operator
from authentication import totp
from authentication.totp import TotpEnrollment
from core import encryption
from core.access import ReauthenticationLevel
from demo.clock import get_real_now, set_clock
from demo.data.office_users import ExampleStatus, ExampleUser
from invitations.acceptance import SenderNotAuthorized
from invitations.models import Invitation
from outbox.models import Message
from permissions.models import Team

OPERATOR = build_operator("demo")
DOMAIN = "devries.example"
_BROWSER_ID = "example"
_DELIVERY_ERRORS = {
    Message.State.BOUNCED: "550 5.1.1 mailbox unknown",
    Message.State.FAILED: "451 4.4.1 no answer",
}  # fmt: skip
# How long ago these were sent; the others, `ExampleUser.invited_hours_ago`.
_SENT_AGO = {ExampleStatus.EXPIRED: timedelta(days=4, hours=5), ExampleStatus.REFUSED: timedelta(hours=30)}
# How long ago they opened the link.
_OPENED_AGO = {ExampleStatus.CODE_SENT: timedelta(minutes=2), ExampleStatus.REFUSED: timedelta(hours=3)}


def generate_unknown_password() -> str:
    return encryption.generate_token() + "Aa1!"


def build_actor(user: User) -> Actor:
    """Return `user` as the actor in a browser, as stored: rights and factors may have changed."""
    user = User.objects.select_related("provider").get(pk=user.pk)
    return Actor(EventOrigin.PAGE, name=user.full_name, user=user, proof=ReauthenticationLevel.FIVE_MINUTES)


def find_teams(office: Provider, names: Iterable[str]) -> list[Team]:
    return list(Team.objects.filter(provider=office, name__in=names))


def invite_user(office: Provider, example: ExampleUser, *, by: Actor, domain: str = DOMAIN) -> User:
    def assign_teams(user: User) -> None:
        teams.actions.change_teams(user, add=find_teams(office, example.teams), by=by)

    return invitations.actions.invite_user(
        office,
        details=example.details(domain),
        mobile_number=example.mobile,
        assign_initial_access=assign_teams if example.teams else None,
        by=by,
    )


def accept_invitation(user: User, example: ExampleUser, password: str) -> User:
    """Accept with the code, set up two-factor if the example has a device, and count as delivered what was sent."""
    invitation = Invitation.objects.select_related("user__provider", "message").get(user=user)
    _verify_phone(invitation)
    user = invitations.acceptance.accept_invitation(
        invitation, browser=_BROWSER_ID, username=example.username, password=password, by=build_actor(user)
    )
    if example.device:
        _add_authenticator_app(user)
    set_delivery_state(user)
    return user


def _add_authenticator_app(user: User) -> None:
    offer = TotpEnrollment.generate()
    code = f"{hotp(offer.secret, totp.get_current_step()):06d}"
    authentication.mfa.actions.add_authenticator_app(user, offer, name="Telefoon", code=code, by=build_actor(user))
    authentication.mfa.actions.generate_recovery_codes(user, by=build_actor(user))


def set_delivery_state(user: User, state: Message.State = Message.State.SENT) -> None:
    """Set the state of the messages to `user`, which no worker has sent."""
    for message in Message.objects.filter(user_id=user.pk, state=Message.State.QUEUED):
        message.state, message.encrypted_body, message.attempts = state, None, 1
        message.sent_at = None if state == Message.State.FAILED else message.created_at + timedelta(seconds=4)
        message.error = _DELIVERY_ERRORS.get(state, "")
        message.save()


def _decrypt_body(message: Message) -> dict[str, str]:
    body: dict[str, str] = json.loads(
        encryption.decrypt(bytes(message.encrypted_body or b""), context=message.encryption_context)
    )
    return body


def _request_code(invitation: Invitation) -> str:
    """Request a code through the link in the e-mail; return the code."""
    found = re.search(r"/uitnodiging/([\w-]+)/", _decrypt_body(invitation.message)["text"])
    token = found[1] if found else ""
    invitations.acceptance.send_code(invitation, token=token, browser=_BROWSER_ID, by=build_actor(invitation.user))
    return _decrypt_body(invitation.codes.latest("sent_at").message)["text"][:6]


def _verify_phone(invitation: Invitation) -> None:
    code = _request_code(invitation)
    invitations.acceptance.check_code(invitation, code=code, browser=_BROWSER_ID, by=build_actor(invitation.user))


def _lock_invitation(invitation: Invitation) -> None:
    """Enter wrong codes until the invitation locks."""
    while invitation.state == Invitation.State.OPEN:
        right = _request_code(invitation)
        wrong = "111111" if right != "111111" else "222222"
        for _try in range(5):
            invitations.acceptance.check_code(
                invitation, code=wrong, browser=_BROWSER_ID, by=build_actor(invitation.user)
            )
        invitation.refresh_from_db()


def invite_to_status(office: Provider, example: ExampleUser, status: ExampleStatus, *, by: Actor) -> User:
    """Invite a user as long ago as the example says; what follows until `status` is up to `bring_to_status`."""
    with set_clock(get_real_now() - _SENT_AGO.get(status, timedelta(hours=example.invited_hours_ago))):
        return invite_user(office, example, by=by)


def bring_to_status(user: User, status: ExampleStatus, *, by: Actor) -> None:
    """Let an invited user come to `status`. An open invitation keeps its e-mail in the outbox, to be accepted."""
    invitation = Invitation.objects.select_related("user__provider", "message").get(user=user)
    if status == ExampleStatus.INVITED:
        return
    if status == ExampleStatus.REVOKED:
        invitations.actions.revoke_invitation(user, by=by)
    elif status in (ExampleStatus.BOUNCED, ExampleStatus.FAILED):
        set_delivery_state(user, Message.State[status.name])
    elif status != ExampleStatus.EXPIRED:
        with set_clock(get_real_now() - _OPENED_AGO.get(status, timedelta(hours=1))), suppress(SenderNotAuthorized):
            _lock_invitation(invitation) if status == ExampleStatus.LOCKED else _request_code(invitation)
    set_delivery_state(user)


def record_last_login(user: User, example: ExampleUser) -> None:
    """Set the last login, which only a browser could make, to `example.seen` days ago."""
    if example.seen is None:
        return
    last_login = timezone.localtime() - timedelta(days=example.seen, minutes=5 + example.days % 50)
    if example.seen:  # in office hours, on Friday for a weekend
        last_login -= timedelta(days=max(0, last_login.weekday() - 4))
        last_login = last_login.replace(hour=8 + len(example.last_name) % 9)
    User.objects.filter(pk=user.pk).update(last_login=last_login)
