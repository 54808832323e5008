"""The fields of each list: what is shown can be filtered and sorted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

import notifications.sets
from accounts.models import Provider, User
from api.openapi import build_openapi_document
from notifications import preferences
from oauth.models import Application, Consent
from permissions.models import Employer, Team, TeamEmployer, TeamMember
from tests.helpers.api_client import Program, program
from tests.helpers.login_methods import make_azure, tenant_of
from tests.helpers.openapi_schemas import list_scalars, resolve
from tests.helpers.reviews import start
from tests.helpers.users import actor, change_user

ADR = (Path(__file__).parents[2] / "docs" / "adr" / "0007-rest-conventions.md").read_text()
# Beginnings of rows of the decision record, each with whether a field (its path and type) is what the row is about.
DECIDED = {
    "| `value` in filters | not offered: ": lambda path, type_: path.endswith(".value"),
    "| null fields of an employer in filters | not offered: ": lambda _path, type_: type_ == "null",
}


def list_filtered() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in build_openapi_document()["paths"].items():
        if "get" in methods and methods["get"]["x-fields"]:
            yield path, methods["get"]


def test_every_shown_field_can_be_filtered() -> None:
    schemas = build_openapi_document()["components"]["schemas"]
    used = set()
    for path, operation in list_filtered():
        envelope = resolve(operation["responses"]["200"]["content"]["application/json"]["schema"], schemas)
        for field, schema in list_scalars(envelope["properties"]["_embedded"]["items"], schemas):
            if field in operation["x-fields"]:
                continue
            rows = [row for row, is_about in DECIDED.items() if is_about(field, schema.get("type"))]
            assert rows, f"{field} of {path} can neither be filtered nor is that decided"
            used |= set(rows)
    assert used == set(DECIDED)
    assert not [row for row in DECIDED if f"\n{row}" not in ADR]


@pytest.fixture
def ids(office: Provider, alice: User, bob: User) -> dict[str, Any]:
    """The objects that paths of lists refer to, with something in each list."""
    team = Team.objects.create(provider=office, name="Loon")
    employer = Employer.objects.create(provider=office, number=7, name="Bakkerij")
    TeamMember.objects.create(provider=office, team=team, user=bob)
    TeamEmployer.objects.create(provider=office, team=team, employer=employer)
    portals = [
        Application.objects.create(name="Portaal", provider=office, scopes=["sso"]),
        Application.objects.create(name="Uit", provider=office, scopes=["sso"], switched_off_at=timezone.now()),
    ]
    for portal in portals:
        Consent.objects.create(provider=office, user=bob, application=portal, scopes=["sso"])
    for name in ("HR", "Leeg"):
        made = notifications.sets.create_set(
            office, name=name, contents=preferences.DEFAULT_PREFERENCES, by=actor(alice)
        )
        if name == "HR":
            notifications.sets.apply_set(made, bob, by=actor(alice))
    make_azure(office, tenant=tenant_of(office, name="Groep"))
    tenant_of(office, uuid4(), proved=False, name="Nieuw")
    review = start(office, alice)
    return {"provider_id": office.pk, "user_id": bob.pk, "team_id": team.pk, "access_review_id": review.pk}


@pytest.fixture
def calls(alice: User) -> Program:
    return program(alice)


@pytest.mark.slow
@pytest.mark.django_db
def test_every_documented_field_filters_and_sorts(calls: Program, ids: dict[str, Any]) -> None:
    for template, operation in list_filtered():
        path = template.removeprefix("/v2").format(**ids)
        total = len(calls.rows(path))
        for field in operation["x-fields"]:
            empty, filled = (calls.rows(f"{path}?filter={field} {word} null") for word in ("eq", "ne"))
            assert len(empty) + len(filled) == total, (template, field)
            if field not in ("teams.id", "teams.description", "authorizations.code"):  # several for each user
                assert len(calls.rows(f"{path}?orderBy=-{field}")) == total, (template, field)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("/providers/{provider_id}/externaltenants", "isConfirmed eq true", {"Groep"}),
        ("/providers/{provider_id}/externaltenants", "ISCONFIRMED eq false", {"Nieuw"}),
        ("/providers/{provider_id}/externaltenants", "tenantRegistrationLevel eq 'PROVIDER'", {"Groep", "Nieuw"}),
        ("/providers/{provider_id}/externaltenants", "tenantRegistrationLevel eq 'employer'", set()),
        ("/providers/users/{user_id}/integrations", "application.isBlocked eq true", {"Uit"}),
        ("/providers/users/{user_id}/integrations", "application.isBlocked ne true", {"Portaal"}),
        ("/providers/users/{user_id}/integrations", "isBlocked eq true", set()),
        ("/providers/users/{user_id}/integrations", "isBlocked eq false", {"Portaal", "Uit"}),
        ("/providers/users/{user_id}/integrations", "application.logo ne null", set()),
        ("/providers/{provider_id}/notificationsets", "numberOfLinkedUsers eq 1", {"HR"}),
        ("/providers/{provider_id}/notificationsets", "numberOfLinkedUsers lt 0.5 or id eq null", {"Leeg"}),
        ("/providers/{provider_id}/notificationsets", "numberOfLinkedEmployerUsers ne 1", {"Leeg"}),
        ("/providers/teams/{team_id}/members", "description eq 'B. VAN BERGEN'", {"B. van Bergen"}),
        ("/providers/teams/{team_id}/members", "description lk 'b. v'", {"B. van Bergen"}),
    ],
)  # fmt: skip
def test_filters_by_fields_that_are_computed(
    path: str, text: str, found: set[str], calls: Program, ids: dict[str, Any], bob: User
) -> None:
    change_user(bob, initials="B.", prefix="van", last_name="Bergen")
    rows = calls.rows(f"{path.format(**ids)}?filter={text}&orderBy=id")
    assert {row["application"]["name"] if "application" in row else row["description"] for row in rows} == found


@pytest.mark.django_db
def test_users_are_found_by_the_level_of_their_tenant(calls: Program, office: Provider) -> None:
    make_azure(office, username="azuur")
    path = f"/providers/{office.pk}/users?filter=azureActiveDirectory.tenant.tenantRegistrationLevel"
    assert [row["userName"] for row in calls.rows(f"{path} eq 'provider'")] == ["azuur"]
    assert "azuur" not in [row["userName"] for row in calls.rows(f"{path} eq null")]
