"""Conflicts of duties, as reviewers see them beside each user."""

from collections.abc import Collection
from uuid import UUID

from accounts.models import Provider


def find_conflicts(provider: Provider, users: Collection[UUID] | None = None) -> dict[UUID, list[str]]:
    """Return the names of the rules that each user conflicts with, without an exemption."""
    return {}
