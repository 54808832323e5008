"""The same text is the same at every entry point: page, file, REST, command and support site."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.test import Client
from django.urls import reverse

import authentication.actions
import teams.actions
from accounts.commands import get_office
from accounts.models import EmailChange, ExternalTenant, Provider, User
from history.event_search import build_event_search
from imports.files.cells import NumberCell
from imports.files.user_columns import parse_cell
from imports.plans import team_plans, user_plans
from oauth.models import Application
from outbox.models import Message
from permissions.models import AuthorizationSet, Employer, Team, TeamEmployer, TeamMember
from support.search import search_offices, search_users
from tests.helpers.api_client import machine
from tests.helpers.import_files import SERVICE, applied, azure, command, faults, file_of, planned, team_of
from tests.helpers.login_methods import GOOD, confirmed, make_azure, make_service, tenant_of
from tests.helpers.users import PASSWORD, actor, make_user
from users.forms.office import RetentionForm

pytestmark = pytest.mark.django_db
FORMS = ("csv", "xlsx", "jsonl")
NAMES = [
    "Straße", "d\u2019Hondt & Zn.", "Cafe\u0301", "Loon; Noord", "Loon \u201cZuid\u201d", "=1+1", "+31 20", "-loon",
    "@som", "0012", "TRUE", "1e5", "2026-01-02", "Søndergård", "İstanbul", "ﬁscaal", "Loon\u200dNoord", "'quote", "a,b",
]  # fmt: skip


def download(client: Client, url: str) -> bytes:
    response: Any = client.get(url)
    assert response.status_code == 200
    return b"".join(response.streaming_content)


@pytest.fixture
def adversarial_office(office: Provider, alice: User) -> Provider:
    """An office whose names are changed by programs that read them."""
    tenant = ExternalTenant.objects.create(
        provider=office, name="Groep\u2019s Straße", tenant_id=uuid4(), confirmed_at=alice.created_at,
        confirmation_method="microsoft",
    )  # fmt: skip
    for number, name in enumerate(NAMES):
        team = Team.objects.create(provider=office, name=name)
        employer = Employer.objects.create(provider=office, number=number + 1, name=name)
        TeamEmployer.objects.create(provider=office, team=team, employer=employer)
        make = (make_user, make_service, make_azure)[number % 3]
        where = {"tenant": tenant} if make is make_azure else {}
        user = make(
            office, username=f"{name}.{number}", last_name=name[:25], first_name=name[:28],
            email=f"Info{number}@m\u00fcller.example", phone_number="0201234567", **where,
        )  # fmt: skip
        TeamMember.objects.create(provider=office, team=team, user=user)
    return office


@pytest.mark.parametrize("form", FORMS)
def test_the_export_of_users_imported_unchanged_plans_nothing(
    adversarial_office: Provider, alice_client: Client, form: str
) -> None:
    file = BytesIO(download(alice_client, reverse(f"users:export_{form}")))
    plan = user_plans.plan_user_file(adversarial_office, file, by=actor(), invite=True)
    assert (faults(plan), plan.items) == ([], [])


@pytest.mark.parametrize("form", FORMS)
def test_the_export_of_teams_imported_unchanged_plans_nothing(
    adversarial_office: Provider, alice_client: Client, form: str
) -> None:
    file = BytesIO(download(alice_client, reverse(f"teams:export_{form}")))
    plan = team_plans.plan_team_files(adversarial_office, [(f"teams.{form}", file)], by=actor())
    assert (faults(plan), plan.items) == ([], [])


@pytest.mark.slow
def test_an_exported_workbook_imported_again_removes_no_employer(office: Provider, alice_client: Client) -> None:
    team = team_of(office, "Alle werkgevers")
    employers = Employer.objects.bulk_create(
        Employer(provider=office, number=number, name=f"W{number}") for number in range(100_000, 104_200)
    )
    TeamEmployer.objects.bulk_create(TeamEmployer(provider=office, team=team, employer=each) for each in employers)
    file = BytesIO(download(alice_client, reverse("teams:export_xlsx")))
    plan = team_plans.plan_team_files(office, [("teams.xlsx", file)], by=actor())
    assert plan.items == []
    assert {(row, column) for row, column, _what in faults(plan)} == {(2, "Teams: Werkgevers")}


def test_the_export_of_an_office_imported_unchanged_plans_nothing(adversarial_office: Provider, tmp_path: Path) -> None:
    path = tmp_path / "offices.toml"
    assert command("offices", "export", path, provider=[adversarial_office.name.upper()])[0] == 0
    code, text = command("offices", "apply", path, json=True)
    assert (code, [json.loads(line)["status"] for line in text.splitlines()]) == (0, ["unchanged"])


@pytest.mark.parametrize(
    ("first", "second"),
    [("Straße", "STRASSE"), ("Caf\u00e9", "Cafe\u0301"), ("Loon Noord", "Loon\u00a0Noord"), ("Loon", "Lo\u200bon")],
)
def test_a_team_that_reads_the_same_is_refused_everywhere(
    office: Provider, alice: User, first: str, second: str
) -> None:
    client, program = confirmed(alice), machine(alice)
    team = teams.actions.create_team(office, name=first, by=actor(alice))
    assert client.post(reverse("teams:create_team"), {"name": second}).status_code == 200
    assert program.call("POST", f"/providers/{office.pk}/teams", {"description": second}).status_code == 400
    plan = team_plans.plan_team_files(office, [("t.csv", file_of({"naam": second}))], by=actor())
    assert (faults(plan), plan.items) == ([], [])
    assert Team.objects.get() == team


def test_a_renamed_team_is_known_by_its_new_name_only(office: Provider, alice: User, bob: User) -> None:
    team = team_of(office, "Oud", members=(bob,))
    teams.actions.rename_team(team, name="Straße", version=team.version, by=actor(alice))
    plan = planned(office, {"username": "bob", "teams": "STRASSE"})
    assert (faults(plan), plan.items) == ([], [])
    assert faults(planned(office, {"username": "bob", "teams": "Oud"}))
    assert teams.actions.create_team(office, name="Oud", by=actor(alice)) != team


def test_an_id_wins_over_a_name(office: Provider, bob: User) -> None:
    straat, laan = team_of(office, "Straße"), team_of(office, "Laan")
    row = {"id": str(laan.pk), "naam": "LAAN"}
    plan = team_plans.plan_team_files(office, [("t.csv", file_of(row))], by=actor())
    assert [(item["id"], item["changes"]) for item in plan.items] == [(str(laan.pk), {"name": ["Laan", "LAAN"]})]
    plan = team_plans.plan_team_files(office, [("t.csv", file_of(row | {"naam": "strasse"}))], by=actor())
    assert [fault["what"] for fault in plan.faults] == ["Er is al een team met deze naam. Kies een andere naam."]
    assert Team.objects.get(pk=straat.pk).name == "Straße"
    other = make_user(office, username="ander")
    fault = faults(planned(office, {"id": str(bob.pk), "username": "ANDER", "first_name": "X"}))
    assert len(fault) == 1
    assert other.username == "ander"


@pytest.mark.parametrize(
    "twin", ["c.smit\u3164", "c.smit\u2800", "c.smit\u034f", "c.smit\ufe0f", "\u0441.smit", "C.SMIT"]
)
def test_a_username_that_looks_like_another_is_refused_everywhere(office: Provider, alice: User, twin: str) -> None:
    make_user(Provider.objects.create(name="Ander kantoor"), username="c.smit")
    client, tenant = confirmed(alice), tenant_of(office)
    values = {
        "initials": "C.", "last_name": "Smit", "email": "c@x.example", "username": twin, "password": "Zonnebloem-42",
        "password_again": "Zonnebloem-42", "external_tenant": tenant.pk, "external_user_id": uuid4(),
    }  # fmt: skip
    for url in (reverse("users:create_webservice_user"), reverse("users:create_azure_user")):
        assert "username" in client.post(url, values).context["form"].errors
    fault = faults(planned(office, azure(tenant=tenant.name) | {"username": twin}))
    assert [column for _row, column, _what in fault] == ["Gebruikersnaam"]
    assert User.objects.filter(username_key="c.smit").count() == 1


@pytest.mark.parametrize("username", ["c.smit ", " c.smit", "\u2800c.smit", "\u3164\u3164\u3164"])
def test_a_username_with_blank_ends_is_refused_in_a_form_and_a_file(
    office: Provider, alice: User, username: str
) -> None:
    tenant = tenant_of(office)
    values = {"initials": "C.", "last_name": "Smit", "email": "c@x.example", "username": username}
    form = confirmed(alice).post(reverse("users:create_webservice_user"), values).context["form"]
    assert "username" in form.errors
    assert faults(planned(office, azure(tenant=tenant.name) | {"username": username}))


def test_a_file_in_another_spelling_plans_nothing(office: Provider) -> None:
    make_user(
        office, username="r.dhondt", email="bar@example.org", first_name="Ren\u00e9", last_name="d\u2019Hondt",
        phone_number="0201234567", place_of_employment="Den Haag",
    )  # fmt: skip
    row = {"username": "R.DHONDT", "email": "Bar@Example.ORG", "first_name": "Rene\u0301", "last_name": "d'Hondt"}
    for phone in ("201234567", "0201234567", "020 123 4567", "+31201234567", "0031201234567", "+31 20 1234567"):
        plan = planned(office, row | {"phone_number": phone, "place_of_employment": "Den\u00a0Haag"})
        assert (faults(plan), plan.items) == ([], []), phone
    changed = planned(office, row | {"phone_number": "0201234568", "first_name": "RENE"}).items[0]["changes"]
    assert set(changed) == {"phone_number", "first_name"}


def test_a_phone_number_gets_its_zero_back(office: Provider, alice: User) -> None:
    user = make_user(office, username="bar")
    applied(office, {"username": "bar", "phone_number": "201234567"})
    user.refresh_from_db()
    assert user.phone_number == "0201234567"
    assert parse_cell("phone_number", NumberCell("301234567")) == "0301234567"  # nine digits: a zero is missing
    with pytest.raises(ValidationError):
        parse_cell("phone_number", NumberCell("3130123456"))


def test_rows_without_an_address_are_not_about_one_user(office: Provider) -> None:
    row = {
        "initials": "A.",
        "last_name": "Boer",
        "login_method": "Via website en SSO",
        "mobile_number": "0031612345678",
    }
    found = faults(planned(office, row | {"email": ""}, row | {"email": "", "last_name": "Smit"}))
    assert [(number, column) for number, column, _what in found] == [(2, "Email"), (3, "Email")]
    assert all("Vul het e-mailadres in" in what for _row, _column, what in found)


def test_an_address_in_another_spelling_is_no_change(office: Provider, alice: User, bob: User) -> None:
    spelling = bob.email.upper()
    values = {"initials": "B.", "last_name": "Bakker", "email": spelling, "version": bob.version}
    response = confirmed(alice).post(reverse("users:edit_user", args=[bob.pk]), values, follow=True)
    assert response.redirect_chain
    assert spelling not in response.text
    path, program = f"/providers/users/{bob.pk}", machine(alice)
    body = {
        "personalDetails": {"initials": "B.", "lastName": "Bakker"}, "contactInformation": {"emailAddress": spelling},
        "hasAccessToPayrollingTestData": False,
    }  # fmt: skip
    answer = program.call("PUT", path, body, If_Match=program.get(path).headers["ETag"])
    assert (answer.status_code, answer.json()["messages"]) == (202, [])
    own = confirmed(bob).post(reverse("users:change_email"), {"email": spelling, "current_password": PASSWORD})
    assert "email" in own.context["form"].errors
    assert not EmailChange.objects.exists()
    assert not Message.objects.exists()


@pytest.mark.parametrize("typed", ["x@m\u00fcller.example", "X@XN--MLLER-KVA.example", "x@mu\u0308ller.example "])
@pytest.mark.parametrize("stored", ["x@m\u00fcller.example", "x@xn--mller-kva.example"])
def test_a_forgotten_password_is_mailed_to_either_form_of_the_domain(office: Provider, typed: str, stored: str) -> None:
    user = make_user(office, username="x", email=stored)
    make_user(office, username="y", email="x@muller.example")
    assert authentication.actions._list_users_by_email(typed.strip()) == [user]


def test_a_sharp_s_in_a_domain_is_not_two_letters(office: Provider) -> None:
    user = make_user(office, username="x", email="jan@stra\u00dfe.example")
    make_user(office, username="y", email="jan@strasse.example")
    assert authentication.actions._list_users_by_email("jan@stra\u00dfe.example") == [user]


SEARCHES = [
    ("d'hondt", "d\u2019Hondt"), ("sondergard", "Søndergård"), ("lukaszewicz", "Łukaszewicz"), ("Bakker, S.", "Bakker"),
    ("S. Bakker", "Bakker"), ("BAKKER", "Bakker"),
]  # fmt: skip


@pytest.mark.parametrize(("q", "last_name"), SEARCHES)
def test_search_finds_a_name_with_the_letters_of_a_plain_keyboard_everywhere(
    office: Provider, alice: User, q: str, last_name: str
) -> None:
    user = make_user(office, initials="S.", last_name=last_name, username="gezocht", email="gezocht@x.example")
    team = team_of(office, "Loon")
    client = confirmed(alice)
    assert [row[0] for row in client.get(reverse("users:user_list"), {"q": q}).context["rows"]] == [user]
    shown = client.get(reverse("teams:add_users", args=[team.pk]), {"q": q}).context["rows"]
    assert [pk for pk, _label in shown] == [user.pk]
    assert build_event_search(alice, person=q).users == [user.pk]
    assert search_users(q) == [user.pk]


@pytest.mark.parametrize("q", ["x@m\u00fcller.example", "X@XN--MLLER-KVA.example", " x@mu\u0308ller.EXAMPLE"])
@pytest.mark.parametrize("stored", ["x@m\u00fcller.example", "x@xn--mller-kva.example"])
def test_search_finds_an_address_in_either_form_of_the_domain(
    office: Provider, alice: User, q: str, stored: str
) -> None:
    user, team, client = make_user(office, username="y", email=stored), team_of(office, "Loon"), confirmed(alice)
    assert [row[0] for row in client.get(reverse("users:user_list"), {"q": q}).context["rows"]] == [user]
    shown = client.get(reverse("teams:add_users", args=[team.pk]), {"q": q}).context["rows"]
    assert [pk for pk, _label in shown] == [user.pk]
    assert build_event_search(alice, person=q).users == search_users(q) == [user.pk]


@pytest.mark.slow
def test_a_page_names_the_users_with_the_same_address(office: Provider, alice: User, bob: User) -> None:
    client, url = confirmed(alice), reverse("users:create_webservice_user")
    values = {
        "initials": "C.", "last_name": "Smit", "username": "c.smit", "password": GOOD, "password_again": GOOD,
    }  # fmt: skip
    for username, address, told in (("first", "BOB@DeVries.example", True), ("second", "c@x.example", False)):
        concept = client.get(url).context["form"]["concept"].value()
        sent = values | {"username": username, "email": address, "concept": concept}
        shown = client.post(url, sent, follow=True).text
        assert ("Dit adres is ook dat van B. Bakker" in shown, "C. Smit" in shown) == (told, True)


@pytest.mark.parametrize("address", ["jan@\u2603.example", "jan@\u2192.nl", "jan@[127.0.0.1]"])
def test_an_address_whose_domain_cannot_exist_is_refused_at_every_door(
    office: Provider, alice: User, address: str
) -> None:
    client, program = confirmed(alice), machine(alice)
    form = client.post(reverse("users:create_webservice_user"), {"email": address}).context["form"]
    assert form.errors["email"] == ["Vul een volledig e-mailadres in, zoals naam@kantoor.nl."]
    assert [column for _row, column, _what in faults(planned(office, SERVICE | {"email": address}))] == ["Email"]
    body = {
        "personalDetails": {"initials": "J.", "lastName": "Boer"}, "contactInformation": {"emailAddress": address},
        "destinationForSecret": "+31612345678",
    }  # fmt: skip
    answer = program.call("POST", f"/providers/{office.pk}/users/invite", body)
    assert answer.status_code == 400
    assert "emailAddress" in answer.content.decode()
    settings = {"erase_after_months": "0", "checkpoint_addresses": address}
    assert RetentionForm(settings).errors["checkpoint_addresses"]
    assert RetentionForm(settings | {"checkpoint_addresses": "jan@m\u00fcller.example"}).is_valid()


def test_one_recipient_of_checkpoints_in_two_spellings_counts_once() -> None:
    form = RetentionForm({"erase_after_months": "0", "checkpoint_addresses": "A@x.example a@X.EXAMPLE b@x.example"})
    assert form.is_valid()
    assert form.cleaned_data["checkpoint_addresses"].split() == ["A@x.example", "b@x.example"]


def test_the_best_matches_come_first(office: Provider, alice: User) -> None:
    for username, last_name in (
        ("contains", "Abakker"), ("begins", "Bakkerman"), ("exact", "Bakker"), ("bakker", "Zwart"),
    ):  # fmt: skip
        make_user(office, username=username, initials="S.", last_name=last_name, email=f"{username}@x.example")
    client = confirmed(alice)
    found = [row[0].username for row in client.get(reverse("users:user_list"), {"q": "bakker"}).context["rows"]]
    assert found == ["exact", "bakker", "begins", "contains"]
    for name in ("Het loon", "Loonadministratie", "Loon"):
        Team.objects.create(provider=office, name=name)
    assert [team.name for team, _gaps in client.get(reverse("teams:team_list"), {"q": "LOON"}).context["rows"]] == [
        "Loon", "Loonadministratie", "Het loon",
    ]  # fmt: skip
    for number, name in ((112, "Aap"), (1, "Noot"), (9, "Firma 1"), (12, "1")):
        Employer.objects.create(provider=office, number=number, name=name)
    page = client.get(reverse("teams:employer_list"), {"q": "1"})
    assert [employer.number for employer in page.context["rows"]] == [12, 1, 112, 9]


@pytest.mark.parametrize("q", ["BAKKER", "bakker", "\uff22akker", "bakker\u200b"])
def test_rest_filters_compare_keys(office: Provider, alice: User, q: str) -> None:
    make_user(office, username="Bakker", email="Bakker@M\u00fcller.example")
    Team.objects.create(provider=office, name="Bakker")
    AuthorizationSet.objects.create(provider=office, name="Bakker")
    program = machine(alice)

    def count(rows: str, condition: str) -> int:
        return len(program.rows(f"/providers/{office.pk}/{rows}?filter={quote(condition)}"))

    assert (count("users", f"userName eq '{q}'"), count("users", f"userName ne '{q}'")) == (1, 1)
    assert count("users", f"contactInformation.emailAddress eq '{q}@xn--mller-kva.EXAMPLE'") == 1
    assert count("users", f"userName lk '{q[:3]}'") == 1
    assert count("teams", f"description eq '{q}'") == 1


def test_offices_and_integrations_are_found_by_name_in_any_spelling(office: Provider) -> None:
    other = Provider.objects.create(name="Søndergård & Straße")
    assert search_offices("sondergard & STRASSE") == [other.pk]
    assert get_office("SØNDERGÅRD  & strasse") == other
    with pytest.raises(CommandError):
        get_office("Sondergard & Strasse")
    Application.objects.create(provider=office, name="Straße", scopes=[])
    assert Application.objects.filter(name_key="strasse").exists()


def test_a_space_around_the_username_is_forgiven(client: Client, office: Provider) -> None:
    user = make_user(office, username="c.smit" + "x" * 44)
    assert client.post("/inloggen/", {"username": f"  {user.username}\u00a0 ", "password": PASSWORD}).status_code == 302
