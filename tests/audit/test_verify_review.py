"""The auditor's program for access reviews, on a history that is written by hand."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import verify, verify_access, verify_review
from audit.verify import CannotVerify, HistoryBroken
from audit.verify_review import ReviewVerifier, compute_merkle_root
from permissions.catalog import Right

KEY = Ed25519PrivateKey.generate()
OFFICE, CAMPAIGN, TEAM, ANN, BEN = "office", "campaign", "team-1", "ann", "ben"
START = "5" * 64  # hash of what the export starts after
Json = dict[str, Any]


def event(verb: str, kind: str, target: str, act: str = "", actor: str | None = None, **changes: Any) -> Json:
    what = {"changes": changes, "name": "x", "reason": ""}
    return {
        "actor_id": actor, "at": "2026-01-01T00:00:00+00:00", "correlation_id": act, "for_whom": None, "id": "e",
        "on_behalf_of_id": None, "origin": "page", "provider_id": OFFICE, "target_id": target, "target_kind": kind,
        "verb": verb, "what": what, "who": {"name": "x"},
    }  # fmt: skip


def begin() -> list[Json]:
    return [
        event("user_created", "user", ANN, login_method=[None, "azure_ad"]),
        event("user_created", "user", BEN, login_method=[None, "azure_ad"]),
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
        path("4", BEN, "integration", "portal", "openid", in_scope=False),
    ]


def decision(key: str, what: str, by: str | None = "reviewer") -> Json:
    return {"at": by and "2026-01-01T00:00:00+00:00", "by": by, "decision": what, "path": key}


class Story:
    """A history and the file of a review; tests make them differ from the truth before the roots are made."""

    def __init__(self, events: list[Json] | None = None, start: int = 0) -> None:
        self.events = events or begin()
        self.first = start + 1  # number of the first event
        self.review: Json = {
            "campaign": CAMPAIGN, "decisions": [], "format": verify_review.REVIEW_FORMAT, "population": population(),
            "provider_id": OFFICE, "results": [],
        }  # fmt: skip
        self.erased: set[str] = set()

    def publish(self, verb: str, name: str, **more: Any) -> None:
        published = {"root": compute_merkle_root(self.review[name]), **more}
        self.events.append(event(verb, "campaign", CAMPAIGN, review=[None, published]))

    def start(self, **more: Any) -> None:
        rows = self.review["population"]
        paths = [row for row in rows if row["kind"] == "path"]
        published = {
            "users": sum(row["kind"] == "user" for row in rows), "paths": len(paths),
            "grants": sum(len(row["rights"]) for row in paths), "in_scope": sum(row["in_scope"] for row in paths),
            "scope": "teams", "scope_teams": [TEAM], "scope_rights": [], "scope_days": None, "undecided": "keep",
            "sequence": self.first + len(self.events) - 1, "head": self.hash_events()[-1][1],
        }  # fmt: skip
        self.publish("review_started", "population", **published | more)

    def decide(self, user: str, key: str, what: str, actor: str = "reviewer") -> None:
        changes = {"path": [None, key], "decision": [None, what]}
        self.events.append(event("review_decided", "user", user, actor=actor, **changes))

    def close(self, *decisions: Json) -> None:
        self.review["decisions"] = [*decisions]
        self.publish("review_closed", "decisions")

    def finish(self, execute: list[Json] | None = None, *, results: Json | None = None) -> None:
        self.start()
        self.decide(ANN, "1", "keep")
        self.decide(ANN, "1", "revoke")
        self.decide(BEN, "2", "revoke")
        self.close(decision("1", "revoke"), decision("2", "revoke"))
        self.events.append(event("team_changed", "team", TEAM, members=[[BEN], []]))
        done = [event("team_changed", "team", TEAM, act="act", members=[[ANN], []])]
        self.events += done if execute is None else execute
        found = results or {"1": "revoked", "2": "gone"}
        self.review["results"] = [{"path": key, "result": result} for key, result in found.items()]
        self.publish("review_executed", "results", acts=["act"])

    def hash_events(self) -> list[tuple[Json, str]]:
        lines, previous = [], START if self.first > 1 else verify.ZERO_HASH
        for number, one in enumerate(self.events, start=self.first):
            line = {"event": one, "previous": previous, "sequence": number}
            previous = verify.hash_event(one, previous, number)
            lines.append(({**line, "hash": previous}, previous))
        return lines

    def verify(self) -> str:
        lines = self.hash_events()
        point = {"at": "x", "format": verify.EXPORT_FORMAT, "provider_id": OFFICE}
        head = point | {"hash": lines[-1][1], "kind": "head", "sequence": self.first + len(lines) - 1}
        start = point | {"hash": START, "kind": "start", "sequence": self.first - 1}
        first = {
            "format": verify.EXPORT_FORMAT, "head": verify.sign_checkpoint(head, KEY), "provider_id": OFFICE,
            "start": verify.sign_checkpoint(start, KEY) if self.first > 1 else None,
        }  # fmt: skip
        verifier = ReviewVerifier(self.review)

        def read(line: Json, what: Json | None) -> None:
            hidden = line["event"]["target_kind"] == "user" and line["event"]["target_id"] in self.erased
            verifier.read(line, None if hidden else what)

        encoded = [verify.encode_canonical_json(line) + b"\n" for line in (first, *(line for line, _hash in lines))]
        verify.verify_history(encoded, [], KEY.public_key(), read_event=read)
        return verifier.check()


def test_a_true_review_is_accepted() -> None:
    story = Story()
    story.start()
    population_text = (
        "review: 2 users, 4 paths, 4 rights, as the history says; not checked: which integrations existed (1)"
    )
    assert story.verify() == population_text
    story = Story()
    story.finish()
    assert story.verify() == f"{population_text}; 2 revoke; 1 revoked as decided, 0 not revoked, 1 gone already"


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
        drop("decisions", path="2"),
        drop("results", path="1"),
        lambda story: story.review["decisions"].append(decision("2", "keep")),
        lambda story: story.review["decisions"][0].update(decision="keep"),
        lambda story: story.review["decisions"][0].update(by="another"),
        lambda story: story.review["decisions"][0].update(at="2026-01-02"),
        lambda story: story.review["population"][3].update(in_scope=False),
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
    for decisions in ([decision("1", "keep")], [decision(key, "keep") for key in ("1", "2", "2")]):
        story = Story()
        story.start()
        story.decide(ANN, "1", "keep")
        story.decide(BEN, "2", "keep")
        story.close(*decisions)
        with pytest.raises(HistoryBroken, match="decisions"):
            story.verify()


# What the history says about a decision


@pytest.mark.parametrize("said", [decision("2", "keep"), decision("2", "keep", None), decision("2", "revoke", None)])
def test_what_nobody_decided_is_not_kept_nor_revoked(said: Json) -> None:
    story = Story()
    story.start()
    story.decide(ANN, "1", "keep")
    story.decide(BEN, "2", "later")
    story.close(decision("1", "keep"), said)
    with pytest.raises(HistoryBroken, match="the path 2: the history says"):
        story.verify()


@pytest.mark.parametrize(("undecided", "outcome"), [("keep", "undecided"), ("revoke", "revoke")])
def test_the_start_says_what_happens_with_what_is_undecided(undecided: str, outcome: str) -> None:
    for said in ("undecided", "revoke", "erased"):
        story = Story()
        story.start(undecided=undecided)
        story.decide(ANN, "1", "keep")
        story.close(decision("1", "keep"), decision("2", said, None))
        if said == outcome:
            assert "1 keep" in story.verify()
        else:
            with pytest.raises(HistoryBroken, match="the path 2"):
                story.verify()


@pytest.mark.parametrize(
    ("user", "key", "actor", "message"),
    [
        (ANN, "1", ANN, "not by another user"),
        (BEN, "1", "reviewer", "not asked"),
        (ANN, "3", "reviewer", "not asked"),
    ],
)
def test_an_event_that_decides_what_it_may_not_is_refused(user: str, key: str, actor: str, message: str) -> None:
    """Also when it agrees with the file, or a later one replaced it."""
    story = Story()
    story.start()
    story.decide(user, key, "keep", actor)
    story.decide(ANN, "1", "keep")
    story.decide(BEN, "2", "keep")
    story.close(decision("1", "keep"), decision("2", "keep"))
    with pytest.raises(HistoryBroken, match=message):
        story.verify()


def test_two_who_decide_about_each_other_are_refused() -> None:
    """At the end, that is: a decision that another reviewer replaced does not count."""
    for last in (BEN, "reviewer"):
        story = Story()
        story.start()
        for actor, user, key in ((ANN, BEN, "2"), (BEN, ANN, "1"), (last, ANN, "1")):
            story.decide(user, key, "keep", actor)
        story.close(decision("1", "keep", last), decision("2", "keep", ANN))
        if last == BEN:
            with pytest.raises(HistoryBroken, match="ann and ben decided about each other"):
                story.verify()
        else:
            assert "2 keep" in story.verify()


@pytest.mark.parametrize("moment", ["before the start", "after the end"])
def test_a_decision_outside_the_review_is_refused(moment: str) -> None:
    story = Story()
    if moment == "before the start":
        story.decide(ANN, "1", "keep")
    story.start()
    story.decide(BEN, "2", "keep")
    if moment == "after the end":
        story.decide(ANN, "1", "keep")
        story.close(decision("1", "revoke"), decision("2", "keep"))
        story.decide(ANN, "1", "revoke")
    else:
        story.close(decision("1", "keep"), decision("2", "keep"))
    with pytest.raises(HistoryBroken, match="not during the review"):
        story.verify()


# Names, scope and moment of the freeze


def test_a_name_is_no_right() -> None:
    events = begin()
    events[0]["what"]["changes"]["last_name"] = [None, "given"]
    story = Story([*events, event("team_changed", "team", TEAM, name=["Loon", "given"])])
    story.start()
    assert "as the history says" in story.verify()


def test_the_program_knows_every_right() -> None:
    assert set(Right) == verify_access.RIGHT_CODES


def ask(*keys: str) -> Callable[[Story], None]:
    def change(story: Story) -> None:
        for row in story.review["population"]:
            if row["kind"] == "path":
                row["in_scope"] = row["id"] in keys

    return change


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        ({"scope": "everyone"}, "1234"),
        ({"scope": "teams", "scope_teams": [TEAM]}, "12"),
        ({"scope": "rights", "scope_rights": ["view_audit"]}, "3"),
        ({"scope": "machines"}, "4"),
    ],
)
def test_the_scope_says_which_paths_are_asked_about(scope: Json, asked: str) -> None:
    for keys in (asked, "", "1234", "23", "4"):
        story = Story()
        ask(*keys)(story)
        story.start(**scope)
        if keys == asked:
            assert "as the history says" in story.verify()
        else:
            with pytest.raises(HistoryBroken, match="scope"):
                story.verify()


def test_the_number_of_paths_in_scope_is_that_of_the_start() -> None:
    """Of users who had not logged in for long the history does not say who they are, but the start says how many."""
    story = Story()
    story.start(scope="dormant", scope_days=90)
    assert "not checked: who had not logged in for long" in story.verify()
    story = Story()
    story.start(scope="dormant", scope_days=90, in_scope=3)
    with pytest.raises(HistoryBroken, match="as many"):
        story.verify()


def test_two_paths_do_not_share_a_decision() -> None:
    story = Story()
    story.review["population"][4]["id"] = "1"
    story.start()
    with pytest.raises(HistoryBroken, match="as many"):
        story.verify()


def test_the_population_is_that_of_the_start_and_of_no_earlier_moment() -> None:
    late = event("rights_changed", "user", BEN, manage_provider=[None, "given"])
    story = Story([*begin(), late])
    story.start(sequence=len(begin()), head=Story().hash_events()[-1][1])
    with pytest.raises(HistoryBroken, match="event 8 changed who has access"):
        story.verify()


@pytest.mark.parametrize("published", [{"head": "f" * 64}, {"sequence": 3}, {"sequence": 99}, {"sequence": -1}])
def test_the_head_is_that_of_the_chain(published: Json) -> None:
    story = Story()
    story.start(**published)
    with pytest.raises(HistoryBroken, match="another hash"):
        story.verify()


def test_a_review_starts_once_and_ends_once() -> None:
    story = Story()
    story.start()
    story.start()
    with pytest.raises(HistoryBroken, match="review_started of this review more than once"):
        story.verify()
    story = Story()
    story.start()
    story.close(decision("1", "undecided", None), decision("2", "undecided", None))
    story.publish("review_closed", "decisions")
    with pytest.raises(HistoryBroken, match="review_closed of this review more than once"):
        story.verify()


def test_a_login_method_is_that_of_the_history() -> None:
    story = Story()
    story.review["population"][0]["login_method"] = "sso_webservice"
    story.start()
    with pytest.raises(HistoryBroken, match="lacks user ann azure_ad"):
        story.verify()


# Execution


DONE = [event("team_changed", "team", TEAM, act="act", members=[[ANN], []])]


@pytest.mark.parametrize(
    "done",
    [
        [],
        [event("team_changed", "team", TEAM, act="act", members=[[ANN, BEN], []])],
        [event("team_changed", "team", TEAM, act="other", members=[[ANN], []])],
        [*DONE, event("rights_changed", "user", ANN, act="act", view_audit=["given", None])],
        [*DONE, event("rights_changed", "user", BEN, act="act", manage_provider=[None, "given"])],
        [event("team_changed", "team", TEAM, act="act", members=[[ANN], ["new"]])],
        [*DONE, event("team_changed", "team", TEAM, act="act", view_wages=["given", None])],
        [*DONE, event("user_created", "user", "new", act="act", login_method=[None, "azure_ad"])],
        [*DONE, event("consent_given", "application", "portal", act="act", scopes=[[], ["openid"]])],
        [
            *DONE,
            event(
                "consent_ended", "user", BEN, act="act", integration=["Portaal", None], integration_id=["portal", None]
            ),
        ],
    ],
)
def test_an_execution_that_differs_from_the_decisions_is_refused(done: list[Json]) -> None:
    story = Story()
    story.finish(done)
    with pytest.raises(HistoryBroken, match="revo"):
        story.verify()


@pytest.mark.parametrize(
    "results",
    [
        {"1": "gone", "2": "gone"},  # still there
        {"1": "revoked", "2": "skipped"},  # gone
        {"1": "revoked", "2": "revoked"},
        {"1": "revoked", "2": "lost"},
    ],
)
def test_results_agree_with_what_is_left(results: Json) -> None:
    story = Story()
    story.finish([] if results["1"] == "gone" else None, results=results)
    with pytest.raises(HistoryBroken):
        story.verify()


@pytest.mark.parametrize(
    ("given_back", "results", "said"),
    [
        (True, {"1": "undone", "2": "gone"}, ""),
        (False, {"1": "revoked", "2": "gone"}, ""),  # not everything is given back
        (False, {"1": "undone", "2": "gone"}, "ann team .* is undone"),
        (True, {"1": "revoked", "2": "gone"}, "ann team .* is revoked"),
        (True, {"1": "gone", "2": "gone"}, "ann team .* is gone"),
        (False, {"1": "gone", "2": "gone"}, "ann team .* was revoked, which nobody decided"),
    ],
)
def test_what_was_undone_exists_again(given_back: bool, results: Json, said: str) -> None:
    story = Story()
    story.finish()
    if given_back:
        story.events.append(event("team_changed", "team", TEAM, act="undo", members=[[], [ANN]]))
    story.review["results"] = [{"path": key, "result": result} for key, result in results.items()]
    story.publish("review_undone", "results", acts=["undo"], undoes="act")
    if not said:
        assert ("1 undone" if given_back else "1 revoked as decided") in story.verify()
    else:
        with pytest.raises(HistoryBroken, match=said):
            story.verify()


def test_only_what_was_revoked_can_be_undone() -> None:
    """A path that nobody revoked is not undone, and what an undone plan revoked was decided as well."""
    kept = event("team_changed", "team", TEAM, members=[[], [BEN]])
    story = Story()
    story.finish()
    story.events += [kept, event("team_changed", "team", TEAM, act="undo", members=[[], [ANN]])]
    story.review["results"] = [{"path": "1", "result": "undone"}, {"path": "2", "result": "undone"}]
    story.publish("review_undone", "results", acts=["undo"], undoes="act")
    with pytest.raises(HistoryBroken, match=r"ben team .* was not revoked, so that was not undone"):
        story.verify()
    story = Story()
    story.finish([*DONE, event("rights_changed", "user", BEN, act="act", view_audit=["given", None])])
    story.events.append(event("team_changed", "team", TEAM, act="undo", members=[[], [ANN]]))
    story.review["results"] = [{"path": "1", "result": "undone"}, {"path": "2", "result": "gone"}]
    story.publish("review_undone", "results", acts=["undo"], undoes="act")
    with pytest.raises(HistoryBroken, match="was revoked, which nobody decided"):
        story.verify()


def test_a_file_from_before_the_undoing_cannot_tell() -> None:
    story = Story()
    story.finish()
    before = story.review["results"]
    story.review["results"] = [{"path": "1", "result": "undone"}, {"path": "2", "result": "gone"}]
    story.publish("review_undone", "results", acts=["undo"], undoes="act")
    story.review["results"] = before
    with pytest.raises(CannotVerify, match="older than the history"):
        story.verify()


def test_results_of_integrations_are_checked() -> None:
    ended = event(
        "consent_ended", "user", BEN, act="act", integration=["Portaal", None], integration_id=["portal", None]
    )
    other = event("consent_ended", "user", BEN, act="act", integration=["Portaal", None], integration_id=["x", None])
    for done in ([ended], [], [other], [ended, other]):
        story = Story()
        ask("4")(story)
        story.start(scope="machines")
        story.decide(BEN, "4", "revoke")
        story.close(decision("4", "revoke"))
        story.events += done
        story.review["results"] = [{"path": "4", "result": "revoked"}]
        story.publish("review_executed", "results", acts=["act"])
        if done == [ended]:
            assert "1 revoked as decided" in story.verify()
        else:
            with pytest.raises(HistoryBroken, match=r"ben integration .* was"):
                story.verify()


# Files and histories that do not belong together


@pytest.mark.parametrize("lists", [("decisions", "results"), ("results",)])
def test_an_older_file_cannot_tell(lists: tuple[str, ...]) -> None:
    story = Story()
    story.finish()
    story.review |= {name: [] for name in lists}
    with pytest.raises(CannotVerify, match=f"older than the history: export it again, with all {lists[0]}"):
        story.verify()


def test_a_file_from_between_two_plans_cannot_tell() -> None:
    story = Story()
    story.finish()
    before = story.review["results"]
    story.review["results"] = [{"path": "1", "result": "revoked"}, {"path": "2", "result": "skipped"}]
    story.publish("review_executed", "results", acts=["act", "other"])
    story.review["results"] = before
    with pytest.raises(CannotVerify, match="older than the history"):
        story.verify()


def test_a_history_that_ends_earlier_cannot_tell() -> None:
    story = Story()
    story.finish()
    story.events.pop()
    with pytest.raises(CannotVerify, match="review_executed"):
        story.verify()


def test_a_team_that_the_history_does_not_have_is_no_fault_of_the_review() -> None:
    story = Story([*begin(), event("team_changed", "team", "unknown", members=[[], [ANN]])])
    story.start()
    with pytest.raises(CannotVerify, match="event 8 changes a team"):
        story.verify()


def test_erased_users_leave_it_verifiable() -> None:
    story = Story()
    story.finish()
    story.erased = {ANN}
    story.events.append(event("user_erased", "user", ANN))
    assert "as the history says" in story.verify()


def test_decisions_about_erased_users_still_have_their_reviewer_and_moment() -> None:
    for said in (decision("1", "keep", "another"), decision("1", "keep", None), decision("1", "erased", None)):
        story = Story()
        story.start()
        story.decide(ANN, "1", "keep")
        story.close(said, decision("2", "undecided", None))
        story.events.append(event("user_erased", "user", ANN))
        story.erased = {ANN}
        with pytest.raises(HistoryBroken, match="the path 1"):
            story.verify()


def test_who_was_erased_before_the_end_needs_no_decision() -> None:
    for said in ("erased", "undecided"):
        story = Story()
        story.start()
        story.events.append(event("user_erased", "user", ANN))
        story.erased = {ANN}
        story.close(decision("1", said, None), decision("2", "undecided", None))
        if said == "erased":
            assert "1 erased" in story.verify()
        else:
            with pytest.raises(HistoryBroken, match="the path 1"):
                story.verify()


def carry_over(*, up_to: int) -> list[Json]:
    return [
        event("carried_over", "user", ANN, "trim", login_method=[None, "azure_ad"], view_audit=[None, "given"]),
        event("carried_over", "user", BEN, "trim", login_method=[None, "azure_ad"]),
        event("carried_over", "team", TEAM, "trim", members=[None, [ANN, BEN]], employers=[None, {"shop": "7"}],
              view_wages=[None, "given"]),
        event("carried_over", "user", "ghost", "earlier"),
        event("history_trimmed", "provider", OFFICE, "trim", up_to=[None, up_to], before=[None, "x"]),
    ]  # fmt: skip


def test_a_snapshot_stands_for_the_events_that_were_removed() -> None:
    story = Story(carry_over(up_to=5), start=5)
    story.start()
    assert "as the history says" in story.verify()
    story = Story(carry_over(up_to=5), start=5)
    story.events.insert(0, event("team_changed", "team", TEAM, members=[[BEN], []]))
    story.start()
    with pytest.raises(HistoryBroken, match="invents path ben"):
        story.verify()


def test_a_history_that_starts_later_cannot_tell() -> None:
    """What happened between the snapshot and its first event is not in it: neither intact nor broken."""
    for events in (carry_over(up_to=5), [event("signed_in", "user", ANN)]):
        story = Story(events, start=7)
        story.start()
        with pytest.raises(CannotVerify, match="the history starts at event 8"):
            story.verify()


def test_without_the_start_it_cannot_tell() -> None:
    with pytest.raises(CannotVerify, match="review_started"):
        Story().verify()
