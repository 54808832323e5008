"""What the owner of a connection may not do for some of many users, who keep nobody else from it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import translation
from django.utils.translation import gettext as _

from core.errors import EditConflict
from core.throttle import Throttled
from permissions.checks import LastAdministrator
from scim.models import MAX_REFUSAL_LENGTH, DirectoryConnection

T = TypeVar("T")
REFUSALS = (PermissionDenied, LastAdministrator, ValidationError, EditConflict, Throttled)


def try_all(items: Sequence[T], change: Callable[[Sequence[T]], object]) -> list[tuple[T, Exception]]:
    """Change all at once, and by halves if that is refused for some; return these, and why. `change` is an action."""
    if not items:
        return []
    try:
        change(items)
    except REFUSALS as error:
        if len(items) == 1:
            return [(items[0], error)]
        middle = len(items) // 2
        return try_all(items[:middle], change) + try_all(items[middle:], change)
    return []


def describe_refusal(error: Exception, connection: DirectoryConnection) -> str:
    """Return why a step was refused as administrators read it: in their language, and not about themselves.

    The directory, whose call raised the error, reads English.
    """
    with translation.override(connection.provider.email_language):
        if isinstance(error, PermissionDenied):
            text = _("The owner of the connection does not have the rights for this user.")
        elif isinstance(error, EditConflict):
            text = _("Something changed in the meantime.")
        elif isinstance(error, ValidationError):
            text = " ".join(_(message) for message in error.messages)
        else:
            text = str(error)
    return text[:MAX_REFUSAL_LENGTH]
