"""Undo a change of a team, of the individual rights of a user or of an authorization set: within a week, and once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

import teams.actions
import teams.sets
from accounts.models import User
from audit.actions import record
from audit.actors import Actor, action
from audit.models import Event, Verb
from permissions import checks
from permissions.action_helpers import get_team_rights, lock_and_authorize
from permissions.catalog import Right, rights_from_codes
from permissions.duty_guard import settle_duties_at_end
from permissions.models import AuthorizationSet, Employer, SetApplication, Team

UNDO_PERIOD = timedelta(days=7)
NEEDED_RIGHTS = {
    Verb.TEAM_CHANGED: Right.MANAGE_TEAMS,
    Verb.RIGHTS_CHANGED: Right.GRANT_RIGHTS,
    Verb.SET_CHANGED: Right.MANAGE_SETS,
}
_MODELS: dict[Verb, type[Team] | type[User] | type[AuthorizationSet]] = {
    Verb.TEAM_CHANGED: Team,
    Verb.RIGHTS_CHANGED: User,
    Verb.SET_CHANGED: AuthorizationSet,
}
Target = Team | User | AuthorizationSet
ModelT = TypeVar("ModelT", User, Employer)


class UndoRefused(Exception):
    """The change cannot be undone any more; the text says why."""


@dataclass(frozen=True)
class Reversal:
    """What undoing an event does to its target: the opposite of its changes."""

    target: Target
    name: tuple[str, str] | None  # as it is now, and as it was
    two_factor_required: tuple[bool, bool] | None
    granted: frozenset[Right]
    revoked: frozenset[Right]
    added_users: list[User]
    removed_users: list[User]
    added_employers: list[Employer]
    removed_employers: list[Employer]

    def list_steps(self) -> list[str]:
        """Say what happens, without names of users."""
        added, removed = len(self.added_users), len(self.removed_users)
        members = [
            (ngettext("%(count)s member is added again", "%(count)s members are added again", added), added),
            (ngettext("%(count)s member is removed again", "%(count)s members are removed again", removed), removed),
        ]
        return [
            *([_("The name becomes “%(name)s” again") % {"name": self.name[1]}] if self.name else []),
            *([_("Two-factor required: as before")] if self.two_factor_required else []),
            *(_("Granted again: %(right)s") % {"right": right.label} for right in sorted(self.granted)),
            *(_("Revoked again: %(right)s") % {"right": right.label} for right in sorted(self.revoked)),
            *(text % {"count": count} for text, count in members if count),
            *(_("Employer added again: %(employer)s") % {"employer": each} for each in self.added_employers),
            *(_("Employer removed again: %(employer)s") % {"employer": each} for each in self.removed_employers),
        ]


def list_undoable_events(provider_id: UUID | None, target_id: UUID, rights: Iterable[Right]) -> list[Event]:
    """Return the changes of a target that a user with `rights` may try to undo, newest first."""
    since = timezone.now() - UNDO_PERIOD
    found = Event.objects.filter(provider_id=provider_id, target_id=target_id, at__gte=since)
    found = found.filter(verb__in=_list_verbs(rights)).order_by("-at", "-id")[:20]
    return filter_undoable_events(found, rights)


def filter_undoable_events(events: Iterable[Event], rights: Iterable[Right]) -> list[Event]:
    """Return those of `events`, all of one office, that a user with `rights` may try to undo. At most one query."""
    verbs, since = _list_verbs(rights), timezone.now() - UNDO_PERIOD
    found = [event for event in events if event.at >= since and event.verb in verbs]
    if not found:
        return []
    undone = Event.objects.filter(
        provider_id=found[0].provider_id, target_id__in={event.target_id for event in found}, verb=Verb.CHANGE_UNDONE,
        at__gte=since,
    )  # fmt: skip
    undone_ids = set(map(_get_undone_id, undone))
    return [event for event in found if str(event.pk) not in undone_ids]


def _list_verbs(rights: Iterable[Right]) -> list[Verb]:
    held = set(rights)  # the page that undoes a change of individual rights names the user
    unseen = () if Right.VIEW_USERS in held else (Verb.RIGHTS_CHANGED,)
    return [verb for verb, right in NEEDED_RIGHTS.items() if right in held and verb not in unseen]


def find_undoable_event(provider_id: UUID | None, event_id: UUID) -> Event | None:
    return Event.objects.filter(provider_id=provider_id, pk=event_id, verb__in=list(NEEDED_RIGHTS)).first()


def build_reversal(event: Event, by: Actor) -> Reversal:
    """Return what undoing `event` does. Raises UndoRefused if the week is over or the target changed since."""
    if event.at < timezone.now() - UNDO_PERIOD:
        raise UndoRefused(_("This is more than a week ago. Change it by hand."))
    undone = Event.objects.filter(
        provider_id=event.provider_id, target_id=event.target_id, verb=Verb.CHANGE_UNDONE, at__gte=event.at
    )
    if str(event.pk) in map(_get_undone_id, undone):
        raise UndoRefused(_("This change has been undone already."))
    model = _MODELS[Verb(event.verb)]
    target: Target | None = model._default_manager.filter(pk=event.target_id, provider=event.provider_id).first()
    if target is None or not event.is_readable:
        raise UndoRefused(_("What was changed no longer exists."))
    reversal = _reverse(event, target)
    _require_unchanged(reversal, event, by)
    return reversal


def _get_undone_id(event: Event) -> str:
    return str(event.changes.get("undone", [None])[0])


def _reverse(event: Event, target: Target) -> Reversal:
    changes = event.changes

    def get_pair(field: str) -> Any:
        old, new = changes.get(field, [None, None])
        return (new, old) if field in changes else None

    removed_users, added_users = (ids or [] for ids in changes.get("members", [None, None]))
    removed_employers, added_employers = (named or {} for named in changes.get("employers", [None, None]))
    users = _load(User, target, [*removed_users, *added_users])
    employers = _load(Employer, target, [*removed_employers, *added_employers])
    return Reversal(
        target,
        get_pair("name"),
        get_pair("two_factor_required"),
        rights_from_codes(code for code, (old, _new) in changes.items() if old == "given"),
        rights_from_codes(code for code, (_old, new) in changes.items() if new == "given"),
        [users[key] for key in removed_users],
        [users[key] for key in added_users],
        [employers[key] for key in removed_employers],
        [employers[key] for key in added_employers],
    )


def _load(model: type[ModelT], target: Target, ids: list[str]) -> dict[str, ModelT]:
    """Return the rows of the office of `target` by id. Raises UndoRefused if one is gone."""
    found = {str(row.pk): row for row in model._default_manager.filter(provider=target.provider_id, pk__in=ids)}
    if len(found) < len(set(ids)):
        raise UndoRefused(_("A colleague or employer no longer exists. Change it by hand."))
    return found


def _get_rights(target: Target) -> frozenset[Right]:
    if isinstance(target, Team):
        return get_team_rights(target)
    return target.rights if isinstance(target, AuthorizationSet) else checks.individual_rights(target)


def _require_unchanged(reversal: Reversal, event: Event, by: Actor) -> None:
    """Raise UndoRefused unless the target still is as the event left it."""
    for user in reversal.added_users:
        if user.blocked_at is not None and user.blocked_at > event.at:
            may_name = by.user is None or checks.has_right(by.user, Right.VIEW_USERS)
            name = user.full_name if may_name else _("A colleague")
            raise UndoRefused(_("%(name)s has been blocked since. Change it by hand.") % {"name": name})
    target, held = reversal.target, _get_rights(reversal.target)
    is_as_left = (
        reversal.revoked <= held
        and held.isdisjoint(reversal.granted)
        and (reversal.name is None or getattr(target, "name", "") == reversal.name[0])
    )
    if isinstance(target, Team):
        members = set(target.members.values_list("user_id", flat=True))
        places = set(target.employers.values_list("employer_id", flat=True))
        is_as_left = (
            is_as_left
            and {user.pk for user in reversal.removed_users} <= members
            and members.isdisjoint(user.pk for user in reversal.added_users)
            and {each.pk for each in reversal.removed_employers} <= places
            and places.isdisjoint(each.pk for each in reversal.added_employers)
            and reversal.two_factor_required in (None, (target.two_factor_required, not target.two_factor_required))
        )
    if not is_as_left:
        raise UndoRefused(_("It has been changed since. View it first, and change it by hand."))


@action()
@settle_duties_at_end()
def undo_change(event: Event, *, by: Actor) -> Target:
    """Undo a change by the same actions, with the rights of the actor who undoes it. Returns what was changed.

    Raises UndoRefused, and what the actions raise.
    """
    lock_and_authorize(event.provider_id, by, NEEDED_RIGHTS[Verb(event.verb)])
    reversal = build_reversal(event, by)
    target, rights = reversal.target, (_get_rights(reversal.target) | reversal.granted) - reversal.revoked
    if isinstance(target, Team):
        _undo_team_change(target, reversal, rights, by)
    elif isinstance(target, AuthorizationSet):
        name = reversal.name[1] if reversal.name else target.name
        teams.sets.update_set(target, name=name, contents=rights, version=target.version, by=by)
    else:
        teams.actions.set_individual_rights(target, rights, by=by)
    _forget_set_application(event, target)
    changes = {"undone": [str(event.pk), None]}
    record(Verb.CHANGE_UNDONE, target, by=by, provider_id=event.provider_id, changes=changes)
    return target


def _forget_set_application(event: Event, target: Target) -> None:
    """Forget that a set was applied, if that is what the event did: its absence is no deviation."""
    applied = Event.objects.filter(provider_id=event.provider_id, target_id=event.target_id, verb=Verb.SET_APPLIED)
    if applied.filter(correlation_id=event.correlation_id, at__gte=event.at).exists():
        rows = SetApplication.objects.filter(provider=event.provider_id, applied_at__gte=event.at)
        first = rows.filter(Q(team=target.pk) | Q(user=target.pk)).order_by("applied_at").first()
        if first is not None:
            first.delete()


def _undo_team_change(team: Team, reversal: Reversal, rights: frozenset[Right], by: Actor) -> None:
    if reversal.name is not None:
        teams.actions.rename_team(team, name=reversal.name[1], version=team.version, by=by)
    if reversal.two_factor_required is not None:
        teams.actions.set_two_factor_required(
            team, required=reversal.two_factor_required[1], version=team.version, by=by
        )
    teams.actions.change_members(team, add=reversal.added_users, remove=reversal.removed_users, by=by)
    teams.actions.change_employers(team, add=reversal.added_employers, remove=reversal.removed_employers, by=by)
    teams.actions.set_team_rights(team, rights, by=by)
