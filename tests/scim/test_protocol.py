"""The endpoint whatever happens: discovery, refusals, limits and nonsense, always in the form of SCIM."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import time_machine
from django.conf import settings
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts.models import User
from core.throttle import RateLimit
from scim import endpoint
from scim.errors import ERROR_SCHEMA
from scim.models import ConnectionToken, DirectoryConnection, DirectoryUser
from tests.scim.conftest import PATCH_SCHEMA, Directory, make_connection
from tests.scim.test_users import CORE

pytestmark = pytest.mark.django_db


def test_discovery_says_what_is_supported(entra: Directory) -> None:
    config = entra.call("GET", "/ServiceProviderConfig")
    supported = {
        name: config[name]["supported"] for name in ("patch", "bulk", "filter", "sort", "etag", "changePassword")
    }
    assert supported == {
        "patch": True, "bulk": False, "filter": True, "sort": True, "etag": True, "changePassword": False,
    }  # fmt: skip
    assert [kind["endpoint"] for kind in entra.call("GET", "/ResourceTypes")["Resources"]] == [
        "/Users", "/Groups",
    ]  # fmt: skip
    schema, group_schema = entra.call("GET", "/Schemas")["Resources"]
    assert [one["name"] for one in group_schema["attributes"]] == ["displayName", "members"]
    attributes = {one["name"]: one for one in schema["attributes"]}
    assert (attributes["phoneNumbers"]["mutability"], attributes["phoneNumbers"]["returned"]) == ("writeOnly", "never")
    entra.call("GET", f"/Schemas/{CORE}")
    entra.call("GET", "/ResourceTypes/User")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/Nonsense", None, 404),
        ("GET", "/Users/x/y/z", None, 404),
        ("GET", "/Schemas/urn:x", None, 404),
        ("PUT", "/Users", {}, 405),
        ("DELETE", "/ServiceProviderConfig", None, 405),
        ("OPTIONS", "/Users", None, 405),
        ("POST", "/Users", b"{", 400),
        ("POST", "/Users", b"", 400),
        ("POST", "/Users", b"\xff\xfe", 400),
        ("POST", "/Users", [], 400),
        ("POST", "/Users", {}, 400),
        ("POST", "/Users", {"schemas": [CORE], "userName": ""}, 400),
        ("POST", "/Users", {"schemas": [CORE], "userName": "a\0b"}, 400),
        ("POST", "/Users", {"schemas": [CORE], "userName": "x" * 300}, 400),
        ("POST", "/Users", {"schemas": [CORE], "userName": "abc", "emails": "x"}, 400),
        ("POST", "/Users", {"schemas": [CORE], "userName": "abc", "active": "perhaps"}, 400),
        ("POST", "/Users", b'{"userName": "' + b"x" * 600_000 + b'"}', 413),
        ("POST", "/Bulk", {}, 501),
        ("GET", "/Me", None, 501),
        ("GET", "/Users?filter=userName%20xx%20%22a%22", None, 400),
        ("GET", "/Users?filter=nonsense%20eq%20%22a%22", None, 400),
        ("GET", "/Users?filter=userName%20eq%20%22a%00%22", None, 400),
        ("GET", "/Users?filter=" + "a" * 3000, None, 400),
        ("GET", "/Users?count=x", None, 400),
        ("GET", "/Users?sortBy=nonsense", None, 400),
    ],
)
def test_nonsense_is_answered_in_the_form_of_scim(
    entra: Directory, method: str, path: str, body: Any, status: int
) -> None:
    answer = entra.call(method, path, body, status)
    assert (answer["schemas"], answer["status"]) == ([ERROR_SCHEMA], str(status))
    assert answer["detail"]
    assert not DirectoryUser.objects.exists()


def test_other_bodies_than_json_are_refused(entra: Directory) -> None:
    headers = {"Authorization": f"Bearer {entra.secret}"}
    response = entra.client.post(f"{entra.root}/Users", "a=b", content_type="text/plain", headers=headers)
    assert (response.status_code, json.loads(response.content)["status"]) == (415, "415")
    multipart = entra.client.post(f"{entra.root}/Users", {"a": "b"}, headers=headers)
    assert multipart.status_code == 415


OUTSIDE = ["/scim/", "/scim/v1/Users", "/scim/v2", "/scim/v2/", "/scim/v2/Users", "/scim/v2/x/Users", "/scim/v2/%00"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_addresses_outside_a_connection_do_not_exist(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response["Content-Type"]) == (404, "application/scim+json")
    response = client.post(path, b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1), content_type="application/json")
    assert (response.status_code, response["Content-Type"]) == (404, "application/scim+json")
    assert json.loads(response.content)["status"] == "404"


def test_calls_without_the_token_of_the_connection_are_refused(entra: Directory, charlie: User) -> None:
    other = Directory(make_connection(charlie))
    own, entra.secret = entra.secret, other.secret
    for secret in (other.secret, "", "x", own + "x"):
        entra.secret = secret
        response = entra.send("GET", "/Users")
        assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="SCIM"')
        assert entra.send("GET", "/Nonsense").status_code == 401
    entra.secret = own
    assert entra.send("GET", "/Users", Authorization=f"Basic {own}").status_code == 401
    assert entra.send("GET", "/Users", Authorization=f"bearer  {own}").status_code == 200


def test_connection_that_is_off_and_office_that_is_suspended(entra: Directory, alice: User) -> None:
    DirectoryConnection.objects.update(state=DirectoryConnection.State.OFF)
    assert "turned off" in entra.call("GET", "/Users", status=403)["detail"]
    DirectoryConnection.objects.update(state=DirectoryConnection.State.ON)
    alice.office.suspended_at = timezone.now()
    alice.office.save()
    entra.call("GET", "/Users", status=403)


def test_burst_passes_and_what_follows_is_told_when_to_retry(entra: Directory, charlie: User, bob: User) -> None:
    other = Directory(make_connection(charlie))
    out = {"schemas": [PATCH_SCHEMA], "Operations": [{"op": "Replace", "path": "active", "value": False}]}
    limit = RateLimit("directory", burst=5, every=timedelta(minutes=1))
    with patch.object(endpoint, "CALL_LIMIT", limit), time_machine.travel(timezone.now(), tick=False) as clock:
        assert [entra.send("GET", "/Users?count=0").status_code for _number in range(5)] == [200] * 5
        refused = entra.send("PATCH", f"/Users/{bob.pk}", out)
        assert (refused.status_code, refused["Retry-After"]) == (429, "60")
        assert json.loads(refused.content)["status"] == "429"
        assert User.objects.get(pk=bob.pk).blocked_at is None
        other.call("GET", "/Users")  # which has a burst of its own
        clock.shift(int(refused["Retry-After"]))
        entra.call("PATCH", f"/Users/{bob.pk}", out, 204)
        assert entra.send("GET", "/Users?count=0").status_code == 429
    assert User.objects.get(pk=bob.pk).blocked_at is not None


def test_limit_is_that_of_the_guide() -> None:
    guide = " ".join((Path(__file__).parents[2] / "docs" / "how-to" / "directory.md").read_text().split())
    calls, conflicts = endpoint.CALL_LIMIT, endpoint.CONFLICT_LIMIT
    assert f"{timedelta(seconds=1) // calls.every} calls a second on average, with bursts of {calls.burst:,}" in guide
    assert f"after {conflicts.burst} names in use" in guide
    assert f"one more every {conflicts.every.seconds} seconds" in guide


@pytest.mark.parametrize(("error", "status"), [(OperationalError("gone"), 503), (KeyError("secret"), 500)])
def test_what_nobody_expected_is_an_error_of_scim(entra: Directory, error: Exception, status: int) -> None:
    for place in ("scim.endpoint._authenticate", "scim.storage.DirectoryStorage.search"):
        with patch(place, side_effect=error):
            answer = entra.call("GET", "/Users", status=status)
        assert "secret" not in json.dumps(answer)


def test_head_is_a_get_without_body(entra: Directory) -> None:
    response = entra.send("HEAD", "/Users")
    assert (response.status_code, response.content) == (200, b"")


def test_use_of_tokens_is_noted(entra: Directory) -> None:
    entra.call("GET", "/Users")
    assert ConnectionToken.objects.get().last_used_at is not None
    assert DirectoryConnection.objects.get().last_call_at is not None
