"""Secrets kept apart from declared offices: mobile numbers and passwords, required for creating users."""

from typing import IO, NamedTuple

from django.utils.translation import gettext as _

from core.keys import compute_email_key, compute_username_key
from imports.declarative.schema import OfficeFault
from imports.files.cells import UnreadableFile
from imports.files.file_notes import FileNotes
from imports.files.user_rows import read_user_rows


class OfficeSecrets(NamedTuple):
    """Mobile numbers by e-mail address, passwords by username."""

    mobile_numbers: dict[str, str] = {}
    passwords: dict[str, str] = {}


def read_secrets(file: IO[bytes]) -> tuple[OfficeSecrets, list[OfficeFault]]:
    """Return the mobile numbers and passwords in a file with columns of a user import. Raises UnreadableFile."""
    secrets, faults, notes = OfficeSecrets({}, {}), list[OfficeFault](), FileNotes()
    _header, batches = read_user_rows(file, notes=notes)
    if notes.guessed_encoding:  # no plan shows how a password was read
        raise UnreadableFile(_("The text encoding of this file is not recognized. Save the file again as CSV UTF-8."))
    for batch in batches:
        for row in batch:
            for problem in row.problems:
                faults.append(
                    OfficeFault(office="", table="secrets", number=row.row, key=problem.column, value=problem.value,
                          what=problem.what)
                )  # fmt: skip
            if row.has_value("mobile_number") and row.has_value("email"):
                secrets.mobile_numbers[compute_email_key(row.values["email"])] = row.values["mobile_number"]
            if row.has_value("password") and row.has_value("username"):
                secrets.passwords[compute_username_key(row.values["username"])] = row.values["password"]
    return secrets, faults
