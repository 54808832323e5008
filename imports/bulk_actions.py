"""Bulk actions on selected users: planned, then applied to the users for whom they are possible."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

import invitations.actions
import teams.actions
from accounts.models import Provider, User
from audit.actors import Actor
from imports.execute import apply_users
from imports.execute.apply_users import REFUSAL_ERRORS, build_plan_refused
from imports.files.user_rows import BATCH_ROWS, ExistingUserRow, UserRow
from imports.plans.plan import JsonLinesFile, Plan, PlanItem, ProgressCallback, ignore_progress
from imports.plans.user_diff import plan_existing_user
from imports.plans.user_plans import OfficeLookup, PlanStep, UserPlanner, snapshot_before_and_after
from invitations.models import Invitation
from outbox import message_limits
from outbox.message_limits import MessageLimitReached
from permissions import checks
from permissions.models import Team


class BulkAction(models.TextChoices):
    BLOCK = "block", gettext_lazy("Block")
    UNBLOCK = "unblock", gettext_lazy("Unblock")
    JOIN = "join", gettext_lazy("Add to team")
    LEAVE = "leave", gettext_lazy("Remove from team")
    TWO_FACTOR = "two_factor", gettext_lazy("Require two-factor")
    SET_END_DATE = "end", gettext_lazy("Set end date")
    RESEND = "resend", gettext_lazy("Resend invitation")


TEAM_ACTIONS = (BulkAction.JOIN, BulkAction.LEAVE)


@dataclass
class BulkActionRequest:
    """A bulk action on users: `ids` are in list order; `numbers` maps an ID to a mobile number in E.164."""

    act: str
    ids: list[str]
    team: str = ""
    until: str = ""
    numbers: dict[str, str] = field(default_factory=dict)

    def serialize(self) -> bytes:
        """Serialize for encrypted storage."""
        return json.dumps(asdict(self)).encode()


def parse_request(content: bytes) -> BulkActionRequest:
    """Parse a serialized bulk action."""
    return BulkActionRequest(**json.loads(content))


def plan_bulk_action(
    provider: Provider, bulk_action: BulkActionRequest, *, by: Actor, progress: ProgressCallback = ignore_progress
) -> Plan:
    """Return the plan of `bulk_action` when `by` applies it; users for whom it is not possible are among the faults."""
    made = Plan(provider.pk, "several", invite=bulk_action.act == BulkAction.RESEND)
    office = OfficeLookup(provider)
    planner, action_planner = UserPlanner(office, by, made), _BulkActionPlanner(provider, bulk_action, by, made)
    for start in range(0, len(bulk_action.ids), BATCH_ROWS):
        steps: list[PlanStep] = []
        rows: list[UserRow] = []
        for wanted, user in action_planner.iterate_users(start):
            rows.append(wanted)
            if (item := action_planner.plan_item(wanted, user)) is not None:
                steps.append(PlanStep(wanted, item, user, *snapshot_before_and_after(user, item, office)))
        planner.add_steps(steps, rows)
        progress(min(BATCH_ROWS, len(bulk_action.ids) - start))
    planner.check_whole_plan()
    return made


class _BulkActionPlanner:
    """Plans a bulk action user by user."""

    def __init__(self, provider: Provider, bulk_action: BulkActionRequest, by: Actor, made: Plan) -> None:
        self._provider, self._bulk_action, self._by, self._plan = provider, bulk_action, by, made
        self._team = get_team(provider, bulk_action)
        self._refused: dict[str, MessageLimitReached] = {}  # e-mail addresses in the batch that reached a mail limit

    def iterate_users(self, start: int) -> Iterable[tuple[ExistingUserRow, User]]:
        """Yield the existing users of the batch that begins at `start`."""
        ids = self._bulk_action.ids[start : start + BATCH_ROWS]
        found = (
            User.objects.filter(provider=self._provider, pk__in=ids)
            .select_related("provider", "external_tenant", "invitation", "email_change")
            .prefetch_related("memberships__team", "individual_rights", "signal_settings")
        )
        people = {str(user.pk): user for user in found}
        if self._bulk_action.act == BulkAction.RESEND:
            self._refused = message_limits.find_limited_recipients(user.email for user in people.values())
        for number, id_ in enumerate(ids, start=start + 1):
            if id_ in people:
                yield ExistingUserRow(number, {}, name=people[id_].list_name), people[id_]
            else:
                self._plan.notices[_("A selected user no longer exists.")] += 1

    def plan_item(self, wanted: ExistingUserRow, user: User) -> PlanItem | None:
        """Return the item of a user, None when nothing changes or the action is not possible."""
        if self._bulk_action.act == BulkAction.RESEND:
            return self._plan_resend(wanted, user)
        if self._bulk_action.team and self._team is None:
            wanted.add_problem("teams", _("This team no longer exists."))
            return None
        wanted.values = self._build_values(user)
        made = plan_existing_user(wanted, user, self._plan)
        if not made["changes"] and not wanted.problems:
            self._plan.notices[_("No change: this is already the case.")] += 1
        return None if wanted.problems or not made["changes"] else made

    def _build_values(self, user: User) -> dict[str, Any]:
        match self._bulk_action.act:
            case BulkAction.BLOCK | BulkAction.UNBLOCK:
                return {"blocked": self._bulk_action.act == BulkAction.BLOCK}
            case BulkAction.TWO_FACTOR:
                return {"two_factor_required": True}
            case BulkAction.SET_END_DATE:
                return {"access_until": date.fromisoformat(self._bulk_action.until)}
        team = {self._team.name} if self._team else set()
        names = {member.team.name for member in user.memberships.all()}
        return {"teams": sorted(names | team if self._bulk_action.act == BulkAction.JOIN else names - team)}

    def _plan_resend(self, wanted: ExistingUserRow, user: User) -> PlanItem | None:
        reason = get_resend_refusal(user) or _get_authority_refusal(user, self._by)
        if not reason and str(user.pk) not in self._bulk_action.numbers:
            reason = _("No mobile number was entered. Numbers are not stored, so enter it again.")
        if not reason and user.email in self._refused:
            reason = str(self._refused[user.email])
        if reason:
            wanted.add_problem("mobile_number", reason)
            return None
        changes = {"invitation": [user.invitation.sent_at.isoformat(), "again"]}
        name, id_ = user.list_name, str(user.pk)
        return PlanItem(row=wanted.row, id=id_, name=name, is_new=False, changes=changes, mails=["invitation"])


def get_team(provider: Provider, bulk_action: BulkActionRequest) -> Team | None:
    """Return the team of a bulk action, None when it has none or the team was deleted."""
    return Team.objects.filter(provider=provider, pk=UUID(bulk_action.team)).first() if bulk_action.team else None


def get_resend_refusal(user: User) -> str:
    """Return why the invitation of `user` cannot be sent again, '' when it can."""
    if not user.is_website_user:
        return _("Only users via website and SSO can be invited.")
    if user.accepted_at is not None:
        return _("The invitation has already been accepted.")
    if user.blocked_at is not None or user.has_ended():
        message = _("%(name)s is blocked, or the last day of access has passed. Change that first.")
        return message % {"name": user.full_name}
    if not hasattr(user, "invitation") or user.invitation.state == Invitation.State.ACCEPTED:
        return _("There is no invitation to resend.")
    return ""


def _get_authority_refusal(user: User, by: Actor) -> str:
    try:
        checks.require_authority_over(by, user)
    except PermissionDenied as error:
        return str(error)
    return ""


def apply_bulk_action(
    provider: Provider,
    made: Plan,
    bulk_action: BulkActionRequest,
    *,
    by: Actor,
    progress: ProgressCallback = ignore_progress,
) -> JsonLinesFile:
    """Apply the plan of `bulk_action`, all or nothing; return its items.

    The caller holds the lock on the office. Raises PlanRefused.
    """
    if bulk_action.act not in (*TEAM_ACTIONS, BulkAction.RESEND):
        return apply_users.apply_user_plan(provider, made, by=by, progress=progress)
    done, items = JsonLinesFile(), list(made.items)
    people = User.objects.select_related("provider", "invitation").in_bulk([UUID(item["id"] or "") for item in items])
    try:
        if bulk_action.act == BulkAction.RESEND:
            with message_limits.batch_charges():
                for item in items:
                    _resend_invitation(people[UUID(item["id"] or "")], item, bulk_action, by)
                    progress(1)
        elif items and (team := get_team(provider, bulk_action)) is not None:
            add, remove = (list(people.values()) if bulk_action.act == act else [] for act in TEAM_ACTIONS)
            teams.actions.change_members(team, add=add, remove=remove, by=by)
    except REFUSAL_ERRORS as error:
        raise build_plan_refused(error) from error
    done.add(items)
    return done


def _resend_invitation(user: User, item: PlanItem, bulk_action: BulkActionRequest, by: Actor) -> None:
    number, before = bulk_action.numbers[str(user.pk)], item["changes"]["invitation"][0]
    invitations.actions.resend_invitation(user, mobile_number=number, email=user.email, before=before, by=by)
