"""Buttons of the support admin; a page shows only those that have an effect there."""

from typing import NamedTuple
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import ExternalTenant, Provider, User
from invitations.models import Invitation
from oauth.models import Application
from permissions.checks import SupportAction


class AdminActionLink(NamedTuple):
    label: str
    url: str


def list_user_actions(user: User) -> list[AdminActionLink]:
    invitation = Invitation.objects.filter(user=user).first()
    is_invited = invitation is not None and user.accepted_at is None
    is_open = invitation is not None and invitation.state != Invitation.State.REVOKED
    links = {
        SupportAction.RESET_MFA: user.second_factor_at is not None,
        SupportAction.IMPERSONATE: user.may_sign_in and user.office.support_may_look,
        SupportAction.END_SESSIONS: user.may_sign_in,
        SupportAction.BLOCK: user.blocked_at is None,
        SupportAction.UNBLOCK: user.blocked_at is not None,
        SupportAction.RESEND_INVITATION: is_invited and user.blocked_at is None,
        SupportAction.REVOKE_INVITATION: is_invited and is_open,
    }
    return [_build_link(support_action, user.pk) for support_action, is_shown in links.items() if is_shown]


def list_tenant_actions(tenant: ExternalTenant) -> list[AdminActionLink]:
    return [] if tenant.confirmed_at else [_build_link(SupportAction.CONFIRM_TENANT, tenant.pk)]


def list_office_actions(provider: Provider) -> list[AdminActionLink]:
    action = SupportAction.REACTIVATE_OFFICE if provider.suspended_at else SupportAction.SUSPEND_OFFICE
    return [_build_link(action, provider.pk)]


def list_office_list_actions() -> list[AdminActionLink]:
    return [AdminActionLink(str(SupportAction.CREATE_OFFICE.label), reverse("support:create_office"))]


def list_application_actions(application: Application) -> list[AdminActionLink]:
    action = SupportAction.DISABLE_INTEGRATION if application.is_usable() else SupportAction.ENABLE_INTEGRATION
    switch = _build_link(action, application.pk)
    if application.provider_id is not None:
        return [switch]
    secret = AdminActionLink(_("New secret"), reverse("support:partner_secret", args=[application.pk]))
    return [_build_link(SupportAction.CHANGE_PARTNER, application.pk), secret, switch]


def list_application_list_actions() -> list[AdminActionLink]:
    return [AdminActionLink(_("Add partner"), reverse("support:create_partner"))]


def _build_link(support_action: SupportAction, pk: UUID) -> AdminActionLink:
    return AdminActionLink(str(support_action.label), reverse("support:action", args=[support_action.value, pk]))
