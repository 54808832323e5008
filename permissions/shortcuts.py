"""Shortcuts of pages about one user."""

from uuid import UUID

from django.shortcuts import get_object_or_404

from accounts.models import User
from permissions.access import OfficeRequest


def get_colleague_or_404(request: OfficeRequest, pk: UUID) -> User:
    return get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=pk)
