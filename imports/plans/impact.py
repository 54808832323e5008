"""Impact of a plan on rights, before and after, computing each distinct case once."""

from collections import defaultdict
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from accounts.models import Provider
from permissions.catalog import Right, sort_rights
from permissions.impact import HypotheticalAccess, HypotheticalUser, compute_hypothetical_access

_MAX_CACHED, _MAX_LISTED_EMPLOYERS = 500, 10  # cached cases; listed employers


class ImpactCache:
    """Caches the rights of the users of an office; users in the same situation share an entry."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._known: dict[HypotheticalUser, HypotheticalAccess] = {}
        self._changes: dict[tuple[HypotheticalUser | None, HypotheticalUser], dict[str, Any]] = {}

    def preload(self, people: Iterable[HypotheticalUser | None]) -> None:
        """Compute the rights of `people` in a few queries."""
        new = list({one for one in people if one is not None and one not in self._known})
        if len(self._known) + len(new) > _MAX_CACHED:
            self._known.clear()
            self._changes.clear()
            new = list({one for one in people if one is not None})
        for start in range(0, len(new), 100):
            part = new[start : start + 100]
            self._known.update(zip(part, compute_hypothetical_access(self._provider, part), strict=True))

    def get_rights(self, one: HypotheticalUser) -> HypotheticalAccess:
        """Return the rights of a case passed to `preload`."""
        return self._known[one]

    def compute_change(self, before: HypotheticalUser | None, after: HypotheticalUser) -> dict[str, Any]:
        """Return the rights gained and lost between two cases passed to `preload`, {} when nothing changes.

        `before` is None for a new user. Inactive rights do not count; `waiting` are the new rights that will work once
        the user is active.
        """
        key = (before, after)
        if key not in self._changes:
            self._changes[key] = compute_impact(self._known[before] if before else None, self._known[after])
        return self._changes[key]


_EffectiveRights = frozenset[tuple[Right, int | None]]


def _collect_rights(one: HypotheticalAccess | None, *, works: bool) -> _EffectiveRights:
    if one is None or (works and one.inactive_reason is not None):
        return frozenset()
    return frozenset((right, None) for right in one.office) | one.at_employers


def compute_impact(before: HypotheticalAccess | None, after: HypotheticalAccess) -> dict[str, Any]:
    """Return the rights gained and lost, {} when nothing changes; see `ImpactCache.compute_change`."""
    old, new = _collect_rights(before, works=True), _collect_rights(after, works=True)
    held_before, held_after = _collect_rights(before, works=False), _collect_rights(after, works=False)
    inactive_reasons = [
        before and before.inactive_reason and before.inactive_reason.value,
        after.inactive_reason and after.inactive_reason.value,
    ]
    waiting = held_after - held_before if after.inactive_reason is not None else frozenset()
    if old == new and held_before == held_after and inactive_reasons[0] == inactive_reasons[1]:
        return {}
    parts = {
        "gained": _group_by_employers(new - old),
        "lost": _group_by_employers(old - new),
        "waiting": _group_by_employers(waiting),
    }
    seal = sha256(repr([sorted(map(str, can)) for can in (held_before, held_after)]).encode()).hexdigest()
    return {name: part for name, part in parts.items() if part} | {"rests": inactive_reasons, "all": seal[:16]}


def _group_by_employers(can: _EffectiveRights) -> list[dict[str, Any]]:
    """Group rights by the set of employers where they apply: right codes, number of employers, first ten employers."""
    places: dict[Right, list[int]] = defaultdict(list)
    for right, number in can:
        places[right] += [] if number is None else [number]
    groups: dict[tuple[int, ...], list[Right]] = defaultdict(list)
    for right in sort_rights(places):
        groups[tuple(sorted(places[right]))].append(right)
    return [
        {
            "rights": [right.value for right in rights],
            "employers": len(numbers),
            "first": list(numbers[:_MAX_LISTED_EMPLOYERS]),
        }
        for numbers, rights in groups.items()
    ]
