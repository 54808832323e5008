"""Execution of a departure: the existing actions, all or nothing."""

import invitations.actions
import notifications.actions
import teams.actions
import users.actions
from accounts.models import User
from accounts.user_details import UserDetails
from audit.actors import Actor, action
from core.errors import EditConflict
from departures.plans import DepartureChoices, DeparturePlan, build_plan
from oauth import consents
from permissions import checks
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right


@action()
def complete_departure(user: User, choices: DepartureChoices, *, shown: str, by: Actor) -> DeparturePlan:
    """Hand over and end what `choices` say, then set the end date or block the user, in one transaction.

    `shown` is the digest of the plan that was confirmed. Raises EditConflict if it is another plan by now,
    PermissionDenied as each of the actions does, LastAdministrator.
    """
    lock_and_authorize(user.provider_id, by, Right.MANAGE_USERS)
    checks.require_authority_over(by, user)
    user = User.objects.select_related("provider").get(pk=user.pk)
    plan = build_plan(user, choices)
    if plan.digest != shown:
        raise EditConflict
    if choices.successor is not None and choices.teams:
        teams.actions.change_teams(choices.successor, add=choices.teams, by=by)
    _end_what_is_open(plan, by)
    if choices.access_until is None:
        users.actions.block_user(user, by=by)
    else:
        details = UserDetails(access_until=choices.access_until)
        users.actions.edit_user(user, details=details, email=user.email, version=user.version, by=by)
    return plan


def _end_what_is_open(plan: DeparturePlan, by: Actor) -> None:
    found, choices = plan.situation, plan.choices
    if found.own_invitation is not None and choices.access_until is None:
        invitations.actions.revoke_invitation(plan.user, by=by)
    for invitation in found.sent_invitations if choices.revokes_invitations else ():
        invitations.actions.revoke_invitation(invitation.user, by=by)
    for consent in found.consents if choices.ends_integrations else ():
        consents.revoke_consent(plan.user, consent.pk, by=by)
    if choices.clears_notifications:
        notifications.actions.clear_user_overrides(plan.user, by=by)
