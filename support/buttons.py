"""Buttons of the support admin; a page shows only those that have an effect there."""

from typing import NamedTuple
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import ExternalTenant, Provider, User
from invitations.models import Invitation
from teams.rights import Help
from webservice.models import Application


class Button(NamedTuple):
    """Label, and URL of the page that asks for a reason."""

    label: str
    url: str


def for_person(user: User) -> list[Button]:
    invitation = Invitation.objects.filter(user=user).first()
    is_invited = invitation is not None and user.accepted_at is None
    wanted = {
        Help.RESET_FACTORS: user.second_factor_at is not None,
        Help.LOOK_ALONG: user.may_sign_in and user.provider.support_may_look,
        Help.END_SESSIONS: user.may_sign_in,
        Help.BLOCK: user.blocked_at is None,
        Help.UNBLOCK: user.blocked_at is not None,
        Help.RESEND: is_invited and user.blocked_at is None,
        Help.REVOKE: is_invited and invitation is not None and invitation.state != Invitation.State.REVOKED,
    }
    return [_button(help, user.pk) for help, fits in wanted.items() if fits]


def for_tenant(tenant: ExternalTenant) -> list[Button]:
    return [] if tenant.proved_at else [_button(Help.CONFIRM_TENANT, tenant.pk)]


def for_office(provider: Provider) -> list[Button]:
    return [_button(Help.REOPEN_OFFICE if provider.closed_at else Help.CLOSE_OFFICE, provider.pk)]


def for_offices() -> list[Button]:
    return [Button(str(Help.CREATE_OFFICE.label), reverse("support:new_office"))]


def for_program(application: Application) -> list[Button]:
    """Return the buttons for `application`; an office edits its own applications itself."""
    switch = _button(Help.SWITCH_OFF if application.is_usable() else Help.SWITCH_ON, application.pk)
    if application.provider_id is not None:
        return [switch]
    secret = Button(_("New secret"), reverse("support:partner_secret", args=[application.pk]))
    return [_button(Help.PARTNERS, application.pk), secret, switch]


def for_programs() -> list[Button]:
    return [Button(_("Add partner"), reverse("support:new_partner"))]


def _button(help: Help, id: UUID) -> Button:
    return Button(str(help.label), reverse("support:help", args=[help.value, id]))
