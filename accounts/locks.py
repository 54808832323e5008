"""Locking what a change is checked against until the end of the transaction: the office before the person."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from accounts.models import Provider, User


def lock_provider(provider_id: UUID | None) -> Provider:
    """Return the office with its row locked until the end of the transaction, so that rule 6 can be checked.

    Raises PermissionDenied for the office of support, which has none.
    """
    if provider_id is None:
        raise PermissionDenied(_("Support belongs to no office."))
    # Not FOR UPDATE: that one waits for whoever adds a row of the office, a token for instance, and he perhaps for us.
    return Provider.objects.select_for_update(no_key=True).get(pk=provider_id)


def lock_user(user_id: UUID) -> User:
    """Return the person as stored, with the office. Raises User.DoesNotExist."""
    user: User = User.objects.select_for_update(of=("self",)).select_related("provider").get(pk=user_id)
    return user
