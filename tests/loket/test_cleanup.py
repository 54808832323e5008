"""After a test without commits, the database contains only what the migrations created."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from accounts.models import User
from audit.models import Event
from tests.helpers.cleanup import KEPT


def count_rows() -> dict[str, int]:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables))
        return dict(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
def test_every_table_is_emptied(alice_client: Client, bob: User, charlie_client: Client) -> None:
    alice_client.post("/uitloggen/")
    before = count_rows()
    assert Event.objects.exists()
    assert {before[table] > 0 for table in ("accounts_provider", "accounts_user", *KEPT)} == {True}
    call_command("flush", verbosity=0, interactive=False, reset_sequences=False)
    after = count_rows()
    assert {table for table, rows in after.items() if rows} == KEPT
    assert {table: after[table] for table in KEPT} == {table: before[table] for table in KEPT}
