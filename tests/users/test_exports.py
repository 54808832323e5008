"""Exporting users to a file."""

import csv
import json
from datetime import date
from io import BytesIO, StringIO

import pytest
from django.http import FileResponse
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from accounts.models import LoginMethod, Provider, User
from audit.models import Event, Verb
from core import sheets
from permissions.checks import Right
from tests.helpers.login_methods import TID, make_azure, make_service
from tests.helpers.users import hash_of, make_user
from users.exports import USER_COLUMNS

pytestmark = pytest.mark.django_db
FORMS = ("csv", "xlsx", "jsonl")


def content(client: Client, form: str, **filters: str) -> bytes:
    response = client.get(reverse(f"users:export_{form}"), filters)
    assert response.status_code == 200
    assert isinstance(response, FileResponse)
    return b"".join(response.streaming_content)


def rows(client: Client, form: str, **filters: str) -> list[dict[str, str]]:
    """Return the rows of the file under the column headings, without the product's own reader."""
    file = content(client, form, **filters)
    if form == "jsonl":
        return [json.loads(line) for line in file.decode().split("\n") if line]
    if form == "csv":
        lines = list(csv.reader(StringIO(file.decode("utf-8-sig"), newline=""), delimiter=";"))
        table = [[sheets.decode_csv_cell(cell) for cell in line] for line in lines]
    else:
        lines = load_workbook(BytesIO(file)).active.iter_rows(values_only=True)
        table = [[sheets.decode_xlsx_cell(cell or "") for cell in line] for line in lines]
    assert table[0][:3] == ["Id", "Inlogmethode", "Gebruikersnaam"]
    return [dict(zip(USER_COLUMNS, row, strict=True)) for row in table[1:]]


@pytest.mark.parametrize("form", FORMS)
def test_it_holds_everybody_of_the_office(alice_client: Client, alice: User, charlie: User, form: str) -> None:
    azure = make_azure(alice.provider, first_name="Azra", access_until=date(2099, 12, 31))
    service = make_service(alice.provider, phone_number="+31 30 1234567", has_access_to_test_years=True)
    found = {row["id"]: row for row in rows(alice_client, form)}
    assert set(found) == {str(user.pk) for user in (alice, azure, service)}
    row = found[str(azure.pk)]
    assert (row["external_tenant"], row["external_user_id"]) == (str(TID), str(azure.external_user_id))
    assert (row["first_name"], row["access_until"]) == ("Azra", "2099-12-31")
    assert found[str(service.pk)]["phone_number"] == "+31 30 1234567"
    assert found[str(service.pk)]["has_access_to_test_years"] == (True if form == "jsonl" else "ja")
    assert found[str(alice.pk)]["login_method"] == ("website_sso" if form == "jsonl" else "Via website en SSO")
    assert found[str(alice.pk)]["status"] == ("active" if form == "jsonl" else "Heeft toegang")


@pytest.mark.parametrize("form", FORMS)
def test_it_obeys_the_filters_of_the_list(alice_client: Client, alice: User, form: str) -> None:
    service = make_service(alice.provider)
    make_user(alice.provider, last_name="Zondervan", username="zz")
    assert [row["id"] for row in rows(alice_client, form, login_method="sso_webservice")] == [str(service.pk)]
    assert [row["last_name"] for row in rows(alice_client, form, q="zonder")] == ["Zondervan"]
    assert rows(alice_client, form, q="niemand") == []


def test_the_list_offers_what_it_shows(alice_client: Client) -> None:
    page = alice_client.get(reverse("users:user_list"), {"q": "alice", "sort": "-email"}).text
    assert f'href="{reverse("users:export_csv")}?q=alice"' in page


@pytest.mark.parametrize("form", FORMS)
def test_it_leaves_an_event(alice_client: Client, alice: User, office: Provider, form: str) -> None:
    content(alice_client, form, q="alice", status="active")
    (event,) = Event.objects.filter(verb=Verb.EXPORTED)
    assert (event.actor_id, event.provider_id, event.target_id) == (alice.pk, office.pk, office.pk)
    assert event.changes == {"users": [None, {"form": form, "q": "…", "status": "active"}]}


@pytest.mark.parametrize("form", FORMS)
def test_it_needs_the_right(bob_client: Client, client: Client, charlie_client: Client, alice: User, form: str) -> None:
    url = reverse(f"users:export_{form}")
    assert bob_client.get(url).status_code == 403
    assert client.get(url).status_code == 302
    assert bob_client.post(url).status_code in (403, 405)
    assert str(alice.pk).encode() not in content(charlie_client, form)


@pytest.mark.parametrize("form", FORMS)
def test_it_holds_no_secret(alice_client: Client, office: Provider, form: str) -> None:
    make_service(office, password=hash_of("Geheim-1234"))
    file = content(alice_client, form)
    if form == "xlsx":
        file = str(list(load_workbook(BytesIO(file)).active.values)).encode()
    assert b"argon2" not in file


def test_a_formula_stays_text(alice_client: Client, office: Provider) -> None:
    make_user(office, last_name="=1+1", username="@SUM(A1)")
    assert b";'@SUM(A1);" in content(alice_client, "csv")
    sheet = load_workbook(BytesIO(content(alice_client, "xlsx"))).active
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}


@pytest.mark.parametrize("form", FORMS)
def test_queries_do_not_grow(
    alice_client: Client, office: Provider, form: str, django_assert_max_num_queries: object
) -> None:
    for number in range(20):
        make_user(office, Right.VIEW_USERS, username=f"u{number}")
    with django_assert_max_num_queries(12):
        assert len(rows(alice_client, form)) == 21


@pytest.mark.slow
def test_a_large_office_streams(alice_client: Client, office: Provider) -> None:
    people = [
        User(
            provider=office,
            login_method=LoginMethod.WEBSITE_SSO,
            initials="A.",
            last_name=f"Jansen {number}",
            email="a@b.example",
            password="!",
        )
        for number in range(2500)
    ]
    User.objects.bulk_create(people)
    assert len(rows(alice_client, "csv", q="jansen")) == 2500
