"""Verify an access review against an exported history: `python verify.py --review review.json export.jsonl …`.

Three things are checked. The population of the review is the one that the history says existed when it started: every
user and team, every membership and individual right. Every path to access in its scope has one decision, the last one
that the history recorded. What was executed is what was decided to be revoked, and nothing else.

The file of a review is canonical JSON: {"campaign":…,"decisions":[…],"format":…,"population":[…],"provider_id":…,
"results":[…]}. Three events of the campaign each publish the root of the Merkle tree (RFC 6962 section 2.1) over one
of these lists, whose leaves are the canonical JSON of its members, sorted. Integrations are in the population, but no
single event says who allowed which: only the root vouches for those.

This file needs `verify.py` beside it. The exit codes are the same.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

try:
    from audit import verify
except ImportError:  # copied out of the application
    import verify  # type: ignore[import-not-found,no-redef]

REVIEW_FORMAT = "loket-review-1"
_ACCESS_VERBS = {
    "user_created", verify.ERASED_VERB, "rights_changed", "team_created", "team_changed", "team_deleted",
    "carried_over", "history_trimmed",
}  # fmt: skip
_Row = tuple[int, dict[str, Any], dict[str, Any] | None]  # number, event, and its `what`


def compute_merkle_root(leaves: Iterable[dict[str, Any]]) -> str:
    """Return the hexadecimal root of the tree over the canonical JSON of `leaves`."""
    level = [hashlib.sha256(b"\0" + leaf).digest() for leaf in sorted(map(verify.encode_canonical_json, leaves))]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        odd = level[-1:] if len(level) % 2 else []
        level = [hashlib.sha256(b"\1" + left + right).digest() for left, right in pairs] + odd
    return (level[0] if level else hashlib.sha256(b"").digest()).hex()


class _Office:
    """Users, teams and rights of an office, as its events leave them."""

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.teams: dict[str, dict[str, set[str]]] = {}
        self.rights: dict[str, set[str]] = {}  # individual ones by user

    def apply(self, event: dict[str, Any], what: dict[str, Any] | None) -> None:
        kind, target = event["target_kind"], event["target_id"]
        verb = event["verb"] if event["verb"] != "carried_over" else f"{kind}_created"
        if verb == "user_created":
            self.users.add(target)
        elif verb == verify.ERASED_VERB:
            self.users.discard(target)
            for team in self.teams.values():
                team["members"].discard(target)
        elif verb == "team_created":
            self.teams[target] = {"members": set(), "employers": set(), "rights": set()}
        elif verb == "team_deleted":
            self.teams.pop(target, None)
        if what is not None and kind in ("user", "team") and verb not in (verify.ERASED_VERB, "team_deleted"):
            self._exchange(kind, target, what["changes"])

    def _exchange(self, kind: str, target: str, changes: dict[str, Any]) -> None:
        held = self.teams[target] if kind == "team" else {"rights": self.rights.setdefault(target, set())}
        for field, change in changes.items():
            old, new = ([*change, None, None])[:2]
            if "given" in (old, new):
                (held["rights"].add if new else held["rights"].discard)(field)
            elif kind == "team" and field in ("members", "employers"):
                held[field] -= set(old or ())
                held[field] |= set(new or ())

    def iter_facts(self, unreadable: set[str]) -> Iterator[tuple[Any, ...]]:
        """Yield users, teams and paths as `_iter_facts`."""
        for user in self.users:
            yield "user", user
            if user not in unreadable:
                yield from (("path", user, "right", code, (code,)) for code in self.rights.get(user, ()))
        for team_id, team in self.teams.items():
            rights = tuple(sorted(team["rights"]))
            yield "team", team_id, rights, tuple(sorted(team["employers"]))
            yield from (("path", user, "team", team_id, rights) for user in team["members"] & self.users)


def _iter_facts(population: Iterable[dict[str, Any]], unreadable: set[str]) -> Iterator[tuple[Any, ...]]:
    for leaf in population:
        if leaf["kind"] == "user":
            yield "user", leaf["user"]
        elif leaf["kind"] == "team":
            yield "team", leaf["team"], tuple(leaf["rights"]), tuple(leaf["employers"])
        elif leaf["path"][0] == "team" or (leaf["path"][0] == "right" and leaf["user"] not in unreadable):
            yield "path", leaf["user"], *leaf["path"], tuple(leaf["rights"])


class ReviewVerifier:
    """A review, checked against the events of a history once all of them are read."""

    def __init__(self, review: dict[str, Any]) -> None:
        if review.keys() != {"campaign", "decisions", "format", "population", "provider_id", "results"}:
            raise verify.HistoryBroken("the review is not whole")
        if review["format"] != REVIEW_FORMAT:
            raise verify.CannotVerify("the review has another format")
        self.review = review
        self.first = 0  # number of the first event
        self.published: dict[str, dict[str, Any]] = {}  # by verb
        self.rows: list[_Row] = []  # that change who has access
        self.decided: dict[str, str] = {}  # the last decision that an event records, by path
        self.unreadable: set[str] = set()  # users who were erased since

    def read(self, number: int, event: dict[str, Any], what: dict[str, Any] | None) -> None:
        self.first = self.first or number
        changes = (what or {}).get("changes", {})
        self.unreadable |= {event["target_id"]} if what is None else set()
        if event["provider_id"] != self.review["provider_id"]:
            raise verify.HistoryBroken("the review is of another office")
        if event["target_id"] == self.review["campaign"] and "review" in changes:
            self.published[event["verb"]] = changes["review"][1]
        elif event["verb"] == "review_decided" and "path" in changes:
            self.decided[changes["path"][1]] = changes["decision"][1]
        elif event["verb"] in _ACCESS_VERBS:
            self.rows.append((number, event, what))

    def check(self) -> str:
        """Return the result as text. Raises HistoryBroken, CannotVerify."""
        try:
            return self._check()
        except (KeyError, TypeError, ValueError, AttributeError):
            raise verify.HistoryBroken("the review does not have what a review has") from None

    def _check(self) -> str:
        started = self._require_published("review_started", "population")
        compared = self._compare_population(started["sequence"])
        paths = {leaf["id"]: leaf for leaf in self.review["population"] if leaf["kind"] == "path"}
        grants = sum(len(leaf["rights"]) for leaf in paths.values())
        users = sum(leaf["kind"] == "user" for leaf in self.review["population"])
        if [users, len(paths), grants] != [started["users"], started["paths"], started["grants"]]:
            raise verify.HistoryBroken("the review does not have as many users, paths and rights as it published")
        found = [f"review: {users} users, {len(paths)} paths, {grants} rights, {compared}"]
        if self._is_published("review_closed", "decisions"):
            self._require_published("review_closed", "decisions")
            decisions = self._check_decisions(paths)
            found.append(", ".join(f"{count} {name}" for name, count in sorted(Counter(decisions.values()).items())))
            if self._is_published("review_executed", "results"):
                acts = self._require_published("review_executed", "results")["acts"]
                found.append(f"{self._check_results(paths, decisions, acts)} revoked as decided")
            if "review_undone" in self.published:
                found.append("undone since")
        return "; ".join(found)

    def _is_published(self, verb: str, name: str) -> bool:
        if verb not in self.published and self.review[name]:
            raise verify.HistoryBroken(f"the review has {name}, but the history does not have the event {verb}")
        return verb in self.published

    def _require_published(self, verb: str, name: str) -> dict[str, Any]:
        if verb not in self.published:
            raise verify.CannotVerify(f"the history does not have the event {verb} of this review")
        if self.published[verb]["root"] != compute_merkle_root(self.review[name]):
            raise verify.HistoryBroken(f"the {name} of the review are not those that the event {verb} published")
        return self.published[verb]

    def _compare_population(self, sequence: int) -> str:
        """Compare the population with the history up to the event `sequence`."""
        trims = [event["correlation_id"] for _number, event, _what in self.rows if event["verb"] == "history_trimmed"]
        carried = [row for row in self.rows if row[1]["verb"] == "carried_over"]
        base = [row for row in carried if trims and row[1]["correlation_id"] == trims[-1]]
        if self.first > 1 and not base:
            return f"not compared with the history, which starts at event {self.first}"
        office = _Office()
        since = [row for row in self.rows if row[0] <= sequence and row[1]["verb"] != "carried_over"]
        for _number, event, what in [*base, *since]:
            office.apply(event, what)
        expected = Counter(office.iter_facts(self.unreadable))
        actual = Counter(_iter_facts(self.review["population"], self.unreadable))
        for word, facts in (("lacks", expected - actual), ("invents", actual - expected)):
            if facts:
                named = " ".join(str(part) for part in min(facts, key=repr) if isinstance(part, str))
                raise verify.HistoryBroken(f"the review {word} {named}, compared with the history up to {sequence}")
        return "as the history says"

    def _check_decisions(self, paths: dict[str, dict[str, Any]]) -> dict[str, str]:
        wanted = {key for key, leaf in paths.items() if leaf["in_scope"]}
        taken = Counter(leaf["path"] for leaf in self.review["decisions"])
        for key in sorted(wanted | taken.keys()):
            if taken[key] != (key in wanted):
                raise verify.HistoryBroken(f"the path {key} has {taken[key]} decisions")
        found: dict[str, str] = {}
        for leaf in self.review["decisions"]:
            key, decision = leaf["path"], leaf["decision"]
            recorded = self.decided.get(key, "")
            was_decided = recorded in ("keep", "revoke")
            if paths[key]["user"] not in self.unreadable and (
                was_decided != (leaf["by"] is not None) or (was_decided and recorded != decision)
            ):
                raise verify.HistoryBroken(f"the path {key}: the history says {recorded!r}, the review {decision!r}")
            found[key] = decision
        return found

    def _check_results(self, paths: dict[str, dict[str, Any]], decisions: dict[str, str], acts: list[str]) -> int:
        """Return the number of paths that were revoked."""
        results = Counter(leaf["path"] for leaf in self.review["results"])
        for key in sorted(results.keys() | decisions.keys()):
            if results[key] != (decisions.get(key) == "revoke"):
                raise verify.HistoryBroken(
                    f"the path {key} has {results[key]} results: {decisions.get(key)} was decided"
                )
        revoked = {leaf["path"] for leaf in self.review["results"] if leaf["result"] == "revoked"}
        done = self._collect_removed(acts)
        said = {(paths[key]["user"], *paths[key]["path"]) for key in revoked}
        said = {
            fact for fact in said if fact[1] != "integration" and (fact[1] == "team" or fact[0] not in self.unreadable)
        }
        for word, facts in (("was not revoked", said - done), ("was revoked, which nobody decided", done - said)):
            if facts:
                raise verify.HistoryBroken(f"{' '.join(min(facts))} {word}")
        return len(revoked)

    def _collect_removed(self, acts: list[str]) -> set[tuple[str, ...]]:
        """Return what the events of the execution took away."""
        removed = set[tuple[str, ...]]()
        for _number, event, what in self.rows:
            if event["correlation_id"] in acts and what is not None:
                target, changes = event["target_id"], what["changes"]
                if event["verb"] == "team_changed":
                    removed |= {(user, "team", target) for user in changes.get("members", [()])[0] or ()}
                if event["verb"] == "rights_changed":
                    removed |= {(target, "right", code) for code, change in changes.items() if change[0] == "given"}
        return removed


def main(arguments: list[str]) -> int:
    """Verify the review and the history named in `arguments`, print the result and return the exit code."""

    def verify_both(names: list[str]) -> str:
        verifier = ReviewVerifier(verify.parse_line(Path(names[0]).read_bytes().strip() + b"\n", names[0]))
        return f"{verify.verify_files(names[1:], verifier.read)}\n{verifier.check()}"

    return int(verify.main(arguments, verify_both))
