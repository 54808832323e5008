"""Set up an office with its default team and first administrator."""

from dataclasses import replace
from typing import NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

import invitations.actions
import teams.actions
import users.actions
from accounts.models import LoginMethod, Provider, User
from accounts.user_details import UserDetails
from audit.actors import Actor
from core.keys import compute_email_key, compute_name_key
from permissions import checks
from permissions.checks import Right, SupportAction
from permissions.models import Team


class OfficeSetup(NamedTuple):
    provider: Provider
    administrator: User
    is_new: bool
    invited: bool


def lock_office_name(name: str) -> Provider | None:
    """Lock the name until the end of the transaction. Raises ValidationError ("several") if offices share it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"office {compute_name_key(name)}"])
    known = list(Provider.objects.filter(name_key=compute_name_key(name)).order_by("pk")[:2])
    if len(known) > 1:
        raise ValidationError(_("Several offices have this name. Use the ID."), code="several")
    return known[0] if known else None


@transaction.atomic
def set_up_office(name: str, *, administrator: UserDetails, mobile_number: str | None, by: Actor) -> OfficeSetup:
    """Create the office `name` with its default team, and invite its first administrator into that team.

    Idempotent: an existing office, default team or user with that address is kept. `mobile_number` is in E.164, and may
    be None when no invitation is needed. Support can set up new offices only. Raises ValidationError when several
    offices have the name ("several"), when support names an existing office ("taken") and when the number is missing
    ("mobile_number"); PermissionDenied unless `by` is the operator, or support that gave a reason.
    """
    known = lock_office_name(name)
    if by.is_support:
        by = _act_as_founder(by, known)
    provider = known or users.actions.create_provider(name, by=by)
    team = _get_or_create_default_team(provider, by)
    invitable_users = User.objects.filter(provider=provider).exclude(login_method=LoginMethod.SSO_WEBSERVICE)
    user = invitable_users.filter(email_key=compute_email_key(administrator["email"])).order_by("pk").first()

    def add_to_team(user: User) -> None:
        teams.actions.change_members(team, add=[user], by=by)

    if (invited := user is None) or user is None:
        if mobile_number is None:
            raise ValidationError(_("Enter the mobile number."), code="mobile_number")
        user = invitations.actions.invite_user(
            provider, details=administrator, mobile_number=mobile_number, by=by, assign_initial_access=add_to_team
        )
    else:
        add_to_team(user)
    return OfficeSetup(provider, user, is_new=known is None, invited=invited)


def _act_as_founder(by: Actor, known: Provider | None) -> Actor:
    """Return support as an actor that may grant anything in the new office. Raises ValidationError if it exists."""
    checks.require_support_user(by, SupportAction.CREATE_OFFICE)
    if known is not None:
        raise ValidationError(_("An office with this name already exists. Choose another name."), code="taken")
    return replace(by, is_office_setup=True)


def _get_or_create_default_team(provider: Provider, by: Actor) -> Team:
    with translation.override(settings.LANGUAGE_CODE):
        name = _("Administration")
    team = Team.objects.filter(provider=provider, name_key=compute_name_key(name)).first()
    if team is None:
        team = teams.actions.create_team(provider, name=name, by=by)
        teams.actions.set_team_rights(team, [Right.MANAGE_PROVIDER], by=by)
    return team
