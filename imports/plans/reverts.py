"""Revert an applied plan with a new plan, which is reviewed and applied as any other."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import LoginMethod, Provider, User
from audit.actors import Actor
from audit.changes import Changes
from core.keys import compute_name_key
from imports.files import team_rows
from imports.files.team_rows import TeamFileContents, TeamFileRow
from imports.files.user_columns import USER_COLUMN_LABELS
from imports.files.user_rows import BATCH_ROWS, ExistingUserRow, UserWithAccess, select_with_access
from imports.plans.office_lookup import OfficeLookup
from imports.plans.plan import Plan, PlanItem, ProgressCallback, ignore_progress
from imports.plans.rendering import get_email_label
from imports.plans.team_plans import add_items_with_impact, get_team_rights, get_team_values, has_losses
from imports.plans.user_changes import UserChange
from imports.plans.user_diff import DETAIL_FIELDS, convert_to_plan_value
from imports.plans.user_plans import UserPlanner
from invitations.models import Invitation
from notifications import preferences
from notifications.preference_text import serialize_overrides
from permissions.catalog import rights_from_codes
from permissions.effective import InactiveReason

_REVERTIBLE_FIELDS = (*DETAIL_FIELDS, "teams", "individual_rights", "signals", "blocked")
_LOGIN_FIELDS = ("login_method", "username", "external_tenant", "external_user_id")


def _swap_changes(changes: Changes, present: dict[str, Any]) -> tuple[Changes, list[str]]:
    """Return the changes that restore the old values, and the fields that were changed since."""
    swapped = {name: [new, old] for name, (old, new) in changes.items() if present[name] == new}
    return swapped, [name for name, change in changes.items() if present[name] not in change]


def plan_user_revert(
    provider: Provider, items: Iterable[PlanItem], *, by: Actor, progress: ProgressCallback = ignore_progress
) -> Plan:
    """Return the plan that restores the rights that users had before the plan with `items` was applied.

    Created users lose their teams and rights, and are blocked, or their invitation revoked if nobody opened it. Sent
    e-mails cannot be recalled. Fields changed since are reported as faults.
    """
    plan = Plan(provider.pk, "users")
    planner, remaining = UserPlanner(provider, by, plan), iter(items)
    while batch := list(islice(remaining, BATCH_ROWS)):
        users = User.objects.filter(provider=provider, pk__in=[item["id"] for item in batch])
        users_by_id = {str(user.pk): user for user in select_with_access(users).select_related("invitation__message")}
        rows = [ExistingUserRow(item["row"], {}, name=item["name"]) for item in batch]
        changes = [
            _revert_user(row, item, users_by_id.get(str(item["id"])), planner, plan)
            for row, item in zip(rows, batch, strict=True)
        ]
        planner.add_changes([change for change in changes if change is not None], rows)
        progress(len(batch))
    planner.check_whole_plan()
    return plan


def _revert_user(
    row: ExistingUserRow, item: PlanItem, user: UserWithAccess | None, planner: UserPlanner, plan: Plan
) -> UserChange | None:
    if user is None:
        row.add_problem("id", _("%(name)s no longer exists.") % {"name": item["name"]})
        return None
    revertible = _get_changes_to_revert(item, user)
    is_sent = "invitation_revoked" not in revertible or not user.invitation.message.is_scheduled
    for mail in item.get("mails", []) if is_sent else ():
        plan.notices[_("E-mails already sent cannot be undone (%(kind)s).") % {"kind": get_email_label(mail)}] += 1
    for team in revertible.get("teams", [[]])[0]:
        if compute_name_key(team) not in planner.office.teams:
            row.add_problem("teams", _("Team “%(name)s” does not exist. Create it first.") % {"name": team})
    changes, changed_since = _swap_changes(revertible, {name: _get_user_value(user, name) for name in revertible})
    for name in changed_since:
        message = _("%(what)s of %(name)s has been changed since. Undo this manually.")
        row.add_problem(name, message % {"what": USER_COLUMN_LABELS[name], "name": user.full_name})
    tenant = changes.get("external_tenant", [None, None])[1]
    if tenant is not None and tenant not in planner.office.tenants:
        message = _("This tenant cannot be used: it has been removed or is not confirmed.")
        row.add_problem("external_tenant", message)
    if not changes or row.problems:
        return None
    reverted = PlanItem(row=item["row"], id=str(user.pk), name=user.list_name, is_new=False, changes=changes, mails=[])
    if "blocked" in changes:
        reverted["mails"] = ["blocked" if changes["blocked"][1] else "unblocked"]
    return planner.build_change(row, reverted, user)


def _get_changes_to_revert(item: PlanItem, user: User) -> Changes:
    """Return [old, new] of each field to revert.

    Also blocks users whom the plan gave access for the first time. Those who never opened their invitation have had
    none: it is revoked, and no e-mail tells them about an account.
    """
    changes, block = item["changes"], {"blocked": [True, False]}
    kind = changes.get("login_method", [None, None])[1]
    if item["is_new"]:
        access: Changes = {name: [[], changes[name][1]] for name in ("teams", "individual_rights") if name in changes}
        is_unopened = user.accepted_at is None and hasattr(user, "invitation") and user.invitation.opened_at is None
        return access | ({"invitation_revoked": [True, False]} if is_unopened else block)
    revertible = {name: changes[name] for name in _REVERTIBLE_FIELDS if name in changes}
    if kind == LoginMethod.WEBSITE_SSO:
        return revertible | {name: changes[name] for name in _LOGIN_FIELDS}
    was_invited = item.get("effect", {}).get("rests", [None])[0] == InactiveReason.INVITED
    return revertible | (block if kind == LoginMethod.AZURE_AD and was_invited else {})


def _get_user_value(user: UserWithAccess, name: str) -> Any:
    if name == "teams":
        return sorted(member.team.name for member in user.membership_rows)
    if name == "individual_rights":
        return sorted(rights_from_codes(row.right for row in user.right_rows))
    if name == "signals":
        return serialize_overrides(preferences.load_overrides(user.setting_rows))
    if name == "blocked":
        return user.blocked_at is not None
    if name == "invitation_revoked":
        return user.invitation.state == Invitation.State.REVOKED
    return convert_to_plan_value(getattr(user, name))


def plan_team_revert(
    provider: Provider, items: Iterable[PlanItem], *, by: Actor, progress: ProgressCallback = ignore_progress
) -> Plan:
    """Return the plan that reverts an applied plan of teams.

    Created teams and employers are kept, without rights.
    """
    plan, contents, office = Plan(provider.pk, "teams"), TeamFileContents(), OfficeLookup(provider)
    reverted = [_revert_team(item, office, contents, plan) for item in items if item["changes"]]
    add_items_with_impact(plan, provider, [item for item in reverted if item], contents, by, progress)
    return plan


def _revert_team(item: PlanItem, office: OfficeLookup, contents: TeamFileContents, plan: Plan) -> PlanItem | None:
    row, present = TeamFileRow(item["row"], item["name"]), _get_team_or_employer_values(item, office)
    if present is None:
        contents.add_fault(row, "id", _("%(name)s no longer exists.") % {"name": item["name"]})
        return None
    if item["is_new"]:
        plan.notices[_("Created teams and employers remain, but no longer grant anything.")] += 1
    revertible = {
        name: [[] if old is None else old, new]
        for name, (old, new) in item["changes"].items()
        if not item["is_new"] or name in ("employers", "rights")
    }
    changes, changed_since = _swap_changes(revertible, present)
    for name in changed_since:
        message = _("%(what)s of %(name)s has been changed since. Undo this manually.")
        contents.add_fault(row, name, message % {"what": team_rows.get_column_label(name), "name": item["name"]})
    if not changes:
        return None
    return item | PlanItem(is_new=False, changes=changes, has_losses=has_losses(changes))


def _get_team_or_employer_values(item: PlanItem, office: OfficeLookup) -> dict[str, Any] | None:
    """Return the current values of a team or employer, None when it was deleted."""
    if item["kind"] == "employer":
        employer = next((each for each in office.employers.values() if str(each.pk) == item["id"]), None)
        return {"name": employer.name, "products": employer.products} if employer else None
    team = next((team for team in office.teams.values() if str(team.pk) == item["id"]), None)
    return get_team_values(team) | {"rights": sorted(get_team_rights(team))} if team else None
