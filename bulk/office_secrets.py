"""Secrets kept apart from declared offices: mobile numbers and passwords, required for creating users."""

from typing import IO, NamedTuple

from bulk.office_files import Fault
from bulk.people import wanted_in
from loket.text import username_key


class Secrets(NamedTuple):
    """Mobile numbers by e-mail address, passwords by username."""

    numbers: dict[str, str] = {}
    passwords: dict[str, str] = {}


def read(file: IO[bytes]) -> tuple[Secrets, list[Fault]]:
    """Return the mobile numbers and passwords in a file with columns of a user import. Raises Unreadable."""
    found, faults = Secrets({}, {}), list[Fault]()
    for batch in wanted_in(file)[1]:
        for row in batch:
            for problem in row.problems:
                faults.append(
                    Fault(office="", table="secrets", number=row.row, key=problem.column, value=problem.value,
                          what=problem.what)
                )  # fmt: skip
            if row.has("mobile_number") and row.has("email"):
                found.numbers[row.values["email"].lower()] = row.values["mobile_number"]
            if row.has("password") and row.has("username"):
                found.passwords[username_key(row.values["username"])] = row.values["password"]
    return found, faults
