"""Which proof each act asks at each door: every cell of the table is tried, and docs/acts-and-doors.md prints it.

`python -m tests.print_acts_and_doors` writes the page anew.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.test import Client, RequestFactory
from django.utils import timezone

import accounts.actions
import audit
import bulk
import invitations.actions
import signin.sessions
from accounts.models import User
from audit.actors import Actor, Origin, Proof, ProofRequired, helping, on_page, operator
from bulk import operations, running
from bulk.models import Operation
from bulk.several import Act, Wish
from signin import reauthentication
from signin.factors import passing
from signin.store import SessionStore
from signin.visitors import stranger
from tests import factors
from tests.acts import actions, outcome
from tests.acts import things as things
from tests.invited import NUMBER
from tests.people import signed_in
from tests.test_support_rights import MAY
from tests.webservice import bearing, token_of
from webservice.api.door import Door
from webservice.scopes import Scope

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).parent.parent / "docs" / "acts-and-doors.md"

# Told who does it, but a part of other actions, which ask themselves.
PARTS = {
    "audit.actions.draft", "audit.actions.record", "audit.actions.record_all", "audit.actions.record_each",
    "audit.carrying.write_down", "audit.retention.trim", "bulk.applying.apply_file", "bulk.applying.apply_items",
    "bulk.doing.do", "bulk.doing.plan", "bulk.office_plans.run", "bulk.office_plans.run_all", "bulk.offices.set_up",
    "bulk.operations.keep_file", "bulk.operations.keep_team_files",
    "bulk.operations.keep_undo", "bulk.operations.keep_wish", "bulk.operations.plan_again", "bulk.people_plans.plan",
    "bulk.running.make_plan", "bulk.several.do", "bulk.several.plan", "bulk.team_exports.export",
    "bulk.team_plans.apply", "bulk.team_plans.plan", "bulk.team_plans.run", "bulk.team_undoing.plan_undo",
    "bulk.undoing.plan_undo",
}  # fmt: skip

FIVE_MINUTES = {  # how users sign in
    "accounts.email_changes.ask_email_change", "accounts.kinds.set_password", "accounts.tenants.add",
    "accounts.tenants.remove", "accounts.tenants.rename",
    "signin.actions.change_password", "signin.factors.actions.add_app", "signin.factors.actions.add_passkey",
    "signin.factors.actions.make_recovery_codes", "signin.factors.actions.remove", "signin.factors.actions.reset",
    "support.actions.create", "support.actions.end", "support.looking.start", "webservice.clients.change",
    "webservice.clients.register", "webservice.clients.remove", "webservice.clients.set_secret",
    "webservice.clients.switch",
}  # fmt: skip
HALF_HOUR = {  # what users may do, and the office
    "accounts.actions.block", "accounts.actions.change_keeping", "accounts.actions.change_provider",
    "accounts.actions.create_provider", "accounts.actions.edit", "accounts.actions.send_username",
    "accounts.actions.unblock", "accounts.closing.close", "accounts.closing.reopen", "accounts.erasing.erase",
    "accounts.everything.export", "accounts.exports.export", "accounts.kinds.create_azure_user",
    "accounts.kinds.create_webservice_user", "accounts.many.create_azure_users",
    "accounts.many.create_webservice_users", "accounts.tenants.prove", "audit.export.begin",
    "invitations.actions.invite", "invitations.actions.resend", "invitations.actions.restore_text",
    "invitations.actions.revoke", "invitations.actions.save_text", "invitations.actions.send_test",
    "invitations.kinds.to_azure", "invitations.kinds.to_website",
    "notifications.actions.choose", "notifications.actions.follow_office", "notifications.actions.give_own",
    "notifications.actions.raise_signal", "notifications.actions.set_office", "notifications.actions.set_own",
    "notifications.sets.apply", "notifications.sets.change", "notifications.sets.create", "notifications.sets.delete",
    "signin.arrivals.prove_tenant", "signin.factors.policies.change", "teams.actions.change_employers",
    "teams.actions.change_members", "teams.actions.change_teams", "teams.actions.create_team",
    "teams.actions.delete_team", "teams.actions.edit_team", "teams.actions.give_individual_rights",
    "teams.actions.make_like", "teams.actions.rename_team", "teams.actions.require_two_factor",
    "teams.actions.set_individual_rights", "teams.actions.set_team_rights", "teams.actions.set_teams",
    "teams.deviations.drop_superfluous", "teams.deviations.replace_by_team", "teams.employers.change",
    "teams.employers.create", "teams.employers.link", "teams.exports.export", "teams.grants.export",
    "teams.newcomers.equip", "teams.sets.apply", "teams.sets.change", "teams.sets.create", "teams.sets.delete",
    "teams.sets.make_equal", "teams.sets.start_team", "teams.sheets.export_matrix", "webservice.consents.allow",
    "bulk.operations.ask",
}  # fmt: skip
NONE = {  # one's own preferences, ending one's own access, and what has a proof of its own
    "accounts.actions.edit_profile", "accounts.hygiene_mails.ask", "accounts.hygiene_mails.stop",
    "invitations.accepting.accept", "invitations.accepting.send_code", "invitations.accepting.try_code",
    "notifications.actions.mark_all_read", "notifications.actions.mark_read", "notifications.actions.set_own_mail",
    "signin.actions.mail_link", "signin.actions.match", "signin.actions.prove", "signin.actions.record_refusal",
    "signin.actions.reset_password", "signin.actions.settle", "signin.actions.settling",
    "signin.factors.actions.rename", "signin.factors.actions.try_recovery_code", "signin.sessions.end_all",
    "signin.sessions.end_one", "support.looking.end", "webservice.actions.make_ticket", "webservice.consents.cut",
}  # fmt: skip
ASKED = {
    **dict.fromkeys(FIVE_MINUTES, Proof.FIVE_MINUTES),
    **dict.fromkeys(HALF_HOUR, Proof.HALF_HOUR),
    **dict.fromkeys(NONE, Proof.NONE),
}


def every_action() -> dict[str, Callable[..., Any]]:
    """Return every action of the product by name, those of bulk and audit too."""
    found = actions() | actions((audit, bulk))
    return {name: function for name, function in found.items() if name not in PARTS}


# What these ask about somebody else, and where something changes: one's own sessions and integrations may be ended at
# any time, and the same once more changes nothing.
WITHIN = {
    "signin.sessions.end_all": ("of a colleague", Proof.HALF_HOUR),
    "signin.sessions.end_one": ("of a colleague", Proof.HALF_HOUR),
    "webservice.consents.cut": ("of a colleague", Proof.HALF_HOUR),
    "teams.actions.edit_team": ("two-factor of its members", Proof.FIVE_MINUTES),
    "teams.actions.require_two_factor": ("of its members", Proof.FIVE_MINUTES),
    "invitations.kinds.to_azure": ("another login method or account", Proof.FIVE_MINUTES),
    "invitations.kinds.to_website": ("another login method", Proof.FIVE_MINUTES),
}


class Things(dict[str, Any]):
    """Something for every parameter, and nothing for those that no proof hangs on."""

    def __missing__(self, name: str) -> None:
        return None


class Case(NamedTuple):
    """An act that asks more than its action does as a rule, since it changes more."""

    asks: Proof
    act: Callable[[dict[str, Any], Actor], Any]
    asks_programs: Proof | None = None  # where it is another one


def _edit(things: dict[str, Any], by: Actor, **changed: Any) -> None:
    user = things["user"]
    email = changed.pop("email", user.email)
    accounts.actions.edit(user, details=changed, email=email, version=user.version, by=by)  # type: ignore[arg-type]


def _resend(things: dict[str, Any], by: Actor, email: str = "") -> None:
    user = things["invitation"].user
    invitations.actions.resend(user, mobile_number=NUMBER, email=email or user.email, by=by)


def _ask(things: dict[str, Any], by: Actor, act: Act) -> None:
    user = things["invitation"].user if act == Act.RESEND else things["user"]
    wish = Wish(act, [str(user.pk)], numbers={str(user.pk): NUMBER})
    operations.ask(_planned(things["colleague"], wish), by=by)


def _planned(user: User, wish: Wish) -> Operation:
    """Return a bulk action that was planned and waits for somebody to confirm it."""
    by = on_page(_request(), user)
    operation = operations.keep_wish(user, wish, name="lijst", by=by)
    running.make_plan(operation, by=by)
    operation.state = Operation.State.PLANNED
    operation.save()
    return operation


CASES = {
    "accounts.actions.edit: two-factor of a colleague": Case(
        Proof.FIVE_MINUTES, lambda things, by: _edit(things, by, two_factor_required=True)
    ),
    "accounts.actions.edit: another email address": Case(
        Proof.FIVE_MINUTES, lambda things, by: _edit(things, by, email="nieuw@devries.example")
    ),
    "accounts.actions.edit: nothing": Case(Proof.HALF_HOUR, lambda things, by: _edit(things, by)),
    "invitations.actions.resend: to the same address, another number": Case(
        Proof.FIVE_MINUTES, _resend, asks_programs=Proof.HALF_HOUR
    ),
    "invitations.actions.resend: to another address": Case(
        Proof.FIVE_MINUTES, lambda things, by: _resend(things, by, "nieuw@devries.example")
    ),
    "bulk.operations.ask: blocking": Case(Proof.HALF_HOUR, lambda things, by: _ask(things, by, Act.BLOCK)),
    "bulk.operations.ask: requiring two-factor": Case(
        Proof.FIVE_MINUTES, lambda things, by: _ask(things, by, Act.TWO_FACTOR)
    ),
    "bulk.operations.ask: sending invitations again": Case(
        Proof.FIVE_MINUTES, lambda things, by: _ask(things, by, Act.RESEND)
    ),
}


# The doors: each makes its actor with the product's own code.


def _request(session: SessionBase | None = None, user: User | None = None, **headers: str) -> Any:
    request: Any = RequestFactory().post("/", headers=headers)
    request.session, request.user, request.correlation_id = session or SessionStore(), user, "c"
    return request


def _by_session(user: User, client: Client) -> Actor:
    user = User.objects.get(pk=user.pk)
    request = _request(client.session, user)
    request.proof = reauthentication.proof_of(request, user)
    return on_page(request, user)


def _half_signed_in(user: User) -> Actor:
    """Return the actor of somebody with a second factor who has shown the password only."""
    factors.give_app(user)
    return _by_session(user, signed_in(user))


def _by_ticket(user: User, *, confirmed: bool = False) -> Actor:
    request = _request(SessionStore())
    with patch.object(signin.sessions.auth, "login"):
        signin.sessions.start_by_sso(request, user)
    if confirmed:
        reauthentication.note(request)
    request.user = user
    request.proof = reauthentication.proof_of(request, user)
    return on_page(request, user)


def _by_program(user: User, **fields: Any) -> Actor:
    request = _request(**bearing(token_of(user, **fields)), Accept="application/json;version=2018-01-01")
    Door(Scope.USERS_WRITE, None)(request)
    return request.by  # type: ignore[no-any-return]


def _by_worker(user: User, proof: Proof) -> Actor:
    """Return the actor that the worker makes of a bulk action which was confirmed with this proof."""
    request = _request(user=user)
    request.proof = proof
    operation = _planned(user, Wish(Act.BLOCK, []))
    operations.ask(operation, by=on_page(request, user))
    operation.refresh_from_db()
    made: list[Actor] = []
    with patch.object(running, "_do", lambda operation, by, progress: made.append(by)):
        running._run(operation)
    return made[0]


def _support(dora: User) -> Actor:
    factors.give_app(dora)
    request = _request(SessionStore(), User.objects.get(pk=dora.pk))
    reauthentication.note(request, with_factor=True)
    passing.settle(request, passing.Factor.APP)
    request.proof = reauthentication.proof_of(request, request.user)
    return helping(request, request.user, "Gevraagd")


class Entrance(NamedTuple):
    """A door: which proof comes in by it, and how its actor is made."""

    proof: Proof
    actor: Callable[[User, User], Actor]  # of the administrator and of support


DOORS = {
    "page, just signed in": Entrance(Proof.FIVE_MINUTES, lambda user, _d: _by_session(user, signed_in(user))),
    "page, ten minutes ago": Entrance(
        Proof.HALF_HOUR, lambda user, _d: _by_session(user, signed_in(user, seconds_ago=600))
    ),
    "page, an hour ago": Entrance(Proof.NONE, lambda user, _d: _by_session(user, signed_in(user, seconds_ago=3600))),
    "page, second factor still due": Entrance(Proof.NONE, lambda user, _d: _half_signed_in(user)),
    "session of a portal": Entrance(Proof.NONE, lambda user, _d: _by_ticket(user)),
    "session of a portal, confirmed": Entrance(Proof.FIVE_MINUTES, lambda user, _d: _by_ticket(user, confirmed=True)),
    "program, just signed in with two-factor": Entrance(Proof.FIVE_MINUTES, lambda user, _d: _by_program(user)),
    "program, signed in without two-factor": Entrance(
        Proof.HALF_HOUR, lambda user, _d: _by_program(user, with_factor=False)
    ),
    "program, signed in ten minutes ago": Entrance(
        Proof.HALF_HOUR,
        lambda user, _d: _by_program(user, authenticated_at=timezone.now() - timedelta(minutes=10)),
    ),
    "webservice token": Entrance(
        Proof.HALF_HOUR, lambda user, _d: _by_program(user, authenticated_at=None, with_factor=False)
    ),
    "import or bulk action, confirmed at once": Entrance(
        Proof.FIVE_MINUTES, lambda user, _d: _by_worker(user, Proof.FIVE_MINUTES)
    ),
    "import or bulk action, confirmed later": Entrance(
        Proof.HALF_HOUR, lambda user, _d: _by_worker(user, Proof.HALF_HOUR)
    ),
    "command": Entrance(Proof.FIVE_MINUTES, lambda _u, _d: operator("test")),
    "support": Entrance(Proof.FIVE_MINUTES, lambda _u, dora: _support(dora)),
    "impersonation": Entrance(Proof.NONE, lambda user, _d: replace(on_page(_request(), user), only_looks=True)),
    "invitation": Entrance(Proof.NONE, lambda _u, _d: stranger(_request())),
}


@pytest.fixture(params=DOORS)
def entrance(request: pytest.FixtureRequest) -> Entrance:
    return DOORS[request.param]


@pytest.fixture
def by(entrance: Entrance, things: dict[str, Any], alice: User, dora: User) -> Actor:
    return entrance.actor(alice, dora)


def test_every_action_says_what_it_asks_and_stands_in_the_table() -> None:
    said = {name: getattr(function, "proof", None) for name, function in every_action().items()}
    assert said == ASKED


def test_the_parts_of_actions_are_there() -> None:
    assert set(actions((audit, bulk))) >= PARTS


def test_every_act_asks_its_proof_at_every_door(entrance: Entrance, by: Actor, things: dict[str, Any]) -> None:
    assert by.is_operator or by.proof == entrance.proof
    asked = {name for name, function in every_action().items() if outcome_of(function, things, by) == "ProofRequired"}
    within = {name: proof for name, (_where, proof) in WITHIN.items()}
    assert asked == {name for name, proof in (ASKED | within).items() if proof > entrance.proof}


def outcome_of(function: Callable[..., Any], things: dict[str, Any], by: Actor) -> str:
    return outcome(function, Things(things), by)


@pytest.mark.parametrize("name", CASES)
def test_what_changes_more_asks_more(name: str, entrance: Entrance, by: Actor, things: dict[str, Any]) -> None:
    case = CASES[name]
    asks = case.asks_programs if by.origin == Origin.API and case.asks_programs is not None else case.asks
    if asks > entrance.proof:
        with pytest.raises(ProofRequired):
            case.act(things, by)
        return
    try:
        case.act(things, by)
    except ProofRequired:
        raise
    except Exception:  # noqa: S110 (support, for one, is refused: by another rule)
        pass


def test_the_page_says_the_same() -> None:
    assert PAGE.read_text() == page()


WORDS = {Proof.NONE: "–", Proof.HALF_HOUR: "30 min", Proof.FIVE_MINUTES: "5 min"}
PROGRAM = {Proof.NONE: "scope", Proof.HALF_HOUR: "scope", Proof.FIVE_MINUTES: "scope, sign-in of 5 min with two-factor"}
MACHINE = {Proof.NONE: "scope", Proof.HALF_HOUR: "scope", Proof.FIVE_MINUTES: "never"}
PORTAL = {Proof.NONE: "–", Proof.HALF_HOUR: "confirm, 30 min", Proof.FIVE_MINUTES: "confirm, 5 min"}
INTRODUCTION = """# Acts and doors

Which proof each act asks of its actor, at every door by which it can come in. The table is printed by
`python -m tests.print_acts_and_doors` from the data of the test that tries every cell. The proof comes on top of the
right that the act needs, and where an act is not offered at a door, its right or the door itself refuses it.

- **5 min**, **30 min**: the user signed in or confirmed who they are at most so long ago, with the second factor where
  one is due. How users sign in asks 5 minutes; what users may do, and the office, ask 30.
- **confirm**: an SSO ticket proves nothing; the user gives password and second factor, or a passkey, first.
- **portal**: a session that an SSO ticket began; **program**: a token of a user who signed in; **webservice token**: a
  token of client credentials.
- **scope**: the token must hold the scope of the operation; **never**: no token of that kind does it.
- An import or bulk action runs with the proof that its user gave when confirming the plan.
- A command is the operator's and asks none. Support asks its own second factor of at most 5 minutes and a reason, for
  the acts in `teams.rights.Help` alone. Impersonation changes nothing. An invitation opens the acts of accepting it
  alone, with the mailed link and the code.

| act | page, import, bulk | portal | program | webservice token | command | support | impersonation | invitation |
|---|---|---|---|---|---|---|---|---|
"""


def act(name: str) -> str:
    """Return the action of a row."""
    return name.partition(":")[0]


def page() -> str:
    """Return the page of documentation."""
    rows = [(name, proof, proof) for name, proof in ASKED.items()]
    rows += [(f"{name}: {where}", proof, proof) for name, (where, proof) in WITHIN.items()]
    rows += [
        (name, case.asks, case.asks if case.asks_programs is None else case.asks_programs)
        for name, case in CASES.items()
    ]
    lines = [
        f"| {name} | {WORDS[asks]} | {PORTAL[asks]} | {PROGRAM[programs]} | {MACHINE[programs]} | operator |"
        f" {'5 min, a reason' if act(name) in MAY else 'refused'} | refused |"
        f" {'link and code' if name.startswith('invitations.accepting.') else 'refused'} |"
        for name, asks, programs in sorted(rows)
    ]
    return INTRODUCTION + "\n".join(lines) + "\n"
