"""Fuzzing the web service from its own OpenAPI document: schemathesis with every check enabled."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.db.models import Model
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.core.parameters import ParameterLocation

import notifications.sets
from accounts.models import ExternalTenant, Provider, User
from api.authorization_sets import TEMPLATE_IDS
from notifications import preferences
from oauth.models import Application, Consent
from permissions.models import AuthorizationSet, DutyRule, Employer, Team, TeamMember
from tests.helpers.api_client import VERSION, program
from tests.helpers.invited_users import invite
from tests.helpers.reviews import start
from tests.helpers.users import actor

pytest_plugins = ["schemathesis.pytest.plugin"]  # not loaded by other processes (pyproject.toml): it is slow to import
pytestmark = pytest.mark.django_db

# A rule that no schema can say is a 400, an answer to who may not do it a 403, and a stale If-Match a 412.
schema = schemathesis.openapi.from_wsgi("/v2/openapi.json", WSGIHandler())
schema.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "400", "403", "404", "412", "422", "428"]
FEW, MANY = 5, 60


@pytest.fixture
def ids(office: Provider, alice: User, bob: User) -> dict[str, str]:
    """One object of each type that a URL can refer to."""
    team = Team.objects.create(provider=office, name="Loon Noord")
    TeamMember.objects.create(provider=office, team=team, user=bob)
    Employer.objects.create(provider=office, number=1, name="Bakkerij", products=[290])
    ExternalTenant.objects.create(provider=office, name="T", tenant_id=uuid4())
    made = AuthorizationSet.objects.create(provider=office, name="Set", codes=["view_users"])
    signals = notifications.sets.create_set(
        office, name="HR", contents=preferences.DEFAULT_PREFERENCES, by=actor(alice)
    )
    portal = Application.objects.create(name="Portaal", provider=office, scopes=["sso"])
    Consent.objects.create(provider=office, user=bob, application=portal, scopes=["sso"])
    rule = DutyRule.objects.create(
        provider=office, name="Regel", first=["view_users"], second=["view_audit"], severity="warn", reason="Controle"
    )
    names: dict[str, Model] = {
        "application_id": portal,
        "duty_rule_id": rule,
        "provider_id": office,
        "team_id": team,
        "set_id": made,
        "notification_set_id": signals,
    }
    names["user_id"] = invite(alice).invitation.user
    review = start(office, alice)
    path = review.items.filter(in_scope=True, subject__user=bob).first()
    assert path is not None
    names |= {"access_review_id": review, "path_id": path}
    return {name: str(row.pk) for name, row in names.items()} | {"email_template_id": str(next(iter(TEMPLATE_IDS)))}


@contextmanager
def one_connection() -> Iterator[None]:
    """Keep the connection open within the test's transaction, as Django's test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def headers(alice: User) -> dict[str, str]:
    """Headers of every generated call."""
    return {"Authorization": f"Bearer {program(alice).token}"}


def is_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) is not None


def has_invalid_headers(case: Case) -> bool:
    """Return whether the case violates the document in its headers, of which one is Accept.

    All others are sent with a version: a 406 would hide how the part that violates it is answered.
    """
    part = case.meta.components.get(ParameterLocation.HEADER) if case.meta is not None else None
    return part is not None and part.mode.is_negative


def attack(case: Case, ids: dict[str, str], headers: dict[str, str]) -> int:
    """Send a generated call for existing rows, check the answer, and return its status; changes are rolled back."""
    named = case.path_parameters or {}
    case.path_parameters = {name: ids[name] if is_id(value) else value for name, value in named.items()}
    with one_connection(), transaction.atomic():
        accept = {} if has_invalid_headers(case) else {"Accept": VERSION}
        response = case.call_and_validate(headers=headers | accept)
        transaction.set_rollback(True)
    return response.status_code


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=FEW, deadline=None, suppress_health_check=list(HealthCheck))
def test_responses_match_the_document(case: Case, ids: dict[str, str], headers: dict[str, str]) -> None:
    assert attack(case, ids, headers) < 500


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck))
def test_many_responses_match_the_document(case: Case, ids: dict[str, str], headers: dict[str, str]) -> None:
    assert attack(case, ids, headers) < 500
