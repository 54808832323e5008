"""Actions on employers."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

import teams.actions
from accounts.models import Provider
from audit.actions import record
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import Verb
from core.errors import EditConflict
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right
from permissions.models import Employer, Team
from permissions.products import Product


@action()
def create_employer(
    provider: Provider, *, number: int, name: str, by: Actor, products: Iterable[Product] = ()
) -> Employer:
    """Raises PermissionDenied without manage_employers, ValidationError (field number, code "taken")."""
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_EMPLOYERS)
    employer = Employer(provider=provider, number=number, name=name, products=sorted(set(products)))
    _require_free_number(employer)
    employer.save(force_insert=True)
    shown: Changes = {"number": [None, number], "name": [None, name]}
    shown["products"] = [None, employer.products]
    record(Verb.EMPLOYER_CREATED, employer, by=by, provider_id=provider.pk, changes=shown)
    return employer


@action()
def update_employer(
    employer: Employer, *, number: int, name: str, products: Iterable[Product], version: int, by: Actor
) -> None:
    """Update an employer. Disabling a product makes the rights that need it ineffective, but revokes none.

    Raises PermissionDenied without manage_employers, EditConflict if the employer was changed or deleted in the
    meantime, ValidationError (field number, code "taken").
    """
    lock_and_authorize(employer.provider_id, by, Right.MANAGE_EMPLOYERS)
    stored = Employer.objects.filter(pk=employer.pk).first()
    if stored is None or stored.version != version:
        raise EditConflict
    values: dict[str, Any] = {"number": number, "name": name, "products": sorted(set(products))}
    changes = {field: [getattr(stored, field), value] for field, value in values.items()}
    changes = {field: change for field, change in changes.items() if change[0] != change[1]}
    if not changes:
        return
    for field, value in values.items():
        setattr(stored, field, value)
    _require_free_number(stored)
    stored.version += 1
    stored.save()
    record(Verb.EMPLOYER_CHANGED, stored, by=by, provider_id=stored.provider_id, changes=changes)


def _require_free_number(employer: Employer) -> None:
    others = Employer.objects.filter(provider=employer.provider_id, number=employer.number).exclude(pk=employer.pk)
    if others.exists():
        message = _("An employer with this number already exists. Choose another number.")
        raise ValidationError({"number": ValidationError(message, code="taken")})


@action()
def link_employer(employer: Employer, *, to: Iterable[Team], by: Actor) -> None:
    for team in to:
        teams.actions.change_employers(team, add=[employer], by=by)
