"""Verify an access review against an exported history: `python verify.py --review review.json export.jsonl …`.

From the events alone this checks that

- the population is the one that the history says existed when the review started: every user with their login method,
  every team, membership and individual right,
- the paths to access that are in scope are those that the published scope says,
- each of these has one decision: the last one that the history recorded, with who took it and when, during the review
  and never about the own access or each other's; or, if nobody decided, what the review says about that,
- what was executed is what was decided to be revoked, and nothing else; what is said to be gone was gone, and what is
  said to be undone exists again.

The file of a review is canonical JSON: {"campaign":…,"decisions":[…],"format":…,"population":[…],"provider_id":…,
"results":[…]}. Events of the campaign publish the root of the Merkle tree (RFC 6962 section 2.1) over each of these
lists, whose leaves are the canonical JSON of its members, sorted: that of the results at each plan carried out or
undone. Only the root vouches for the integrations that existed, because no single event says who allowed which, and for
which users had not logged in for long.

This file needs `verify.py` and `verify_access.py` beside it. The exit codes are the same.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

try:
    from audit import verify, verify_access
except ImportError:  # copied out of the application
    import verify  # type: ignore[import-not-found,no-redef]
    import verify_access  # type: ignore[import-not-found,no-redef]

REVIEW_FORMAT = "loket-review-1"
_SNAPSHOT_VERBS = {"carried_over", "history_trimmed"}
_CONSENT_VERBS = {"consent_given", "consent_ended"}
_DECIDED = ("keep", "revoke")
_RESULTS = ("revoked", "skipped", "gone", "undone")
_RESULT_VERBS = ("review_executed", "review_undone")


def compute_merkle_root(leaves: Iterable[dict[str, Any]]) -> str:
    """Return the hexadecimal root of the tree over the canonical JSON of `leaves`."""
    level = [hashlib.sha256(b"\0" + leaf).digest() for leaf in sorted(map(verify.encode_canonical_json, leaves))]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        odd = level[-1:] if len(level) % 2 else []
        level = [hashlib.sha256(b"\1" + left + right).digest() for left, right in pairs] + odd
    return (level[0] if level else hashlib.sha256(b"").digest()).hex()


class _Published(NamedTuple):
    """What an event of the campaign published."""

    number: int
    content: dict[str, Any]


class ReviewVerifier:
    """A review, checked against the events of a history once all of them are read."""

    def __init__(self, review: dict[str, Any]) -> None:
        if review.keys() != {"campaign", "decisions", "format", "population", "provider_id", "results"}:
            raise verify.HistoryBroken("the review is not whole")
        if review["format"] != REVIEW_FORMAT:
            raise verify.CannotVerify("the review has another format")
        self.review = review
        self.first = 0  # number of the first event
        self.hashes = bytearray()  # of the event before the first, and of each
        self.published: dict[str, list[_Published]] = {}  # by verb
        self.rows: list[verify_access.Row] = []  # that change who has access
        self.decisions: list[verify_access.Row] = []
        self.erased: dict[str, int] = {}  # number of the event that says so, by user
        self.unreadable: set[str] = set()  # users whose events cannot be decrypted: they were erased since

    def read(self, line: dict[str, Any], what: dict[str, Any] | None) -> None:
        number, event = line["sequence"], line["event"]
        if not self.first:
            self.first = number
            self.hashes += bytes.fromhex(line["previous"])
        self.hashes += bytes.fromhex(line["hash"])
        verb, target, changes = event["verb"], event["target_id"], (what or {}).get("changes", {})
        self.unreadable |= {target} if what is None else set()
        if event["provider_id"] != self.review["provider_id"]:
            raise verify.HistoryBroken("the review is of another office")
        if verb == verify.ERASED_VERB:
            self.erased[target] = number
        if target == self.review["campaign"] and "review" in changes:
            self.published.setdefault(verb, []).append(_Published(number, changes["review"][1]))
        elif verb == "review_decided":
            self.decisions.append((number, event, what))
        elif verb in verify_access.ACCESS_VERBS | _SNAPSHOT_VERBS | _CONSENT_VERBS:
            self.rows.append((number, event, what))

    def check(self) -> str:
        """Return the result as text. Raises HistoryBroken, CannotVerify."""
        try:
            return self._check()
        except (KeyError, TypeError, ValueError, AttributeError):
            raise verify.HistoryBroken("the review does not have what a review has") from None

    def _check(self) -> str:
        for verb in ("review_started", "review_closed"):
            if len(self.published.get(verb, ())) > 1:
                raise verify.HistoryBroken(f"the history has the event {verb} of this review more than once")
        started = self._find_published(["review_started"], "population")
        if started is None:
            raise verify.CannotVerify("the history does not have the event review_started of this review")
        self._compare_population(started)
        paths = self._check_population(started.content)
        found = [self._describe_population(started.content, paths)]
        closed = self._find_published(["review_closed"], "decisions")
        recorded = self._read_decisions(paths, started.number, closed.number if closed else None)
        if closed is not None:
            decisions = self._check_decisions(paths, recorded, started.content["undecided"], closed.number)
            found.append(", ".join(f"{count} {name}" for name, count in sorted(Counter(decisions.values()).items())))
            if (executed := self._find_published(_RESULT_VERBS, "results")) is not None:
                found.append(self._check_results(paths, decisions, executed))
        return "; ".join(found)

    def _find_published(self, verbs: Sequence[str], name: str) -> _Published | None:
        """Return what the last event of `verbs` published about the list `name`, None if both are missing."""
        events = sorted((each for verb in verbs for each in self.published.get(verb, [])), key=lambda each: each.number)
        root = compute_merkle_root(self.review[name])
        if not events and self.review[name]:
            raise verify.CannotVerify(f"the history does not have the event {verbs[0]} of this review")
        if not events or events[-1].content["root"] == root:
            return events[-1] if events else None
        if not self.review[name] or any(event.content["root"] == root for event in events):
            raise verify.CannotVerify(f"the review is older than the history: export it again, with all {name}")
        said = " or ".join(verbs)
        raise verify.HistoryBroken(f"the {name} of the review are not those that the event {said} published")

    def _compare_population(self, started: _Published) -> None:
        """Compare the population with the history up to the event after which it was frozen."""
        sequence = started.content["sequence"]
        rows = self._list_rows_from_base(sequence)
        place = 32 * (sequence - self.first + 1)
        if place < 0 or sequence >= started.number or self.hashes[place : place + 32].hex() != started.content["head"]:
            raise verify.HistoryBroken(f"the review was frozen after event {sequence}, but that has another hash")
        late = [
            row[0]
            for row in self.rows
            if sequence < row[0] < started.number and row[1]["verb"] in verify_access.ACCESS_VERBS
        ]
        if late:
            raise verify.HistoryBroken(f"event {late[0]} changed who has access between the freeze and the start")
        office = verify_access.Office(rows)
        expected = Counter(office.iter_facts(self.unreadable))
        actual = Counter(verify_access.iter_population_facts(self.review["population"], self.unreadable))
        for word, facts in (("lacks", expected - actual), ("invents", actual - expected)):
            if facts:
                named = " ".join(str(part) for part in min(facts, key=repr) if isinstance(part, str))
                raise verify.HistoryBroken(f"the review {word} {named}, compared with the history up to {sequence}")

    def _list_rows_from_base(self, last: int) -> list[verify_access.Row]:
        """Return the events about access up to `last`, from the begin of the office or after the snapshot instead."""
        rows, base = [row for row in self.rows if row[0] <= last and row[1]["verb"] in verify_access.ACCESS_VERBS], None
        if self.first == 1:
            return rows
        for _number, event, what in self.rows:
            if event["verb"] == "history_trimmed" and what and what["changes"]["up_to"][1] == self.first - 1:
                base = event["correlation_id"]
        if base is None:
            raise verify.CannotVerify(
                f"the history starts at event {self.first}: the review needs that from the begin of the office"
            )
        carried = [row for row in self.rows if row[1]["verb"] == "carried_over"]
        return [row for row in carried if row[1]["correlation_id"] == base] + rows

    def _check_population(self, started: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the paths by id. Raises HistoryBroken unless their number and scope are as published."""
        rows = [leaf for leaf in self.review["population"] if leaf["kind"] == "path"]
        users = {leaf["user"]: leaf for leaf in self.review["population"] if leaf["kind"] == "user"}
        paths = {leaf["id"]: leaf for leaf in rows}
        counts = {
            "users": len(users), "paths": len(rows), "grants": sum(len(leaf["rights"]) for leaf in rows),
            "in_scope": sum(leaf["in_scope"] for leaf in rows),
        }  # fmt: skip
        if len(paths) < len(rows) or not counts.items() <= started.items():
            raise verify.HistoryBroken("the review does not have as many users, paths and rights as it published")
        for leaf in rows:
            asked = verify_access.is_in_scope(leaf, users[leaf["user"]]["login_method"], started)
            if asked is not None and leaf["in_scope"] is not asked:
                said = "in scope" if leaf["in_scope"] else "out of scope"
                raise verify.HistoryBroken(f"the path {leaf['id']} is {said}, against what the review published")
        return paths

    def _describe_population(self, started: dict[str, Any], paths: dict[str, dict[str, Any]]) -> str:
        text = f"review: {started['users']} users, {len(paths)} paths, {started['grants']} rights, as the history says"
        unchecked = sum(leaf["path"][0] not in ("team", "right") for leaf in paths.values())
        text += f"; not checked: which integrations existed ({unchecked})" if unchecked else ""
        return text + ("; not checked: who had not logged in for long" if started["scope"] == "dormant" else "")

    def _read_decisions(
        self, paths: dict[str, dict[str, Any]], started: int, closed: int | None
    ) -> dict[str, tuple[str, str, str]]:
        """Return the last decision, its actor and moment of each path that the history says was decided about."""
        found: dict[str, tuple[str, str, str]] = {}
        for number, event, what in self.decisions:
            changes = (what or {}).get("changes", {})
            key = changes.get("path", [None, None])[1]
            if key not in paths:
                continue  # of another review, or unreadable
            if not started < number < (closed or number + 1):
                raise verify.HistoryBroken(f"event {number} decides about the path {key}, but not during the review")
            if event["target_id"] != paths[key]["user"] or not paths[key]["in_scope"]:
                raise verify.HistoryBroken(f"event {number} decides about the path {key}, which was not asked")
            if event["actor_id"] in (None, event["target_id"]):
                raise verify.HistoryBroken(f"event {number} decides about the path {key}, but not by another user")
            found[key] = changes["decision"][1], event["actor_id"], event["at"]
        return found

    def _check_decisions(
        self, paths: dict[str, dict[str, Any]], recorded: dict[str, tuple[str, str, str]], undecided: str, closed: int
    ) -> dict[str, str]:
        """Return the decision about each path in scope."""
        wanted = {key for key, leaf in paths.items() if leaf["in_scope"]}
        taken = Counter(leaf["path"] for leaf in self.review["decisions"])
        for key in sorted(wanted | taken.keys()):
            if taken[key] != (key in wanted):
                raise verify.HistoryBroken(f"the path {key} has {taken[key]} decisions")
        hidden = {
            (event["target_id"], event["actor_id"], event["at"])
            for _number, event, what in self.decisions
            if what is None and event["actor_id"] != event["target_id"]
        }
        found: dict[str, str] = {}
        for leaf in self.review["decisions"]:
            key, user, said = leaf["path"], paths[leaf["path"]]["user"], (leaf["decision"], leaf["by"], leaf["at"])
            expected: tuple[str, str | None, str | None] = recorded.get(key, ("", "", ""))
            if user in self.unreadable and said[0] in _DECIDED and (user, *said[1:]) in hidden:
                expected = said
            elif expected[0] not in _DECIDED:
                was_erased = self.erased.get(user, closed) < closed
                outcome = "erased" if was_erased else "revoke" if undecided == "revoke" else "undecided"
                expected = outcome, None, None
            if said != expected:
                was, is_now = next(pair for pair in zip(expected, said, strict=True) if pair[0] != pair[1])
                raise verify.HistoryBroken(f"the path {key}: the history says {was!r}, the review {is_now!r}")
            found[key] = leaf["decision"]
        pairs = {(leaf["by"], paths[leaf["path"]]["user"]) for leaf in self.review["decisions"]}
        if mutual := [pair for pair in pairs if pair[::-1] in pairs]:
            raise verify.HistoryBroken(f"{' and '.join(min(mutual))} decided about each other")
        return found

    def _check_results(self, paths: dict[str, dict[str, Any]], decisions: dict[str, str], executed: _Published) -> str:
        results = Counter(leaf["path"] for leaf in self.review["results"])
        for key in sorted(results.keys() | decisions.keys()):
            if results[key] != (decisions.get(key) == "revoke"):
                raise verify.HistoryBroken(
                    f"the path {key} has {results[key]} results: {decisions.get(key)} was decided"
                )
        office = verify_access.Office(self._list_rows_from_base(executed.number))
        present = {fact[1:4] for fact in office.iter_facts(self.unreadable) if fact[0] == "path"}
        acts, reverted = self._list_acts()
        done = verify_access.collect_removed(self.rows, acts - reverted, self.unreadable)
        undone = verify_access.collect_removed(self.rows, acts & reverted, self.unreadable)
        said: defaultdict[str, set[verify_access.Fact]] = defaultdict(set)
        for leaf in self.review["results"]:
            path, result = paths[leaf["path"]], leaf["result"]
            fact = (path["user"], *path["path"])
            if result not in _RESULTS:
                raise verify.HistoryBroken(f"the path {leaf['path']} has the result {result!r}")
            if verify_access.is_known(fact, self.unreadable):
                said[result].add(fact)
                is_past = result == "revoked" and fact in done  # it may have been given again since
                if not is_past and fact[1] != "integration" and (fact in present) is (result in ("gone", "revoked")):
                    raise verify.HistoryBroken(f"{' '.join(fact)} is {result} says the review, against the history")
        for word, facts in (
            ("was not revoked", said["revoked"] - done - undone),
            ("was revoked, which nobody decided", (done | (undone - said["undone"])) - said["revoked"]),
            ("was not revoked, so that was not undone", said["undone"] - undone),
        ):
            if facts:
                raise verify.HistoryBroken(f"{' '.join(min(facts))} {word}")
        counts = Counter(leaf["result"] for leaf in self.review["results"])
        text = f"{counts['revoked']} revoked as decided, {counts['skipped']} not revoked, {counts['gone']} gone already"
        return text + (f", {counts['undone']} undone" if counts["undone"] else "")

    def _list_acts(self) -> tuple[set[str], set[str]]:
        """Return the acts that carried out plans, and those that were undone."""
        reverts = self.published.get("review_undone", [])
        executed = self.published["review_executed"][-1]
        return set(executed.content["acts"]), {revert.content["undoes"] for revert in reverts}


def main(arguments: list[str]) -> int:
    """Verify the review and the history named in `arguments`, print the result and return the exit code."""

    def verify_both(names: list[str]) -> str:
        verifier = ReviewVerifier(verify.parse_line(Path(names[0]).read_bytes().strip() + b"\n", names[0]))
        return f"{verify.verify_files(names[1:], verifier.read)}\n{verifier.check()}"

    return int(verify.main(arguments, verify_both))
