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

import accounts.actions
import accounts.email_changes
import invitations.actions
import invitations.kinds
import notifications.actions
import notifications.sets
import teams.actions
import teams.sets
from accounts import many
from accounts.actions import Details, Stale
from accounts.locks import lock_provider
from accounts.models import LoginMethod, Provider, User
from audit.actors import Actor
from bulk import people_plans
from bulk.budget import FOR_COMMANDS, Limits
from bulk.differences import DETAILS
from bulk.people import Wanted, wanted_in
from bulk.people_plans import Office
from bulk.plan import Item, Lines, Plan, Progress, Refused, quiet
from invitations.actions import NotOpen
from notifications import wishes, written
from outbox import limits
from signin.throttle import Throttled
from teams.catalogue import Right
from teams.models import Team
from teams.rights import LastAdministrator

REFUSALS = (PermissionDenied, ValidationError, LastAdministrator, Stale, NotOpen, Throttled)
Pairs = Iterator[list[tuple[Item, Wanted | None]]]
Rows = Callable[[], Iterator[list[Wanted]]]  # reads the rows again


def refused(error: Exception) -> Refused:
    """Convert an error raised by an action to Refused."""
    if isinstance(error, ValidationError):
        return Refused(" ".join(error.messages))
    return Refused(str(error) or _("Another user changed this in the meantime. Create the plan again."))


def apply_file(
    provider: Provider,
    file: IO[bytes],
    *,
    by: Actor,
    invite: bool,
    digest: str | None = None,
    limits: Limits = FOR_COMMANDS,
    planning: Progress = quiet,
    progress: Progress = quiet,
) -> tuple[Plan, Lines]:
    """Plan `file` and apply it; return the plan, and its items with the assigned IDs.

    `digest` identifies the plan that was reviewed: a different plan is refused. A plan with faults is returned without
    applying anything. `planning` and `progress` are called with the rows planned and applied. Raises Refused.
    """
    try:
        with transaction.atomic():
            provider = lock_provider(provider.pk)
            plan = people_plans.plan(provider, file, by=by, invite=invite, limits=limits, progress=planning)
            check(plan, digest)
            if len(plan.faults):
                return plan, Lines()
            return plan, _Applier(provider, by, plan, _again(file, limits), progress).run()
    except REFUSALS as error:
        raise refused(error) from error


def check(plan: Plan, digest: str | None) -> None:
    """Raise Refused when the plan differs from the reviewed one with `digest`, or is refused itself."""
    if digest is not None and plan.digest != digest and not plan.is_empty:
        raise Refused(
            _("The office or the file has changed since this plan was created. Create the plan again and review it.")
        )
    if plan.refusal:
        raise Refused(plan.refusal)


def apply_items(
    provider: Provider, plan: Plan, *, by: Actor, rows: list[Wanted] | None = None, progress: Progress = quiet
) -> Lines:
    """Apply a plan of existing users, or of users created from `rows`.

    The caller holds the lock on the office. Raises Refused.
    """
    try:
        with transaction.atomic():
            return _Applier(provider, by, plan, None if rows is None else lambda: iter([rows]), progress).run()
    except REFUSALS as error:
        raise refused(error) from error


def _again(file: IO[bytes], limits: Limits) -> Rows:
    """Return a function that reads the rows of a file again."""

    def read() -> Iterator[list[Wanted]]:
        file.seek(0)
        return wanted_in(file, limits=limits)[1]

    return read


class _Applier:
    """Applies grants before revocations, so that the office always has an administrator."""

    def __init__(self, provider: Provider, by: Actor, plan: Plan, rows: Rows | None, progress: Progress) -> None:
        self._provider, self._plan, self._rows = provider, plan, rows
        self._by = by if by.correlation_id else replace(by, correlation_id=plan.digest[:36])
        self._office, self._progress = Office(provider), progress

    def run(self) -> Lines:
        with limits.together():
            return self._run()

    def _run(self) -> Lines:
        done = Lines()
        self._each("blocked", lambda user, item: self._unblock(user, item))
        for pairs in self._pairs():
            self._create([(item, wanted) for item, wanted in pairs if item["is_new"] and wanted is not None])
            self._change(pairs, ends=False)
            done.add(item for item, _wanted in pairs)
            self._progress(len(pairs))
        self._each("access_until", lambda user, item: self._details(user, item, ends=True))
        self._each("teams", self._take)
        self._each("individual_rights", self._take)
        self._each("blocked", lambda user, item: self._block(user, item))
        return done

    def _each(self, column: str, act: Callable[[User, Item], object]) -> None:
        """Call `act` for every existing user whose item changes `column`."""
        for items in _parts(item for item in self._plan.items if not item["is_new"] and column in item["changes"]):
            people = self._people(items)
            for item in items:
                act(people[item["id"]], item)

    def _people(self, items: list[Item]) -> dict[str | None, User]:
        found = User.objects.filter(provider=self._provider, pk__in=[item["id"] for item in items])
        return {str(user.pk): user for user in found.select_related("provider")}

    def _pairs(self) -> Pairs:
        """Yield items with their rows, read from the file again because plans hold no secrets."""
        if self._rows is None:
            for items in _parts(self._plan.items):
                yield [(item, None) for item in items]
            return
        waiting = iter(self._plan.items)
        item = next(waiting, None)
        for batch in self._rows():
            rows = {wanted.row: wanted for wanted in batch}
            pairs: list[tuple[Item, Wanted | None]] = []
            while item is not None and item["row"] <= batch[-1].row:
                wanted = rows[item["row"]]
                self._office.resolve(wanted)
                pairs.append((item, wanted))
                item = next(waiting, None)
            yield pairs

    def _create(self, pairs: list[tuple[Item, Wanted]]) -> None:
        kinds: dict[str, list[tuple[Item, Wanted]]] = defaultdict(list)
        for item, wanted in pairs:
            kinds[wanted.values["login_method"]].append((item, wanted))
        makers = {
            LoginMethod.AZURE_AD: self._azure,
            LoginMethod.SSO_WEBSERVICE: self._webservice,
            LoginMethod.WEBSITE_SSO: self._invited,
        }
        for kind, group in kinds.items():
            for (item, _wanted), user in zip(group, makers[LoginMethod(kind)](group), strict=True):
                item["id"] = str(user.pk)

    def _azure(self, group: list[tuple[Item, Wanted]]) -> list[User]:
        new = [
            many.NewAzureUser(_details_of(row), v["username"], v["external_tenant"], v["external_user_id"])
            for _item, row in group
            for v in [row.values]
        ]
        return self._equip(group, many.create_azure_users(self._provider, new, by=self._by))

    def _webservice(self, group: list[tuple[Item, Wanted]]) -> list[User]:
        rows = [row for _item, row in group]
        new = [many.NewWebserviceUser(_details_of(row), row.values["username"], row.values["password"]) for row in rows]
        return self._equip(group, many.create_webservice_users(self._provider, new, by=self._by))

    def _invited(self, group: list[tuple[Item, Wanted]]) -> list[User]:
        """Invite users one by one: access must be assigned before the invitation, which depends on it, is sent."""
        return [
            invitations.actions.invite(
                self._provider,
                details=_details_of(pair[1]),
                mobile_number=pair[1].values["mobile_number"],
                by=self._by,
                equip=partial(self._equip_one, pair),
            )
            for pair in group
        ]

    def _equip_one(self, pair: tuple[Item, Wanted], user: User) -> None:
        self._equip([pair], [user])

    def _equip(self, group: list[tuple[Item, Wanted]], people: list[User]) -> list[User]:
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
            teams.actions.change_members(self._team(name), add=users_, by=self._by)
        for codes, users_ in holders.items():
            teams.actions.give_individual_rights(users_, map(Right, codes), by=self._by)
        for item, user in made:
            self._note_set(user, item)
        self._deviate(made)
        return people

    def _deviate(self, made: list[tuple[Item, User]]) -> None:
        """Assign notification settings to new users, grouping equal settings."""
        alike: dict[tuple[str, ...], list[User]] = defaultdict(list)
        for item, user in made:
            if "signal_set" in item["changes"]:
                self._signals(user, item)
            elif "signals" in item["changes"]:
                alike[tuple(item["changes"]["signals"][1])].append(user)
        for codes, users_ in alike.items():
            notifications.actions.give_own(users_, written.read(codes), by=self._by)

    def _signals(self, user: User, item: Item) -> None:
        changes = item["changes"]
        if "signal_set" in changes:
            notifications.sets.apply(self._office.signal_sets[changes["signal_set"][1].casefold()], user, by=self._by)
        if "signals" in changes:
            seen = wishes.stamp(wishes.own_wishes(user))
            notifications.actions.set_own(user, written.read(changes["signals"][1]), seen=seen, by=self._by)

    def _note_set(self, user: User, item: Item) -> None:
        if "authorization_set" in item["changes"]:
            found = self._office.sets[item["changes"]["authorization_set"][1].casefold()]
            teams.sets.apply(found, user, by=self._by)

    def _team(self, name: str) -> Team:
        return self._office.teams[name.casefold()]

    def _change(self, pairs: list[tuple[Item, Wanted | None]], *, ends: bool) -> None:
        old = [(item, wanted) for item, wanted in pairs if not item["is_new"]]
        people = self._people([item for item, _wanted in old])
        for item, wanted in old:
            user, changes = people[item["id"]], item["changes"]
            number = wanted.values.get("mobile_number") if wanted else None
            if changes.get("login_method", [None, None])[1] == LoginMethod.WEBSITE_SSO:
                user = invitations.kinds.to_website(user, mobile_number=number or "", by=self._by)
            user = self._details(user, item, ends=ends)
            self._email(user, item, number)
            if changes.get("external_user_id", [None, None])[1] is not None:
                self._account(user, item)
            self._give(user, item)

    def _details(self, user: User, item: Item, *, ends: bool) -> User:
        """Change personal details; an end of access is applied later, after all grants."""
        new = {name: change[1] for name, change in item["changes"].items() if name in DETAILS}
        until = new.pop("access_until", None)
        if ends:
            new = {"access_until": date.fromisoformat(until)} if until is not None else {}
        elif until is None and "access_until" in item["changes"]:
            new["access_until"] = None
        if not new:
            return user
        user.refresh_from_db()
        details = cast(Details, new)
        return accounts.actions.edit(user, details=details, email=user.email, version=user.version, by=self._by)

    def _email(self, user: User, item: Item, number: str | None) -> None:
        if "email" not in item["changes"]:
            return
        email = item["changes"]["email"][1]
        if user.accepted_at is None:
            invitations.actions.resend(user, mobile_number=number or "", email=email, by=self._by)
        else:
            accounts.email_changes.ask_email_change(user, email, by=self._by)

    def _account(self, user: User, item: Item) -> None:
        changes = item["changes"]
        tid = changes["external_tenant"][1] if "external_tenant" in changes else str(user.external_tid)
        invitations.kinds.to_azure(
            user,
            tenant=self._office.tenants[tid],
            external_user_id=UUID(changes["external_user_id"][1]),
            username=changes.get("username", [None, None])[1],
            by=self._by,
        )

    def _give(self, user: User, item: Item) -> None:
        """Apply grants only."""
        changes = item["changes"]
        for name in set(_new(changes, "teams")) - set(_old(changes, "teams")):
            teams.actions.change_members(self._team(name), add=[user], by=self._by)
        self._note_set(user, item)
        self._signals(user, item)
        if added := set(_new(changes, "individual_rights")) - set(_old(changes, "individual_rights")):
            teams.actions.give_individual_rights([user], map(Right, added), by=self._by)

    def _take(self, user: User, item: Item) -> None:
        changes = item["changes"]
        for name in set(_old(changes, "teams")) - set(_new(changes, "teams")):
            teams.actions.change_members(self._team(name), remove=[user], by=self._by)
        if "individual_rights" in changes:
            wanted = map(Right, _new(changes, "individual_rights"))
            teams.actions.set_individual_rights(user, wanted, by=self._by)

    def _block(self, user: User, item: Item) -> None:
        if item["changes"]["blocked"][1]:
            accounts.actions.block(user, by=self._by)

    def _unblock(self, user: User, item: Item) -> None:
        if not item["changes"]["blocked"][1]:
            accounts.actions.unblock(user, by=self._by)


def _old(changes: dict[str, list[Any]], name: str) -> list[str]:
    return changes[name][0] or [] if name in changes else []


def _new(changes: dict[str, list[Any]], name: str) -> list[str]:
    return changes[name][1] or [] if name in changes else []


def _parts(items: Any) -> Iterator[list[Item]]:
    """Split items into batches."""
    part: list[Item] = []
    for item in items:
        part.append(item)
        if len(part) == 1000:
            yield part
            part = []
    if part:
        yield part


def _details_of(wanted: Wanted) -> Details:
    names = [*DETAILS, "email"]
    return cast(Details, {name: wanted.values[name] for name in names if name in wanted.values})
