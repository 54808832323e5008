"""A foreign SCIM client checks the protocol."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import check_server
from scim2_tester.utils import Status

from scim.models import DirectoryConnection
from tests.scim.conftest import Directory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def _open_connection(db: None) -> Iterator[None]:
    """Keep the connection of the test, as Django's own client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.slow
@pytest.mark.usefixtures("_open_connection")
@pytest.mark.parametrize("state", [DirectoryConnection.State.ON, DirectoryConnection.State.SHADOW])
def test_foreign_client_finds_no_error(okta: Directory, state: str) -> None:
    DirectoryConnection.objects.update(state=state)
    headers = {"Authorization": f"Bearer {okta.secret}"}
    client = WSGISCIMClient(WSGIHandler(), f"{settings.LOKET_URL}{okta.root}", headers=headers)
    results = check_server(client)
    wrong = [(one.title, one.resource_type, one.reason) for one in results if one.status is Status.ERROR]
    assert not wrong
    assert sum(one.status is Status.SUCCESS for one in results) > 40
