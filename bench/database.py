"""The embedded database of a benchmark."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

import psycopg
from django.conf import settings
from django.db import connection

from core.embedded_postgres.server import SERVER_PORT, get_socket_dir


@contextmanager
def stop_database_afterwards() -> Iterator[None]:
    """Close the connections and stop the database on exit."""
    from core.embedded_postgres import server

    try:
        yield
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        server.stop_server(settings.DATABASES["default"]["DATA_DIR"])


def analyze(data: Path) -> None:
    """Collect statistics, as autovacuum does; without them the planner joins row by row."""
    with psycopg.connect(
        host=get_socket_dir(data), port=SERVER_PORT, user="postgres", dbname="loket", autocommit=True
    ) as database:
        database.execute("VACUUM ANALYZE")


def discard_log() -> None:
    """Write log lines to nowhere, at the cost of formatting them."""
    handler = cast("logging.StreamHandler[TextIO]", logging.getLogger().handlers[0])
    handler.setStream(open(os.devnull, "w"))  # noqa: SIM115
