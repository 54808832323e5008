"""An id in capitals, or as another program writes it, is the same id: in URLs, the web service, files and commands."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.commands import get_office
from accounts.models import Provider, User
from core.ids import parse_uuid
from oauth.scopes import Scope
from tests.helpers.api_client import program
from tests.helpers.import_files import planned
from tests.loket.test_malformed_input import EVERY, address, read

pytestmark = pytest.mark.django_db
BY_ID = [(name, kinds) for name, kinds in EVERY if any(kind.startswith("UUID") for kind in kinds)]


def spell(user_id: object) -> list[str]:
    text = str(user_id)
    return [text.upper(), text.title(), f"{{{text.upper()}}}", text.replace("-", ""), f"urn:uuid:{text}"]


@pytest.mark.slow
def test_every_url_takes_capitals(alice_client: Client, bob: User) -> None:
    assert len(BY_ID) > 80
    found = 0
    for name, kinds in BY_ID:
        path = address(name, kinds, bob.pk)
        plain, capital = alice_client.get(path), alice_client.get(path.replace(str(bob.pk), str(bob.pk).upper()))
        read(plain), read(capital)
        assert capital.status_code == plain.status_code, path
        found += plain.status_code == 200
    assert found > 10


def test_the_web_service_takes_capitals(alice: User, bob: User) -> None:
    caller = program(alice, *(scope.value for scope in Scope))
    user = caller.content(f"/providers/users/{bob.pk}")
    assert caller.content(f"/providers/users/{str(bob.pk).upper()}") == user
    office = str(alice.office.pk).upper()
    for spelling in spell(bob.pk):
        rows = caller.rows(f"/providers/{office}/users?filter=id%20eq%20'{spelling}'")
        assert [row["id"] for row in rows] == [str(bob.pk)], spelling


@pytest.mark.slow
def test_files_and_commands_take_every_spelling(office: Provider, alice: User, bob: User, tmp_path: Path) -> None:
    for number, spelling in enumerate(spell(bob.pk)):
        assert parse_uuid(f" {spelling} ") == bob.pk
        assert not planned(office, {"id": spelling, "last_name": bob.last_name}).faults
        call_command("export_person", spelling, str(tmp_path / f"{number}.json"))
    for spelling in spell(office.pk):
        assert get_office(spelling) == office
    for spelling in ("", "x", str(bob.pk)[:-1], f"{bob.pk}0", "é" * 32):
        assert parse_uuid(spelling) is None


def test_the_selection_of_a_bulk_action_takes_every_spelling(alice_client: Client, bob: User) -> None:
    for spelling in spell(bob.pk):
        page = alice_client.get("/gebruikers/meerdere/", {"users": spelling})
        assert (page.status_code, bob.last_name in page.text) == (200, True), spelling
