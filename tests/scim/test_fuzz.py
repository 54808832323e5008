"""Whatever a directory sends is no server error and no half change: a refused call leaves the office as it was."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import EmailChange, User
from audit.models import Event
from outbox.models import Message
from permissions.checks import Right
from permissions.models import TeamMember
from scim.models import AccessLoss, DirectoryGroup, DirectoryGroupMember, DirectoryUser
from tests.helpers.users import make_user
from tests.scim.conftest import PATCH_SCHEMA, Directory
from tests.scim.test_groups import GROUP, make_group, make_team, map_group, members_of, read_members
from tests.scim.test_users import CORE, ENTERPRISE, entra_user

pytestmark = pytest.mark.django_db
CHANGED: tuple[type[Model], ...] = (
    User, DirectoryUser, DirectoryGroup, DirectoryGroupMember, TeamMember, AccessLoss, EmailChange, Message, Event,
)  # fmt: skip

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
_NAMES = ["active", "name", "name.familyName", "emails", 'emails[type eq "work"].value', "userName", "id", "externalId",
          "meta", "schemas", "phoneNumbers", "emails[", "active.x", "urn:x:y", "members", "displayName", CORE,
          f"{ENTERPRISE}:manager", "members[", "roles[primary eq \"True\"].value"]  # fmt: skip
_OPS = st.sampled_from(["add", "Replace", "remove", "REMOVE", "x"])
_PATHS = st.none() | st.text(max_size=20) | st.sampled_from(_NAMES)
_NONSENSE = st.fixed_dictionaries({"op": _OPS}, optional={"path": _PATHS, "value": _JSON})
_USER_CHANGES = st.sampled_from([
    {"op": "Replace", "path": "active", "value": "False"},
    {"op": "replace", "value": {"active": False, "name.familyName": "Smit"}},
    {"op": "Replace", "path": "active", "value": True},
    {"op": "Replace", "path": "name.familyName", "value": "de Wit"},
    {"op": "Replace", "path": "name", "value": {"givenName": "Anna", "familyName": "Jansen"}},
    {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "eva@nieuw.example"},
    {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "no address"},
    {"op": "Replace", "path": "userName", "value": "eva.smit@devries.example"},
    {"op": "Replace", "path": "userName", "value": "alice"},
    {"op": "Remove", "path": "externalId"},
])  # fmt: skip


def fuzzed(*, examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextmanager
def undone() -> Iterator[None]:
    """Undo an example, so that the next one finds the office as it was."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def read_office() -> dict[str, list[str]]:
    return {model.__name__: sorted(map(str, model._default_manager.values_list())) for model in CHANGED}


def require_all_or_nothing(response: HttpResponse, before: dict[str, list[str]]) -> None:
    assert response.status_code in (200, 201, 204, 400, 403, 404, 409), response.content
    if response.status_code >= 400:
        assert read_office() == before
        assert json.loads(response.content)["status"] == str(response.status_code)


def patch(directory: Directory, path: str, operations: list[dict[str, Any]]) -> HttpResponse:
    return directory.send("PATCH", path, {"schemas": [PATCH_SCHEMA], "Operations": operations})


@pytest.mark.slow
@fuzzed(examples=30)
@example(operations=[
    {"op": "Replace", "path": "name.familyName", "value": "de Wit"},
    {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "no address"},
])  # fmt: skip
@example(operations=[{"op": "Replace", "path": "active", "value": "False"}, {"op": "x"}])
@given(operations=st.lists(_USER_CHANGES | _NONSENSE, max_size=4))
def test_no_patch_of_a_user_is_half_done(entra: Directory, operations: list[dict[str, Any]]) -> None:
    with undone():
        pk = entra.call("POST", "/Users", entra_user(), 201)["id"]
        before = read_office()
        require_all_or_nothing(patch(entra, f"/Users/{pk}", operations), before)
        found, user = entra.call("GET", f"/Users/{pk}"), User.objects.get(pk=pk)
        assert found["active"] is (user.blocked_at is None)
        if found["active"] and found.get("name", {}).get("familyName"):
            assert user.last_name in found["name"]["familyName"]


@pytest.mark.slow
@fuzzed(examples=30)
@given(data=st.data())
def test_no_patch_of_a_group_is_half_done(
    entra: Directory, alice: User, alice_client: Client, data: st.DataObject
) -> None:
    with undone():
        team = make_team(alice.office, Right.VIEW_USERS, name="Lonen")
        ids = [str(make_user(alice.office, username=name, last_name=name).pk) for name in ("anna", "boris", "cees")]
        pk = make_group(entra, members=[{"value": ids[0]}])
        map_group(alice_client, pk, team)
        value = st.sampled_from(ids).map(lambda one: {"value": one})
        changes = st.one_of(
            st.builds(lambda one: {"op": "Add", "path": "members", "value": [one]}, value),
            st.builds(lambda one: {"op": "remove", "path": f'members[value eq "{one["value"]}"]'}, value),
            st.builds(lambda one: {"op": "Remove", "path": "members", "value": [one]}, value),
            st.builds(lambda all_: {"op": "replace", "path": "members", "value": all_}, st.lists(value, max_size=3)),
            st.builds(lambda one: {"op": "add", "value": {"members": [one, {"value": "unknown"}]}}, value),
            st.just({"op": "replace", "value": {"id": pk, "displayName": "Salaris"}}),
            _NONSENSE,
        )
        operations = data.draw(st.lists(changes, max_size=4))
        before = read_office()
        require_all_or_nothing(patch(entra, f"/Groups/{pk}", operations), before)
        known = {str(user.pk): user.last_name for user in User.objects.filter(pk__in=ids)}
        assert set(members_of(team)) == {known[one] for one in read_members(entra, pk)}


_BODIES = st.dictionaries(
    st.sampled_from(["userName", "name", "active", "emails", "externalId", "displayName", "phoneNumbers", "schemas",
                     "members", "id", "meta", ENTERPRISE]),
    _JSON | st.just({}), max_size=4,
)  # fmt: skip


@pytest.mark.slow
@fuzzed(examples=30)
@given(method=st.sampled_from(["POST", "PUT"]), kind=st.sampled_from(["Users", "Groups"]), wrong=_BODIES)
def test_no_body_is_half_stored(entra: Directory, method: str, kind: str, wrong: dict[str, Any]) -> None:
    with undone():
        bodies = {"Users": entra_user(), "Groups": {"schemas": [GROUP], "displayName": "Lonen", "members": []}}
        pk = entra.call("POST", f"/{kind}", bodies[kind], 201)["id"]
        fresh = {"userName": "anna@devries.example", "externalId": "5f0c6f0e-8a43-4f41-9f5d-0b1a6b0f7c21"}
        body = bodies[kind] | ({"displayName": "Salaris"} | fresh if method == "POST" else {}) | wrong
        before = read_office()
        response = entra.send(method, f"/{kind}" if method == "POST" else f"/{kind}/{pk}", body)
        require_all_or_nothing(response, before)


_ATTRIBUTES = st.sampled_from([
    "userName", "USERNAME", f"{CORE}:userName", "externalId", "id", "active", "displayName", "name.familyName",
    "emails", "emails.value", "meta.resourceType", "title",
])  # fmt: skip
_VALUES = st.sampled_from(["alice", "eva@devries.example", "EVA@devries.example", "van", "User", "", 'é\\"', "x" * 300])
_COMPARISONS = st.one_of(
    st.builds(lambda name: f"{name} pr", _ATTRIBUTES),
    st.builds(
        lambda name, how, value: f"{name} {how} {json.dumps(value)}",
        _ATTRIBUTES, st.sampled_from(["eq", "co", "sw", "ew", "EQ"]), _VALUES,
    ),
    st.builds(lambda value: f"active eq {value}", st.sampled_from(["true", "false"])),
    st.builds(lambda value: f'emails[type eq "work" and value eq {json.dumps(value)}]', _VALUES),
)  # fmt: skip
_FILTERS = st.recursive(
    _COMPARISONS,
    lambda inner: (
        st.builds(lambda one, word, other: f"({one}) {word} ({other})", inner, st.sampled_from(["and", "or"]), inner)
        | st.builds(lambda one: f"not ({one})", inner)
    ),
    max_leaves=4,
)


def search(directory: Directory, kind: str, expression: str) -> Any:
    headers = {"Authorization": f"Bearer {directory.secret}"}
    found = directory.client.get(f"{directory.root}/{kind}", {"filter": expression}, headers=headers)
    assert found.status_code in (200, 400), found.content
    assert found["Content-Type"] == "application/scim+json"
    return found


@pytest.mark.slow
@fuzzed(examples=40)
@given(expression=_FILTERS)
def test_filter_and_its_opposite_are_everybody(entra: Directory, expression: str) -> None:
    """A filter that is narrowed in SQL finds neither less nor more than it says."""
    with undone():
        entra.call("POST", "/Users", entra_user(), 201)
        make_user(entra.connection.provider, username="piet", last_name="van Dam")
        answers = [search(entra, "Users", one) for one in (expression, f"not ({expression})")]
        if {answer.status_code for answer in answers} == {200}:
            found = [[user["id"] for user in json.loads(answer.content)["Resources"]] for answer in answers]
            everybody = {user["id"] for user in entra.call("GET", "/Users")["Resources"]}
            assert len(found[0]) + len(found[1]) == len(everybody) == 3
            assert {*found[0], *found[1]} == everybody


@fuzzed(examples=40)
@example(kind="Users", expression="(" * 900 + "userName pr" + ")" * 900)
@example(kind="Users", expression="not (" * 390 + "active pr" + ")" * 390)
@given(
    kind=st.sampled_from(["Users", "Groups", ""]),
    expression=st.text(alphabet='userNamacti.[]()"\\ eqorndpx!\0é', max_size=60) | st.text(max_size=40) | _FILTERS,
)
def test_no_filter_is_a_server_error(okta: Directory, kind: str, expression: str) -> None:
    search(okta, kind, expression)
