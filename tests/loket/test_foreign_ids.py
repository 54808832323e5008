"""IDs of another office, in every URL and every field of every form, do not exist (rule 1)."""

from typing import Any
from uuid import UUID

import pytest
from django.forms import BaseForm, ModelChoiceField
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import teams.actions
import teams.employers
import teams.sets
from accounts.models import Provider, User
from audit.models import Event, Verb
from invitations.models import Invitation
from notifications.models import NotificationSet
from oauth import applications
from permissions.checks import Right
from permissions.models import DutyExemption, DutyRule, TeamMember
from scim.models import DirectoryConnection
from tests.helpers.invited_users import invite
from tests.helpers.login_methods import confirmed, make_azure, make_service, tenant_of
from tests.helpers.reviews import start as start_review
from tests.helpers.users import actor, make_user
from tests.loket.test_malformed_input import EVERY, read

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
PROGRAM = applications.ApplicationDetails(
    name="Portaal", redirect_uris=["https://portaal.example/terug"], post_logout_redirect_uris=[], scopes=["openid"]
)
# Users' own factors, sessions and integrations have other ids; a directory authenticates by a token; confirming a
# tenant needs Microsoft; an uploaded file is visible to its sender only.
ELSEWHERE = {
    "authentication:rename_device", "authentication:remove_device", "authentication:end_own_session",
    "authentication:confirm_tenant", "oauth:end_own_integration", "imports:plan", "imports:result",
    "imports:faulty_rows", "imports:teams_plan", "imports:teams_result",
    "scim_v2:root", "scim_v2:root_with_slash",
}  # fmt: skip
# Tried in tests/support/test_admin.py.
OF_SUPPORT = {"support:start_impersonation", "support:change_partner", "support:partner_secret"}
BY_ID = [name for name, kinds in EVERY if kinds == ("UUIDConverter",) and name not in ELSEWHERE | OF_SUPPORT]
OWN = [name for name, kinds in EVERY if not kinds and name != "authentication:logout"]


def furnish(office: Provider, boss: User) -> list[UUID]:
    """Give an office one of everything that a URL or a form can refer to; return the IDs."""
    by, tag = actor(), office.name
    team = teams.actions.create_team(office, name="Loon", by=by)
    employer = teams.employers.create_employer(office, number=7, name="Bakkerij", by=by)
    one = teams.sets.create_set(office, name="HR", contents=[Right.VIEW_HRM], by=by)
    tenant = tenant_of(office)
    azure = make_azure(office, tenant=tenant, username=f"azuur {tag}")
    people = [make_user(office, username=f"lid {tag}"), make_service(office, username=f"dienst {tag}"), azure]
    TeamMember.objects.create(provider=office, team=team, user=people[0])
    invited = invite(boss, email="nieuw@example.nl").invitation.user
    calm = NotificationSet.objects.create(provider=office, name="Rustig")
    rule = DutyRule.objects.create(provider=office, name="Regel", first=["view_hrm"], second=["view_wages"])
    exemption = DutyExemption.objects.create(
        provider=office, rule=rule, user=people[0], until=timezone.localdate(), reason="Klein kantoor"
    )
    program = applications.register_application(office, details=PROGRAM, by=by)
    directory = DirectoryConnection.objects.create(provider=office, name="Okta", owner=boss, login_method="website_sso")
    teams.actions.rename_team(team, name="Lonen", version=team.version, by=by)
    change = Event.objects.filter(provider_id=office.pk, verb=Verb.TEAM_CHANGED).latest("at")
    made = (team, employer, one, tenant, *people, invited, calm, program, directory, change, rule, exemption)
    return [row.pk for row in (*made, start_review(office, boss))]


@pytest.fixture
def ours(office: Provider, alice: User) -> list[UUID]:
    return furnish(office, alice)


@pytest.fixture
def theirs(charlie: User) -> list[UUID]:
    return furnish(charlie.provider, charlie)


def forms_of(response: Any) -> list[BaseForm]:
    response.getvalue()  # a file is closed after reading
    layers = [layer.flatten() if hasattr(layer, "flatten") else layer for layer in response.context or []]
    return [value for layer in layers for value in layer.values() if isinstance(value, BaseForm)]


def foreign_fields(response: Any) -> dict[str, ModelChoiceField]:
    """Return the fields of a page that take the ID of a row."""
    read(response)
    found = {}
    for form in forms_of(response):
        found |= {
            form.add_prefix(name): field for name, field in form.fields.items() if isinstance(field, ModelChoiceField)
        }
    return found


@pytest.mark.parametrize("name", BY_ID)
def test_no_address_leads_to_another_office(alice: User, ours: list[UUID], theirs: list[UUID], name: str) -> None:
    client, before = confirmed(alice), Event.objects.count()
    for id_ in theirs:
        url = reverse(name, args=[id_])
        assert client.get(url).status_code in (404, 405), url
        assert client.post(url).status_code in (404, 405), url
    assert Event.objects.count() == before
    assert any(client.get(reverse(name, args=[id_])).status_code != 404 for id_ in ours), "one of ours is there"


def test_no_address_of_a_rule_and_a_user_mixes_two_offices(
    alice: User, bob: User, charlie: User, ours: list[UUID], theirs: list[UUID]
) -> None:
    client, before = confirmed(alice), Event.objects.count()
    mine, other = (DutyRule.objects.get(provider=user.provider).pk for user in (alice, charlie))
    form = {"reason": "Klein kantoor", "last_day": timezone.localdate().isoformat()}
    for pair in ((mine, charlie.pk), (other, bob.pk), (other, charlie.pk)):
        url = reverse("reviews:conflict", args=pair)
        assert client.get(url).status_code == client.post(url, form).status_code == 404, url
    assert Event.objects.count() == before
    assert client.post(reverse("reviews:conflict", args=(mine, bob.pk)), form).status_code == 302


@pytest.mark.parametrize("name", [*OWN, *BY_ID])
def test_no_field_takes_a_row_of_another_office(alice: User, ours: list[UUID], theirs: list[UUID], name: str) -> None:
    client: Client = confirmed(alice)
    for url in [reverse(name, args=[id_]) for id_ in ours] if name in BY_ID else [reverse(name)]:
        page = client.get(url)
        for field in foreign_fields(page):
            for id_ in theirs:
                before = Event.objects.count()
                for answer in (client.post(url, {field: id_}), client.get(url, {field: id_})):
                    refused = [form for form in forms_of(answer) if form.is_bound and field in form.fields]
                    assert all(field in form.errors for form in refused), (url, field)
                    assert answer.status_code in (200, 400, 404, 405), (url, field, answer.status_code)
                assert Event.objects.count() == before, (url, field)


def test_the_walk_finds_the_fields(alice: User, ours: list[UUID]) -> None:
    client, found = confirmed(alice), set()
    for name in OWN:
        found |= set(foreign_fields(client.get(reverse(name))))
    for name in BY_ID:
        for id_ in ours:
            found |= set(foreign_fields(client.get(reverse(name, args=[id_]))))
    assert found >= {
        "teams", "authorization_set", "external_tenant", "employer", "users", "employers", "set", "colleague"
    }  # fmt: skip
    assert Invitation.objects.count() == 1
