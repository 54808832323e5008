"""PostgreSQL backend that asks `core.db_availability` whether to wait for a connection."""

import time
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.postgresql import base
from psycopg_pool import PoolTimeout

from core import db_availability

DEFAULT_POOL_WAIT_SECONDS = 5.0  # default of the setting POOL_WAIT_SECONDS


class DatabaseWrapper(base.DatabaseWrapper):
    """Connection from the pool. The timeout of the pool is the interval at which waiting is reconsidered."""

    def connect(self) -> None:
        """Connect. Raises NotConnected immediately when the database is known to be down."""
        if self._is_down():
            raise db_availability.NotConnected("The database is known to be down.")
        super().connect()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection from the pool. Raises NotConnected when there is none in time."""
        until = time.monotonic() + self.settings_dict.get("POOL_WAIT_SECONDS", DEFAULT_POOL_WAIT_SECONDS)
        while True:
            try:
                return super().get_new_connection(conn_params)
            except PoolTimeout as error:
                if time.monotonic() >= until or db_availability.is_overdue() or self._is_down():
                    raise db_availability.NotConnected("The database gives no connection.") from error

    def _is_down(self) -> bool:
        return self.alias == DEFAULT_DB_ALIAS and db_availability.is_database_down()


def ping_primary() -> None:
    """Take a connection to the primary from the pool, which tests it, and return it."""
    connection.get_connection_params()  # starts the embedded server
    pool = connection.pool  # type: ignore[attr-defined]
    pool.open()
    pool.putconn(pool.getconn(timeout=db_availability.PING_TIMEOUT_SECONDS))
