"""The auditor's program for access reviews, on a history that is written by hand."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import verify, verify_review
from audit.verify import CannotVerify, HistoryBroken
from audit.verify_review import ReviewVerifier, compute_merkle_root

KEY = Ed25519PrivateKey.generate()
OFFICE, CAMPAIGN, TEAM, ANN, BEN = "office", "campaign", "team-1", "ann", "ben"
Json = dict[str, Any]


def event(verb: str, kind: str, target: str, act: str = "", **changes: Any) -> Json:
    what = {"changes": changes, "name": "x", "reason": ""}
    return {
        "actor_id": None, "at": "2026-01-01T00:00:00+00:00", "correlation_id": act, "for_whom": None, "id": "e",
        "on_behalf_of_id": None, "origin": "page", "provider_id": OFFICE, "target_id": target, "target_kind": kind,
        "verb": verb, "what": what, "who": {"name": "x"},
    }  # fmt: skip


def begin() -> list[Json]:
    return [
        event("user_created", "user", ANN, login_method=[None, "azure_ad"]),
        event("user_created", "user", BEN),
        event("team_created", "team", TEAM, name=[None, "Loon"]),
        event("team_changed", "team", TEAM, view_wages=[None, "given"]),
        event("team_changed", "team", TEAM, members=[[], [ANN, BEN]], employers=[{}, {"shop": "7 Bakker"}]),
        event("rights_changed", "user", ANN, view_audit=[None, "given"], view_users=[None, "given"]),
        event("rights_changed", "user", ANN, view_users=["given", None]),
    ]


def path(key: str, user: str, kind: str, what: str, *rights: str, in_scope: bool = True) -> Json:
    return {"id": key, "in_scope": in_scope, "kind": "path", "path": [kind, what], "rights": [*rights], "user": user}


def population() -> list[Json]:
    return [
        {"kind": "user", "login_method": "azure_ad", "user": ANN},
        {"kind": "user", "login_method": "azure_ad", "user": BEN},
        {"kind": "team", "team": TEAM, "rights": ["view_wages"], "employers": ["shop"]},
        path("1", ANN, "team", TEAM, "view_wages"),
        path("2", BEN, "team", TEAM, "view_wages"),
        path("3", ANN, "right", "view_audit", "view_audit", in_scope=False),
        path("4", BEN, "integration", "portal", "openid"),
    ]


def decision(key: str, what: str, by: str | None = "reviewer") -> Json:
    return {"at": by and "2026-01-02", "by": by, "decision": what, "path": key}


class Story:
    """A history and the file of a review; `change` makes them differ from the truth before the roots are made."""

    def __init__(self, events: list[Json] | None = None, sequence: int | None = None) -> None:
        self.events = events or begin()
        self.sequence = sequence or len(self.events)
        self.review: Json = {
            "campaign": CAMPAIGN, "decisions": [], "format": verify_review.REVIEW_FORMAT, "population": population(),
            "provider_id": OFFICE, "results": [],
        }  # fmt: skip
        self.erased: set[str] = set()

    def publish(self, verb: str, name: str, **more: Any) -> None:
        published = {"root": compute_merkle_root(self.review[name]), **more}
        self.events.append(event(verb, "campaign", CAMPAIGN, review=[None, published]))

    def start(self) -> None:
        rows = self.review["population"]
        paths = [row for row in rows if row["kind"] == "path"]
        grants = sum(len(row["rights"]) for row in paths)
        users = sum(row["kind"] == "user" for row in rows)
        self.publish(
            "review_started", "population", users=users, paths=len(paths), grants=grants, sequence=self.sequence
        )

    def decide(self, user: str, key: str, what: str) -> None:
        self.events.append(event("review_decided", "user", user, path=[None, key], decision=[None, what]))

    def finish(self, execute: Callable[[], list[Json]] | None = None) -> None:
        self.start()
        self.decide(ANN, "1", "keep")
        self.decide(ANN, "1", "revoke")
        self.decide(BEN, "2", "keep")
        self.review["decisions"] = [decision("1", "revoke"), decision("2", "keep"), decision("4", "undecided", None)]
        self.publish("review_closed", "decisions")
        done = [event("team_changed", "team", TEAM, act="act", members=[[ANN], []])]
        self.events += done if execute is None else execute()
        self.review["results"] = [{"path": "1", "result": "revoked"}]
        self.publish("review_executed", "results", acts=["act"])

    def verify(self) -> str:
        lines, previous = [], verify.ZERO_HASH
        for number, one in enumerate(self.events, start=1):
            line = {"event": one, "previous": previous, "sequence": number}
            previous = verify.hash_event(one, previous, number)
            lines.append(verify.encode_canonical_json({**line, "hash": previous}) + b"\n")
        head = {"at": "x", "format": verify.EXPORT_FORMAT, "hash": previous, "kind": "head", "provider_id": OFFICE}
        signed = verify.sign_checkpoint(head | {"sequence": len(self.events)}, KEY)
        first = {"format": verify.EXPORT_FORMAT, "head": signed, "provider_id": OFFICE, "start": None}
        verifier = ReviewVerifier(self.review)

        def read(number: int, one: Json, what: Json | None) -> None:
            hidden = one["target_kind"] == "user" and one["target_id"] in self.erased
            verifier.read(number, one, None if hidden else what)

        lines.insert(0, verify.encode_canonical_json(first) + b"\n")
        verify.verify_history(lines, [], KEY.public_key(), read_event=read)
        return verifier.check()


def test_a_true_review_is_accepted() -> None:
    story = Story()
    story.start()
    assert story.verify() == "review: 2 users, 4 paths, 4 rights, as the history says"
    story = Story()
    story.finish()
    assert story.verify().endswith("1 keep, 1 revoke, 1 undecided; 1 revoked as decided")


def drop(name: str, **which: Any) -> Callable[[Story], None]:
    def change(story: Story) -> None:
        rows = story.review[name]
        rows.remove(next(row for row in rows if which.items() <= row.items()))

    return change


def drop_right(story: Story) -> None:
    story.review["population"][2]["rights"] = []


def add_user(story: Story) -> None:
    story.review["population"].append({"kind": "user", "login_method": "x", "user": "nobody"})


@pytest.mark.parametrize(
    "change",
    [
        drop("population", kind="user", user=BEN),
        drop("population", kind="team"),
        drop("population", kind="path", id="2"),
        drop("population", kind="path", id="3"),
        drop_right,
        add_user,
    ],
)
def test_a_population_that_differs_from_the_history_is_refused(change: Callable[[Story], None]) -> None:
    """Also when it was published that way: the roots fit."""
    story = Story()
    change(story)
    story.start()
    with pytest.raises(HistoryBroken, match="compared with the history"):
        story.verify()


@pytest.mark.parametrize(
    "change",
    [
        drop("population", kind="path", id="4"),
        drop("decisions", path="4"),
        drop("results", path="1"),
        lambda story: story.review["decisions"].append(decision("2", "keep")),
        lambda story: story.review["decisions"][0].update(decision="keep"),
        lambda story: story.review["results"][0].update(result="skipped"),
        lambda story: story.review.update(provider_id="other"),
        lambda story: story.review["population"].append({}),
        lambda story: story.review.pop("results"),
    ],
)
def test_a_file_changed_afterwards_is_refused(change: Callable[[Story], Any]) -> None:
    story = Story()
    story.finish()
    change(story)
    with pytest.raises(HistoryBroken):
        story.verify()


def test_what_happens_after_the_start_does_not_matter() -> None:
    story = Story()
    story.start()
    story.events += [
        event("rights_changed", "user", BEN, view_billing=[None, "given"]), event("team_deleted", "team", TEAM)
    ]  # fmt: skip
    assert "as the history says" in story.verify()


def test_a_path_with_two_decisions_or_none_is_refused() -> None:
    for decisions in ([decision("1", "keep")], [decision(key, "keep") for key in ("1", "2", "2", "4")]):
        story = Story()
        story.start()
        for user, key in ((ANN, "1"), (BEN, "2"), (BEN, "4")):
            story.decide(user, key, "keep")
        story.review["decisions"] = decisions
        story.publish("review_closed", "decisions")
        with pytest.raises(HistoryBroken, match="decisions"):
            story.verify()


def test_a_decision_that_the_history_does_not_have_is_refused() -> None:
    story = Story()
    story.start()
    story.review["decisions"] = [decision("1", "keep"), decision("2", "keep"), decision("4", "undecided", None)]
    story.decide(ANN, "1", "keep")
    story.publish("review_closed", "decisions")
    with pytest.raises(HistoryBroken, match="the path 2"):
        story.verify()


@pytest.mark.parametrize(
    "done",
    [
        [],
        [event("team_changed", "team", TEAM, act="act", members=[[ANN, BEN], []])],
        [event("team_changed", "team", TEAM, act="other", members=[[ANN], []])],
        [
            event("team_changed", "team", TEAM, act="act", members=[[ANN], []]),
            event("rights_changed", "user", ANN, act="act", view_audit=["given", None]),
        ],
    ],
)
def test_an_execution_that_differs_from_the_decisions_is_refused(done: list[Json]) -> None:
    story = Story()
    story.finish(lambda: done)
    with pytest.raises(HistoryBroken, match="revoked"):
        story.verify()


def test_erased_users_leave_it_verifiable() -> None:
    story = Story()
    story.finish()
    story.erased = {ANN}
    story.events.append(event("user_erased", "user", ANN))
    assert "as the history says" in story.verify()


def test_a_history_without_its_begin_is_not_compared_but_a_snapshot_is() -> None:
    carried = [
        event("carried_over", "user", ANN, "trim", view_audit=[None, "given"]),
        event("carried_over", "user", BEN, "trim"),
        event("carried_over", "team", TEAM, "trim", members=[None, [ANN, BEN]], employers=[None, {"shop": "7"}],
              view_wages=[None, "given"]),
        event("carried_over", "user", "ghost", "earlier"),
    ]  # fmt: skip
    trimmed = event("history_trimmed", "provider", OFFICE, "trim", before=[None, "x"])
    story = Story([*carried, trimmed], sequence=1)
    story.start()
    assert "as the history says" in story.verify()
    verifier = ReviewVerifier(story.review)
    verifier.read(
        9,
        event("review_started", "campaign", CAMPAIGN, review=story.events[-1]["what"]["changes"]["review"]),
        story.events[-1]["what"],
    )
    assert "not compared with the history, which starts at event 9" in verifier.check()


def test_without_the_start_it_cannot_tell() -> None:
    with pytest.raises(CannotVerify, match="review_started"):
        Story().verify()
