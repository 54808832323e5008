"""Example offices of the demo: users in every login method and status, created through the regular actions.

Rows are written directly only to backdate them and to set the delivery state of emails.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django_otp.oath import hotp

import authentication.actions
import authentication.mfa.actions
import authentication.microsoft.tenants
import invitations.acceptance
import invitations.actions
import support.actions
import teams.actions
import users.actions
import users.login_methods
from accounts.models import Provider, User
from accounts.user_details import UserDetails
from audit.actors import Actor, EventOrigin, build_operator
from authentication import totp
from authentication.totp import TotpEnrollment
from core import encryption
from core.access import ReauthenticationLevel
from demo.data import office_notifications, office_teams
from demo.data.office_users import (
    ACCEPTED_USERS,
    AZURE_USERS,
    INVITED_USERS,
    OTHER_OFFICE_USERS,
    WEBSERVICE_USERS,
    ExampleStatus,
    ExampleUser,
)
from invitations.acceptance import SenderNotAuthorized
from invitations.models import Invitation
from outbox.models import Message
from permissions.checks import Right

OFFICE_NAME = "Administratiekantoor De Vries"
OTHER_OFFICE_NAME = "Kantoor Smit"
ADMINISTRATOR = ExampleUser("M.", "", "Vermeer", "Utrecht", first_name="Maria", seen=0)
SUPPORT_USERNAME = "support"
WEBSERVICE_USERNAME = "webservice-de-vries"
WEBSERVICE_RIGHTS = (Right.VIEW_USERS, Right.VIEW_TEAMS, Right.VIEW_AUDIT, Right.MANAGE_USERS)
_OPERATOR = build_operator("demo")
_BROWSER_ID = "example"


def ensure_example_offices(password: str) -> User:
    """Create both example offices and a support user unless offices exist; return the first administrator.

    `password` is set for the two administrators and the support user. Raises User.DoesNotExist in a database with
    other offices.
    """
    with transaction.atomic():
        if not Provider.objects.exists():
            _create_main_office(password)
            _create_other_office(password)
            _create_support_user(password)
    administrator: User = User.objects.select_related("provider").get(username_key=ADMINISTRATOR.username)
    return administrator


def _create_main_office(password: str) -> None:
    office = users.actions.create_provider(OFFICE_NAME, two_factor_managers=False, by=_OPERATOR)
    _create_accepted_user(office, ADMINISTRATOR, password, [Right.MANAGE_PROVIDER])
    unknown = _generate_unknown_password()
    for example, rights in ACCEPTED_USERS:
        _create_accepted_user(office, example, unknown, rights)
    for example, status in INVITED_USERS:
        _create_user_in_status(office, example, status, unknown)
    for name, email, username in WEBSERVICE_USERS:
        details = UserDetails(initials="ICT", last_name=name, email=email)
        user = users.login_methods.create_webservice_user(
            office, details=details, username=username, password=unknown, by=_OPERATOR
        )
        _backdate_user(user, days=200)
        User.objects.filter(pk=user.pk).update(password_changed_at=timezone.now() - timedelta(days=200))
    _create_azure_users(office)
    office_teams.create_example_teams(office, by=_OPERATOR)
    office_notifications.create_example_notifications(office, by=_OPERATOR)
    invitations.actions.expire_due_invitations()


def ensure_webservice_user(provider: Provider, password: str) -> User:
    """Return the SSO/Webservice user for trying the web service, creating it if needed."""
    user = User.objects.filter(username_key=WEBSERVICE_USERNAME).first()
    if user is not None:
        return user
    details = UserDetails(initials="API", last_name="Webservice", email="webservice@devries.example")
    user = users.login_methods.create_webservice_user(
        provider, details=details, username=WEBSERVICE_USERNAME, password=password, by=_OPERATOR
    )
    teams.actions.set_individual_rights(user, WEBSERVICE_RIGHTS, by=_OPERATOR)
    return user


def _generate_unknown_password() -> str:
    return encryption.generate_token() + "Aa1!"


def _create_azure_users(office: Provider) -> None:
    tenant_id = UUID("6f1d7a52-38c4-4f0e-9b57-2a6f0c1f8e11")
    tenant = authentication.microsoft.tenants.add_tenant(
        office, name="De Vries Groep", tenant_id=tenant_id, by=_OPERATOR
    )
    authentication.microsoft.tenants.confirm_tenant(tenant, by=_OPERATOR, how="support", reason="Example of the demo")
    for number, example in enumerate(AZURE_USERS):
        user = users.login_methods.create_azure_user(
            office,
            details=example.details("devries.example"),
            username=example.email("devries.example"),
            tenant=tenant,
            external_user_id=UUID(int=0x2B1E9C04_77AD_4C3B_8D10_5E90F2A4C100 + number),
            by=_OPERATOR,
        )
        _backdate_user(user, days=90, seen=example.seen)


def _create_other_office(password: str) -> None:
    office = users.actions.create_provider(OTHER_OFFICE_NAME, two_factor_managers=False, by=_OPERATOR)
    unknown = _generate_unknown_password()
    for number, example in enumerate(OTHER_OFFICE_USERS):
        secret = unknown if number else password
        _create_accepted_user(office, example, secret, [] if number else [Right.MANAGE_PROVIDER], domain="smit.example")


def _create_support_user(password: str) -> None:
    """Create a support user who has chosen a password through the e-mailed link."""
    user = support.actions.create_support_user(
        SUPPORT_USERNAME, initials="S.", prefix="", last_name="Hulst", email="s.hulst@loket.example", by=_OPERATOR
    )
    authentication.actions.reset_password(user.password_resets.get(), password=password, by=_build_actor(user))
    now = timezone.now()
    Message.objects.filter(user_id=user.pk).update(
        state=Message.State.SENT, encrypted_body=None, attempts=1, sent_at=now
    )


def _invite_user(office: Provider, example: ExampleUser, domain: str = "devries.example") -> User:
    """Invite a user, backdated so that the example does not use up the hourly limit on invitations."""
    user = invitations.actions.invite_user(
        office, details=example.details(domain), mobile_number=example.mobile, by=_OPERATOR
    )
    sent_at = timezone.now() - timedelta(hours=example.invited_hours_ago)
    Invitation.objects.filter(user=user).update(sent_at=sent_at)
    Message.objects.filter(user_id=user.pk).update(created_at=sent_at)
    return user


def _build_actor(user: User) -> Actor:
    return Actor(EventOrigin.PAGE, name=user.full_name, user=user, proof=ReauthenticationLevel.FIVE_MINUTES)


def _create_accepted_user(
    office: Provider,
    example: ExampleUser,
    password: str,
    rights: Iterable[Right] = (),
    *,
    domain: str = "devries.example",
) -> User:
    """Create a user through the whole invitation: e-mail, code, username and password."""
    user = _invite_user(office, example, domain)
    teams.actions.set_individual_rights(user, rights, by=_OPERATOR)
    _verify_phone(user.invitation)
    user = invitations.acceptance.accept_invitation(
        user.invitation, browser=_BROWSER_ID, username=example.username, password=password, by=_build_actor(user)
    )
    if example.device:
        _add_authenticator_app(user)
    _set_delivery_state(user)
    _backdate_user(user, days=example.days, seen=example.seen)
    return user


def _add_authenticator_app(user: User) -> None:
    """Set up two-factor with an authenticator app that does not exist."""
    offer = TotpEnrollment.generate()
    code = f"{hotp(offer.secret, totp.get_current_step()):06d}"
    authentication.mfa.actions.add_authenticator_app(user, offer, name="Telefoon", code=code, by=_build_actor(user))


def _backdate_user(user: User, *, days: int, seen: int | None = None) -> None:
    """Backdate the creation of a user by `days`, and the last login to `seen` days ago."""
    now = timezone.now()
    began = now - timedelta(days=days, hours=3)
    last_login = None if seen is None else now - timedelta(days=seen, hours=2, minutes=days % 60)
    User.objects.filter(pk=user.pk).update(
        created_at=began, accepted_at=began + timedelta(hours=2), last_login=last_login
    )


def _set_delivery_state(user: User, state: Message.State = Message.State.SENT) -> None:
    error = {Message.State.BOUNCED: "550 5.1.1 mailbox unknown", Message.State.FAILED: "451 4.4.1 no answer"}
    sent_at = user.invitation.sent_at
    Message.objects.filter(user_id=user.pk).update(
        state=state,
        created_at=sent_at,
        encrypted_body=None,
        attempts=1,
        sent_at=None if state == Message.State.FAILED else sent_at + timedelta(seconds=4),
        error=error.get(state, ""),
    )


def _decrypt_body(message: Message) -> dict[str, str]:
    body: dict[str, str] = json.loads(
        encryption.decrypt(bytes(message.encrypted_body or b""), context=message.encryption_context)
    )
    return body


def _request_code(invitation: Invitation) -> str:
    """Request a code through the link in the e-mail; return the code."""
    found = re.search(r"/uitnodiging/([\w-]+)/", _decrypt_body(invitation.message)["text"])
    token = found[1] if found else ""
    invitations.acceptance.send_code(invitation, token=token, browser=_BROWSER_ID, by=_build_actor(invitation.user))
    return _decrypt_body(invitation.codes.latest("sent_at").message)["text"][:6]


def _verify_phone(invitation: Invitation) -> None:
    code = _request_code(invitation)
    invitations.acceptance.check_code(invitation, code=code, browser=_BROWSER_ID, by=_build_actor(invitation.user))


def _lock_invitation(invitation: Invitation) -> None:
    """Enter wrong codes until the invitation locks."""
    while invitation.state == Invitation.State.OPEN:
        right = _request_code(invitation)
        wrong = "111111" if right != "111111" else "222222"
        for _try in range(5):
            invitations.acceptance.check_code(
                invitation, code=wrong, browser=_BROWSER_ID, by=_build_actor(invitation.user)
            )
        invitation.refresh_from_db()


def _create_user_in_status(office: Provider, example: ExampleUser, status: ExampleStatus, unknown: str) -> None:
    """Create a user in `status`. An open invitation keeps its e-mail in the outbox, so that it can be accepted."""
    if status in (ExampleStatus.BLOCKED, ExampleStatus.ENDED):
        _end_access(_create_accepted_user(office, example, unknown), status)
        return
    user = _invite_user(office, example)
    invitation = user.invitation
    if status == ExampleStatus.BOUNCED:
        _set_delivery_state(user, Message.State.BOUNCED)
    elif status == ExampleStatus.FAILED:
        _set_delivery_state(user, Message.State.FAILED)
    elif status == ExampleStatus.REVOKED:
        invitations.actions.revoke_invitation(user, by=_OPERATOR)
    elif status == ExampleStatus.EXPIRED:
        _set_delivery_state(user)
        Invitation.objects.filter(user=user).update(expires_at=timezone.now() - timedelta(hours=5))
    elif status in (ExampleStatus.OPENED, ExampleStatus.CODE_SENT):
        _request_code(invitation)
        _set_delivery_state(user)
        if status == ExampleStatus.OPENED:
            an_hour_ago = timezone.now() - timedelta(hours=1)
            invitation.codes.update(sent_at=an_hour_ago, expires_at=an_hour_ago + timedelta(minutes=10))
    elif status == ExampleStatus.LOCKED:
        _lock_invitation(invitation)
        _set_delivery_state(user)
    elif status == ExampleStatus.REFUSED:
        _fail_acceptance(office, user, example)


def _fail_acceptance(office: Provider, user: User, example: ExampleUser) -> None:
    """Make acceptance fail: the last sender may not grant a right that the invited user gets afterwards."""
    sender = User.objects.get(provider=office, username="s.bakker")
    invitations.actions.resend_invitation(user, mobile_number=example.mobile, email=user.email, by=_build_actor(sender))
    teams.actions.give_individual_rights([user], [Right.VIEW_AUDIT], by=_OPERATOR)
    with suppress(SenderNotAuthorized):
        _request_code(Invitation.objects.get(user=user))
    _set_delivery_state(user)
    notice = Message.objects.filter(provider_id=office.pk, kind="invitation_refused")
    notice.update(state=Message.State.SENT, encrypted_body=None, attempts=1, sent_at=timezone.now())


def _end_access(user: User, status: ExampleStatus) -> None:
    if status == ExampleStatus.BLOCKED:
        users.actions.block_user(user, by=_OPERATOR)
    else:
        yesterday: date = timezone.localdate() - timedelta(days=1)
        details = UserDetails(access_until=yesterday)
        users.actions.edit_user(user, details=details, email=user.email, version=user.version, by=_OPERATOR)
