"""Malformed files given to the command: each is refused with its position, and nothing is written."""

import resource
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError
from openpyxl import Workbook

from accounts.models import Provider, User
from audit.models import Event
from outbox.models import Message
from tests.helpers.import_files import SERVICE, command, file_of
from tests.helpers.login_methods import make_service
from tests.imports.test_readers import bomb, book

pytestmark = pytest.mark.django_db
HEADS, PERSON = list(SERVICE), list(SERVICE.values())
SAME = SERVICE | {"email": "ander@devries.example"}


def workbook(*changes: tuple[str, object], change: Callable[[Workbook], object] | None = None) -> bytes:
    """Return a workbook with one user, some of whose columns are replaced."""
    person = SERVICE | {name: "" for name, _value in changes}
    return book(list(person), list((person | dict(changes)).values()), change=change)


def mixed() -> bytes:
    good = file_of(*(SERVICE | {"username": f"dienst {number}", "last_name": "Özdemir"} for number in range(50)))
    return good.getvalue() + ";".join(["webservice", "Ö."]).encode("cp1252") + b"\r\n"


def wide() -> bytes:
    extra = [f"kolom {number}" for number in range(1000)]
    return book([*HEADS, *extra], [*PERSON, *("x" for _one in extra)])


BAD: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "0 bytes": (lambda: b"", ["niets"]),
    "a ZIP bomb": (bomb, ["groter"]),
    "a formula": (lambda: workbook(("first_name", "=A1")), ["Regel 2", "Voornaam", "formule"]),
    "merged cells": (lambda: workbook(change=lambda made: made.active.merge_cells("A2:B2")), ["A2:B2"]),
    "a date as a number": (lambda: workbook(("access_until", 47848)), ["Regel 2", "Toegang tot en met", "datum"]),
    "a zero that was eaten": (lambda: workbook(("phone_number", 3130123456)), ["Regel 2", "Telefoonnummer", "nul"]),
    "1,000 columns": (wide, ["Regel 1 ", "256"]),
    "the same row twice": (lambda: file_of(SERVICE, SERVICE).getvalue(), ["Regel 3", "Gebruikersnaam", "Regel 2"]),
    "two rows that disagree": (lambda: file_of(SERVICE, SAME).getvalue(), ["Regel 3", "Gebruikersnaam", "Regel 2"]),
    "a user of another office": (
        lambda: file_of(SERVICE | {"username": "van smit"}).getvalue(),
        ["Regel 2", "Gebruikersnaam"],
    ),
    "an encoding that changes": (mixed, ["regel 52"]),
}


def said_by(path: Path, office: Provider) -> tuple[int, str]:
    """Return the exit code of applying a file, and all of its output."""
    try:
        return command("import_users", path, provider=office.name, apply=True, invite=True)
    except CommandError as error:
        return error.returncode, str(error)


@pytest.mark.parametrize("bad", BAD)
def test_malformed_file_is_refused_with_its_place(
    office: Provider, alice: User, charlie: User, tmp_path: Path, bad: str
) -> None:
    make_service(charlie.provider, username="van smit")
    content, words = BAD[bad]
    path = tmp_path / "mensen.xlsx"
    path.write_bytes(content())
    before = (list(User.objects.values_list("pk", "version")), Event.objects.count(), Message.objects.count())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code, said = said_by(path, office)
    assert code == 1
    assert [word for word in words if word not in said] == []
    assert "Smit" not in said
    assert (list(User.objects.values_list("pk", "version")), Event.objects.count(), Message.objects.count()) == before
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 30 * 1024  # KiB


def test_two_gigabytes_cost_nothing(office: Provider, alice: User, tmp_path: Path) -> None:
    path = tmp_path / "groot.csv"
    with path.open("wb") as file:
        file.write(file_of(SERVICE).getvalue())
        file.truncate(2 * 2**30)  # the rest is not on the disk
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code, said = said_by(path, office)
    assert (code, "64 MB" in said, User.objects.count()) == (1, True, 1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 30 * 1024  # KiB


def test_a_date_and_a_number_that_say_enough_go_in(office: Provider, alice: User, tmp_path: Path) -> None:
    path = tmp_path / "mensen.xlsx"
    path.write_bytes(workbook(("access_until", date(2030, 12, 31)), ("place_of_employment", 12)))
    assert said_by(path, office)[0] == 0
    user = User.objects.get(username=SERVICE["username"])
    assert (user.access_until, user.place_of_employment) == (date(2030, 12, 31), "12")
