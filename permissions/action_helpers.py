"""Helpers for actions that change permissions: locking, common checks, and the format of their events."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import ExternalTenant, Provider, User
from audit.actions import SEARCH_TERM_MASK, record
from audit.actors import Actor
from audit.changes import Changes
from audit.models import Verb
from core.keys import compute_name_key
from permissions import checks
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, Right, rights_from_codes
from permissions.models import DutyRule, Employer, IndividualRight, OfficeSet, Team


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


def record_export(provider: Provider, what: str, details: Mapping[str, str], *, by: Actor) -> None:
    """Record that the actor got a file of `what`; a search term is masked, because it may be a name."""
    shown = {name: SEARCH_TERM_MASK if name == "q" else value for name, value in details.items() if value}
    record(Verb.EXPORTED, provider, by=by, provider_id=provider.pk, changes={what: [None, shown]})


def require_free_name(row: Team | ExternalTenant | OfficeSet | DutyRule, message: str) -> None:
    """Raise ValidationError (field name, code "taken") when another row of the office has this name."""
    namesakes = type(row)._default_manager.filter(provider=row.provider_id, name_key=compute_name_key(row.name))
    if namesakes.exclude(pk=row.pk).exists():
        raise ValidationError({"name": ValidationError(message, code="taken")})
