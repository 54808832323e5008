"""The PostgreSQL backend, which starts its server when it does not run."""

import subprocess
from typing import Any

from django.db.backends.postgresql.client import DatabaseClient as PostgresClient

from loket import availability, database
from loket.postgresql import base


class DatabaseClient(PostgresClient):
    """`manage.py dbshell` with the psql of the wheel."""

    executable_name = str(database.binaries() / "psql")

    def runshell(self, parameters: Any) -> None:
        """Start the server and open its shell."""
        database.start(self.connection.settings_dict["DATA_DIR"])
        try:
            super().runshell(parameters)
        except subprocess.CalledProcessError as error:
            raise SystemExit(error.returncode) from None


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to the built-in server."""

    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        """Return what psycopg connects with, the server being up or being started."""
        if availability.starts_server():
            database.keep_running(self.settings_dict["DATA_DIR"])
        params: dict[str, Any] = super().get_connection_params()
        return params
