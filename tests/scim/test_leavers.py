"""A leaver whose block was refused, rejected or undone does not stay in."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import users.actions
from accounts.models import Provider, User
from permissions.checks import Right
from scim.jobs import apply_pending_users
from scim.models import AccessLoss, DirectoryConnection, DirectoryUser
from tests.helpers.users import actor, make_user, signed_in
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


@pytest.mark.parametrize("why", ["office", "owner", "off"])
def test_what_cannot_be_done_now_waits(
    entra: Directory, alice: User, alice_client: Client, people: list[User], why: str
) -> None:
    let_leave(entra, people[:8])
    page = reverse("scim:connection_detail", args=[entra.connection.pk])
    release = {"until": alice_client.get(page).context["held_until"]}
    alice_client.post(reverse("scim:release_held", args=[entra.connection.pk]), release)
    if why == "office":
        Provider.objects.update(suspended_at=timezone.now())
    elif why == "owner":
        DirectoryConnection.objects.update(owner=make_user(alice.office, username="zwak"))
    else:
        DirectoryConnection.objects.update(state=DirectoryConnection.State.OFF)
    assert apply_pending_users() == 0
    assert DirectoryUser.objects.filter(pending=True, refusal="").count() == 3
    if why != "office":
        assert "3 gebruikers moeten nog worden geblokkeerd" in alice_client.get(page).content.decode()
    Provider.objects.update(suspended_at=None)
    DirectoryConnection.objects.update(owner=alice, state=DirectoryConnection.State.ON)
    apply_pending_users()
    assert count_blocked(people) == 8


def test_owner_changes_between_choosing_and_locking(
    entra: Directory, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_refused(entra, bob)
    DirectoryUser.objects.update(pending=True, refusal="")
    monkeypatch.setattr("scim.jobs._list_working_connections", lambda: [entra.connection.pk])
    Provider.objects.update(suspended_at=timezone.now())
    assert apply_pending_users() == 0
    assert DirectoryUser.objects.filter(pending=True, refusal="").exists()


def test_owner_with_more_rights_than_before_tries_again(entra: Directory, alice: User, alice_client: Client) -> None:
    owner = make_user(alice.office, *(right for right in Right if right is not Right.MANAGE_PROVIDER), username="o")
    boss = make_user(alice.office, Right.MANAGE_PROVIDER, username="baas")
    DirectoryConnection.objects.update(owner=owner)
    row = make_refused(entra, boss)
    DirectoryUser.objects.update(pending=True, refusal="")
    apply_pending_users()
    row.refresh_from_db()
    assert row.refusal == "De eigenaar van de koppeling heeft niet de rechten voor deze gebruiker."
    page, retry = (reverse(f"scim:{name}", args=[entra.connection.pk]) for name in ("connection_detail", "take_over"))
    text = alice_client.get(page).content.decode()
    assert "De eigenaar van de koppeling heeft niet de rechten voor deze gebruiker." in text
    assert "Opnieuw proberen" not in text, "which is for the owner"
    owner.individual_rights.create(provider=alice.office, right=Right.MANAGE_PROVIDER)
    browser = signed_in(owner)
    assert "Opnieuw proberen" in browser.get(page).content.decode()
    assert browser.post(retry).status_code == 302
    apply_pending_users()
    assert is_blocked(boss)


@pytest.mark.parametrize("end", ["held", "rejected"])
def test_another_owner_does_not_pass_the_brake(
    entra: Directory, alice: User, alice_client: Client, people: list[User], end: str
) -> None:
    let_leave(entra, people[:8])
    if end == "rejected":
        decide(alice_client, entra, "reject")
    DirectoryUser.objects.filter(user__in=people[:8]).update(refusal="The address of an administrator is changed here.")
    boss = make_user(alice.office, Right.MANAGE_PROVIDER, username="baas")
    signed_in(boss).post(reverse("scim:take_over", args=[entra.connection.pk]))
    assert DirectoryConnection.objects.get().owner == boss
    while apply_pending_users():
        pass
    assert count_blocked(people) == 5
    DirectoryUser.objects.filter(is_held=True).update(pending=True)  # held after the take-over
    while apply_pending_users():
        pass
    assert count_blocked(people) == 5


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
