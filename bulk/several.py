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
from bulk import applying
from bulk.applying import REFUSALS, refused
from bulk.differences import changed
from bulk.people import BATCH, Named, Wanted
from bulk.people_plans import Office, Planner, Step, supposed
from bulk.plan import Item, Lines, Plan, Progress, quiet
from invitations.models import Invitation
from outbox import limits
from outbox.limits import TooMany
from teams import rights
from teams.models import Team


class Act(models.TextChoices):
    BLOCK = "block", gettext_lazy("Block")
    UNBLOCK = "unblock", gettext_lazy("Unblock")
    JOIN = "join", gettext_lazy("Add to team")
    LEAVE = "leave", gettext_lazy("Remove from team")
    TWO_FACTOR = "two_factor", gettext_lazy("Require two-factor")
    END = "end", gettext_lazy("Set end date")
    RESEND = "resend", gettext_lazy("Resend invitation")


TEAM_ACTS = (Act.JOIN, Act.LEAVE)


@dataclass
class Wish:
    """A bulk action on users: `ids` in list order, `numbers` their mobile numbers in E.164 by id."""

    act: str
    ids: list[str]
    team: str = ""
    until: str = ""
    numbers: dict[str, str] = field(default_factory=dict)

    def written(self) -> bytes:
        """Serialize for encrypted storage."""
        return json.dumps(asdict(self)).encode()


def read(written: bytes) -> Wish:
    """Parse a serialized bulk action."""
    return Wish(**json.loads(written))


def plan(provider: Provider, wish: Wish, *, by: Actor, progress: Progress = quiet) -> Plan:
    """Return the plan of `wish` when `by` applies it; users for whom it is not possible are among the faults."""
    made = Plan(provider.pk, "several", invite=wish.act == Act.RESEND)
    office = Office(provider)
    planner, chooser = Planner(office, by, made), _Chooser(provider, wish, by, made)
    for start in range(0, len(wish.ids), BATCH):
        steps: list[Step] = []
        rows: list[Wanted] = []
        for wanted, user in chooser.people(start):
            rows.append(wanted)
            if (item := chooser.item(wanted, user)) is not None:
                steps.append(Step(wanted, item, user, *supposed(user, item, office)))
        planner.add(steps, rows)
        progress(min(BATCH, len(wish.ids) - start))
    planner.finish()
    return made


class _Chooser:
    """Plans a bulk action user by user."""

    def __init__(self, provider: Provider, wish: Wish, by: Actor, made: Plan) -> None:
        self._provider, self._wish, self._by, self._plan = provider, wish, by, made
        self._team = team_of(provider, wish)
        self._refused: dict[str, TooMany] = {}  # e-mail addresses in the batch that reached a mail limit

    def people(self, start: int) -> Iterable[tuple[Named, User]]:
        """Yield the existing users of the batch that begins at `start`."""
        ids = self._wish.ids[start : start + BATCH]
        found = (
            User.objects.filter(provider=self._provider, pk__in=ids)
            .select_related("provider", "external_tenant", "invitation", "email_change")
            .prefetch_related("memberships__team", "individual_rights", "signal_settings")
        )
        people = {str(user.pk): user for user in found}
        if self._wish.act == Act.RESEND:
            self._refused = limits.refused(user.email for user in people.values())
        for number, id_ in enumerate(ids, start=start + 1):
            if id_ in people:
                yield Named(number, {}, name=people[id_].list_name), people[id_]
            else:
                self._plan.notices[_("A selected user no longer exists.")] += 1

    def item(self, wanted: Named, user: User) -> Item | None:
        """Return the item of a user, None when nothing changes or the action is not possible."""
        if self._wish.act == Act.RESEND:
            return self._resending(wanted, user)
        if self._wish.team and self._team is None:
            wanted.refuse("teams", _("This team no longer exists."))
            return None
        wanted.values = self._values(user)
        made = changed(wanted, user, self._plan)
        if not made["changes"] and not wanted.problems:
            self._plan.notices[_("No change: this is already the case.")] += 1
        return None if wanted.problems or not made["changes"] else made

    def _values(self, user: User) -> dict[str, Any]:
        match self._wish.act:
            case Act.BLOCK | Act.UNBLOCK:
                return {"blocked": self._wish.act == Act.BLOCK}
            case Act.TWO_FACTOR:
                return {"two_factor_required": True}
            case Act.END:
                return {"access_until": date.fromisoformat(self._wish.until)}
        team = {self._team.name} if self._team else set()
        names = {member.team.name for member in user.memberships.all()}
        return {"teams": sorted(names | team if self._wish.act == Act.JOIN else names - team)}

    def _resending(self, wanted: Named, user: User) -> Item | None:
        reason = why_not_invited(user) or _why_without_authority(user, self._by)
        if not reason and str(user.pk) not in self._wish.numbers:
            reason = _("No mobile number was entered. Numbers are not stored, so enter it again.")
        if not reason and user.email in self._refused:
            reason = str(self._refused[user.email])
        if reason:
            wanted.refuse("mobile_number", reason)
            return None
        changes = {"invitation": [user.invitation.sent_at.isoformat(), "again"]}
        name, id_ = user.list_name, str(user.pk)
        return Item(row=wanted.row, id=id_, name=name, is_new=False, changes=changes, mails=["invitation"])


def team_of(provider: Provider, wish: Wish) -> Team | None:
    """Return the team of a bulk action, None when it has none or the team was deleted."""
    return Team.objects.filter(provider=provider, pk=UUID(wish.team)).first() if wish.team else None


def why_not_invited(user: User) -> str:
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


def _why_without_authority(user: User, by: Actor) -> str:
    try:
        rights.require_authority_over(by, user)
    except PermissionDenied as error:
        return str(error)
    return ""


def do(provider: Provider, made: Plan, wish: Wish, *, by: Actor, progress: Progress = quiet) -> Lines:
    """Apply the plan of `wish`, all or nothing; return its items.

    The caller holds the lock on the office. Raises Refused.
    """
    if wish.act not in (*TEAM_ACTS, Act.RESEND):
        return applying.apply_items(provider, made, by=by, progress=progress)
    done, items = Lines(), list(made.items)
    people = User.objects.select_related("provider", "invitation").in_bulk([UUID(item["id"] or "") for item in items])
    try:
        if wish.act == Act.RESEND:
            with limits.together():
                for item in items:
                    _resend(people[UUID(item["id"] or "")], item, wish, by)
                    progress(1)
        elif items and (team := team_of(provider, wish)) is not None:
            add, remove = (list(people.values()) if wish.act == act else [] for act in TEAM_ACTS)
            teams.actions.change_members(team, add=add, remove=remove, by=by)
    except REFUSALS as error:
        raise refused(error) from error
    done.add(items)
    return done


def _resend(user: User, item: Item, wish: Wish, by: Actor) -> None:
    number, before = wish.numbers[str(user.pk)], item["changes"]["invitation"][0]
    invitations.actions.resend(user, mobile_number=number, email=user.email, before=before, by=by)
