"""Row locks held until the end of the transaction: the office before the user."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from accounts.models import Provider, User
from audit import encryption_keys


def lock_provider(provider_id: UUID | None) -> Provider:
    """Lock the row of the office, so that rule 6 can be checked. Raises PermissionDenied for None, that of support."""
    if provider_id is None:
        raise PermissionDenied(_("Support staff do not belong to an office."))
    # Not FOR UPDATE: that waits for transactions that insert a row of the office, such as a token, and could deadlock.
    return Provider.objects.select_for_update(no_key=True).get(pk=provider_id)


def lock_user(user_id: UUID, *, actor: User | None = None, office: Provider | None = None) -> User:
    """Return the user from the database, locked, with their office (`office` if it was locked before).

    Also loads the encryption keys of the user and of `actor`, so that recording the event needs no further query.
    Raises User.DoesNotExist.
    """
    own_key = {"history_key": _key_subquery("accounts_user.id")}
    users: QuerySet[User] = User.objects.select_for_update(of=("self",)).annotate(**own_key)
    if office is None:
        users = users.select_related("provider")
    user = users.annotate(actor_key=_key_subquery("%s", actor.pk if actor else None)).get(pk=user_id)
    if office is not None:
        user.provider = office
    if actor is not None:
        actor.history_key = user.actor_key
    return user


def _key_subquery(user_id: str, *values: UUID | None) -> RawSQL:
    return RawSQL(encryption_keys.KEY_SUBQUERY.format(user_id=user_id), values, output_field=models.BinaryField())  # noqa: S611
