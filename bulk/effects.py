"""Impact of a plan on rights, before and after, computing each distinct case once."""

from collections import defaultdict
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from accounts.models import Provider
from teams.catalogue import Right, ordered
from teams.whatif import Abilities, Supposed, abilities

_KEPT, _NAMED = 500, 10  # cached cases; listed employers


class Effects:
    """Caches the rights of the users of an office; users in the same situation share an entry."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._known: dict[Supposed, Abilities] = {}
        self._changes: dict[tuple[Supposed | None, Supposed], dict[str, Any]] = {}

    def learn(self, people: Iterable[Supposed | None]) -> None:
        """Compute the rights of `people` in a few queries."""
        new = list({one for one in people if one is not None and one not in self._known})
        if len(self._known) + len(new) > _KEPT:
            self._known.clear()
            self._changes.clear()
            new = list({one for one in people if one is not None})
        for start in range(0, len(new), 100):
            part = new[start : start + 100]
            self._known.update(zip(part, abilities(self._provider, part), strict=True))

    def of(self, one: Supposed) -> Abilities:
        """Return the rights of a case passed to `learn`."""
        return self._known[one]

    def change(self, before: Supposed | None, after: Supposed) -> dict[str, Any]:
        """Return the rights gained and lost between two cases passed to `learn`, {} when nothing changes.

        `before` is None for a new user. Inactive rights do not count; `waiting` are the new rights that will work once
        the user is active.
        """
        key = (before, after)
        if key not in self._changes:
            self._changes[key] = difference(self._known[before] if before else None, self._known[after])
        return self._changes[key]


_Can = frozenset[tuple[Right, int | None]]


def _all(one: Abilities | None, *, works: bool) -> _Can:
    if one is None or (works and one.resting is not None):
        return frozenset()
    return frozenset((right, None) for right in one.office) | one.at_employers


def difference(before: Abilities | None, after: Abilities) -> dict[str, Any]:
    """Return the rights gained and lost, {} when nothing changes; see `Effects.change`."""
    old, new = _all(before, works=True), _all(after, works=True)
    held_before, held_after = _all(before, works=False), _all(after, works=False)
    rests = [before and before.resting and before.resting.value, after.resting and after.resting.value]
    waiting = held_after - held_before if after.resting is not None else frozenset()
    if old == new and held_before == held_after and rests[0] == rests[1]:
        return {}
    parts = {"gained": _grouped(new - old), "lost": _grouped(old - new), "waiting": _grouped(waiting)}
    seal = sha256(repr([sorted(map(str, can)) for can in (held_before, held_after)]).encode()).hexdigest()
    return {name: part for name, part in parts.items() if part} | {"rests": rests, "all": seal[:16]}


def _grouped(can: _Can) -> list[dict[str, Any]]:
    """Group rights by the set of employers where they apply: right codes, number of employers, first ten employers."""
    places: dict[Right, list[int]] = defaultdict(list)
    for right, number in can:
        places[right] += [] if number is None else [number]
    groups: dict[tuple[int, ...], list[Right]] = defaultdict(list)
    for right in ordered(places):
        groups[tuple(sorted(places[right]))].append(right)
    return [
        {"rights": [right.value for right in rights], "employers": len(numbers), "first": list(numbers[:_NAMED])}
        for numbers, rights in groups.items()
    ]
