"""Shortcuts for the pages of one user."""

from accounts.models import LoginMethod, User
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import Right


def get_grantable_rights(request: OfficeRequest, person: User) -> frozenset[Right]:
    """Return the rights that the signed-in user can grant to `person` and revoke."""
    if Right.GRANT_RIGHTS not in request.rights or person.pk == request.user.pk:
        return frozenset()
    kept = {Right.MANAGE_PROVIDER} if person.login_method == LoginMethod.SSO_WEBSERVICE else set()
    return checks.get_grantable_rights(request.user) - kept
