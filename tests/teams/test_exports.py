"""Exports of teams and of rights, with where and via which path: from the pages and by command."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.http import FileResponse
from django.test import Client
from django.urls import reverse

from accounts.models import Provider, User
from audit.actions import SEARCH_TERM_MASK
from audit.models import Event, Verb
from imports.files import readers
from imports.plans import team_plans
from permissions.checks import Right
from permissions.models import Employer, Team
from permissions.products import Product
from tests.helpers.import_files import command, lines, team_of
from tests.helpers.users import actor, make_user
from tests.teams.test_user_rights import employer, give, put

pytestmark = pytest.mark.django_db
FORMS = ("csv", "xlsx", "jsonl")


def content(client: Client, name: str, **asked: Any) -> bytes:
    response = client.get(reverse(f"teams:{name}"), asked)
    assert response.status_code == 200
    assert isinstance(response, FileResponse)
    return b"".join(response.streaming_content)


def table(content: bytes) -> list[dict[str, str]]:
    """Return the rows of a file under its headings, as the import reads them."""
    head, *rows = readers.read_rows(BytesIO(content))
    return [dict(zip(head.cells, row.cells, strict=False)) for row in rows]


@pytest.fixture
def wages(office: Provider, bob: User) -> Employer:
    """Two teams that give bob access to employers, one of which has the product for journal entries."""
    here, there = employer(office, 1, Product.JOURNAL), employer(office, 2)
    put(office, "Loon", [bob], [here, there], Right.VIEW_WAGES, Right.EXPORT_JOURNAL)
    put(office, "Zuid", [bob], [there], Right.VIEW_WAGES)
    return here


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["export", "grants"])
def test_export_requires_the_right(
    bob_client: Client, client: Client, charlie_client: Client, alice: User, name: str, form: str
) -> None:
    team_of(alice.provider, "Geheim team", Right.VIEW_AUDIT, members=(alice,))
    url = reverse(f"teams:{name}_{form}")
    assert bob_client.get(url).status_code == 403
    assert client.get(url).status_code == 302
    assert bob_client.post(url).status_code in (403, 405)
    found = content(charlie_client, f"{name}_{form}")
    assert "Geheim team" not in str([*readers.read_rows(BytesIO(found))] if found else [])


@pytest.mark.parametrize("form", FORMS)
def test_teams_obey_the_search_and_leave_an_event(
    alice_client: Client, office: Provider, alice: User, form: str
) -> None:
    team_of(office, "Loon Noord", Right.VIEW_WAGES, Right.VIEW_TEAMS, numbers=(1002, 1001), members=(alice,))
    team_of(office, "Controle")
    rows = table(content(alice_client, f"export_{form}", q="loon"))
    if form == "jsonl":
        (row,) = rows
        assert (row["name"], row["employers"], row["rights"]) == ("Loon Noord", "1001; 1002", "view_teams; view_wages")
    else:
        (row,) = rows
        assert (row["Naam"], row["Werkgevers"]) == ("Loon Noord", "1001; 1002")
        assert row["Rechten"] == "Raadplegen teams; Raadplegen beloningen"
    (event,) = Event.objects.filter(verb=Verb.EXPORTED)
    assert (event.actor_id, event.changes) == (alice.pk, {"teams": [None, {"form": form, "q": SEARCH_TERM_MASK}]})
    assert [row.get("Naam", row.get("name")) for row in table(content(alice_client, f"export_{form}", only="1"))] == [
        "Controle"
    ]


def test_the_pages_offer_what_they_show(alice_client: Client, office: Provider, wages: Employer) -> None:
    assert (
        f'href="{reverse("teams:export_csv")}?q=loon"'
        in alice_client.get(reverse("teams:team_list"), {"q": "loon"}).text
    )
    page = alice_client.get(reverse("teams:matrix"), {"employer": str(wages.pk)}).text
    assert f'href="{reverse("teams:grants_jsonl")}?employer={wages.pk}"' in page


@pytest.mark.parametrize("form", FORMS)
def test_what_the_button_gave_imported_again_is_an_empty_plan(
    alice_client: Client, office: Provider, form: str
) -> None:
    team_of(office, '=A; "B"', Right.VIEW_AUDIT, Right.EXPORT_JOURNAL, numbers=(1, 2))
    team_of(office, "Leeg")
    file = BytesIO(content(alice_client, f"export_{form}"))
    plan = team_plans.plan_team_files(office, [(f"teams.{form}", file)], by=actor())
    assert (list(plan.items), list(plan.faults), dict(plan.notices)) == ([], [], {})


def test_every_road_has_its_row(alice_client: Client, alice: User, bob: User, wages: Employer) -> None:
    give(bob, Right.VIEW_AUDIT, Right.MANAGE_WAGES)
    User.objects.filter(pk=bob.pk).update(blocked_at="2026-01-01T00:00Z")
    said = [json.loads(line) for line in content(alice_client, "grants_jsonl").decode().splitlines()]
    mine = [row for row in said if row["email"] == bob.email]
    assert {(row["right"], row["team"], row["individual"], tuple(row["employers"])) for row in mine} == {
        ("view_audit", None, True, ()),
        ("view_wages", "Loon", False, ("1", "2")),
        ("view_wages", "Zuid", False, ("2",)),
        ("export_journal", "Loon", False, ("1", "2")),
        ("manage_wages", "Loon", True, ("1", "2")),
        ("manage_wages", "Zuid", True, ("2",)),
    }
    assert [row["without_product"] for row in mine if row["right"] == "export_journal"] == [["2"]]
    assert {row["rests"] for row in mine} == {"blocked"}
    brought = {row["right"]: row["by"] for row in said if row["email"] == alice.email}
    assert (brought["manage_provider"], brought["view_audit"]) == (None, "manage_provider")
    (row,) = [
        row for row in table(content(alice_client, "grants_csv")) if row["Recht"] == str(Right.EXPORT_JOURNAL.label)
    ]
    assert (row["Individueel recht"], row["Op kantoor"], row["Werkt nu niet"]) == ("nee", "nee", "Geblokkeerd")


def test_at_an_employer_only_what_is_held_there(alice_client: Client, alice: User, bob: User, wages: Employer) -> None:
    rows = table(content(alice_client, "grants_xlsx", employer=str(wages.pk)))
    assert {(row["Team"], row["Bij werkgevers"]) for row in rows} == {("Loon", "1")}
    (event,) = Event.objects.filter(verb=Verb.EXPORTED)
    assert event.changes == {"authorization_matrix": [None, {"form": "xlsx", "employer": str(wages)}]}
    assert alice_client.get(reverse("teams:grants_csv"), {"employer": "geen"}).status_code == 404


def test_another_employer_does_not_exist(alice_client: Client, charlie_client: Client, wages: Employer) -> None:
    assert charlie_client.get(reverse("teams:grants_csv"), {"employer": str(wages.pk)}).status_code == 404


def test_queries_do_not_grow(alice_client: Client, office: Provider, django_assert_max_num_queries: Any) -> None:
    for number in range(20):
        team_of(office, f"Team {number}", Right.VIEW_WAGES, numbers=(number,), members=(
            make_user(office, Right.VIEW_USERS, username=f"u{number}"),))  # fmt: skip
    with django_assert_max_num_queries(14):
        assert len(table(content(alice_client, "export_csv"))) == 20
    with django_assert_max_num_queries(16):
        assert len(table(content(alice_client, "grants_csv"))) > 40


@pytest.mark.slow
def test_many_employers_fit_in_the_cells(alice_client: Client, office: Provider, bob: User) -> None:
    numbers = range(10**9, 10**9 + 6000)
    made = Employer.objects.bulk_create(Employer(provider=office, number=n, name="W", sort_name="w") for n in numbers)
    put(office, "Alle", [bob], made, Right.VIEW_WAGES)
    rows = [row for row in table(content(alice_client, "grants_xlsx")) if row["Team"] == "Alle"]
    assert len(rows) == 3
    assert [int(n) for row in rows for n in row["Bij werkgevers"].split("; ")] == list(numbers)


@pytest.mark.parametrize("form", FORMS)
def test_the_command_writes_the_same(office: Provider, alice: User, wages: Employer, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"rechten.{form}"
    command("export_matrix", path, provider=office.name)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(table(path.read_bytes())) > 5
    command("export_matrix", path, provider=office.name, employer=1)
    assert len(table(path.read_bytes())) == 2
    assert Event.objects.filter(verb=Verb.EXPORTED).count() == 2


def test_the_command_says_what_is_wrong(office: Provider, tmp_path: Path) -> None:
    for name, number in (("x.pdf", None), ("x.csv", 9)):
        with pytest.raises(CommandError):
            command("export_matrix", tmp_path / name, provider=office.name, employer=number)
    assert not list(tmp_path.iterdir())


def test_json_lines_of_teams_go_in_again(office: Provider, alice: User, tmp_path: Path) -> None:
    team_of(office, '=A; "B"', Right.VIEW_AUDIT, numbers=(7,))
    Employer.objects.filter(number=7).update(products=[Product.JOURNAL])
    command("export_teams", tmp_path, provider=office.name, jsonl=True)
    paths = sorted(tmp_path.iterdir())
    assert [path.name for path in paths] == ["teams.jsonl", "werkgevers.jsonl"]
    plan = tmp_path / "plan"
    assert command("import_teams", *paths, provider=office.name, plan_file=plan)[0] == 0
    assert len(lines(plan)) == 1
    other = Provider.objects.create(name="Nieuw kantoor")
    paths[0].write_text(json.dumps(json.loads(paths[0].read_text()) | {"id": None}))
    assert command("import_teams", *paths, provider=other.name, apply=True)[0] == 0
    team = Team.objects.get(provider=other)
    assert {right.right for right in team.rights.all()} == {"view_audit"}
    assert [one.employer.products for one in team.employers.all()] == [[Product.JOURNAL]]


def test_rights_beside_the_name_and_in_a_matrix_are_one_too_many(office: Provider, tmp_path: Path) -> None:
    team_of(office, "Noord", Right.VIEW_AUDIT)
    (tmp_path / "a.csv").write_text("Naam;Rechten\nNoord;Raadplegen historie\n")
    (tmp_path / "b.csv").write_text("Team;Raadplegen teams\nNoord;x\n")
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    assert command("import_teams", *paths, provider=office.name)[0] == 1
    (tmp_path / "a.csv").write_text("Naam;Rechten\nNoord;\n")
    assert command("import_teams", paths[0], provider=office.name, apply=True)[0] == 0
    assert not Team.objects.get(name="Noord").rights.exists()
    (tmp_path / "a.csv").write_text("Naam;Rechten\nNoord;Alles\n")
    assert command("import_teams", paths[0], provider=office.name)[0] == 1
