"""Conflicts of duties, as reviewers see them beside each user."""

from collections.abc import Collection
from uuid import UUID

from accounts.models import Provider
from permissions.duties import find_broken_rules


def find_conflicts(provider: Provider, users: Collection[UUID] | None = None) -> dict[UUID, list[str]]:
    """Return the names of the rules that users conflict with now, without an exemption. Two queries."""
    return find_broken_rules(provider.pk, users)
