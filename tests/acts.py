"""Every action of the product, and something of an office for each of its parameters."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from datetime import date
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

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
from accounts.models import ExternalTenant, Provider, User
from audit.actors import Actor
from invitations.texts import STANDARD
from notifications.catalogue import SignalType
from notifications.models import Notice, SignalSet
from signin.factors.policies import Policy
from signin.factors.totp import Offer
from support.models import Look
from teams.deviations import Group
from teams.models import AuthorizationSet, Employer, Team
from teams.rights import Right
from tests import factors
from tests.invited import DETAILS, NUMBER, invite
from webservice.models import Application

NO_ACTIONS = (".migrations", ".management", ".views", ".rights", ".forms", ".letters")
PACKAGES = (accounts, invitations, notifications, outbox, signin, support, teams, webservice)
QUESTIONS = {"signin.factors.policies.require_allowed"}  # told who asks, and change nothing


def actions(packages: tuple[ModuleType, ...] = PACKAGES) -> dict[str, Callable[..., Any]]:
    """Return every public function that is told who does it and is no question or letter."""
    found = {}
    for package in packages:
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if any(part in info.name for part in NO_ACTIONS):
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
    tenant = ExternalTenant.objects.create(
        provider=office,
        name="T",
        tenant_id=uuid4(),
        proved_at=timezone.now(),
        proved_how=ExternalTenant.Proof.MICROSOFT,
    )
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
    """Call an action with what belongs to each of its parameters."""
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
    """Return the class of what `function` raises when `by` does it, "done" when it raises nothing; it is undone."""
    try:
        with transaction.atomic():
            made = call(function, things, by)
            if hasattr(made, "close"):
                made.close()  # an export
            transaction.set_rollback(True)
    except Exception as error:  # which one is what is asked
        return type(error).__name__
    return "done"
