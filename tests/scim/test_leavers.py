"""A leaver whose block was refused, rejected or undone does not stay in."""

import pytest
from django.test import Client
from django.urls import reverse

import users.actions
from accounts.models import User
from permissions.checks import Right
from scim.jobs import apply_pending_users
from scim.models import AccessLoss, DirectoryConnection, DirectoryUser
from tests.helpers.users import actor, make_user
from tests.scim.conftest import Directory
from tests.scim.test_brake import IN, OUT, count_blocked, decide, let_leave
from tests.scim.test_brake import people as people
from tests.scim.test_groups import ADD, make_group, map_group, patch_group
from tests.scim.test_users import entra_user

pytestmark = pytest.mark.django_db
RENAME = {"op": "Replace", "path": "displayName", "value": "Anders"}


def is_blocked(user: User) -> bool:
    user.refresh_from_db()
    return user.blocked_at is not None


def reject_wave(directory: Directory, client: Client, users: list[User]) -> None:
    """Let the first five leave; what follows is held, and rejected."""
    let_leave(directory, users)
    decide(client, directory, "reject")
    assert count_blocked(users) == 5
    AccessLoss.objects.all().delete()  # an hour later


def test_deletion_after_a_rejected_block_counts_again(
    entra: Directory, alice_client: Client, people: list[User]
) -> None:
    reject_wave(entra, alice_client, people[:7])
    entra.call("DELETE", f"/Users/{people[6].pk}", status=204)
    assert is_blocked(people[6])


def test_deletion_of_a_held_user_stays_held(entra: Directory, alice_client: Client, people: list[User]) -> None:
    let_leave(entra, people[:6])
    entra.call("DELETE", f"/Users/{people[5].pk}", status=204)
    assert not is_blocked(people[5])
    assert AccessLoss.objects.filter(state=AccessLoss.State.HELD).count() == 1
    decide(alice_client, entra, "release")
    assert is_blocked(people[5])


def test_repeated_block_after_an_administrator_opened_the_account(entra: Directory, alice: User, bob: User) -> None:
    for body in ({"schemas": [], "Operations": [OUT]}, None):
        entra.patch(bob.pk, OUT)
        assert is_blocked(bob)
        users.actions.unblock_user(User.objects.get(pk=bob.pk), by=actor(alice))
        if body:
            entra.patch(bob.pk, OUT)
        else:
            entra.call("PUT", f"/Users/{bob.pk}", entra_user("bob", externalId=None, active=False))
        assert is_blocked(bob)
        assert entra.call("GET", f"/Users/{bob.pk}")["active"] is False
        users.actions.unblock_user(User.objects.get(pk=bob.pk), by=actor(alice))


def test_repeated_block_that_changes_nothing_keeps_the_version(entra: Directory, bob: User) -> None:
    entra.patch(bob.pk, OUT)
    before = entra.call("GET", f"/Users/{bob.pk}")["meta"]
    entra.patch(bob.pk, OUT)
    assert entra.call("GET", f"/Users/{bob.pk}")["meta"] == before


def make_refused(directory: Directory, user: User) -> DirectoryUser:
    """Return what the worker was to block, and could not."""
    attributes = {"active": False}
    return DirectoryUser.objects.create(
        id=user.pk, provider=user.office, connection=directory.connection, user=user, user_name=user.username,
        attributes=attributes, refusal="PermissionDenied",
    )  # fmt: skip


def test_block_that_the_worker_could_not_do_is_done_when_repeated(entra: Directory, bob: User) -> None:
    row = make_refused(entra, bob)
    entra.patch(bob.pk, OUT)
    row.refresh_from_db()
    assert is_blocked(bob)
    assert row.refusal == ""


def test_another_owner_does_what_was_refused(entra: Directory, alice: User, alice_client: Client, bob: User) -> None:
    DirectoryConnection.objects.update(owner=make_user(alice.office, Right.MANAGE_USERS, username="zwak"))
    make_refused(entra, bob)
    alice_client.post(reverse("scim:take_over", args=[entra.connection.pk]))
    apply_pending_users()
    assert is_blocked(bob)


@pytest.fixture
def lost(entra: Directory, alice_client: Client, bob: User) -> str:
    """A group that blocked bob, whom it lost."""
    pk = make_group(entra)
    map_group(alice_client, pk, None, blocks_removed="on")
    patch_group(entra, pk, *ADD["Okta"]([str(bob.pk)]))
    patch_group(entra, pk, {"op": "remove", "path": f'members[value eq "{bob.pk}"]'})
    assert is_blocked(bob)
    assert entra.patch(bob.pk, IN, status=200)["active"] is False
    assert is_blocked(bob), "the group has a say as long as it is there"
    return pk


@pytest.mark.parametrize("end", ["delete", "untick"])
def test_group_that_is_gone_keeps_nobody_out(
    entra: Directory, alice: User, alice_client: Client, bob: User, lost: str, end: str
) -> None:
    if end == "delete":
        entra.call("DELETE", f"/Groups/{lost}", status=204)
    else:
        map_group(alice_client, lost, None)
    entra.patch(bob.pk, RENAME)
    assert is_blocked(bob), "only a call that says so opens the account"
    entra.patch(bob.pk, IN)
    assert not is_blocked(bob)


def test_unblocking_by_hand_lasts_once_the_group_is_gone(entra: Directory, alice: User, bob: User, lost: str) -> None:
    entra.call("DELETE", f"/Groups/{lost}", status=204)
    users.actions.unblock_user(User.objects.get(pk=bob.pk), by=actor(alice))
    entra.patch(bob.pk, RENAME)
    assert not is_blocked(bob)


def test_another_group_that_blocks_keeps_them_out(entra: Directory, alice_client: Client, bob: User, lost: str) -> None:
    other = make_group(entra, "Andere")
    map_group(alice_client, other, None, blocks_removed="on")
    entra.call("DELETE", f"/Groups/{lost}", status=204)
    entra.patch(bob.pk, IN, status=200)
    assert is_blocked(bob)


def test_user_who_is_created_again_is_out_of_no_group(entra: Directory, bob: User, lost: str) -> None:
    entra.call("DELETE", f"/Users/{bob.pk}", status=204)
    name = DirectoryUser.objects.get(user=bob).user_name
    body = entra_user(userName=name)
    del body["externalId"]
    made = entra.call("POST", "/Users", body, 201)
    assert (made["id"], made["active"]) == (str(bob.pk), True)
    assert not is_blocked(bob)


def test_wave_of_a_group_that_is_gone_is_still_decided(
    entra: Directory, alice_client: Client, people: list[User]
) -> None:
    pk = make_group(entra)
    map_group(alice_client, pk, None, blocks_removed="on")
    patch_group(entra, pk, *ADD["Okta"]([str(user.pk) for user in people[:9]]))
    entra.call("DELETE", f"/Groups/{pk}", status=204)
    decide(alice_client, entra, "reject")
    assert count_blocked(people) == 0
    entra.patch(people[0].pk, OUT)  # a decision about one user, not the wave that was rejected
    assert is_blocked(people[0])
