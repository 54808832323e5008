"""Helpers for actions that change permissions: locking, common checks, and the format of their events."""

from collections.abc import Iterable
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import Provider, User
from audit.actors import Actor
from audit.changes import Changes
from core.keys import compute_name_key
from permissions import checks
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, Right, rights_from_codes
from permissions.models import Employer, IndividualRight, Team


def lock_and_authorize(provider_id: UUID | None, by: Actor, right: Right) -> Provider:
    """Lock the office and return it. Raises PermissionDenied for another office, or without `right` once locked."""
    checks.require_office(by, provider_id)
    provider = lock_provider(provider_id)
    checks.require_right(by, right)
    return provider


def require_same_office(provider: Provider, rows: Iterable[User | Employer | Team]) -> None:
    if any(row.provider_id != provider.pk for row in rows):
        raise PermissionDenied(_("This is not your office."))


def get_team_rights(team: Team) -> frozenset[Right]:
    return rights_from_codes(team.rights.values_list("right", flat=True))


def get_team_employer_ids(team: Team) -> list[UUID]:
    return list(team.employers.values_list("employer_id", flat=True))


def get_individual_employer_rights(provider: Provider, *, users: Iterable[UUID]) -> frozenset[Right]:
    """Return the employer-level individual rights of `users`, which apply at each employer of their teams."""
    rows = IndividualRight.objects.filter(provider=provider, user__in=list(users)).values_list("right", flat=True)
    return rights_from_codes(rows.distinct()) & EMPLOYER_LEVEL_RIGHTS


def diff_rights(before: Iterable[Right], after: Iterable[Right]) -> Changes:
    """Return the difference between two sets of rights in the format of an event; empty if they are equal."""
    old, new = set(before), set(after)
    changes: Changes = {right.value: [None, "given"] for right in sorted(new - old)}
    return changes | {right.value: ["given", None] for right in sorted(old - new)}


def snapshot_employers(employers: Iterable[Employer]) -> dict[str, str]:
    """Return employers in the format of an event: the id, used to compute the past, and the name at that moment."""
    return {str(employer.pk): str(employer) for employer in employers}


def match_name(name: str) -> Q:
    """Return the condition that a row has this name, see `core.keys`."""
    return Q(name_key=compute_name_key(name))
