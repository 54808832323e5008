"""Bulk actions on selected users: planned, then applied to the users for whom they are possible."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, TypedDict
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Provider, User
from accounts.validators import validate_has_access
from audit.actors import Actor
from core.ids import build_min_uuid7
from imports.files.user_rows import BATCH_ROWS, ExistingUserRow, UserWithAccess, select_with_access
from imports.plans.plan import Plan, PlanItem, ProgressCallback, ignore_progress
from imports.plans.user_changes import describe_kept_team
from imports.plans.user_diff import plan_existing_user
from imports.plans.user_plans import UserPlanner
from invitations.models import Invitation
from oauth.models import Consent
from outbox import message_limits
from outbox.message_limits import MessageLimitReached
from permissions import checks
from permissions.catalog import rights_from_codes
from permissions.models import ManagedBy, Team


class BulkAction(models.TextChoices):
    BLOCK = "block", gettext_lazy("Block")
    UNBLOCK = "unblock", gettext_lazy("Unblock")
    JOIN = "join", gettext_lazy("Add to team")
    LEAVE = "leave", gettext_lazy("Remove from team")
    TWO_FACTOR = "two_factor", gettext_lazy("Require two-factor")
    SET_END_DATE = "end", gettext_lazy("Set end date")
    RESEND = "resend", gettext_lazy("Resend invitation")
    REVOKE = "revoke", gettext_lazy("Revoke access")


TEAM_ACTIONS = (BulkAction.JOIN, BulkAction.LEAVE)
LIST_ACTIONS = tuple(act for act in BulkAction if act != BulkAction.REVOKE)  # offered in the list of users


class RevokedPaths(TypedDict):
    """What one user loses: IDs of teams and of integrations, and codes of individual rights.

    What was given since the moment that `since` has for it stays: that was decided later.
    """

    teams: list[str]
    rights: list[str]
    integrations: list[str]
    since: dict[str, str]  # moments in ISO 8601, by ID or code


@dataclass
class BulkActionRequest:
    """A bulk action on users: `ids` are in list order.

    `numbers` maps an ID to a mobile number in E.164, `paths` to what is revoked.
    """

    act: str
    ids: list[str]
    team: str = ""
    until: str = ""
    numbers: dict[str, str] = field(default_factory=dict)
    paths: dict[str, RevokedPaths] = field(default_factory=dict)

    def serialize(self) -> bytes:
        return json.dumps(asdict(self)).encode()


def parse_request(content: bytes) -> BulkActionRequest:
    return BulkActionRequest(**json.loads(content))


def plan_bulk_action(
    provider: Provider, bulk_action: BulkActionRequest, *, by: Actor, progress: ProgressCallback = ignore_progress
) -> Plan:
    """Return the plan of `bulk_action` when `by` applies it; users for whom it is not possible are among the faults."""
    plan = Plan(provider.pk, "several", invite=bulk_action.act == BulkAction.RESEND)
    planner, row_planner = UserPlanner(provider, by, plan), _RowPlanner(provider, bulk_action, by, plan)
    for start in range(0, len(bulk_action.ids), BATCH_ROWS):
        ids = bulk_action.ids[start : start + BATCH_ROWS]
        selected = select_with_access(User.objects.filter(provider=provider, pk__in=ids))
        users = {str(user.pk): user for user in selected}
        if bulk_action.act == BulkAction.RESEND:
            row_planner.limited = message_limits.find_limited_recipients(user.email for user in users.values())
        if bulk_action.act == BulkAction.REVOKE:
            row_planner.consents = _load_consents(users.values())
        rows, changes = [], []
        for number, id_ in enumerate(ids, start=start + 1):
            if id_ not in users:
                plan.notices[_("A selected user no longer exists.")] += 1
                continue
            row, user = ExistingUserRow(number, {}, name=users[id_].list_name), users[id_]
            rows.append(row)
            if (item := row_planner.plan_item(row, user)) is not None:
                secrets = {"mobile_number": bulk_action.numbers.get(id_), "integrations": row_planner.get_ended(user)}
                changes.append(planner.build_change(row, item, user, secrets))
        planner.add_changes(changes, rows)
        progress(len(ids))
    planner.check_whole_plan()
    return plan


def _load_consents(users: Iterable[User]) -> dict[UUID, dict[str, str]]:
    """Return the names of the integrations that act for each user, by their IDs."""
    found: dict[UUID, dict[str, str]] = defaultdict(dict)
    for consent in Consent.objects.filter(user__in=users).select_related("application").order_by("application__name"):
        found[consent.user_id][str(consent.application_id)] = consent.application.name
    return found


class _RowPlanner:
    """Plans what a bulk action changes for each user."""

    def __init__(self, provider: Provider, bulk_action: BulkActionRequest, by: Actor, plan: Plan) -> None:
        self._bulk_action, self._by, self._plan = bulk_action, by, plan
        self._team = (
            Team.objects.filter(provider=provider, pk=UUID(bulk_action.team)).first() if bulk_action.team else None
        )
        self.limited: dict[str, MessageLimitReached] = {}  # e-mail addresses in the batch that reached a limit
        self.consents: Mapping[UUID, dict[str, str]] = {}  # of the users in the batch, see `_load_consents`

    def plan_item(self, row: ExistingUserRow, user: UserWithAccess) -> PlanItem | None:
        """Return the item of a user, None when nothing changes or the action is not possible."""
        if self._bulk_action.act == BulkAction.RESEND:
            return self._plan_resend(row, user)
        if self._bulk_action.team and self._team is None:
            row.add_problem("teams", _("This team no longer exists."))
            return None
        row.values = self._build_values(user)
        item = plan_existing_user(row, user, self._plan)
        if ended := self.get_ended(user):
            before = self.consents[user.pk]
            item["changes"]["integrations"] = [[*before.values()], [before[key] for key in before if key not in ended]]
            self._plan.notices[_("Undoing this does not give integrations their access back.")] += 1
        if not item["changes"] and not row.problems:
            self._plan.notices[_("No change: this is already the case.")] += 1
        return None if row.problems or not item["changes"] else item

    def get_ended(self, user: User) -> list[str]:
        """Return the IDs of the integrations whose access to the user ends."""
        paths = self._bulk_action.paths.get(str(user.pk))
        return [key for key in self.consents.get(user.pk, ()) if paths and key in paths["integrations"]]

    def _build_values_left(self, user: UserWithAccess) -> dict[str, Any]:
        """Return the teams and rights that revoking leaves, and note what was gone already."""
        paths, held = (
            self._bulk_action.paths[str(user.pk)],
            {str(row.team_id): row.team for row in user.membership_rows},
        )
        codes = rights_from_codes(row.right for row in user.right_rows)
        gone = {*paths["teams"]} - held.keys() or {*paths["rights"]} - codes
        if gone or {*paths["integrations"]} - self.consents.get(user.pk, {}).keys():
            self._plan.notices[_("Some of this access was gone already.")] += 1
        stays = {str(row.team_id) for row in user.membership_rows if row.managed_by == ManagedBy.DIRECTORY}
        for key in stays & {*paths["teams"]}:
            self._plan.notices[describe_kept_team(held[key].name)] += 1
        regranted = _find_regranted(paths, user)
        if regranted:
            self._plan.notices[_("Some of this access was given again after that decision, and stays.")] += 1
        ends = {*paths["teams"], *paths["rights"]} - regranted - stays
        return {
            "teams": sorted(team.name for key, team in held.items() if key not in ends),
            "individual_rights": sorted(codes - ends),
        }

    def _build_values(self, user: UserWithAccess) -> dict[str, Any]:
        match self._bulk_action.act:
            case BulkAction.BLOCK | BulkAction.UNBLOCK:
                return {"blocked": self._bulk_action.act == BulkAction.BLOCK}
            case BulkAction.TWO_FACTOR:
                return {"two_factor_required": True}
            case BulkAction.SET_END_DATE:
                return {"access_until": date.fromisoformat(self._bulk_action.until)}
            case BulkAction.REVOKE:
                return self._build_values_left(user)
        team = {self._team.name} if self._team else set()
        names = {member.team.name for member in user.membership_rows}
        return {"teams": sorted(names | team if self._bulk_action.act == BulkAction.JOIN else names - team)}

    def _plan_resend(self, row: ExistingUserRow, user: UserWithAccess) -> PlanItem | None:
        reason = get_resend_refusal(user) or _get_authority_refusal(user, self._by)
        if not reason and str(user.pk) not in self._bulk_action.numbers:
            reason = _("No mobile number was entered. Numbers are not stored, so enter it again.")
        if not reason and user.email in self.limited:
            reason = str(self.limited[user.email])
        if reason:
            row.add_problem("mobile_number", reason)
            return None
        changes = {"invitation": [user.invitation.sent_at.isoformat(), "again"]}
        name, id_ = user.list_name, str(user.pk)
        return PlanItem(row=row.row, id=id_, name=name, is_new=False, changes=changes, mails=["invitation"])


def _find_regranted(paths: RevokedPaths, user: UserWithAccess) -> set[str]:
    """Return which of `paths` the user was given since they were decided about."""
    held = {str(row.team_id): row.pk for row in user.membership_rows}
    held |= {row.right: row.pk for row in user.right_rows}
    moments = {key: datetime.fromisoformat(moment) for key, moment in paths["since"].items()}
    return {key for key, at in moments.items() if key in held and held[key] >= build_min_uuid7(at)}


def get_resend_refusal(user: User) -> str:
    """Return why the invitation of `user` cannot be sent again, '' when it can."""
    if not user.is_website_user:
        return _("Only users via website and SSO can be invited.")
    if user.accepted_at is not None:
        return _("The invitation has already been accepted.")
    try:
        validate_has_access(user)
    except ValidationError as error:
        return error.messages[0]
    if not hasattr(user, "invitation") or user.invitation.state == Invitation.State.ACCEPTED:
        return _("There is no invitation to resend.")
    return ""


def _get_authority_refusal(user: User, by: Actor) -> str:
    try:
        checks.require_authority_over(by, user)
    except PermissionDenied as error:
        return str(error)
    return ""
