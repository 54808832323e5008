"""The embedded database of a benchmark."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast

from django.conf import settings
from django.db import connection


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


def discard_log() -> None:
    """Write log lines to nowhere, at the cost of formatting them."""
    handler = cast("logging.StreamHandler[TextIO]", logging.getLogger().handlers[0])
    handler.setStream(open(os.devnull, "w"))  # noqa: SIM115
