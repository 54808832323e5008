"""How recent re-authentication each action requires, per entry point: the cells of docs/reference/re-authentication.md.

`python -m tests.tools.print_reauthentication_matrix` writes that page.
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

import audit
import authentication.sessions
import imports
import invitations.actions
import users.actions
from accounts.models import User
from api.auth import OperationAuth
from audit.actors import (
    Actor,
    EventOrigin,
    ReauthenticationRequired,
    build_anonymous_actor,
    build_operator,
    build_page_actor,
    build_support_actor,
)
from authentication import reauthentication
from authentication.mfa import session_state
from authentication.session_store import SessionStore
from core.access import ReauthenticationLevel
from imports import actions, runner
from imports.bulk_actions import BulkAction, BulkActionRequest
from imports.models import ImportJob
from oauth.scopes import Scope
from tests.helpers import mfa as factors
from tests.helpers.access_tokens import bearing, token_of
from tests.helpers.actions import PACKAGES, PARTS, list_actions, list_functions, outcome
from tests.helpers.actions import action_arguments as action_arguments
from tests.helpers.invited_users import NUMBER
from tests.helpers.users import signed_in
from tests.support.test_permissions import MAY

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "re-authentication.md"

FIVE_MINUTES = {  # how users sign in
    "users.email_changes.request_email_change", "users.login_methods.set_password",
    "authentication.microsoft.tenants.add_tenant", "authentication.microsoft.tenants.remove_tenant",
    "authentication.microsoft.tenants.rename_tenant", "authentication.actions.change_password",
    "authentication.mfa.actions.add_authenticator_app", "authentication.mfa.actions.add_passkey",
    "authentication.mfa.actions.generate_recovery_codes", "authentication.mfa.actions.remove_device",
    "authentication.mfa.actions.reset_mfa", "support.actions.create_support_user", "support.actions.close_support_user",
    "support.impersonation.start_impersonation", "oauth.applications.update_application",
    "oauth.applications.register_application", "oauth.applications.delete_application",
    "oauth.applications.set_client_secret", "oauth.applications.set_application_enabled",
    "oauth.office_decisions.grant_office_consent", "oauth.office_decisions.withdraw_office_consent",
    "oauth.office_decisions.assign_to_teams", "scim.actions.create_connection", "scim.actions.update_connection",
    "scim.actions.switch_connection", "scim.actions.take_over_connection", "scim.actions.create_token",
    "scim.actions.remove_token", "scim.actions.delete_connection", "scim.actions.go_live",
    "scim.directory_groups.map_group",
}  # fmt: skip
HALF_HOUR = {  # what users may do, and the office
    "users.actions.block_user", "users.actions.change_retention", "users.actions.change_provider",
    "users.actions.set_logo", "senders.actions.set_sender", "senders.actions.remove_sender",
    "senders.actions.rotate_dkim_key", "senders.actions.set_provider_selector",
    "users.actions.create_provider", "users.actions.edit_user", "users.actions.send_username",
    "users.actions.remind_of_two_factor",
    "users.actions.unblock_user", "users.actions.block_users", "users.actions.unblock_users",
    "users.actions.edit_users", "users.suspension.suspend_office", "users.suspension.reactivate_office",
    "history.erasure.erase_user", "history.subject_access.export_personal_data", "users.exports.export_users",
    "users.login_methods.create_azure_user", "users.login_methods.create_webservice_user",
    "users.login_methods.create_azure_users", "users.login_methods.create_webservice_users",
    "authentication.microsoft.tenants.confirm_tenant", "audit.export.begin_export", "invitations.actions.invite_user",
    "history.audit_package.create_package",
    "invitations.actions.resend_invitation", "invitations.actions.revoke_invitation",
    "users.email_texts.change_email_language", "users.email_texts.save_email_text",
    "users.email_texts.send_test_email", "users.change_login_method.change_to_azure",
    "users.change_login_method.change_to_website", "users.change_login_method.rename_azure_user",
    "notifications.actions.apply_initial_set",
    "notifications.actions.clear_user_overrides", "notifications.actions.set_overrides_for_users",
    "notifications.actions.raise_notification_event", "notifications.actions.set_office_preferences",
    "notifications.actions.set_user_overrides", "notifications.sets.apply_set", "notifications.sets.update_set",
    "notifications.sets.create_set", "notifications.sets.delete_set",
    "authentication.microsoft.callback.confirm_tenant", "authentication.mfa.office_policy.change_policy",
    "teams.actions.change_employers", "teams.actions.change_members", "teams.actions.change_teams",
    "teams.actions.create_team", "teams.actions.delete_team", "teams.actions.edit_team",
    "teams.actions.give_individual_rights", "teams.actions.copy_colleague_access", "teams.actions.rename_team",
    "teams.actions.set_two_factor_required", "teams.actions.set_individual_rights", "teams.actions.set_team_rights",
    "teams.actions.set_teams", "teams.deviations.revoke_superfluous_rights", "teams.deviations.replace_rights_by_team",
    "teams.employers.update_employer", "teams.employers.create_employer", "teams.employers.link_employer",
    "teams.exports.export_teams", "permissions.exports.grants.export_grants",
    "teams.initial_access.assign_initial_access", "teams.sets.apply_set", "teams.sets.update_set",
    "teams.undo.undo_change",
    "teams.sets.create_set", "teams.sets.delete_set", "teams.sets.replace_with_set", "teams.sets.create_team_from_set",
    "permissions.exports.matrix.export_matrix", "oauth.consents.grant_consent", "imports.actions.request_execution",
    "users.password_overlap.end_previous_password",
    "reviews.duties.create_rule", "reviews.duties.update_rule", "reviews.duties.delete_rule",
    "reviews.duties.request_exemption", "reviews.duties.approve_exemption", "reviews.duties.end_exemption",
    "reviews.campaigns.create_campaign", "reviews.campaigns.change_reviewers", "reviews.campaigns.delete_draft",
    "reviews.campaigns.start_campaign", "reviews.campaigns.close_campaign", "reviews.plans.create_plan",
    "reviews.campaigns.remind_reviewers", "reviews.edits.edit_draft", "reviews.edits.stop_series",
    "reviews.decisions.decide", "reviews.decisions.keep_plain",
    "reviews.reports.export_sheets", "reviews.reports.export_review_file",
    "scim.directory_users.create_directory_user",
    "scim.directory_users.update_directory_user", "scim.directory_users.end_directory_user",
    "scim.directory_users.invite_waiting_user", "scim.directory_users.apply_pending_user",
    "scim.directory_groups.create_directory_group", "scim.directory_groups.update_directory_group",
    "scim.directory_users.repeat_block",
    "scim.directory_groups.end_directory_group", "scim.held.release_held", "scim.held.reject_held",
}  # fmt: skip
NONE = {  # one's own preferences, ending one's own access, and what has a proof of its own
    "users.actions.edit_profile", "users.dormant_account_emails.subscribe", "users.dormant_account_emails.unsubscribe",
    "invitations.acceptance.accept_invitation", "invitations.acceptance.send_code", "invitations.acceptance.check_code",
    "notifications.actions.mark_all_notifications_read", "notifications.actions.mark_notification_read",
    "users.list_preferences.save_columns", "users.list_preferences.save_view", "users.list_preferences.remove_view",
    "notifications.actions.set_own_email_preferences", "authentication.actions.email_password_link",
    "authentication.actions.authenticate_password", "authentication.actions.record_failed_sign_in",
    "authentication.actions.reset_password",
    "authentication.mfa.actions.rename_device", "authentication.mfa.actions.verify_recovery_code",
    "authentication.sessions.end_all_sessions", "authentication.sessions.end_session",
    "senders.actions.check_sender",
    "support.impersonation.end_impersonation", "oauth.sso_tickets.create_sso_ticket", "oauth.consents.revoke_consent",
}  # fmt: skip
ASKED = {
    **dict.fromkeys(FIVE_MINUTES, ReauthenticationLevel.FIVE_MINUTES),
    **dict.fromkeys(HALF_HOUR, ReauthenticationLevel.HALF_HOUR),
    **dict.fromkeys(NONE, ReauthenticationLevel.NONE),
}


def every_action() -> dict[str, Callable[..., Any]]:
    """Return every action of the product by name, including those of imports and audit."""
    return list_actions((*PACKAGES, audit, imports))


# What these require for another user, or when something changes: users may end their own sessions and integrations at
# any time, and repeating a change changes nothing.
WITHIN = {
    "authentication.sessions.end_all_sessions": ("of a colleague", ReauthenticationLevel.HALF_HOUR),
    "authentication.sessions.end_session": ("of a colleague", ReauthenticationLevel.HALF_HOUR),
    "oauth.consents.revoke_consent": ("of a colleague", ReauthenticationLevel.HALF_HOUR),
    "teams.actions.edit_team": ("two-factor of its members", ReauthenticationLevel.FIVE_MINUTES),
    "teams.actions.set_two_factor_required": ("of its members", ReauthenticationLevel.FIVE_MINUTES),
    "users.change_login_method.change_to_azure": (
        "another login method or account",
        ReauthenticationLevel.FIVE_MINUTES,
    ),
    "users.change_login_method.change_to_website": ("another login method", ReauthenticationLevel.FIVE_MINUTES),
}


class Things(dict[str, Any]):
    """A value for every parameter, None for those that do not affect re-authentication."""

    def __missing__(self, name: str) -> None:
        return None


class Case(NamedTuple):
    """A call that requires more than its action usually does, because it changes more."""

    asks: ReauthenticationLevel
    act: Callable[[dict[str, Any], Actor], Any]
    asks_programs: ReauthenticationLevel | None = None  # where it is another one


def _edit(action_arguments: dict[str, Any], by: Actor, **changed: Any) -> None:
    user = action_arguments["user"]
    email = changed.pop("email", user.email)
    users.actions.edit_user(user, details=changed, email=email, version=user.version, by=by)


def _resend(action_arguments: dict[str, Any], by: Actor, email: str = "") -> None:
    user = action_arguments["invitation"].user
    invitations.actions.resend_invitation(user, mobile_number=NUMBER, email=email or user.email, by=by)


def _ask(action_arguments: dict[str, Any], by: Actor, act: BulkAction) -> None:
    user = action_arguments["invitation"].user if act == BulkAction.RESEND else action_arguments["user"]
    wish = BulkActionRequest(act, [str(user.pk)], numbers={str(user.pk): NUMBER})
    actions.request_execution(_planned(action_arguments["colleague"], wish), by=by)


def _planned(user: User, wish: BulkActionRequest) -> ImportJob:
    """Return a bulk action that was planned and waits for confirmation."""
    by = build_page_actor(_request(), user)
    job = actions.create_bulk_action(user, wish, name="lijst", by=by)
    runner.plan_and_store(job, by=by)
    job.state = ImportJob.State.PLANNED
    job.save()
    return job


CASES = {
    "users.actions.edit_user: two-factor of a colleague": Case(
        ReauthenticationLevel.FIVE_MINUTES,
        lambda action_arguments, by: _edit(action_arguments, by, two_factor_required=True),
    ),
    "users.actions.edit_user: another e-mail address": Case(
        ReauthenticationLevel.FIVE_MINUTES,
        lambda action_arguments, by: _edit(action_arguments, by, email="nieuw@devries.example"),
    ),
    "users.actions.edit_user: no change": Case(ReauthenticationLevel.HALF_HOUR, _edit),
    "invitations.actions.resend_invitation: to the same address, another number": Case(
        ReauthenticationLevel.FIVE_MINUTES, _resend, asks_programs=ReauthenticationLevel.HALF_HOUR
    ),
    "invitations.actions.resend_invitation: to another address": Case(
        ReauthenticationLevel.FIVE_MINUTES,
        lambda action_arguments, by: _resend(action_arguments, by, "nieuw@devries.example"),
    ),
    "imports.actions.request_execution: blocking": Case(
        ReauthenticationLevel.HALF_HOUR, lambda action_arguments, by: _ask(action_arguments, by, BulkAction.BLOCK)
    ),
    "imports.actions.request_execution: requiring two-factor": Case(
        ReauthenticationLevel.FIVE_MINUTES,
        lambda action_arguments, by: _ask(action_arguments, by, BulkAction.TWO_FACTOR),
    ),
    "imports.actions.request_execution: sending invitations again": Case(
        ReauthenticationLevel.FIVE_MINUTES, lambda action_arguments, by: _ask(action_arguments, by, BulkAction.RESEND)
    ),
}


# The entry points: each builds its actor with the product's own code.


def _request(session: SessionBase | None = None, user: User | None = None, **headers: str) -> Any:
    request: Any = RequestFactory().post("/", headers=headers)
    request.session, request.user, request.correlation_id = session or SessionStore(), user, "c"
    return request


def _by_session(user: User, client: Client) -> Actor:
    user = User.objects.get(pk=user.pk)
    request = _request(client.session, user)
    request.proof = reauthentication.get_reauthentication_level(request, user)
    return build_page_actor(request, user)


def _half_signed_in(user: User) -> Actor:
    """Return the actor of a user with a second factor who entered only the password."""
    factors.give_app(user)
    return _by_session(user, signed_in(user))


def _by_ticket(user: User, *, confirmed: bool = False) -> Actor:
    request = _request(SessionStore())
    with patch.object(authentication.sessions.auth, "login"):
        authentication.sessions.start_sso_session(request, user)
    if confirmed:
        reauthentication.record_reauthentication(request)
    request.user = user
    request.proof = reauthentication.get_reauthentication_level(request, user)
    return build_page_actor(request, user)


def _by_program(user: User, **fields: Any) -> Actor:
    request = _request(**bearing(token_of(user, **fields)), Accept="application/json;version=2018-01-01")
    OperationAuth(Scope.USERS_WRITE, None)(request)
    return request.by


def _by_worker(user: User, proof: ReauthenticationLevel) -> Actor:
    """Return the actor that the worker builds for a bulk action confirmed with this re-authentication."""
    request = _request(user=user)
    request.proof = proof
    job = _planned(user, BulkActionRequest(BulkAction.BLOCK, []))
    actions.request_execution(job, by=build_page_actor(request, user))
    job.refresh_from_db()
    made: list[Actor] = []
    with patch.object(runner, "_execute_job", lambda job, by, progress: made.append(by)):
        runner._run_job(job)
    return made[0]


def _support(dora: User) -> Actor:
    factors.give_app(dora)
    request = _request(SessionStore(), User.objects.get(pk=dora.pk))
    reauthentication.record_reauthentication(request, with_factor=True)
    session_state.set_verified_device(request, dora.authenticator_apps.get())
    request.proof = reauthentication.get_reauthentication_level(request, request.user)
    return build_support_actor(request, request.user, "Gevraagd")


class Entrance(NamedTuple):
    """An entry point: the re-authentication it provides, and how to build its actor."""

    proof: ReauthenticationLevel
    actor: Callable[[User, User], Actor]  # of the administrator and of support


ENTRY_POINTS = {
    "page, just signed in": Entrance(
        ReauthenticationLevel.FIVE_MINUTES, lambda user, _d: _by_session(user, signed_in(user))
    ),
    "page, ten minutes ago": Entrance(
        ReauthenticationLevel.HALF_HOUR, lambda user, _d: _by_session(user, signed_in(user, seconds_ago=600))
    ),
    "page, an hour ago": Entrance(
        ReauthenticationLevel.NONE, lambda user, _d: _by_session(user, signed_in(user, seconds_ago=3600))
    ),
    "page, second factor still due": Entrance(ReauthenticationLevel.NONE, lambda user, _d: _half_signed_in(user)),
    "session of a portal": Entrance(ReauthenticationLevel.NONE, lambda user, _d: _by_ticket(user)),
    "session of a portal, confirmed": Entrance(
        ReauthenticationLevel.FIVE_MINUTES, lambda user, _d: _by_ticket(user, confirmed=True)
    ),
    "program, just signed in with two-factor": Entrance(
        ReauthenticationLevel.FIVE_MINUTES, lambda user, _d: _by_program(user)
    ),
    "program, signed in without two-factor": Entrance(
        ReauthenticationLevel.HALF_HOUR, lambda user, _d: _by_program(user, with_factor=False)
    ),
    "program, signed in ten minutes ago": Entrance(
        ReauthenticationLevel.HALF_HOUR,
        lambda user, _d: _by_program(user, authenticated_at=timezone.now() - timedelta(minutes=10)),
    ),
    "webservice token": Entrance(
        ReauthenticationLevel.HALF_HOUR, lambda user, _d: _by_program(user, authenticated_at=None, with_factor=False)
    ),
    "import or bulk action, confirmed at once": Entrance(
        ReauthenticationLevel.FIVE_MINUTES, lambda user, _d: _by_worker(user, ReauthenticationLevel.FIVE_MINUTES)
    ),
    "import or bulk action, confirmed later": Entrance(
        ReauthenticationLevel.HALF_HOUR, lambda user, _d: _by_worker(user, ReauthenticationLevel.HALF_HOUR)
    ),
    "command": Entrance(ReauthenticationLevel.FIVE_MINUTES, lambda _u, _d: build_operator("test")),
    "support": Entrance(ReauthenticationLevel.FIVE_MINUTES, lambda _u, dora: _support(dora)),
    "impersonation": Entrance(
        ReauthenticationLevel.NONE, lambda user, _d: replace(build_page_actor(_request(), user), is_impersonating=True)
    ),
    "invitation": Entrance(ReauthenticationLevel.NONE, lambda _u, _d: build_anonymous_actor(_request())),
}


@pytest.fixture(params=ENTRY_POINTS)
def entrance(request: pytest.FixtureRequest) -> Entrance:
    return ENTRY_POINTS[request.param]


@pytest.fixture
def by(entrance: Entrance, action_arguments: dict[str, Any], alice: User, dora: User) -> Actor:
    return entrance.actor(alice, dora)


def test_every_action_says_what_it_asks_and_stands_in_the_table() -> None:
    said = {name: getattr(function, "proof", None) for name, function in every_action().items()}
    assert said == ASKED


def test_the_parts_of_actions_are_there() -> None:
    assert set(list_functions((*PACKAGES, audit, imports))) >= PARTS


@pytest.mark.slow
def test_every_action_requires_its_proof_everywhere(
    entrance: Entrance, by: Actor, action_arguments: dict[str, Any]
) -> None:
    assert by.is_operator or by.proof == entrance.proof
    asked = {
        name
        for name, function in every_action().items()
        if outcome_of(function, action_arguments, by) == "ReauthenticationRequired"
    }
    within = {name: proof for name, (_where, proof) in WITHIN.items()}
    assert asked == {name for name, proof in (ASKED | within).items() if proof > entrance.proof}


def outcome_of(function: Callable[..., Any], action_arguments: dict[str, Any], by: Actor) -> str:
    return outcome(function, Things(action_arguments), by)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_changes_more_asks_more(
    name: str, entrance: Entrance, by: Actor, action_arguments: dict[str, Any]
) -> None:
    case = CASES[name]
    asks = case.asks_programs if by.origin == EventOrigin.API and case.asks_programs is not None else case.asks
    if asks > entrance.proof:
        with pytest.raises(ReauthenticationRequired):
            case.act(action_arguments, by)
        return
    try:
        case.act(action_arguments, by)
    except ReauthenticationRequired:
        raise
    except Exception:  # noqa: S110 (support, for one, is refused: by another rule)
        pass


def test_the_page_says_the_same() -> None:
    assert PAGE.read_text() == page()


WORDS = {
    ReauthenticationLevel.NONE: "–",
    ReauthenticationLevel.HALF_HOUR: "30 min",
    ReauthenticationLevel.FIVE_MINUTES: "5 min",
}
PROGRAM = {
    ReauthenticationLevel.NONE: "scope",
    ReauthenticationLevel.HALF_HOUR: "scope",
    ReauthenticationLevel.FIVE_MINUTES: "scope, sign-in of 5 min with two-factor",
}
MACHINE = {
    ReauthenticationLevel.NONE: "scope",
    ReauthenticationLevel.HALF_HOUR: "scope",
    ReauthenticationLevel.FIVE_MINUTES: "never",
}
PORTAL = {
    ReauthenticationLevel.NONE: "–",
    ReauthenticationLevel.HALF_HOUR: "confirm, 30 min",
    ReauthenticationLevel.FIVE_MINUTES: "confirm, 5 min",
}
INTRODUCTION = """# Re-authentication per action

How recently the user must have re-authenticated for each action, for every way to start it. The table is printed by
`python -m tests.tools.print_reauthentication_matrix` from the data of the test that tries every cell. The requirement
comes on top of the right that the action needs. Where an action is not available in a way that the table shows, the
missing right or the entry point itself refuses it.

- **5 min**, **30 min**: the user signed in or re-authenticated at most this long ago, with the second factor where one
  is required. Actions that change how users sign in require 5 minutes; those that change what users may do, or the
  office, require 30.
- **confirm**: an SSO ticket does not count as re-authentication; the user first enters the password and the second
  factor, or uses a passkey.
- **portal**: a session that started with an SSO ticket; **program**: a token of a user who signed in; **webservice
  token**: a token of client credentials.
- **scope**: the token must have the scope of the operation; **never**: no token of this kind can do it.
- An import or bulk action runs with the re-authentication that its user had when confirming the plan.
- Commands run as the operator and require none. Support needs its own second factor, at most 5 minutes ago, and a
  reason, and can start only the actions in `permissions.checks.SupportAction`. Impersonation changes nothing. An
  invitation gives access only to the actions of accepting it, with the mailed link and the code.

| action | page, import, bulk | portal | program | webservice token | command | support | impersonation | invitation |
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
        f" {'link and code' if name.startswith('invitations.acceptance.') else 'refused'} |"
        for name, asks, programs in sorted(rows)
    ]
    return INTRODUCTION + "\n".join(lines) + "\n"
