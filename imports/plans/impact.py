"""Impact of a change on the rights of a user, before and after."""

from collections import defaultdict
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from accounts.models import Provider
from permissions.catalog import Right, sort_rights
from permissions.impact import HypotheticalAccess, HypotheticalUser, compute_hypothetical_access

_MAX_LISTED_EMPLOYERS = 10


def compute_access(provider: Provider, cases: Iterable[HypotheticalUser]) -> dict[HypotheticalUser, HypotheticalAccess]:
    distinct, access = list(set(cases)), dict[HypotheticalUser, HypotheticalAccess]()
    for start in range(0, len(distinct), 100):
        part = distinct[start : start + 100]
        access.update(zip(part, compute_hypothetical_access(provider, part), strict=True))
    return access


_EffectiveRights = frozenset[tuple[Right, int | None]]


def _collect_rights(access: HypotheticalAccess | None, *, works: bool) -> _EffectiveRights:
    if access is None or (works and access.inactive_reason is not None):
        return frozenset()
    return frozenset((right, None) for right in access.office) | access.at_employers


def compute_impact(before: HypotheticalAccess | None, after: HypotheticalAccess) -> dict[str, Any]:
    """Return the rights gained and lost, {} when nothing changes.

    `before` is None for a new user. Inactive rights do not count; `waiting` are the new rights that will work once the
    user is active.
    """
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
    digest = sha256(repr([sorted(map(str, can)) for can in (held_before, held_after)]).encode()).hexdigest()
    return {name: part for name, part in parts.items() if part} | {"rests": inactive_reasons, "all": digest[:16]}


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
