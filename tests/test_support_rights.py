"""Support may do what is in `teams.rights.Help` and nothing else: every action of every part is tried."""

import inspect
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts.models import EmailChange, User
from audit.actors import Actor, Origin, Proof
from audit.models import Event
from teams.rights import Help
from tests import factors
from tests.acts import actions, call, outcome
from tests.acts import things as things
from tests.people import make_support

pytestmark = pytest.mark.django_db
MAY = {  # written out: what support may do; a new action is in here on purpose or is refused
    "accounts.actions.block", "accounts.actions.unblock", "accounts.tenants.prove", "accounts.closing.close",
    "accounts.closing.reopen", "invitations.actions.resend", "invitations.actions.revoke",
    "signin.factors.actions.reset", "signin.sessions.end_all", "signin.sessions.end_one", "support.looking.end",
    "support.looking.start", "webservice.clients.switch",
}  # fmt: skip
BY_ONESELF = {  # asked with the person as the actor, or before anybody is known, and checked by other means
    "signin.actions.match", "signin.actions.prove", "signin.actions.settle", "signin.actions.settling",
    "signin.actions.record_refusal", "signin.actions.reset_password",
    "signin.actions.change_password", "signin.actions.mail_link", "signin.factors.actions.try_recovery_code",
    "signin.arrivals.prove_tenant",
    "invitations.accepting.accept", "invitations.accepting.send_code", "invitations.accepting.try_code",
    "webservice.consents.allow", "webservice.actions.make_ticket",
}  # fmt: skip


def test_it_knows_all_actions() -> None:
    found = set(actions())
    assert found >= MAY | BY_ONESELF
    assert len(found) > 40
    # One session or all of them, begin and end of a look; on and off of a program are one, and making an office and the
    # programs of partners are tried in test_support_offices and test_support_partners.
    assert len(MAY) == len(Help) + 2 - 3


@pytest.mark.parametrize("origin", [Origin.SUPPORT, Origin.PAGE])
def test_support_may_do_what_is_listed_and_nothing_else(origin: Origin, dora: User, things: dict[str, Any]) -> None:
    factors.give_app(dora)
    by = Actor(origin, dora.full_name, dora, reason="Gevraagd", proof=Proof.FIVE_MINUTES)
    before = Event.objects.count()
    left = {name for name in actions() if name not in BY_ONESELF and not (origin == Origin.SUPPORT and name in MAY)}
    outcomes = {name: outcome(actions()[name], things, by) for name in left}
    assert {name: what for name, what in outcomes.items() if what != "PermissionDenied"} == {}
    assert Event.objects.count() == before
    assert not EmailChange.objects.exists()


@pytest.mark.parametrize("name", sorted(MAY))
def test_each_help_asks_for_support_that_is_whole_and_says_why(name: str, dora: User, things: dict[str, Any]) -> None:
    function = actions()[name]
    if name.startswith("invitations."):
        things |= {"user": things["invitation"].user, "email": things["invitation"].user.email}
    alice = things["colleague"]
    without = Actor(Origin.SUPPORT, dora.full_name, dora, reason="Gevraagd", proof=Proof.FIVE_MINUTES)
    refused = [
        without,
        Actor(Origin.SUPPORT, "x", alice, reason="Gevraagd", proof=Proof.FIVE_MINUTES),
        Actor(Origin.SUPPORT, "x", reason="x"),
    ]
    for by in refused:
        with pytest.raises(PermissionDenied), transaction.atomic():
            call(function, things, by)
    factors.give_app(dora)
    for reason in ("", "  "):
        with pytest.raises((PermissionDenied, ValueError)), transaction.atomic():
            call(
                function,
                things | {"reason": ""},
                Actor(Origin.SUPPORT, dora.full_name, dora, reason=reason, proof=Proof.FIVE_MINUTES),
            )
    other = make_support("egbert")
    if "user" in inspect.signature(inspect.unwrap(function)).parameters:
        with pytest.raises(PermissionDenied), transaction.atomic():
            call(
                function,
                things | {"user": other},
                Actor(Origin.SUPPORT, dora.full_name, dora, reason="Gevraagd", proof=Proof.FIVE_MINUTES),
            )
    call(function, things, Actor(Origin.SUPPORT, dora.full_name, dora, reason="Gevraagd", proof=Proof.FIVE_MINUTES))
