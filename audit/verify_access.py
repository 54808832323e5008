"""Who had access to an office, rebuilt from the events of an exported history; `verify_review.py` needs this file."""

from collections.abc import Iterable, Iterator
from typing import Any

try:
    from audit import verify
except ImportError:  # copied out of the application
    import verify  # type: ignore[import-not-found,no-redef]

RIGHT_CODES = frozenset({
    "create_pension_return", "export_journal", "file_pension_collectively", "file_tax_collectively",
    "generate_documents", "grant_rights", "handle_leave", "manage_administration", "manage_announcements",
    "manage_automation", "manage_bsn", "manage_concept_employees", "manage_email_texts", "manage_employee_file",
    "manage_employer", "manage_employer_file", "manage_employer_signals", "manage_employer_users", "manage_employers",
    "manage_employments", "manage_fixed_data", "manage_integrations", "manage_pay_models", "manage_provider",
    "manage_sets", "manage_signals", "manage_teams", "manage_users", "manage_variable_data", "manage_wages",
    "review_access", "run_payroll_collectively", "view_administration", "view_audit", "view_billing",
    "view_employee_file", "view_employer", "view_employer_file", "view_employments", "view_fixed_data", "view_hrm",
    "view_pay_models", "view_payroll_output", "view_tax_returns", "view_teams", "view_users", "view_wages",
})  # fmt: skip
ACCESS_VERBS = {
    "user_created", "kind_changed", verify.ERASED_VERB, "rights_changed", "team_created", "team_changed",
    "team_deleted",
}  # fmt: skip
Fact = tuple[str, ...]  # a user, "team", "right" or "integration", and its key
Row = tuple[int, dict[str, Any], dict[str, Any] | None]  # number, event, and its `what`


class Office:
    """Users, teams and rights of an office, as its events leave them."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.users: dict[str, str] = {}  # login method by user
        self.teams: dict[str, dict[str, set[str]]] = {}
        self.rights: dict[str, set[str]] = {}  # individual ones by user
        for row in rows:
            self._apply(*row)

    def _apply(self, number: int, event: dict[str, Any], what: dict[str, Any] | None) -> None:
        kind, target = event["target_kind"], event["target_id"]
        verb = event["verb"] if event["verb"] != "carried_over" else f"{kind}_created"
        changes = (what or {}).get("changes", {})
        if verb in ("user_created", "kind_changed"):
            self.users[target] = changes.get("login_method", [None, self.users.get(target, "")])[1]
        elif verb == verify.ERASED_VERB:
            self.users.pop(target, None)
            for team in self.teams.values():
                team["members"].discard(target)
        elif verb == "team_created":
            self.teams[target] = {"members": set(), "employers": set(), "rights": set()}
        elif verb == "team_deleted":
            self.teams.pop(target, None)
        if kind == "user":
            _exchange({"rights": self.rights.setdefault(target, set())}, changes)
        elif kind == "team" and verb != "team_deleted":
            if target not in self.teams:
                raise verify.CannotVerify(f"event {number} changes a team whose creation the history does not have")
            _exchange(self.teams[target], changes)

    def iter_facts(self, unreadable: set[str]) -> Iterator[tuple[Any, ...]]:
        """Yield users, teams and paths, see `iter_population_facts`."""
        for user, login_method in self.users.items():
            yield "user", user, "" if user in unreadable else login_method
            if user not in unreadable:
                yield from (("path", user, "right", code, (code,)) for code in self.rights.get(user, ()))
        for team_id, team in self.teams.items():
            rights = tuple(sorted(team["rights"]))
            yield "team", team_id, rights, tuple(sorted(team["employers"]))
            yield from (("path", user, "team", team_id, rights) for user in team["members"] & self.users.keys())


def iter_population_facts(population: Iterable[dict[str, Any]], unreadable: set[str]) -> Iterator[tuple[Any, ...]]:
    """Yield what `Office.iter_facts` yields, of the population of a review."""
    for leaf in population:
        if leaf["kind"] == "user":
            yield "user", leaf["user"], "" if leaf["user"] in unreadable else leaf["login_method"]
        elif leaf["kind"] == "team":
            yield "team", leaf["team"], tuple(leaf["rights"]), tuple(leaf["employers"])
        elif leaf["path"][0] == "team" or (leaf["path"][0] == "right" and leaf["user"] not in unreadable):
            yield "path", leaf["user"], *leaf["path"], tuple(leaf["rights"])


def _exchange(held: dict[str, set[str]], changes: dict[str, Any]) -> None:
    for field, change in changes.items():
        old, new = ([*change, None, None])[:2]
        if field in RIGHT_CODES:
            (held["rights"].add if new else held["rights"].discard)(field)
        elif field in ("members", "employers") and field in held:
            held[field] -= set(old or ())
            held[field] |= set(new or ())


def list_removed(number: int, event: dict[str, Any], changes: dict[str, Any]) -> list[Fact]:
    """Return what an event took away. Raises HistoryBroken if it did anything else."""
    target, pairs = event["target_id"], {field: ([*pair, None, None])[:2] for field, pair in changes.items()}
    if event["verb"] == "consent_ended":
        return [(target, "integration", pairs["integration_id"][0])]
    if not any(new for _old, new in pairs.values()):
        if event["verb"] == "team_changed" and pairs.keys() == {"members"}:
            return [(user, "team", target) for user in pairs["members"][0] or ()]
        if event["verb"] == "rights_changed" and pairs.keys() <= RIGHT_CODES:
            return [(target, "right", code) for code in pairs]
    raise verify.HistoryBroken(f"event {number} is of the execution, but revokes what no decision says")


def is_known(fact: Fact, unreadable: set[str]) -> bool:
    """Return whether the history still says this: individual rights and consents of erased users it does not."""
    return fact[1] == "team" or fact[0] not in unreadable


def collect_removed(rows: Iterable[Row], acts: set[str], unreadable: set[str]) -> set[Fact]:
    """Return what the events of these executions took away; they do nothing else."""
    removed = set[Fact]()
    for number, event, what in rows:
        if event["correlation_id"] in acts and what is not None:
            removed |= {fact for fact in list_removed(number, event, what["changes"]) if is_known(fact, unreadable)}
    return removed


def is_in_scope(leaf: dict[str, Any], login_method: str, started: dict[str, Any]) -> bool | None:
    """Return whether the published scope asks about a path; None if the history cannot say."""
    kind, key = leaf["path"]
    match started["scope"]:
        case "everyone":
            return True
        case "teams":
            return kind == "team" and key in started["scope_teams"]
        case "rights":
            return not set(leaf["rights"]).isdisjoint(started["scope_rights"])
        case "machines":
            return login_method == "sso_webservice" or kind not in ("team", "right")
    return None
