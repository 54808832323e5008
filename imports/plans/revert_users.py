"""Revert an applied plan of users with a new plan, which is reviewed and applied as any other."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import LoginMethod, Provider, User
from audit.actors import Actor
from audit.changes import Changes
from imports.files.user_columns import USER_COLUMN_LABELS
from imports.files.user_rows import BATCH_ROWS, ExistingUserRow, UserRow
from imports.plans.plan import Plan, PlanItem, ProgressCallback, ignore_progress
from imports.plans.rendering import get_email_label
from imports.plans.user_diff import DETAIL_FIELDS, convert_to_plan_value
from imports.plans.user_plans import OfficeLookup, PlanStep, UserPlanner, snapshot_before_and_after
from notifications import preferences
from notifications.preference_text import serialize_overrides
from permissions.catalog import rights_from_codes
from permissions.effective import InactiveReason

_REVERTIBLE_FIELDS = (*DETAIL_FIELDS, "teams", "individual_rights", "signals", "blocked")
_LOGIN_FIELDS = ("login_method", "username", "external_tenant", "external_user_id")


def plan_user_revert(
    provider: Provider, items: Iterable[PlanItem], *, by: Actor, progress: ProgressCallback = ignore_progress
) -> Plan:
    """Return the plan that restores the rights that users had before the plan with `items` was applied.

    Created users are blocked and lose their teams and rights. Sent e-mails cannot be recalled. Fields changed since are
    reported as faults.
    """
    made = Plan(provider.pk, "users")
    planner, office = UserPlanner(OfficeLookup(provider), by, made), OfficeLookup(provider)
    waiting = iter(items)
    while batch := list(islice(waiting, BATCH_ROWS)):
        people = (
            User.objects.filter(provider=provider, pk__in=[item["id"] for item in batch])
            .select_related("provider", "external_tenant")
            .prefetch_related("memberships__team", "individual_rights", "signal_settings")
        )
        known_people = {str(user.pk): user for user in people}
        rows, steps = [], []
        for item in batch:
            wanted, step = _revert_item(item, known_people.get(str(item["id"])), office, made)
            rows.append(wanted)
            steps += [step] if step is not None else []
        planner.add_steps(steps, rows)
        progress(len(batch))
    planner.check_whole_plan()
    return made


def _revert_item(
    item: PlanItem, user: User | None, office: OfficeLookup, plan: Plan
) -> tuple[UserRow, PlanStep | None]:
    wanted = ExistingUserRow(item["row"], {}, name=item["name"])
    if user is None:
        wanted.add_problem("id", _("%(name)s no longer exists.") % {"name": item["name"]})
        return wanted, None
    for mail in item.get("mails", []):
        plan.notices[_("E-mails already sent cannot be undone (%(kind)s).") % {"kind": get_email_label(mail)}] += 1
    revertible = _get_changes_to_revert(item)
    changes = {}
    for name, (old, new) in revertible.items():
        present = _get_current_value(user, name)
        if name == "teams":
            for team in old:
                if team.casefold() not in office.teams:
                    wanted.add_problem("teams", _("Team “%(name)s” does not exist. Create it first.") % {"name": team})
        if present == new:
            changes[name] = [new, old]
        elif present != old:
            wanted.add_problem(name, _("%(what)s of %(name)s has been changed since. Undo this manually.")
                          % {"what": USER_COLUMN_LABELS[name], "name": user.full_name})  # fmt: skip
    if not changes or wanted.problems:
        return wanted, None
    turned = PlanItem(row=item["row"], id=str(user.pk), name=user.list_name, is_new=False, changes=changes, mails=[])
    if "blocked" in changes:
        turned["mails"] = ["blocked" if changes["blocked"][1] else "unblocked"]
    before, after = snapshot_before_and_after(user, turned, office)
    return wanted, PlanStep(wanted, turned, user, before, after)


def _get_changes_to_revert(item: PlanItem) -> Changes:
    """Return [old, new] of each field to revert.

    Also blocks users whom the plan gave access for the first time.
    """
    changes, block = item["changes"], {"blocked": [True, False]}
    kind = changes.get("login_method", [None, None])[1]
    if item["is_new"]:
        return {name: [[], changes[name][1]] for name in ("teams", "individual_rights") if name in changes} | block
    revertible = {name: changes[name] for name in _REVERTIBLE_FIELDS if name in changes}
    if kind == LoginMethod.WEBSITE_SSO:
        return revertible | {name: changes[name] for name in _LOGIN_FIELDS}
    was_invited = item.get("effect", {}).get("rests", [None])[0] == InactiveReason.INVITED
    return revertible | (block if kind == LoginMethod.AZURE_AD and was_invited else {})


def _get_current_value(user: User, name: str) -> Any:
    if name == "teams":
        return sorted(member.team.name for member in user.memberships.all())
    if name == "individual_rights":
        return sorted(rights_from_codes(row.right for row in user.individual_rights.all()))
    if name == "signals":
        return serialize_overrides(preferences.load_overrides(user.signal_settings.all()))
    if name == "blocked":
        return user.blocked_at is not None
    return convert_to_plan_value(getattr(user, name))
