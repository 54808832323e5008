"""No page takes more than 20 queries, in an office with one of everything."""

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from tests.helpers.login_methods import confirmed
from tests.loket.test_foreign_ids import ours as ours
from tests.loket.test_malformed_input import EVERY, read

pytestmark = pytest.mark.django_db
PAGES = [
    (name, bool(kinds))
    for name, kinds in EVERY
    if kinds in ((), ("UUIDConverter",)) and name != "authentication:logout"
]

# No pages but files: the chain is brought up to date first, or each table with rows of users or of a review is queried.
FILES = {
    "reviews:report_workbook": 25,
    "history:export_jsonl": 25,
    "history:personal_data_json": 50,
    "history:personal_data_html": 50,
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "has_id"), PAGES, ids=[name for name, _has_id in PAGES])
def test_a_page_takes_at_most_20_queries(alice: User, ours: list[UUID], name: str, has_id: bool) -> None:
    client = confirmed(alice)
    urls: list[Any] = [reverse(name, args=[id_]) for id_ in ours] if has_id else [reverse(name)]
    for url in urls:
        with CaptureQueriesContext(connection) as queries:
            read(client.get(url))
        assert len(queries) <= FILES.get(name, 20), (url, [query["sql"][:100] for query in queries])
