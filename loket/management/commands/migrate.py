"""`manage.py migrate` as the owner of the tables, followed by grants to the application; one run at a time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from loket import roles

_LOCK = 0x6C6F6B65740001  # "loket" and a number: key of an advisory lock
_PAUSE = 0.5  # seconds
_ABANDONED = ("accounts", "0002_same_office")  # applied to every database from before each app had one migration
_MADE_BEFORE = (
    "This database was made by migrations from before the first release, which are no longer there: create a new"
    " database, or stop the built-in one (manage.py database stop) and delete its folder, LOKET_DATA_DIR ({})."
)


class Command(migrate.Command):
    """Django's command, run as the owner of the tables after any other run has finished."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate. Raises CommandError when nothing says who the owner is, or on a database that cannot be upgraded."""
        try:
            roles.owner()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        with roles.as_owner(), self._alone():
            _refuse_database_from_before()
            super().handle(*args, **options)
            roles.grant()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the advisory lock. It is polled: a waiting session would block CREATE INDEX CONCURRENTLY."""
        waited = False
        while not _ask("pg_try_advisory_lock"):
            if not waited:
                self.stderr.write("Another migrate runs on this database: waiting for it.")
            waited = True
            time.sleep(_PAUSE)
        try:
            yield
        finally:
            if connection.is_usable():  # otherwise the lock was released with the connection
                _ask("pg_advisory_unlock")


def _refuse_database_from_before() -> None:
    if _ABANDONED in MigrationRecorder(connection).applied_migrations():
        raise CommandError(_MADE_BEFORE.format(settings.LOKET_DATA_DIR))


def _ask(function: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])
