"""The endpoint whatever happens: discovery, refusals, limits and nonsense, always in the form of SCIM."""

import json
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import User
from core.throttle import RateLimit
from scim import endpoint
from scim.errors import ERROR_SCHEMA
from scim.models import ConnectionToken, DirectoryConnection, DirectoryUser
from tests.scim.conftest import PATCH_SCHEMA, Directory, make_connection
from tests.scim.test_users import CORE, entra_user

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


@pytest.mark.parametrize("path", ["/scim/v2", "/scim/v2/", "/scim/v2/Users", "/scim/v2/x/Users", "/scim/v2/%00"])
def test_addresses_outside_a_connection_do_not_exist(client: Client, path: str) -> None:
    response = client.get(path, follow=True)
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


def test_too_many_calls_are_told_when_to_retry(entra: Directory) -> None:
    with patch.object(endpoint, "CALL_LIMIT", RateLimit("directory", burst=2, every=timedelta(minutes=1))):
        statuses = [entra.send("GET", "/Users?count=0") for _number in range(3)]
    assert [response.status_code for response in statuses] == [200, 200, 429]
    assert 0 < int(statuses[2]["Retry-After"]) <= 60
    assert json.loads(statuses[2].content)["status"] == "429"


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


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
_PATHS = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.sampled_from(["active", "name", "name.familyName", "emails", 'emails[type eq "work"].value', "userName", "id",
                     "externalId", "meta", "schemas", "phoneNumbers", "emails[", "active.x", "urn:x:y", "members"]),
)  # fmt: skip
_OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "Replace", "remove", "REMOVE", "x"])}, optional={"path": _PATHS, "value": _JSON}
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=st.lists(_OPERATIONS, max_size=3))
def test_no_patch_is_half_done_or_a_server_error(okta: Directory, operations: list[dict[str, Any]]) -> None:
    DirectoryUser.objects.all().delete()
    made = okta.call("POST", "/Users", entra_user(), 201)
    before = okta.call("GET", f"/Users/{made['id']}")
    response = okta.send("PATCH", f"/Users/{made['id']}", {"schemas": [PATCH_SCHEMA], "Operations": operations})
    assert response.status_code in (200, 204, 400, 409), response.content
    if response.status_code >= 400:
        assert okta.call("GET", f"/Users/{made['id']}") == before


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(expression="(" * 900 + "userName pr" + ")" * 900)
@example(expression="not (" * 390 + "active pr" + ")" * 390)
@given(expression=st.text(alphabet='userNamacti.[]()"\\ eqorndpx!\0é', max_size=60) | st.text(max_size=40))
def test_no_filter_is_a_server_error(okta: Directory, expression: str) -> None:
    response = okta.client.get(
        f"{okta.root}/Users", {"filter": expression}, headers={"Authorization": f"Bearer {okta.secret}"}
    )
    assert response.status_code in (200, 400), response.content
    assert response["Content-Type"] == "application/scim+json"
