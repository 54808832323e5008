"""What directories send in a whole cycle: they find, create, rename, disable, enable and delete a user."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from core.models import Throttle
from scim.models import DirectoryUser
from tests.scim.conftest import PATCH_SCHEMA, Directory
from tests.scim.test_users import CORE, ENTERPRISE, entra_user

pytestmark = pytest.mark.django_db
MANAGER = f"{ENTERPRISE}:manager"


def operations(*found: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH_SCHEMA], "Operations": list(found)}


def replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "Replace", "path": path, "value": value}


ENTRA = {
    "rename": operations(
        replace("displayName", "Eva Smit"), replace("name.familyName", "Smit"), replace("name.formatted", "Eva Smit"),
        {"op": "Add", "path": "title", "value": "Controller"}, {"op": "Add", "path": MANAGER, "value": "9f3c"},
        replace('addresses[type eq "work"].country', "NL"),
        replace('phoneNumbers[type eq "work"].value', "020 1234567"),
        {"op": "Add", "path": 'roles[primary eq "True"].value', "value": "user"},
    ),
    "disable": operations(replace("active", "False")),
    "enable": operations(replace("active", "True")),
}  # fmt: skip
ENTRA_WITH_FLAG = {
    "rename": operations({
        "op": "replace",
        "value": {
            "name.familyName": "Smit", "displayName": "Eva Smit", "title": "Controller",
            'phoneNumbers[type eq "work"].value': "020 1234567", f"{ENTERPRISE}:department": "Loon",
        },
    }),
    "disable": operations({"op": "replace", "path": "active", "value": False}),
    "enable": operations({"op": "replace", "path": "active", "value": True}),
}  # fmt: skip
OKTA = {
    "rename": operations(
        {"op": "replace", "value": {"name": {"givenName": "Eva", "familyName": "Smit"}, "displayName": "Eva Smit"}}
    ),
    "disable": operations({"op": "replace", "value": {"active": False}}),
    "enable": operations({"op": "replace", "value": {"active": True}}),
}
GENERIC = {
    "rename": operations({"op": "replace", "path": f"{CORE}:name.familyName", "value": "Smit"}),
    "disable": operations({"op": "add", "value": {"active": "false"}}),
    "enable": operations({"op": "add", "value": {"active": "true"}}),
}


@pytest.mark.parametrize(
    "bodies", [ENTRA, ENTRA_WITH_FLAG, OKTA, GENERIC], ids=["Entra", "Entra with the flag", "Okta", "generic"]
)
def test_cycle_of_patches(entra: Directory, bodies: dict[str, Any]) -> None:
    assert entra.find(f'userName eq "{uuid4()}"') == []  # the test of the connection
    body = entra_user()
    assert entra.find(f'userName eq "{body["userName"]}"') == []
    pk = entra.call("POST", "/Users", body, 201)["id"]
    for step, last_name, active in (
        ("rename", "Smit", True), ("disable", "Smit", False), ("disable", "Smit", False), ("enable", "Smit", True)
    ):  # fmt: skip
        entra.call("PATCH", f"/Users/{pk}", bodies[step], 204)
        user = User.objects.get(pk=pk)
        assert (user.last_name, user.blocked_at is None) == (last_name, active), step
        (found,) = entra.find(f'externalId eq "{body["externalId"]}"')
        assert (found["name"]["familyName"], found["active"]) == (last_name, active)
    entra.call("DELETE", f"/Users/{pk}", status=204)
    assert entra.find(f'externalId eq "{body["externalId"]}"') == []
    assert User.objects.get(pk=pk).blocked_at is not None


def test_cycle_of_okta_with_put(okta: Directory) -> None:
    assert okta.call("GET", "/Users?startIndex=1&count=2")["totalResults"] == 1  # the administrator
    query = "filter=userName%20eq%20%22eva%40devries.example%22&startIndex=1&count=100"
    assert okta.call("GET", f"/Users?{query}")["Resources"] == []
    body = entra_user(
        externalId="00u1", password="1mz050nq", groups=[], locale="nl-NL",
        phoneNumbers=[{"primary": True, "type": "mobile", "value": "06-12345678"}],
    )  # fmt: skip
    made = okta.call("POST", "/Users", body, 201)
    assert not {"password", "phoneNumbers", "locale"} & set(made)
    pk, body = made["id"], body | {"id": made["id"], "meta": made["meta"]}
    body["name"] = {"familyName": "Smit", "givenName": "Eva"}
    renamed = okta.call("PUT", f"/Users/{pk}", body)
    assert (renamed["name"]["familyName"], User.objects.get(pk=pk).last_name) == ("Smit", "Smit")
    for active in (False, True):
        assert okta.call("PUT", f"/Users/{pk}", body | {"active": active})["active"] is active
        assert (User.objects.get(pk=pk).blocked_at is None) is active
        assert okta.call("GET", f"/Users/{pk}")["active"] is active  # deactivated users stay readable


def test_jumpcloud_creates_and_deletes_a_user_for_a_test(okta: Directory) -> None:
    emails = [{"value": "t@x.example", "type": "work"}]
    body = {"schemas": [CORE], "userName": "test.user", "active": True, "emails": emails}
    pk = okta.call("POST", "/Users", body, 201)["id"]
    okta.call("DELETE", f"/Users/{pk}", status=204)
    assert not DirectoryUser.objects.exists()
    assert User.objects.count() == 1


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["anna", "boris", "cees"]),
        st.sampled_from(["create", "rename", "disable", "enable", "delete"]),
        st.sampled_from(["van Dam", "Smit", "de Wit"]),
        st.booleans(),
    ),
    max_size=10,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_our_state_is_that_of_the_directory(entra: Directory, steps: list[tuple[str, str, str, bool]]) -> None:
    """Whatever a directory does, in either dialect: who is active there is active here, by the same name."""
    User.objects.exclude(username="alice").delete()
    Throttle.objects.all().delete()  # of the messages of the example before
    wanted: dict[str, dict[str, Any]] = {}
    ids: dict[str, str] = {}
    external = {name: str(uuid4()) for name in ("anna", "boris", "cees")}
    for name, step, family, flag in steps:
        bodies = ENTRA_WITH_FLAG if flag else ENTRA
        if step == "create" and name not in wanted:
            body = entra_user(name, externalId=external[name], name={"familyName": family, "givenName": name})
            ids[name] = entra.call("POST", "/Users", body, 201)["id"]
            wanted[name] = {"family": family, "active": True}
        elif name not in wanted:
            continue
        elif step == "rename":
            entra.call("PATCH", f"/Users/{ids[name]}", operations(replace("name.familyName", family)), 204)
            wanted[name]["family"] = family
        elif step in ("disable", "enable"):
            entra.call("PATCH", f"/Users/{ids[name]}", bodies[step], 204)
            wanted[name]["active"] = step == "enable"
        elif step == "delete":
            entra.call("DELETE", f"/Users/{ids[name]}", status=204)
            del wanted[name]
    for name, state in wanted.items():
        user = User.objects.get(pk=ids[name])
        assert user.blocked_at is None or not state["active"]
        assert user.blocked_at is not None or state["active"]
        if state["active"]:
            assert f"{user.prefix} {user.last_name}".strip() == state["family"]
    gone = User.objects.filter(blocked_at=None).exclude(username="alice").exclude(pk__in=[ids[name] for name in wanted])
    assert not gone.exists()
