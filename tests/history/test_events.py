"""The pages and files of the history."""

import csv
import json
from io import BytesIO, StringIO

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook

import audit.actions
import teams.actions
import users.actions
from accounts.models import Provider, User
from audit import verify
from audit.actors import Actor, EventOrigin, build_job_actor
from audit.models import Event, Verb
from core.access import ReauthenticationLevel
from permissions.models import Team
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
FILES = ["export.jsonl", "export.csv", "export.xlsx", "checkpoint.json", "public.pem"]


@pytest.fixture
def team(office: Provider, alice: User, bob: User) -> Team:
    """A team with events."""
    made = teams.actions.create_team(office, name="=Loon", by=actor(alice))
    teams.actions.change_members(made, add=[bob], by=actor(alice))
    return made


def body(client: Client, name: str) -> bytes:
    response = client.get(f"/historie/{name}")
    assert response.status_code == 200
    return b"".join(response) if response.streaming else response.content


def test_event_shows_actor_change_and_reason(alice_client: Client, alice: User, bob: User, team: Team) -> None:
    by = Actor(
        EventOrigin.PAGE,
        alice.full_name,
        alice,
        address="192.0.2.9",
        on_behalf_of=bob,
        proof=ReauthenticationLevel.FIVE_MINUTES,
    )
    changes = {"prefix": ["", "de"], "manage_users": [None, "given"]}
    audit.actions.record(Verb.USER_CHANGED, bob, by=by, provider_id=bob.provider_id, changes=changes, reason="Trouw")
    text = alice_client.get("/historie/?view=lines").text
    for part in (
        "A. de Vries wijzigde van B. Bakker: Beheer gebruikers AK, Voorvoegsel.",
        "namens B. Bakker",
        "192.0.2.9",
        "“Trouw”",
        "Voorvoegsel: – → de",
    ):
        assert part in text
    assert "Leden: – → B. Bakker" in text
    assert str(bob.pk) not in text.replace(f"/gebruikers/{bob.pk}", "")


def test_login_method_is_shown_by_its_label(alice_client: Client, alice: User, bob: User) -> None:
    changes = {"login_method": [None, "azure_ad"]}
    audit.actions.record(Verb.USER_CREATED, bob, by=actor(alice), provider_id=bob.provider_id, changes=changes)
    page = alice_client.get("/historie/").text
    assert "Inlogmethode: – → Alleen via Azure AD" in page
    assert "azure_ad" not in page


@pytest.mark.slow
def test_every_filter_limits_the_events(
    alice_client: Client, alice: User, bob: User, charlie: User, team: Team
) -> None:
    audit.actions.record(Verb.INVITATION_EXPIRED, bob, by=build_job_actor("x"), provider_id=bob.provider_id)
    today = timezone.localdate().isoformat()
    shown = {
        "": 4, "person=bakker": 2, "person=niemand": 0, "verb=team_created": 1, "kind=team": 2, "origin=scheduled": 1,
        f"since={today}": 4, f"until={today}": 4, "since=2999-01-01": 0, "until=2001-01-01": 0, "verb=onzin": 4,
        "kind=team&verb=team_created&person=vries": 1,
    }  # fmt: skip
    for query, count in shown.items():
        rows = alice_client.get(f"/historie/?{query}").context["rows"]
        assert len(rows) == count, query


@pytest.mark.slow
def test_pages_follow_each_other(alice_client: Client, alice: User, bob: User) -> None:
    for _number in range(120):
        audit.actions.record(Verb.USERNAME_SENT, bob, by=actor(alice), provider_id=bob.provider_id)
    url, seen = "/historie/", []
    while url:
        with CaptureQueriesContext(connection) as queries:
            context = alice_client.get(url).context
        assert len(queries) < 12
        seen += [row.event.pk for row in context["rows"]]
        url = context["next_url"] and f"/historie/{context['next_url']}"
    assert seen == list(Event.objects.order_by("-at", "-id").values_list("pk", flat=True))


def test_of_one_person_and_of_one_team(alice_client: Client, alice: User, bob: User, team: Team) -> None:
    users.actions.block_user(make_user(alice.provider, username="ander"), by=actor(alice))
    assert len(alice_client.get(f"/gebruikers/{bob.pk}/historie/").context["rows"]) == 1
    assert len(alice_client.get(f"/gebruikers/{alice.pk}/historie/").context["rows"]) == 4
    assert len(alice_client.get(f"/teams/{team.pk}/historie/").context["rows"]) == 2


def test_charlie_sees_nothing_of_it(charlie_client: Client, bob: User, team: Team) -> None:
    assert charlie_client.get(f"/gebruikers/{bob.pk}/historie/").status_code == 404
    assert charlie_client.get(f"/teams/{team.pk}/historie/").status_code == 404
    assert not charlie_client.get("/historie/").context["rows"]
    for name in ("export.jsonl", "export.csv"):
        assert str(team.pk).encode() not in body(charlie_client, name)
        assert b"Loon" not in body(charlie_client, name)


@pytest.mark.slow
def test_bob_may_not_see_it(bob_client: Client, bob: User, team: Team) -> None:
    before = Event.objects.count()
    for path in ("", *FILES):
        assert bob_client.get(f"/historie/{path}").status_code == 403
    for path in (f"/gebruikers/{bob.pk}", f"/teams/{team.pk}"):
        assert bob_client.get(f"{path}/historie/").status_code == 403
    assert Event.objects.count() == before


def test_the_whole_history_can_be_checked(alice_client: Client, office: Provider, bob: User, team: Team) -> None:
    lines = body(alice_client, "export.jsonl").splitlines(keepends=True)
    checkpoint = json.loads(body(alice_client, "checkpoint.json"))
    public = load_pem_public_key(body(alice_client, "public.pem"))
    assert verify.verify_history(lines, [checkpoint], public).startswith("intact: events up to 4,")
    last = json.loads(lines[-1])
    assert (last["event"]["verb"], checkpoint["sequence"]) == ("exported", last["sequence"])
    assert last["hash"] == checkpoint["hash"]
    before = Event.objects.count()
    body(alice_client, "checkpoint.json")
    body(alice_client, "public.pem")
    assert Event.objects.count() == before


def test_events_are_exported_as_csv_and_workbook(alice_client: Client, team: Team, bob: User) -> None:
    rows = list(csv.reader(StringIO(body(alice_client, "export.csv").decode("utf-8-sig")), delimiter=";"))
    assert rows[0][:2] == ["Wanneer", "Wie"]
    assert len(rows) == 5, "with the event of the export itself"
    assert "'=Loon" in {row[6] for row in rows}
    sheet = load_workbook(BytesIO(body(alice_client, "export.xlsx"))).active
    cells = {cell.value: cell.data_type for row in sheet.iter_rows() for cell in row}
    assert cells["=Loon"] == "s"
    assert Event.objects.filter(verb=Verb.EXPORTED).count() == 2


def test_an_export_names_its_filters(alice_client: Client, team: Team) -> None:
    rows = body(alice_client, "export.csv?kind=team").decode().strip().splitlines()
    assert len(rows) == 3
    assert Event.objects.get(verb=Verb.EXPORTED).changes == {"history": [None, "csv"], "kind": [None, "team"]}


def test_an_export_keeps_no_words_that_were_searched_for(alice_client: Client, bob: User) -> None:
    body(alice_client, "export.csv?person=bakker&kind=user")
    b"".join(alice_client.get("/gebruikers/export.csv?q=bakker").streaming_content)
    events = Event.objects.filter(verb=Verb.EXPORTED).order_by("id")
    assert [event.changes for event in events] == [
        {"history": [None, "csv"], "kind": [None, "user"], "person": [None, "…"]},
        {"users": [None, {"form": "csv", "q": "…"}]},
    ]


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("export")])
def test_only_get_exports(alice_client: Client, name: str) -> None:
    assert alice_client.post(f"/historie/{name}").status_code == 405
    assert not Event.objects.exists()
    head = alice_client.head(f"/historie/{name}")
    for close in head._resource_closers:  # `head.close()` ends the connection of the test
        close()
    assert (head.status_code, b"".join(head)) == (200, b"")
    assert Event.objects.get().verb == Verb.EXPORTED, "like GET, as all exports"


def test_nasty_input_is_answered(alice_client: Client) -> None:
    for query in ("page=zzz", "since=nooit", "person=%00", "verb[]=1", f"person={'x' * 5000}", "until=9999-12-31"):
        assert alice_client.get(f"/historie/?{query}").status_code == 200
