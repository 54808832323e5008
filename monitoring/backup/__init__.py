"""Backups: one file with the database and a manifest of what it must hold once it is restored."""

from django.core.exceptions import ImproperlyConfigured
from django.db import Error


class BackupError(Exception):
    """A backup cannot be made or restored; the text says what to do."""


FAILURES = (BackupError, ImproperlyConfigured, OSError, Error)


def describe_failure(error: Exception) -> str:
    """Return the first line: others of the database may quote rows."""
    return str(error).partition("\n")[0]
