"""Support may perform the actions of `permissions.checks.SupportAction` and no others: every action is tried."""

import inspect
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts.models import EmailChange, User
from audit.actors import Actor, EventOrigin
from audit.models import Event
from core.access import ReauthenticationLevel
from permissions.checks import SupportAction
from tests.helpers import mfa as factors
from tests.helpers.actions import action_arguments as action_arguments
from tests.helpers.actions import call, list_actions, outcome
from tests.helpers.users import make_support

pytestmark = pytest.mark.django_db
MAY = {  # written out: what support may do; a new action is in here on purpose or is refused
    "users.actions.block_user", "users.actions.unblock_user", "authentication.microsoft.tenants.confirm_tenant",
    "users.suspension.suspend_office", "users.suspension.reactivate_office", "invitations.actions.resend_invitation",
    "invitations.actions.revoke_invitation", "authentication.mfa.actions.reset_mfa",
    "authentication.sessions.end_all_sessions", "authentication.sessions.end_session",
    "support.impersonation.end_impersonation", "support.impersonation.start_impersonation",
    "oauth.applications.set_application_enabled",
}  # fmt: skip
BY_ONESELF = {  # asked with the person as the actor, or before anybody is known, and checked by other means
    "authentication.actions.authenticate_password", "authentication.actions.record_failed_sign_in",
    "authentication.actions.reset_password",
    "authentication.actions.change_password", "authentication.actions.email_password_link",
    "authentication.mfa.actions.verify_recovery_code", "authentication.microsoft.callback.confirm_tenant",
    "invitations.acceptance.accept_invitation", "invitations.acceptance.send_code", "invitations.acceptance.check_code",
    "oauth.consents.grant_consent", "oauth.sso_tickets.create_sso_ticket",
}  # fmt: skip


def test_every_support_action_is_covered() -> None:
    found = set(list_actions())
    assert found >= MAY | BY_ONESELF
    assert len(found) > 40
    # One session or all of them, begin and end of a look; on and off of a program are one, and making an office and the
    # programs of partners are tried in test_offices and test_partners.
    assert len(MAY) == len(SupportAction) + 2 - 3


@pytest.mark.slow
@pytest.mark.parametrize("origin", [EventOrigin.SUPPORT, EventOrigin.PAGE])
def test_support_may_do_what_is_listed_and_nothing_else(
    origin: EventOrigin, dora: User, action_arguments: dict[str, Any]
) -> None:
    factors.give_app(dora)
    by = Actor(origin, dora.full_name, dora, reason="Gevraagd", proof=ReauthenticationLevel.FIVE_MINUTES)
    before = Event.objects.count()
    left = {
        name
        for name in list_actions()
        if name not in BY_ONESELF and not (origin == EventOrigin.SUPPORT and name in MAY)
    }
    outcomes = {name: outcome(list_actions()[name], action_arguments, by) for name in left}
    assert {name: what for name, what in outcomes.items() if what != "PermissionDenied"} == {}
    assert Event.objects.count() == before
    assert not EmailChange.objects.exists()


@pytest.mark.parametrize("name", sorted(MAY))
def test_each_help_asks_for_support_that_is_whole_and_says_why(
    name: str, dora: User, action_arguments: dict[str, Any]
) -> None:
    function = list_actions()[name]
    if name.startswith("invitations."):
        action_arguments |= {
            "user": action_arguments["invitation"].user,
            "email": action_arguments["invitation"].user.email,
        }
    alice = action_arguments["colleague"]
    without = Actor(
        EventOrigin.SUPPORT, dora.full_name, dora, reason="Gevraagd", proof=ReauthenticationLevel.FIVE_MINUTES
    )
    refused = [
        without,
        Actor(EventOrigin.SUPPORT, "x", alice, reason="Gevraagd", proof=ReauthenticationLevel.FIVE_MINUTES),
        Actor(EventOrigin.SUPPORT, "x", reason="x"),
    ]
    for by in refused:
        with pytest.raises(PermissionDenied), transaction.atomic():
            call(function, action_arguments, by)
    factors.give_app(dora)
    for reason in ("", "  "):
        with pytest.raises((PermissionDenied, ValueError)), transaction.atomic():
            call(
                function,
                action_arguments | {"reason": ""},
                Actor(
                    EventOrigin.SUPPORT, dora.full_name, dora, reason=reason, proof=ReauthenticationLevel.FIVE_MINUTES
                ),
            )
    other = make_support("egbert")
    if "user" in inspect.signature(inspect.unwrap(function)).parameters:
        with pytest.raises(PermissionDenied), transaction.atomic():
            call(
                function,
                action_arguments | {"user": other},
                Actor(
                    EventOrigin.SUPPORT,
                    dora.full_name,
                    dora,
                    reason="Gevraagd",
                    proof=ReauthenticationLevel.FIVE_MINUTES,
                ),
            )
    call(
        function,
        action_arguments,
        Actor(EventOrigin.SUPPORT, dora.full_name, dora, reason="Gevraagd", proof=ReauthenticationLevel.FIVE_MINUTES),
    )
