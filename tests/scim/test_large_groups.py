"""Groups of thousands: a change of some members reads and writes these alone."""

from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from permissions.checks import Right
from permissions.models import Team
from scim import group_storage
from scim.models import DirectoryUser
from tests.helpers.users import make_user
from tests.scim.conftest import PATCH_SCHEMA, Directory
from tests.scim.test_groups import ADD, REMOVE, make_group, make_team, map_group, members_of, patch_group, read_members

pytestmark = pytest.mark.django_db


def make_colleagues(alice: User, prefix: str, count: int) -> list[User]:
    return [
        make_user(alice.office, username=f"{prefix}{number}", last_name=f"{prefix}{number}") for number in range(count)
    ]


def fill(directory: Directory, alice: User, client: Client, size: int) -> tuple[str, list[str]]:
    """Return a group that keeps a team, with its members."""
    pk = make_group(directory, f"Groep {size}")
    map_group(client, pk, make_team(alice.office, Right.VIEW_USERS, name=f"Team {size}"))
    ids = [str(user.pk) for user in make_colleagues(alice, f"g{size}n", size)]
    patch_group(directory, pk, *ADD["Entra in bulk"](ids))
    return pk, ids


@pytest.mark.parametrize("remove", REMOVE)
def test_one_member_reads_one_member(entra: Directory, alice: User, alice_client: Client, remove: str) -> None:
    found = []
    for size in (3, 30):
        pk, ids = fill(entra, alice, alice_client, size)
        (other,) = make_colleagues(alice, f"extra{size}n", 1)
        with (
            CaptureQueriesContext(connection) as queries,
            patch("scim.group_storage.serialize_group", wraps=group_storage.serialize_group) as serialize,
        ):
            patch_group(entra, pk, *ADD["Entra one by one"]([str(other.pk)]))
            patch_group(entra, pk, REMOVE[remove](ids[0]))
        assert max(len(call.args[1] or ()) for call in serialize.call_args_list) == 1
        found.append(len(queries))
        assert read_members(entra, pk) == {*ids[1:], str(other.pk)}
    assert found[0] == found[1]


def test_users_are_taken_on_as_a_set(entra: Directory, alice: User, alice_client: Client) -> None:
    found = []
    for size in (3, 30):
        pk = make_group(entra, f"Groep {size}")
        ids = [str(user.pk) for user in make_colleagues(alice, f"g{size}n", size)]
        with CaptureQueriesContext(connection) as queries:
            patch_group(entra, pk, *ADD["Entra in bulk"](ids))
        found.append(len(queries))
        assert read_members(entra, pk) == set(ids)
    assert found[0] == found[1]
    assert DirectoryUser.objects.filter(attributes__active=True).count() == 33


def test_what_depends_on_all_members_reads_them(entra: Directory, alice: User, alice_client: Client) -> None:
    pk, ids = fill(entra, alice, alice_client, 4)
    patch_group(entra, pk, *ADD["replace of all"](ids[2:]), *ADD["Okta"](ids[:1]))
    assert read_members(entra, pk) == {ids[0], *ids[2:]}
    patch_group(entra, pk, {"op": "remove", "path": f'members[value eq "{ids[0]}" or value eq "{ids[2]}"]'})
    assert read_members(entra, pk) == {ids[3]}
    patch_group(entra, pk, *ADD["Okta"](ids))
    patch_group(entra, pk, {"op": "remove", "path": "members", "value": [{"type": "User"}]})
    assert read_members(entra, pk) == set(), "every member is a user"
    patch_group(entra, pk, *ADD["Okta"](ids))
    patch_group(entra, pk, {"op": "remove", "path": "members"})
    assert read_members(entra, pk) == set()


def test_answer_with_members_has_all_of_them(entra: Directory, alice: User, alice_client: Client) -> None:
    pk, ids = fill(entra, alice, alice_client, 3)
    body = {"schemas": [PATCH_SCHEMA], "Operations": [REMOVE["path filter"](ids[0])]}
    answer: dict[str, Any] = entra.call("PATCH", f"/Groups/{pk}?attributes=members", body)
    assert {member["value"] for member in answer["members"]} == set(ids[1:])


def test_unknown_member_among_many_changes_nothing(entra: Directory, alice: User, alice_client: Client) -> None:
    pk, ids = fill(entra, alice, alice_client, 3)
    other, stranger = make_colleagues(alice, "x", 2)
    stranger.delete()
    operations = ADD["Entra in bulk"]([str(other.pk), str(stranger.pk)])
    patch_group(entra, pk, *operations, status=400)
    assert read_members(entra, pk) == set(ids)
    assert not DirectoryUser.objects.filter(pk=other.pk).exists()
    assert len(members_of(Team.objects.get(name="Team 3"))) == 3
