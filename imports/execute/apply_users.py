"""Apply a plan of users through the same actions as the pages, in one transaction."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from typing import IO, Any, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

import invitations.actions
import notifications.actions
import notifications.sets
import teams.actions
import teams.sets
import users.actions
import users.change_login_method
import users.email_changes
from accounts.locks import lock_provider
from accounts.models import LoginMethod, Provider, User
from accounts.user_details import UserDetails
from audit.actors import Actor
from audit.changes import Changes
from core.errors import EditConflict
from core.throttle import Throttled
from imports.files.budget import COMMAND_LIMITS, FileLimits
from imports.files.user_rows import UserRow, read_user_rows
from imports.plans import user_plans
from imports.plans.plan import JsonLinesFile, Plan, PlanItem, PlanRefused, ProgressCallback, ignore_progress
from imports.plans.user_diff import DETAIL_FIELDS
from imports.plans.user_plans import OfficeLookup
from invitations.actions import InvitationNotOpen
from notifications import preference_text, preferences
from outbox import message_limits
from permissions.catalog import Right
from permissions.checks import LastAdministrator
from permissions.models import Team
from users import bulk_create

REFUSAL_ERRORS = (PermissionDenied, ValidationError, LastAdministrator, EditConflict, InvitationNotOpen, Throttled)
ItemBatches = Iterator[list[tuple[PlanItem, UserRow | None]]]
ReadRows = Callable[[], Iterator[list[UserRow]]]  # reads the rows again


def build_plan_refused(error: Exception) -> PlanRefused:
    """Convert an error raised by an action to PlanRefused."""
    if isinstance(error, ValidationError):
        return PlanRefused(" ".join(error.messages))
    return PlanRefused(str(error) or _("Another user changed this in the meantime. Create the plan again."))


def apply_user_file(
    provider: Provider,
    file: IO[bytes],
    *,
    by: Actor,
    invite: bool,
    digest: str | None = None,
    limits: FileLimits = COMMAND_LIMITS,
    planning: ProgressCallback = ignore_progress,
    progress: ProgressCallback = ignore_progress,
) -> tuple[Plan, JsonLinesFile]:
    """Plan `file` and apply it; return the plan, and its items with the assigned IDs.

    `digest` identifies the plan that was reviewed: a different plan is refused. A plan with faults is returned without
    applying anything. `planning` and `progress` are called with the rows planned and applied. Raises PlanRefused.
    """
    try:
        with transaction.atomic():
            provider = lock_provider(provider.pk)
            plan = user_plans.plan_user_file(provider, file, by=by, invite=invite, limits=limits, progress=planning)
            check_plan(plan, digest)
            if len(plan.faults):
                return plan, JsonLinesFile()
            return plan, _UserPlanApplier(provider, by, plan, _make_row_reader(file, limits), progress).run()
    except REFUSAL_ERRORS as error:
        raise build_plan_refused(error) from error


def check_plan(plan: Plan, digest: str | None) -> None:
    """Raise PlanRefused when the plan differs from the reviewed one with `digest`, or is refused itself."""
    if digest is not None and plan.digest != digest and not plan.is_empty:
        raise PlanRefused(
            _("The office or the file has changed since this plan was created. Create the plan again and review it.")
        )
    if plan.refusal:
        raise PlanRefused(plan.refusal)


def apply_user_plan(
    provider: Provider,
    plan: Plan,
    *,
    by: Actor,
    rows: list[UserRow] | None = None,
    progress: ProgressCallback = ignore_progress,
) -> JsonLinesFile:
    """Apply a plan of existing users, or of users created from `rows`.

    The caller holds the lock on the office. Raises PlanRefused.
    """
    try:
        with transaction.atomic():
            return _UserPlanApplier(provider, by, plan, None if rows is None else lambda: iter([rows]), progress).run()
    except REFUSAL_ERRORS as error:
        raise build_plan_refused(error) from error


def _make_row_reader(file: IO[bytes], limits: FileLimits) -> ReadRows:
    """Return a function that reads the rows of a file again."""

    def read() -> Iterator[list[UserRow]]:
        file.seek(0)
        return read_user_rows(file, limits=limits)[1]

    return read


class _UserPlanApplier:
    """Applies grants before revocations, so that the office always has an administrator."""

    def __init__(
        self, provider: Provider, by: Actor, plan: Plan, rows: ReadRows | None, progress: ProgressCallback
    ) -> None:
        self._provider, self._plan, self._rows = provider, plan, rows
        self._by = by if by.correlation_id else replace(by, correlation_id=plan.digest[:36])
        self._office, self._progress = OfficeLookup(provider), progress

    def run(self) -> JsonLinesFile:
        with message_limits.batch_charges():
            return self._run()

    def _run(self) -> JsonLinesFile:
        done = JsonLinesFile()
        self._apply_where_changed("blocked", self._unblock_user)
        for pairs in self._iterate_items_with_rows():
            self._create_users([(item, wanted) for item, wanted in pairs if item["is_new"] and wanted is not None])
            self._change_users(pairs, ends=False)
            done.add(item for item, _wanted in pairs)
            self._progress(len(pairs))
        self._apply_where_changed("access_until", lambda user, item: self._change_details(user, item, ends=True))
        self._apply_where_changed("teams", self._apply_revocations)
        self._apply_where_changed("individual_rights", self._apply_revocations)
        self._apply_where_changed("blocked", self._block_user)
        return done

    def _apply_where_changed(self, column: str, act: Callable[[User, PlanItem], object]) -> None:
        """Call `act` for every existing user whose item changes `column`."""
        for items in _split_into_batches(
            item for item in self._plan.items if not item["is_new"] and column in item["changes"]
        ):
            people = self._load_users(items)
            for item in items:
                act(people[item["id"]], item)

    def _load_users(self, items: list[PlanItem]) -> dict[str | None, User]:
        found = User.objects.filter(provider=self._provider, pk__in=[item["id"] for item in items])
        return {str(user.pk): user for user in found.select_related("provider")}

    def _iterate_items_with_rows(self) -> ItemBatches:
        """Yield items with their rows, read from the file again because plans hold no secrets."""
        if self._rows is None:
            for items in _split_into_batches(self._plan.items):
                yield [(item, None) for item in items]
            return
        waiting = iter(self._plan.items)
        item = next(waiting, None)
        for batch in self._rows():
            rows = {wanted.row: wanted for wanted in batch}
            pairs: list[tuple[PlanItem, UserRow | None]] = []
            while item is not None and item["row"] <= batch[-1].row:
                wanted = rows[item["row"]]
                self._office.resolve_names(wanted)
                pairs.append((item, wanted))
                item = next(waiting, None)
            yield pairs

    def _create_users(self, pairs: list[tuple[PlanItem, UserRow]]) -> None:
        kinds: dict[str, list[tuple[PlanItem, UserRow]]] = defaultdict(list)
        for item, wanted in pairs:
            kinds[wanted.values["login_method"]].append((item, wanted))
        makers = {
            LoginMethod.AZURE_AD: self._create_azure_users,
            LoginMethod.SSO_WEBSERVICE: self._create_webservice_users,
            LoginMethod.WEBSITE_SSO: self._invite_users,
        }
        for kind, group in kinds.items():
            for (item, _wanted), user in zip(group, makers[LoginMethod(kind)](group), strict=True):
                item["id"] = str(user.pk)

    def _create_azure_users(self, group: list[tuple[PlanItem, UserRow]]) -> list[User]:
        new = [
            bulk_create.NewAzureUser(_get_details(row), v["username"], v["external_tenant"], v["external_user_id"])
            for _item, row in group
            for v in [row.values]
        ]
        return self._assign_access(group, bulk_create.create_azure_users(self._provider, new, by=self._by))

    def _create_webservice_users(self, group: list[tuple[PlanItem, UserRow]]) -> list[User]:
        rows = [row for _item, row in group]
        new = [
            bulk_create.NewWebserviceUser(_get_details(row), row.values["username"], row.values["password"])
            for row in rows
        ]
        return self._assign_access(group, bulk_create.create_webservice_users(self._provider, new, by=self._by))

    def _invite_users(self, group: list[tuple[PlanItem, UserRow]]) -> list[User]:
        """Invite users one by one: access must be assigned before the invitation, which depends on it, is sent."""
        return [
            invitations.actions.invite_user(
                self._provider,
                details=_get_details(pair[1]),
                mobile_number=pair[1].values["mobile_number"],
                by=self._by,
                assign_initial_access=partial(self._assign_access_to_one, pair),
            )
            for pair in group
        ]

    def _assign_access_to_one(self, pair: tuple[PlanItem, UserRow], user: User) -> None:
        self._assign_access([pair], [user])

    def _assign_access(self, group: list[tuple[PlanItem, UserRow]], people: list[User]) -> list[User]:
        """Assign teams, rights and notification settings to new users, grouping equal assignments; return them."""
        made = [(item, user) for (item, _wanted), user in zip(group, people, strict=True)]
        members: dict[str, list[User]] = defaultdict(list)
        holders: dict[tuple[str, ...], list[User]] = defaultdict(list)
        for item, user in made:
            for name in item["changes"].get("teams", [None, []])[1]:
                members[name].append(user)
            if codes := item["changes"].get("individual_rights", [None, []])[1]:
                holders[tuple(codes)].append(user)
        for name, users_ in members.items():
            teams.actions.change_members(self._get_team(name), add=users_, by=self._by)
        for codes, users_ in holders.items():
            teams.actions.give_individual_rights(users_, map(Right, codes), by=self._by)
        for item, user in made:
            self._apply_authorization_set(user, item)
        self._apply_notification_settings(made)
        return people

    def _apply_notification_settings(self, made: list[tuple[PlanItem, User]]) -> None:
        """Assign notification settings to new users, grouping equal settings."""
        alike: dict[tuple[str, ...], list[User]] = defaultdict(list)
        for item, user in made:
            if "signal_set" in item["changes"]:
                self._change_notification_settings(user, item)
            elif "signals" in item["changes"]:
                alike[tuple(item["changes"]["signals"][1])].append(user)
        for codes, users_ in alike.items():
            notifications.actions.set_overrides_for_users(users_, preference_text.parse_overrides(codes), by=self._by)

    def _change_notification_settings(self, user: User, item: PlanItem) -> None:
        changes = item["changes"]
        if "signal_set" in changes:
            notifications.sets.apply_set(
                self._office.signal_sets[changes["signal_set"][1].casefold()], user, by=self._by
            )
        if "signals" in changes:
            seen = preferences.fingerprint_preferences(preferences.get_user_overrides(user))
            notifications.actions.set_user_overrides(
                user, preference_text.parse_overrides(changes["signals"][1]), seen=seen, by=self._by
            )

    def _apply_authorization_set(self, user: User, item: PlanItem) -> None:
        if "authorization_set" in item["changes"]:
            found = self._office.sets[item["changes"]["authorization_set"][1].casefold()]
            teams.sets.apply_set(found, user, by=self._by)

    def _get_team(self, name: str) -> Team:
        return self._office.teams[name.casefold()]

    def _change_users(self, pairs: list[tuple[PlanItem, UserRow | None]], *, ends: bool) -> None:
        old = [(item, wanted) for item, wanted in pairs if not item["is_new"]]
        people = self._load_users([item for item, _wanted in old])
        for item, wanted in old:
            user, changes = people[item["id"]], item["changes"]
            number = wanted.values.get("mobile_number") if wanted else None
            if changes.get("login_method", [None, None])[1] == LoginMethod.WEBSITE_SSO:
                user = users.change_login_method.change_to_website(user, mobile_number=number or "", by=self._by)
            user = self._change_details(user, item, ends=ends)
            self._change_email(user, item, number)
            if changes.get("external_user_id", [None, None])[1] is not None:
                self._change_to_azure(user, item)
            self._apply_grants(user, item)

    def _change_details(self, user: User, item: PlanItem, *, ends: bool) -> User:
        """Change personal details; an end of access is applied later, after all grants."""
        new = {name: change[1] for name, change in item["changes"].items() if name in DETAIL_FIELDS}
        until = new.pop("access_until", None)
        if ends:
            new = {"access_until": date.fromisoformat(until)} if until is not None else {}
        elif until is None and "access_until" in item["changes"]:
            new["access_until"] = None
        if not new:
            return user
        user.refresh_from_db()
        details = cast(UserDetails, new)
        return users.actions.edit_user(user, details=details, email=user.email, version=user.version, by=self._by)

    def _change_email(self, user: User, item: PlanItem, number: str | None) -> None:
        if "email" not in item["changes"]:
            return
        email = item["changes"]["email"][1]
        if user.accepted_at is None:
            invitations.actions.resend_invitation(user, mobile_number=number or "", email=email, by=self._by)
        else:
            users.email_changes.request_email_change(user, email, by=self._by)

    def _change_to_azure(self, user: User, item: PlanItem) -> None:
        changes = item["changes"]
        tid = changes["external_tenant"][1] if "external_tenant" in changes else str(user.external_tid)
        users.change_login_method.change_to_azure(
            user,
            tenant=self._office.tenants[tid],
            external_user_id=UUID(changes["external_user_id"][1]),
            username=changes.get("username", [None, None])[1],
            by=self._by,
        )

    def _apply_grants(self, user: User, item: PlanItem) -> None:
        """Apply grants only."""
        changes = item["changes"]
        for name in set(_get_new_values(changes, "teams")) - set(_get_old_values(changes, "teams")):
            teams.actions.change_members(self._get_team(name), add=[user], by=self._by)
        self._apply_authorization_set(user, item)
        self._change_notification_settings(user, item)
        if added := set(_get_new_values(changes, "individual_rights")) - set(
            _get_old_values(changes, "individual_rights")
        ):
            teams.actions.give_individual_rights([user], map(Right, added), by=self._by)

    def _apply_revocations(self, user: User, item: PlanItem) -> None:
        changes = item["changes"]
        for name in set(_get_old_values(changes, "teams")) - set(_get_new_values(changes, "teams")):
            teams.actions.change_members(self._get_team(name), remove=[user], by=self._by)
        if "individual_rights" in changes:
            wanted = map(Right, _get_new_values(changes, "individual_rights"))
            teams.actions.set_individual_rights(user, wanted, by=self._by)

    def _block_user(self, user: User, item: PlanItem) -> None:
        if item["changes"]["blocked"][1]:
            users.actions.block_user(user, by=self._by)

    def _unblock_user(self, user: User, item: PlanItem) -> None:
        if not item["changes"]["blocked"][1]:
            users.actions.unblock_user(user, by=self._by)


def _get_old_values(changes: Changes, name: str) -> list[str]:
    return changes[name][0] or [] if name in changes else []


def _get_new_values(changes: Changes, name: str) -> list[str]:
    return changes[name][1] or [] if name in changes else []


def _split_into_batches(items: Any) -> Iterator[list[PlanItem]]:
    """Split items into batches."""
    part: list[PlanItem] = []
    for item in items:
        part.append(item)
        if len(part) == 1000:
            yield part
            part = []
    if part:
        yield part


def _get_details(wanted: UserRow) -> UserDetails:
    names = [*DETAIL_FIELDS, "email"]
    return cast(UserDetails, {name: wanted.values[name] for name in names if name in wanted.values})
