"""Shortcuts for the pages of one user."""

from uuid import UUID

from django.shortcuts import get_object_or_404

from accounts.models import LoginMethod, User
from teams import rights
from teams.access import OfficeRequest
from teams.rights import Right


def colleague(request: OfficeRequest, id: UUID) -> User:
    """Return the user with that id in the office of the signed-in user. Raises Http404."""
    return get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=id)


def givable(request: OfficeRequest, person: User) -> frozenset[Right]:
    """Return the rights that the signed-in user can grant to `person` and revoke."""
    if Right.GRANT_RIGHTS not in request.rights or person.pk == request.user.pk:
        return frozenset()
    kept = {Right.MANAGE_PROVIDER} if person.login_method == LoginMethod.SSO_WEBSERVICE else set()
    return rights.givable(request.user) - kept
