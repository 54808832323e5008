"""PostgreSQL backend that asks `loket.availability` whether to wait for a connection."""

import time
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.postgresql import base
from psycopg_pool import PoolTimeout

from loket import availability

WAIT_SECONDS = 5.0  # default of the setting POOL_WAIT_SECONDS


class DatabaseWrapper(base.DatabaseWrapper):
    """Connection from the pool. The timeout of the pool is the interval at which waiting is reconsidered."""

    def connect(self) -> None:
        """Connect. Raises NotConnected at once when the database is known to be down."""
        if self._is_down():
            raise availability.NotConnected("The database is known to be down.")
        super().connect()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection from the pool. Raises NotConnected when there is none in time."""
        until = time.monotonic() + self.settings_dict.get("POOL_WAIT_SECONDS", WAIT_SECONDS)
        while True:
            try:
                return super().get_new_connection(conn_params)
            except PoolTimeout as error:
                if time.monotonic() >= until or availability.is_overdue() or self._is_down():
                    raise availability.NotConnected("The database gives no connection.") from error

    def _is_down(self) -> bool:
        return self.alias == DEFAULT_DB_ALIAS and availability.is_down()


def ping() -> None:
    """Take a connection to the primary from the pool, which tests it, and return it."""
    connection.get_connection_params()  # starts the embedded server
    pool = connection.pool  # type: ignore[attr-defined]
    pool.open()
    pool.putconn(pool.getconn(timeout=availability.PING_LIMIT))
