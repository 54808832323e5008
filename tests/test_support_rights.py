"""Support may do what is in `teams.rights.Help` and nothing else: every action of every part is tried."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction

import accounts
import invitations
import notifications
import outbox
import signin
import support
import teams
import webservice
from accounts.exports import Form
from accounts.hygiene import Measures
from accounts.models import EmailChange, ExternalTenant, Provider, User
from audit.actors import Actor, Origin, Proof
from audit.models import Event
from invitations.texts import STANDARD
from notifications.catalogue import SignalType
from notifications.models import Notice, SignalSet
from signin.factors.policies import Policy
from signin.factors.totp import Offer
from support.models import Look
from teams.deviations import Group
from teams.models import AuthorizationSet, Employer, Team
from teams.rights import Help, Right
from tests import factors
from tests.invited import DETAILS, NUMBER, invite
from tests.people import make_support
from webservice.models import Application

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


QUESTIONS = {"signin.factors.policies.require_allowed"}  # told who asks, and change nothing


def actions() -> dict[str, Callable[..., Any]]:
    """Return every public function that is told who does it and is no question or letter."""
    found = {}
    for package in (accounts, invitations, notifications, outbox, signin, support, teams, webservice):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if any(part in info.name for part in (".migrations", ".management", ".views", ".rights", ".forms")):
                continue
            module = importlib.import_module(info.name)
            for name, function in inspect.getmembers(module, inspect.isfunction):
                wrapped = inspect.unwrap(function)
                if wrapped.__module__ != info.name or name.startswith("_"):
                    continue
                parameter = inspect.signature(wrapped).parameters.get("by")
                if parameter is not None and parameter.kind is parameter.KEYWORD_ONLY:
                    found[f"{info.name}.{name}"] = function
    return {name: function for name, function in found.items() if name not in QUESTIONS}


@pytest.fixture
def things(office: Provider, alice: User, bob: User, dora: User) -> dict[str, Any]:
    """Something of the office for every name of a parameter."""
    invited = invite(alice)
    team = Team.objects.create(provider=office, name="Loon")
    employer = Employer.objects.create(provider=office, number=1, name="Bakker")
    made = AuthorizationSet.objects.create(provider=office, name="Set")
    tenant = ExternalTenant.objects.create(provider=office, name="T", tenant_id=uuid4())
    factors.give_app(bob)
    offer = Offer.new()
    calm = SignalSet.objects.create(provider=office, name="Rustig")
    program = Application.objects.create(
        provider=office, name="P", redirect_uris="https://x.example/", scopes=["openid"]
    )
    look = Look.objects.create(provider=office, person=alice, helper=dora, reason="x")
    return {
        "target": team, "to": [team], "required": True, "contents": [], "ceremony": None, "answer": None, "left": 1,
        "group": Group([bob], frozenset({Right.VIEW_USERS}), []),
        "provider": office, "user": bob, "users": [bob], "colleague": alice, "team": team, "teams": [team],
        "employer": employer, "employers": [employer], "tenant": tenant, "invitation": invited.invitation,
        "authorization_set": made, "set_": made, "one": made, "add": [bob], "remove": [], "version": 1,
        "details": DETAILS,
        "email": "x@x.example", "name": "Naam", "mobile_number": NUMBER, "wanted": [Right.VIEW_USERS],
        "rights": [Right.VIEW_USERS], "right": Right.VIEW_USERS, "individual": [Right.VIEW_USERS], "tenant_id": uuid4(),
        "external_user_id": uuid4(), "username": "nieuw", "password": "Zonnebloem-43", "text": STANDARD,
        "before": STANDARD, "how": "support", "reason": "x", "id": uuid4(), "offer": offer,
        "code": factors.code_now(offer.secret),
        "invitation_days": 4, "number": 2, "products": [], "browser": "b", "token": "t", "initials": "X.", "prefix": "",
        "last_name": "X", "two_factor_required": True, "expected": None, "note": "", "values": {}, "subject": "s",
        "people": [], "erase_after_months": 1, "checkpoint_addresses": "", "given": [Right.VIEW_USERS],
        "policy": Policy(True, None, None, None), "seen": "", "form": Form.CSV, "filters": {}, "signal_set": calm,
        "type": SignalType.BIRTHDAY, "event_date": date(2030, 1, 1), "mail": {}, "until": uuid4(),
        "notice": Notice(user=bob), "application": program, "secret": "s", "hours": 1, "on": True,
        "measures": Measures(), "look": look, "support_may_look": True, "person": bob, "session": None,
    }  # fmt: skip


def call(function: Callable[..., Any], things: dict[str, Any], by: Actor) -> Any:
    arguments, named = [], {}
    for name, parameter in inspect.signature(inspect.unwrap(function)).parameters.items():
        if name == "by":
            continue
        if parameter.default is not parameter.empty and name not in ("add", "teams", "individual"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = things[name]
        else:
            arguments.append(things[name])
    return function(*arguments, by=by, **named)


def outcome(function: Callable[..., Any], things: dict[str, Any], by: Actor) -> str:
    try:
        with transaction.atomic():
            call(function, things, by)
    except Exception as error:  # which one is what is asked
        return type(error).__name__
    return "done"


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
