"""PostgreSQL backend that starts the embedded server when it is not running."""

import subprocess
from typing import Any

from django.db.backends.postgresql.client import DatabaseClient as PostgresClient

from loket import availability, database
from loket.postgresql import base


class DatabaseClient(PostgresClient):
    """Run `manage.py dbshell` with the psql of the wheel."""

    executable_name = str(database.binaries() / "psql")

    def runshell(self, parameters: Any) -> None:
        """Start the server, then open its shell."""
        database.start(self.connection.settings_dict["DATA_DIR"])
        try:
            super().runshell(parameters)
        except subprocess.CalledProcessError as error:
            raise SystemExit(error.returncode) from None


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        """Return the connection parameters, starting the server first if this thread may."""
        if availability.starts_server():
            database.keep_running(self.settings_dict["DATA_DIR"])
        params: dict[str, Any] = super().get_connection_params()
        return params
