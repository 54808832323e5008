"""Labels of the history: fields and values have Dutch names, never those of the code."""

import ast
import re
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.test import Client

import users.actions
from accounts.models import Provider, User
from audit.actions import record
from audit.models import Event, Verb
from authentication.microsoft import tenants
from core.ids import uuid7
from history.presenters import event_rows, labels
from notifications.catalog import NotificationType
from permissions.models import Team
from tests.helpers.random_histories import RandomHistory
from tests.helpers.users import actor

pytestmark = pytest.mark.django_db
APPS = [
    "accounts", "api", "audit", "authentication", "history", "imports", "invitations", "notifications", "oauth",
    "permissions", "support", "teams", "users",
]  # fmt: skip


def pairs(tree: ast.AST) -> Iterator[str]:
    """Yield the fields that get an old and a new value in code: `{"name": [None, name]}`, `lost["rights"] = [a, b]`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            found = zip(node.keys, node.values, strict=True)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            found = zip([node.targets[0].slice], [node.value], strict=True)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "record_export":
            found = zip([node.args[1]], [ast.List(elts=[node, node])], strict=True)
        else:
            continue
        for key, value in found:
            if isinstance(key, ast.Constant) and isinstance(value, ast.List) and len(value.elts) == 2:
                yield key.value


def is_named(field: str) -> bool:
    return labels.get_field_label(field) not in (field, field.replace("_", " "))


def test_every_field_that_code_writes_has_a_name(settings: LazySettings) -> None:
    files = [file.read_text() for app in APPS for file in (settings.BASE_DIR / app).rglob("*.py")]
    recording = [text for text in files if re.search(r"import .*\brecord", text)]
    fields = {field for text in recording for field in pairs(ast.parse(text))}
    assert {"members", "device", "authorization_matrix", "hygiene_mail", "scopes"} <= fields
    assert sorted(field for field in fields if not is_named(field)) == []


@pytest.mark.slow
def test_every_field_of_random_histories_has_a_name() -> None:
    random_history = RandomHistory(3)
    random_history.run(1)
    nameless = set()
    for event in Event.objects.filter(provider_id=random_history.office.pk):
        changes = event.changes.items()
        nameless |= {field for field, values in changes if not labels.is_object_name(values) and not is_named(field)}
    assert nameless == set()


def test_every_part_of_a_signal_has_a_name() -> None:
    codes = [f"{type_}.{part}" for type_ in NotificationType for part in ("is_on", "days", "mail")]
    assert [code for code in codes if not is_named(code)] == []
    assert labels.get_field_label("appraisal.days") == "Beoordeling, dagen"


def said(office: Provider, **changes: object) -> list[str]:
    verb = Verb.PROVIDER_CHANGED
    event = record(verb, office, by=actor(), provider_id=office.pk, changes=changes)
    (row,) = event_rows.present_events([event])
    return [f"{change.label}: {change.old} → {change.new}" for change in row.changes]


def test_codes_are_told_in_words(office: Provider) -> None:
    assert said(office, login_method=["website_sso", "azure_ad"]) == [
        "Inlogmethode: Via website en SSO → Alleen via Azure AD"
    ]
    assert said(office, confirmation_method=[None, "microsoft"]) == ["Hoe bevestigd:  → inloggen met Microsoft"]
    assert said(office, products=[[290], [290, 940]]) == ["Producten: Signaleringen → Signaleringen, Journaliseren"]
    assert said(office, type=[None, "appraisal"], access_until=[None, "2030-12-31"]) == [
        "Signaal:  → Beoordeling",
        "Toegang tot en met:  → 31 december 2030",
    ]
    assert said(office, before=[None, "2026-03-20T09:00:00+00:00"]) == ["Vóór:  → 20 maart 2026 10:00"]
    assert said(office, users=[None, {"form": "csv", "status": "blocked"}]) == [
        "Gebruikers AK:  → Soort bestand: CSV, Status: Geblokkeerd"
    ]
    assert said(office, authorization_matrix=[None, "provider"], name=["blocked", "csv"]) == [
        "Autorisatiematrix:  → Het kantoor zelf",
        "Naam: blocked → csv",
    ]


def test_the_name_of_a_team_is_left_as_it_is(office: Provider, alice: User, bob: User) -> None:
    team = Team.objects.create(provider=office, name="status")
    changes = {"Set A": [None, "applied"], team.name: ["member", None]}
    event = record(Verb.TEAMS_CHANGED, bob, by=actor(alice), provider_id=office.pk, changes=changes)
    (row,) = event_rows.present_events([event])
    assert [(change.label, change.old, change.new) for change in row.changes] == [
        ("Set A", "", "toegepast"),
        ("status", "lid", ""),
    ]


def test_a_reason_of_a_machine_is_told_in_words_and_one_of_a_person_as_it_is(office: Provider, bob: User) -> None:
    refused = record(Verb.SIGN_IN_REFUSED, bob, by=actor(), provider_id=office.pk, reason="wrong_password")
    helped = record(Verb.USER_BLOCKED, bob, by=actor(), provider_id=office.pk, reason="blocked")
    assert [row.reason for row in event_rows.present_events([refused, helped])] == ["fout wachtwoord", "blocked"]


def test_the_page_shows_no_code(alice_client: Client, office: Provider, alice: User) -> None:
    tenants.add_tenant(office, name="Entra", tenant_id=uuid7(), by=actor(alice))
    office.refresh_from_db()
    users.actions.change_retention(office, erase_after_months=3, checkpoint_addresses="a@b.example", by=actor(alice))
    page = alice_client.get("/historie/").text
    assert "Adressen voor controlepunten: – → a@b.example" in page
    assert "tenant_id" not in page
