"""PostgreSQL backend that starts the embedded server when it is not running."""

import subprocess
from typing import Any

from django.db.backends.postgresql.client import DatabaseClient as PostgresClient

from core import db_availability
from core.embedded_postgres import server
from core.postgresql import base


class DatabaseClient(PostgresClient):
    """Run `manage.py dbshell` with the psql of the wheel."""

    executable_name = str(server.get_binary_dir() / "psql")

    def runshell(self, parameters: Any) -> None:
        """Start the server, then open its shell."""
        server.start_server(self.connection.settings_dict["DATA_DIR"])
        try:
            super().runshell(parameters)
        except subprocess.CalledProcessError as error:
            raise SystemExit(error.returncode) from None


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        """Return the connection parameters, starting the server first if this thread may."""
        if db_availability.can_start_server():
            server.ensure_running(self.settings_dict["DATA_DIR"])
        params: dict[str, Any] = super().get_connection_params()
        return params
