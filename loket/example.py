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

import accounts.actions
import accounts.kinds
import accounts.tenants
import invitations.accepting
import invitations.actions
import signin.actions
import signin.factors.actions
import support.actions
import teams.actions
from accounts.actions import Details
from accounts.models import Provider, User
from audit.actors import Actor, Origin, Proof, operator
from invitations.accepting import NotVouchedFor
from invitations.models import Invitation
from loket import example_signals, example_teams, sealing
from loket.example_people import ACCEPTED, AZURE, INVITED, SMIT, WEBSERVICE, Person, Status
from outbox.models import Message
from signin.factors import totp
from signin.factors.totp import Offer
from teams.rights import Right

OFFICE = "Administratiekantoor De Vries"
OTHER_OFFICE = "Kantoor Smit"
ADMINISTRATOR = Person("M.", "", "Vermeer", "Utrecht", first_name="Maria", seen=0)
SUPPORT = "support"
WEBSERVICE_USERNAME = "webservice-de-vries"
WEBSERVICE_RIGHTS = (Right.VIEW_USERS, Right.VIEW_TEAMS, Right.VIEW_AUDIT, Right.MANAGE_USERS)
_BY = operator("demo")
_BROWSER = "example"


def ensure(password: str) -> User:
    """Create both example offices and a support user unless offices exist; return the first administrator.

    `password` is set for the two administrators and the support user. Raises User.DoesNotExist in a database with
    other offices.
    """
    with transaction.atomic():
        if not Provider.objects.exists():
            _make_de_vries(password)
            _make_smit(password)
            _make_support(password)
    administrator: User = User.objects.select_related("provider").get(username_key=ADMINISTRATOR.username)
    return administrator


def _make_de_vries(password: str) -> None:
    office = accounts.actions.create_provider(OFFICE, two_factor_managers=False, by=_BY)
    _let_in(office, ADMINISTRATOR, password, [Right.MANAGE_PROVIDER])
    unknown = _password_of_nobody()
    for person, rights in ACCEPTED:
        _let_in(office, person, unknown, rights)
    for person, status in INVITED:
        _invite_to_status(office, person, status, unknown)
    for name, email, username in WEBSERVICE:
        details = Details(initials="ICT", last_name=name, email=email)
        user = accounts.kinds.create_webservice_user(
            office, details=details, username=username, password=unknown, by=_BY
        )
        _age(user, days=200)
        User.objects.filter(pk=user.pk).update(password_changed_at=timezone.now() - timedelta(days=200))
    _make_azure(office)
    example_teams.make(office, by=_BY)
    example_signals.make(office, by=_BY)
    invitations.actions.expire_due()


def ensure_webservice(provider: Provider, password: str) -> User:
    """Return the SSO/Webservice user for trying the web service, creating it if needed."""
    known = User.objects.filter(username_key=WEBSERVICE_USERNAME).first()
    if known is not None:
        return known
    details = Details(initials="API", last_name="Webservice", email="webservice@devries.example")
    user = accounts.kinds.create_webservice_user(
        provider, details=details, username=WEBSERVICE_USERNAME, password=password, by=_BY
    )
    teams.actions.set_individual_rights(user, WEBSERVICE_RIGHTS, by=_BY)
    return user


def _password_of_nobody() -> str:
    return sealing.new_token() + "Aa1!"


def _make_azure(office: Provider) -> None:
    tenant_id = UUID("6f1d7a52-38c4-4f0e-9b57-2a6f0c1f8e11")
    tenant = accounts.tenants.add(office, name="De Vries Groep", tenant_id=tenant_id, by=_BY)
    accounts.tenants.prove(tenant, by=_BY, how="support", reason="Example of the demo")
    for number, person in enumerate(AZURE):
        user = accounts.kinds.create_azure_user(
            office,
            details=person.details("devries.example"),
            username=person.email("devries.example"),
            tenant=tenant,
            external_user_id=UUID(int=0x2B1E9C04_77AD_4C3B_8D10_5E90F2A4C100 + number),
            by=_BY,
        )
        _age(user, days=90, seen=person.seen)


def _make_smit(password: str) -> None:
    office = accounts.actions.create_provider(OTHER_OFFICE, two_factor_managers=False, by=_BY)
    unknown = _password_of_nobody()
    for number, person in enumerate(SMIT):
        secret = unknown if number else password
        _let_in(office, person, secret, [] if number else [Right.MANAGE_PROVIDER], domain="smit.example")


def _make_support(password: str) -> None:
    """Create a support user who has chosen a password through the emailed link."""
    user = support.actions.create(
        SUPPORT, initials="S.", prefix="", last_name="Hulst", email="s.hulst@loket.example", by=_BY
    )
    signin.actions.reset_password(user.password_resets.get(), password=password, by=_self(user))
    now = timezone.now()
    Message.objects.filter(user_id=user.pk).update(state=Message.State.SENT, sealed_body=None, attempts=1, sent_at=now)


def _invite(office: Provider, person: Person, domain: str = "devries.example") -> User:
    """Invite a user, backdated so that the example does not use up the hourly limit on invitations."""
    user = invitations.actions.invite(office, details=person.details(domain), mobile_number=person.mobile, by=_BY)
    sent_at = timezone.now() - timedelta(hours=person.hours_ago)
    Invitation.objects.filter(user=user).update(sent_at=sent_at)
    Message.objects.filter(user_id=user.pk).update(created_at=sent_at)
    return user


def _self(user: User) -> Actor:
    return Actor(Origin.PAGE, name=user.full_name, user=user, proof=Proof.FIVE_MINUTES)


def _let_in(
    office: Provider, person: Person, password: str, rights: Iterable[Right] = (), *, domain: str = "devries.example"
) -> User:
    """Create a user through the whole invitation: email, code, username and password."""
    user = _invite(office, person, domain)
    teams.actions.set_individual_rights(user, rights, by=_BY)
    _prove_phone(user.invitation)
    user = invitations.accepting.accept(
        user.invitation, browser=_BROWSER, username=person.username, password=password, by=_self(user)
    )
    if person.device:
        _give_device(user)
    _deliver(user)
    _age(user, days=person.days, seen=person.seen)
    return user


def _give_device(user: User) -> None:
    """Set up two-factor with an authenticator app that does not exist."""
    offer = Offer.new()
    code = f"{hotp(offer.secret, totp.step_now()):06d}"
    signin.factors.actions.add_app(user, offer, name="Telefoon", code=code, by=_self(user))


def _age(user: User, *, days: int, seen: int | None = None) -> None:
    """Backdate the creation of a user by `days`, and the last login to `seen` days ago."""
    now = timezone.now()
    began = now - timedelta(days=days, hours=3)
    last_login = None if seen is None else now - timedelta(days=seen, hours=2, minutes=days % 60)
    User.objects.filter(pk=user.pk).update(
        created_at=began, accepted_at=began + timedelta(hours=2), last_login=last_login
    )


def _deliver(user: User, state: Message.State = Message.State.SENT) -> None:
    """Set the delivery state of every email and SMS to a user."""
    error = {Message.State.BOUNCED: "550 5.1.1 mailbox unknown", Message.State.FAILED: "451 4.4.1 no answer"}
    sent_at = user.invitation.sent_at
    Message.objects.filter(user_id=user.pk).update(
        state=state,
        created_at=sent_at,
        sealed_body=None,
        attempts=1,
        sent_at=None if state == Message.State.FAILED else sent_at + timedelta(seconds=4),
        error=error.get(state, ""),
    )


def _body(message: Message) -> dict[str, str]:
    """Decrypt the body of a message."""
    body: dict[str, str] = json.loads(sealing.unseal(bytes(message.sealed_body or b""), context=message.seal_context))
    return body


def _ask_for_code(invitation: Invitation) -> str:
    """Request a code through the link in the email; return the code."""
    found = re.search(r"/uitnodiging/([\w-]+)/", _body(invitation.message)["text"])
    token = found[1] if found else ""
    invitations.accepting.send_code(invitation, token=token, browser=_BROWSER, by=_self(invitation.user))
    return _body(invitation.codes.latest("sent_at").message)["text"][:6]


def _prove_phone(invitation: Invitation) -> None:
    code = _ask_for_code(invitation)
    invitations.accepting.try_code(invitation, code=code, browser=_BROWSER, by=_self(invitation.user))


def _lock(invitation: Invitation) -> None:
    """Enter wrong codes until the invitation locks."""
    while invitation.state == Invitation.State.OPEN:
        right = _ask_for_code(invitation)
        wrong = "111111" if right != "111111" else "222222"
        for _try in range(5):
            invitations.accepting.try_code(invitation, code=wrong, browser=_BROWSER, by=_self(invitation.user))
        invitation.refresh_from_db()


def _invite_to_status(office: Provider, person: Person, status: Status, unknown: str) -> None:
    """Create a user in `status`. An open invitation keeps its email in the outbox, so that it can be accepted."""
    if status in (Status.BLOCKED, Status.ENDED):
        _leave(_let_in(office, person, unknown), status)
        return
    user = _invite(office, person)
    invitation = user.invitation
    if status == Status.BOUNCED:
        _deliver(user, Message.State.BOUNCED)
    elif status == Status.FAILED:
        _deliver(user, Message.State.FAILED)
    elif status == Status.REVOKED:
        invitations.actions.revoke(user, by=_BY)
    elif status == Status.EXPIRED:
        _deliver(user)
        Invitation.objects.filter(user=user).update(expires_at=timezone.now() - timedelta(hours=5))
    elif status in (Status.OPENED, Status.CODE_SENT):
        _ask_for_code(invitation)
        _deliver(user)
        if status == Status.OPENED:
            an_hour_ago = timezone.now() - timedelta(hours=1)
            invitation.codes.update(sent_at=an_hour_ago, expires_at=an_hour_ago + timedelta(minutes=10))
    elif status == Status.LOCKED:
        _lock(invitation)
        _deliver(user)
    elif status == Status.REFUSED:
        _refuse(office, user, person)


def _refuse(office: Provider, user: User, person: Person) -> None:
    """Make acceptance fail: the last sender may not grant a right that the invited user gets afterwards."""
    sender = User.objects.get(provider=office, username="s.bakker")
    invitations.actions.resend(user, mobile_number=person.mobile, email=user.email, by=_self(sender))
    teams.actions.give_individual_rights([user], [Right.VIEW_AUDIT], by=_BY)
    with suppress(NotVouchedFor):
        _ask_for_code(Invitation.objects.get(user=user))
    _deliver(user)
    told = Message.objects.filter(provider_id=office.pk, kind="invitation_refused")
    told.update(state=Message.State.SENT, sealed_body=None, attempts=1, sent_at=timezone.now())


def _leave(user: User, status: Status) -> None:
    if status == Status.BLOCKED:
        accounts.actions.block(user, by=_BY)
    else:
        yesterday: date = timezone.localdate() - timedelta(days=1)
        details = Details(access_until=yesterday)
        accounts.actions.edit(user, details=details, email=user.email, version=user.version, by=_BY)
