"""What the owner of the test database's tables does while a test runs as the application."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection


def get_owner_parameters() -> dict[str, Any]:
    here = connection.settings_dict
    return {"host": here["HOST"], "port": here["PORT"], "user": "loket", "dbname": here["NAME"]}


@pytest.fixture
def production_privileges(db: None) -> Iterator[None]:
    """Without the privilege to empty tables, which tests need afterwards."""
    with psycopg.connect(**get_owner_parameters(), autocommit=True) as owner:
        owner.execute("REVOKE TRUNCATE ON ALL TABLES IN SCHEMA public FROM loket_app")
        yield
        owner.execute("GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO loket_app")
