"""HEAD is answered wherever GET is, with the same status, and without a body (RFC 9110 section 9.3.2)."""

from uuid import UUID

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import User
from oauth.scopes import Scope
from support.models import Impersonation
from tests.helpers.api_client import program
from tests.loket.test_malformed_input import EVERY, address, read

pytestmark = pytest.mark.django_db


def find_differences(client: Client, names: list[tuple[str, tuple[str, ...]]], id_: UUID) -> list[str]:
    """Return the URLs where HEAD and GET differ."""
    differences = []
    for name, kinds in names:
        path = address(name, kinds, id_)
        head, get = client.head(path), client.get(path)
        read(get)
        assert b"".join(head) == b"", path
        for close in head._resource_closers:  # `head.close()` ends the connection of the test
            close()
        if get.status_code != 405 and describe(head) != describe(get):
            differences.append(f"{path}: {describe(head)}, not {describe(get)}")
    return differences


def describe(response: HttpResponse) -> tuple[int, str | None]:
    location = response.get("Location")
    return response.status_code, location.partition("?")[0] if location else None


PAGES = [(name, kinds) for name, kinds in EVERY if not name.startswith("v2:interface")]
OPERATIONS = [(name, kinds) for name, kinds in EVERY if name.startswith("v2:interface")]


@pytest.mark.slow
def test_head_is_answered_wherever_get_is(
    client: Client, alice_client: Client, bob_client: Client, dora_client: Client, bob: User
) -> None:
    assert len(PAGES) > 150
    outside = [page for page in PAGES if page[0] != "authentication:microsoft_callback"]  # tested with Microsoft
    for browser in (client, alice_client, bob_client, dora_client):
        assert find_differences(browser, outside, bob.pk) == []
    assert not Impersonation.objects.exists()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/static/style.css"])
def test_head_is_answered_outside_the_urls(client: Client, db: None, path: str) -> None:
    assert client.head(path).status_code == client.get(path).status_code


@pytest.mark.slow
def test_the_web_service_answers_head_as_get(alice: User, bob: User) -> None:
    caller = program(alice, *(scope.value for scope in Scope))
    assert len(OPERATIONS) > 30
    answered = 0
    for name, kinds in OPERATIONS:
        path = address(name, kinds, bob.pk if "provider_id" not in name else alice.office.pk).removeprefix("/v2")
        head, get = caller.call("HEAD", path), caller.get(path)
        assert head.status_code == get.status_code, (path, head.status_code, get.status_code)
        assert (head.content, head["Content-Type"]) == (b"", get["Content-Type"])
        answered += get.status_code == 200
    assert answered >= 1
    user = caller.call("HEAD", f"/providers/users/{bob.pk}")
    assert (user.status_code, user["ETag"]) == (200, caller.get(f"/providers/users/{bob.pk}")["ETag"])
    assert caller.call("HEAD", "/sso/tickets").status_code == 405
    assert reverse("v2:openapi_document") == "/v2/openapi.json"
