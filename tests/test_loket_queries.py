"""No page takes more than 20 queries, in an office that has one of everything."""

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from tests.kinds import confirmed
from tests.test_loket_bad_input import EVERY, read
from tests.test_loket_foreign_ids import ours as ours

pytestmark = pytest.mark.django_db
PAGES = [(name, bool(kinds)) for name, kinds in EVERY if kinds in ((), ("UUIDConverter",)) and name != "signin:logout"]

# No pages but files: the chain is brought up to date first, or every table that holds something of somebody is asked.
FILES = {"audit:export_jsonl": 25, "accounts:everything_json": 50, "accounts:everything_html": 50}


@pytest.mark.parametrize(("name", "has_id"), PAGES, ids=[name for name, _has_id in PAGES])
def test_a_page_takes_at_most_20_queries(alice: User, ours: list[UUID], name: str, has_id: bool) -> None:
    client = confirmed(alice)
    urls: list[Any] = [reverse(name, args=[id_]) for id_ in ours] if has_id else [reverse(name)]
    for url in urls:
        with CaptureQueriesContext(connection) as queries:
            read(client.get(url))
        assert len(queries) <= FILES.get(name, 20), (url, [query["sql"][:100] for query in queries])
