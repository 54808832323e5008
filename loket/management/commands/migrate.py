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

from core import db_roles

_ADVISORY_LOCK_ID = 0x6C6F6B65740001  # "loket" and a number: key of an advisory lock
_POLL_SECONDS = 0.5  # seconds
_ABANDONED = {
    ("accounts", "0002_same_office"),  # applied to every database from before each app had one migration
    ("signin", "0001_initial"),  # applied to every database from before that app was named authentication
}
_MADE_BEFORE = (
    "This database dates from before the first release and cannot be upgraded: create a new database, or stop the"
    " embedded one (manage.py database stop) and delete its folder, LOKET_DATA_DIR ({})."
)


class Command(migrate.Command):
    """Django's command, run as the owner of the tables after any other run has finished."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate. Raises CommandError without an owner role, or on a database that cannot be upgraded."""
        try:
            db_roles.get_owner_role()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        with db_roles.use_owner_role(), self._hold_lock():
            _refuse_database_from_before()
            super().handle(*args, **options)
            db_roles.grant_privileges()

    @contextmanager
    def _hold_lock(self) -> Iterator[None]:
        """Hold the advisory lock. It is polled: a waiting session would block CREATE INDEX CONCURRENTLY."""
        waited = False
        while not _call_lock_function("pg_try_advisory_lock"):
            if not waited:
                self.stderr.write("Another migrate is running on this database. Waiting for it to finish.")
            waited = True
            time.sleep(_POLL_SECONDS)
        try:
            yield
        finally:
            if connection.is_usable():  # otherwise the lock was released with the connection
                _call_lock_function("pg_advisory_unlock")


def _refuse_database_from_before() -> None:
    if not _ABANDONED.isdisjoint(MigrationRecorder(connection).applied_migrations()):
        raise CommandError(_MADE_BEFORE.format(settings.LOKET_DATA_DIR))


def _call_lock_function(function: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [_ADVISORY_LOCK_ID])
        return bool(cursor.fetchone()[0])
