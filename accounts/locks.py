"""Locking what a change is checked against until the end of the transaction: the office before the person."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from accounts.models import Provider, User
from audit import persons


def lock_provider(provider_id: UUID | None) -> Provider:
    """Return the office with its row locked until the end of the transaction, so that rule 6 can be checked.

    Raises PermissionDenied for the office of support, which has none.
    """
    if provider_id is None:
        raise PermissionDenied(_("Support belongs to no office."))
    # Not FOR UPDATE: that one waits for whoever adds a row of the office, a token for instance, and he perhaps for us.
    return Provider.objects.select_for_update(no_key=True).get(pk=provider_id)


def lock_user(user_id: UUID, *, actor: User | None = None, office: Provider | None = None) -> User:
    """Return the person as stored, with his office, which is `office` where that was locked before.

    His key and that of `actor` come along, so that the event of what is done to him need not ask for them.
    Raises User.DoesNotExist.
    """
    keys = {"history_key": _key("accounts_user.id"), "actor_key": _key("%s", actor.pk if actor else None)}
    users = User.objects.select_for_update(of=("self",)).annotate(**keys)
    user: User = (users if office else users.select_related("provider")).get(pk=user_id)
    if office is not None:
        user.provider = office
    if actor is not None:
        actor.history_key = user.actor_key  # type: ignore[attr-defined]
    return user


def _key(person: str, *values: UUID | None) -> RawSQL:
    return RawSQL(persons.BROUGHT.format(person=person), values, output_field=models.BinaryField())  # noqa: S611
