"""Notification sets: bundles of preferences that are copied to users (domain.md section 5)."""

from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actions import Stale
from accounts.models import Provider, User
from audit.actions import record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from notifications import wishes
from notifications.catalogue import SignalType
from notifications.changes import replace
from notifications.models import SignalSet, SignalSetApplication
from notifications.wishes import Own, Owns, Wish, Wishes
from teams.changes import begin, same_name
from teams.rights import Right


class Difference(NamedTuple):
    """The current preference of a user for one type, and that of the set."""

    type: SignalType
    now: Wish
    wanted: Wish


def difference(signal_set: SignalSet, user: User) -> list[Difference]:
    """Return what applying the set would change for `user`; types outside the set stay as they are."""
    return _difference(wishes.contents(signal_set), wishes.wishes_of(user))


def _difference(contents: Wishes, now: Wishes) -> list[Difference]:
    return [Difference(type_, now[type_], wish) for type_, wish in contents.items() if now[type_] != wish]


class Use(NamedTuple):
    """A user that a set was applied to, and the current deviations from it."""

    application: SignalSetApplication
    difference: list[Difference]


def uses(provider: Provider) -> dict[UUID, list[Use]]:
    """Return for each set of the office the users that it was applied to, with their deviations. Four queries."""
    office = wishes.office_wishes(provider)
    rows = SignalSetApplication.objects.filter(provider=provider).select_related("signal_set", "user")
    found: dict[UUID, list[Use]] = {}
    for row in rows.prefetch_related("signal_set__settings", "user__signal_settings").order_by("user__sort_name", "pk"):
        now = wishes.over(wishes.read(row.user.signal_settings.all()), office)
        use = Use(row, _difference(wishes.contents(row.signal_set), now))
        found.setdefault(row.signal_set_id, []).append(use)
    return found


@asks(Proof.HALF_HOUR)
@transaction.atomic
def create(provider: Provider, *, name: str, contents: Wishes, by: Actor) -> SignalSet:
    """Create a set; no user's preferences change.

    Raises PermissionDenied without manage_sets, ValidationError (field name, code "taken"; days outside 0 to 99).
    """
    provider = begin(provider.pk, by, Right.MANAGE_SETS)
    made = SignalSet(provider=provider, name=name)
    _require_free_name(made)
    made.save(force_insert=True)
    changes: dict[str, list[Any]] = {"name": [None, name]}
    changes |= replace({}, contents, provider_id=provider.pk, signal_set=made)
    record(Verb.SIGNAL_SET_CREATED, made, by=by, provider_id=provider.pk, changes=changes)
    return made


@asks(Proof.HALF_HOUR)
@transaction.atomic
def change(signal_set: SignalSet, *, name: str, contents: Wishes, version: int, by: Actor) -> None:
    """Change a set; users it was applied to keep their preferences. Raises as `create`, and Stale."""
    fresh = _locked(signal_set, by, version)
    changes: dict[str, list[Any]] = {} if fresh.name == name else {"name": [fresh.name, name]}
    before = wishes.contents(fresh)
    left_out: Owns = {type_: Own() for type_ in before if type_ not in contents}
    changes |= replace(before, {**left_out, **contents}, provider_id=fresh.provider_id, signal_set=fresh)
    if not changes:
        return
    fresh.name = name
    _require_free_name(fresh)
    SignalSet.objects.filter(pk=fresh.pk).update(name=name, version=F("version") + 1)
    record(Verb.SIGNAL_SET_CHANGED, fresh, by=by, provider_id=fresh.provider_id, changes=changes)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def delete(signal_set: SignalSet, *, version: int, by: Actor) -> None:
    """Delete a set; users it was applied to keep their preferences. Raises Stale, PermissionDenied."""
    fresh = _locked(signal_set, by, version)
    record(Verb.SIGNAL_SET_DELETED, fresh, by=by, provider_id=fresh.provider_id)
    fresh.delete()


def _locked(signal_set: SignalSet, by: Actor, version: int) -> SignalSet:
    begin(signal_set.provider_id, by, Right.MANAGE_SETS)
    fresh = SignalSet.objects.filter(pk=signal_set.pk).first()
    if fresh is None or fresh.version != version:
        raise Stale
    return fresh


def _require_free_name(made: SignalSet) -> None:
    others = SignalSet.objects.filter(same_name(made.name), provider=made.provider_id).exclude(pk=made.pk)
    if others.exists():
        message = _("A set with this name already exists. Choose another name.")
        raise ValidationError({"name": ValidationError(message, code="taken")})


@asks(Proof.HALF_HOUR)
@transaction.atomic
def apply(signal_set: SignalSet, user: User, *, by: Actor) -> None:
    """Copy the set to a user, once; types outside the set stay as they are.

    Raises Stale when the set was deleted, PermissionDenied without manage_signals and for a user of another office.
    """
    if signal_set.provider_id != user.provider_id:
        raise PermissionDenied(_("This is not your office."))
    begin(user.provider_id, by, Right.MANAGE_SIGNALS)
    fresh = SignalSet.objects.filter(pk=signal_set.pk).first()
    if fresh is None:
        raise Stale
    changes: dict[str, list[Any]] = {fresh.name: [None, "applied"]}
    changes |= replace(wishes.own_wishes(user), wishes.contents(fresh), provider_id=user.provider_id, user=user)
    SignalSetApplication.objects.update_or_create(
        provider_id=user.provider_id, signal_set=fresh, user=user, defaults={"applied_at": timezone.now()}
    )
    record(Verb.SIGNAL_SET_APPLIED, user, by=by, provider_id=user.provider_id, changes=changes)
