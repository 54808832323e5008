"""Shortcuts for the pages of one user."""

from accounts.models import LoginMethod, User
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import Right


def get_grantable_rights(request: OfficeRequest, user: User) -> frozenset[Right]:
    if Right.GRANT_RIGHTS not in request.rights or user.pk == request.user.pk:
        return frozenset()
    excluded = {Right.MANAGE_PROVIDER} if user.login_method == LoginMethod.SSO_WEBSERVICE else set()
    return checks.get_grantable_rights(request.user) - excluded
