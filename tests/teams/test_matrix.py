"""The authorization matrix: on the screen and as a worksheet."""

from io import BytesIO

import pytest
from django.test import Client
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from accounts.models import Provider, User
from audit.models import Event, Verb
from permissions.checks import Right
from permissions.models import DutyRule
from tests.helpers.users import make_user
from tests.permissions.test_duties import make_rule
from tests.teams.test_user_rights import employer, give, put

pytestmark = pytest.mark.django_db
MATRIX, SHEET = "/autorisatiematrix/", "/autorisatiematrix/xlsx/"


def sheet(client: Client, **asked: object) -> Worksheet:
    response = client.get(SHEET, asked)
    assert response.status_code == 200
    return load_workbook(BytesIO(response.getvalue())).active


def test_matrix_shows_rights_and_their_source(alice_client: Client, alice: User, bob: User, office: Provider) -> None:
    put(office, "Controle", [bob], [], Right.VIEW_AUDIT)
    give(bob, Right.VIEW_TEAMS)
    response = alice_client.get(MATRIX)
    shown = response.context["columns"]
    rows = {
        user: dict(zip(shown, marks, strict=True)) for user, _rests, marks, _in_conflict in response.context["rows"]
    }
    assert rows[bob][Right.VIEW_AUDIT] == "T"
    assert rows[bob][Right.VIEW_TEAMS] == "I"
    assert rows[bob][Right.MANAGE_USERS] == ""
    assert rows[alice][Right.MANAGE_USERS] == "I"
    assert office.name in response.content.decode()


def test_at_an_employer_only_what_counts_there(alice_client: Client, bob: User, office: Provider) -> None:
    here, there = employer(office, 1), employer(office, 2)
    put(office, "Loon", [bob], [here], Right.VIEW_WAGES, Right.EXPORT_JOURNAL, Right.VIEW_AUDIT)
    assert alice_client.get(MATRIX, {"employer": here.pk}).context["columns"] == [Right.VIEW_WAGES]
    assert alice_client.get(MATRIX, {"employer": there.pk}).context["rows"] == []


def test_the_sheet_has_office_date_and_an_event(alice_client: Client, alice: User, bob: User, office: Provider) -> None:
    give(bob, Right.VIEW_AUDIT)
    found = sheet(alice_client)
    assert found["A1"].value == office.name
    assert found["B3"].value
    rows = {row[0]: row for row in found.iter_rows(min_row=7, values_only=True)}
    assert set(rows) == {alice.list_name, bob.list_name}
    assert "I" in rows[bob.list_name]
    (event,) = Event.objects.filter(verb=Verb.EXPORTED)
    assert (event.actor_id, event.provider_id, event.target_id) == (alice.pk, office.pk, office.pk)


def test_the_sheet_names_the_rules_that_a_user_breaks(
    alice_client: Client, alice: User, bob: User, office: Provider
) -> None:
    make_rule(office, [Right.VIEW_TEAMS], [Right.VIEW_AUDIT], name="Controle")
    make_rule(office, [Right.VIEW_WAGES], [Right.VIEW_HRM], DutyRule.Level.EMPLOYER, name="Loon en HR")
    here, there = employer(office, 1), employer(office, 2)
    put(office, "Loon", [bob], [here], Right.VIEW_WAGES, Right.VIEW_HRM)
    put(office, "Elders", [bob], [there], Right.VIEW_WAGES)
    give(bob, Right.VIEW_TEAMS)
    cases: tuple[tuple[dict[str, object], dict[str, str]], ...] = (
        ({}, {alice.list_name: "Controle", bob.list_name: ""}),
        ({"employer": here.pk}, {bob.list_name: "Loon en HR"}),
        ({"employer": there.pk}, {bob.list_name: ""}),
    )
    for where, named in cases:
        found = sheet(alice_client, **where)
        assert found["E6"].value == "Conflict in functiescheiding"
        rows = found.iter_rows(min_row=7, values_only=True)
        assert {row[0]: row[4] or "" for row in rows} == named


def test_only_the_export_leaves_an_event(alice_client: Client) -> None:
    alice_client.get(MATRIX)
    assert not Event.objects.filter(verb=Verb.EXPORTED).exists()


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x")', "+1", "-2", "@SUM(A1)"])
def test_no_name_becomes_a_formula(alice_client: Client, office: Provider, name: str) -> None:
    make_user(office, Right.VIEW_AUDIT, last_name=name, initials="", username="eve")
    here = employer(office, 1)
    here.name = name
    here.save()
    found = sheet(alice_client)
    cells = [cell for row in found.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    (cell,) = [cell for cell in cells if str(cell.value).startswith(name)]
    assert cell.quotePrefix


def test_queries_do_not_grow(alice_client: Client, office: Provider, django_assert_max_num_queries) -> None:
    for number in range(15):
        make_user(office, Right.VIEW_AUDIT, Right.VIEW_TEAMS, username=f"u{number}")
    for url in (MATRIX, SHEET):
        with django_assert_max_num_queries(16):
            assert alice_client.get(url).status_code == 200


def test_employers_of_others_do_not_exist(alice_client: Client, charlie: User) -> None:
    theirs = employer(charlie.provider, 1)
    assert alice_client.get(SHEET, {"employer": theirs.pk}).status_code == 404
    assert "rows" not in alice_client.get(MATRIX, {"employer": theirs.pk}).context
    assert alice_client.get(SHEET, {"employer": "\x00"}).status_code == 404


def test_other_offices_and_users_without_the_right_are_refused(
    alice_client: Client, bob_client: Client, bob: User, charlie_client: Client
) -> None:
    assert bob_client.get(MATRIX).status_code == bob_client.get(SHEET).status_code == 403
    assert bob.list_name not in charlie_client.get(MATRIX).content.decode()
    assert alice_client.post(SHEET).status_code == 405
