"""What every change to who may do what has in common: its beginning, its end, and how its events look."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Lookup, Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import Provider, User
from audit.actors import Actor
from teams import rights
from teams.catalogue import EMPLOYER_RIGHTS, Right, known
from teams.models import Employer, IndividualRight, Team


def begin(provider_id: UUID | None, by: Actor, right: Right) -> Provider:
    """Return the office with its row locked, so that changes of who may do what come one after the other.

    Raises PermissionDenied unless the actor belongs to it and may use `right` at that moment.
    """
    rights.require_office(by, provider_id)
    provider = lock_provider(provider_id)
    rights.require(by, right)
    return provider


def require_same_office(provider: Provider, rows: Iterable[User | Employer | Team]) -> None:
    """Raise PermissionDenied when one of `rows` belongs to another office."""
    if any(row.provider_id != provider.pk for row in rows):
        raise PermissionDenied(_("This is not your office."))


def team_rights(team: Team) -> frozenset[Right]:
    """Return the rights that `team` gives."""
    return known(team.rights.values_list("right", flat=True))


def employer_ids(team: Team) -> list[UUID]:
    """Return the ids of the employers to which `team` brings its members."""
    return list(team.employers.values_list("employer_id", flat=True))


def own_rights_at_employers(provider: Provider, *, users: Iterable[UUID]) -> frozenset[Right]:
    """Return the individual rights of `users` that count at an employer as soon as a team brings them there."""
    rows = IndividualRight.objects.filter(provider=provider, user__in=list(users)).values_list("right", flat=True)
    return known(rows.distinct()) & EMPLOYER_RIGHTS


def given_and_taken(before: Iterable[Right], after: Iterable[Right]) -> dict[str, list[Any]]:
    """Return the change from one group of rights to another as an event shows it; empty when there is none."""
    old, new = set(before), set(after)
    changes: dict[str, list[Any]] = {right.value: [None, "given"] for right in sorted(new - old)}
    return changes | {right.value: ["given", None] for right in sorted(old - new)}


def named(employers: Iterable[Employer]) -> dict[str, str]:
    """Return employers as an event shows them: the id, by which the past is computed, and the name at that moment."""
    return {str(employer.pk): str(employer) for employer in employers}


def same_name(name: str) -> "Lookup[bool]":
    """Return the condition that a row has this name without regard to case, as the database's own constraint has it."""
    return Exact(Lower("name"), Lower(Value(name)))
