"""What a stolen token, or a directory out of order, cannot do to the office."""

import json
import time
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.locks import lock_provider
from accounts.models import EmailChange, User
from core.throttle import RateLimit
from outbox.models import Message
from permissions.checks import Right
from scim import endpoint
from scim.alerts import find_directory_alert
from scim.jobs import apply_pending_users
from scim.models import AccessLoss, ConnectionToken, DirectoryConnection, DirectoryUser
from tests.helpers.invited_users import invite
from tests.helpers.users import make_user, signed_in
from tests.scim.conftest import Directory, make_connection
from tests.scim.test_brake import IN, OUT, let_leave
from tests.scim.test_brake import people as people
from tests.scim.test_cycles import operations
from tests.scim.test_users import entra_user

pytestmark = pytest.mark.django_db
MAIL = 'emails[type eq "work"].value'


def to_address(address: str) -> dict[str, Any]:
    return {"op": "Replace", "path": MAIL, "value": address}


def test_address_of_owner_and_administrators_is_not_changed(entra: Directory, alice: User, bob: User) -> None:
    boss = make_user(alice.office, Right.MANAGE_PROVIDER, username="baas")
    for user in (alice, boss, bob):
        entra.patch(user.pk, to_address(f"thief-{user.username}@x.example"))
    assert [change.user for change in EmailChange.objects.all()] == [bob]
    assert set(DirectoryUser.objects.exclude(refusal="").values_list("user", flat=True)) == {alice.pk, boss.pk}


@pytest.mark.parametrize("kind", ["invited", "without a factor", "blocked", "ended"])
def test_address_of_an_administrator_who_cannot_sign_in_is_not_changed(okta: Directory, alice: User, kind: str) -> None:
    """Or a thief gets the invitation, or is the administrator as soon as that one can sign in again."""
    if kind == "invited":
        boss = invite(alice).invitation.user
        boss.individual_rights.create(provider=alice.office, right=Right.MANAGE_PROVIDER)
    else:
        kinds: dict[str, dict[str, Any]] = {
            "without a factor": {"two_factor_required": True},
            "blocked": {"blocked_at": timezone.now()},
            "ended": {"access_until": timezone.localdate() - timedelta(days=1)},
        }
        boss = make_user(
            alice.office, Right.MANAGE_PROVIDER, username="baas", email="baas@devries.example", **kinds[kind]
        )
    before, letters = boss.email, Message.objects.count()
    phone = {"op": "Add", "path": "phoneNumbers", "value": [{"type": "mobile", "value": "+31612345678"}]}
    okta.send("PATCH", f"/Users/{boss.pk}", operations(to_address("thief@x.example"), phone, IN))
    boss.refresh_from_db()
    assert (boss.email, EmailChange.objects.count(), Message.objects.count()) == (before, 0, letters)
    assert "beheerder" in DirectoryUser.objects.get(user=boss).refusal, "in the language of who reads it"


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "add", "path": "emails", "value": [{"value": f"{n}@x.example"}]} for n in range(1000)],
        [{"op": "add", "value": {"emails": [{"value": f"{n}@x.example"} for n in range(101)]}}],
        [{"op": "add", "path": "phoneNumbers", "value": [{"value": str(n)} for n in range(101)]}],
        [{"op": "add", "path": 'emails[value eq "' + "x" * 120_000 + '"].type', "value": "work"}],
        [{"op": "add", "path": "(" * 20_000, "value": "work"}],
        [{"op": "add", "value": {'emails[value eq "' + "x" * 3000 + '"].type': "work"}}],
    ],
)
def test_large_changes_are_refused_quickly(entra: Directory, bob: User, operations: list[dict[str, Any]]) -> None:
    started = time.process_time()
    entra.patch(bob.pk, *operations, status=400)
    assert time.process_time() - started < 1
    assert not DirectoryUser.objects.exists()


def test_large_groups_are_no_large_change(entra: Directory, people: list[User]) -> None:
    members = [{"value": str(user.pk), "display": "X", "type": "User"} for user in people] * 4
    body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Lonen", "members": members}
    made = entra.call("POST", "/Groups", body, 201)
    assert len(made["members"]) == len(people)


def test_page_beyond_the_end_is_empty(entra: Directory) -> None:
    assert entra.call("GET", "/Users?startIndex=99999999999999999999")["Resources"] == []
    search = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "startIndex": 10**30, "count": 10}
    for path in ("/Users/.search", "/Groups/.search", "/.search"):
        assert entra.call("POST", path, search)["Resources"] == []


def test_too_many_parameters_are_answered_in_the_form_of_scim(entra: Directory) -> None:
    answer = entra.call("GET", "/Users?" + "&".join(f"a{n}=1" for n in range(2001)), status=400)
    assert answer["scimType"] == "invalidSyntax"


def test_other_pages_keep_their_error_page(alice_client: Client) -> None:
    response = alice_client.get("/gebruikers/?" + "&".join(f"a{n}=1" for n in range(2001)))
    assert (response.status_code, response["Content-Type"].partition(";")[0]) == (400, "text/html")


def test_body_that_is_nested_too_deeply_says_so(entra: Directory) -> None:
    body = b'{"a":' * 900 + b"1" + b"}" * 900
    assert "filter" not in entra.call("POST", "/Users", body, 400)["detail"]


def test_names_in_use_are_not_tried_out_endlessly(alice: User, charlie: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "CONFLICT_LIMIT", RateLimit("conflicts", burst=3, every=timedelta(minutes=10)))
    shadow: dict[str, Any] = {"state": DirectoryConnection.State.SHADOW, "went_live_at": None}
    directory = Directory(make_connection(alice, **shadow))
    for _again in range(3):
        directory.call("POST", "/Users", entra_user(userName=charlie.username), 409)
    response = directory.send("POST", "/Users", entra_user("eva"))
    assert response.status_code == 429
    assert 590 < int(response["Retry-After"]) <= 600
    directory.call("GET", "/Users")
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        directory.call("POST", "/Users", entra_user("eva"), 201)


@pytest.mark.parametrize("change", ["turned off", "token removed", "other owner"])
def test_change_of_the_connection_while_the_call_waits_for_the_office(
    entra: Directory, alice: User, bob: User, change: str
) -> None:
    weak = make_user(alice.office, username="zwak")

    def change_and_lock(provider_id: UUID) -> None:
        if change == "turned off":
            DirectoryConnection.objects.update(state=DirectoryConnection.State.OFF)
        elif change == "token removed":
            ConnectionToken.objects.all().delete()
        else:
            DirectoryConnection.objects.update(owner=weak)
        lock_provider(provider_id)

    with patch("scim.storage.lock_provider", change_and_lock):
        entra.patch(bob.pk, OUT, status=401 if change == "token removed" else 403)
    bob.refresh_from_db()
    assert bob.blocked_at is None


def test_call_that_waited_while_the_connection_went_live(alice: User, bob: User) -> None:
    shadow: dict[str, Any] = {"state": DirectoryConnection.State.SHADOW, "went_live_at": None}
    directory = Directory(make_connection(alice, **shadow))

    def go_live_and_lock(provider_id: UUID) -> None:
        DirectoryConnection.objects.update(state=DirectoryConnection.State.ON, went_live_at=timezone.now())
        lock_provider(provider_id)

    with patch("scim.storage.lock_provider", go_live_and_lock):
        directory.patch(bob.pk, OUT)
    bob.refresh_from_db()
    assert bob.blocked_at is not None


def test_search_with_a_body_does_not_lock_the_office(entra: Directory) -> None:
    search = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}
    with patch("scim.storage.lock_provider", side_effect=AssertionError):
        assert entra.call("POST", "/Users/.search", search)["totalResults"] == 1  # alice


@pytest.mark.parametrize("owner", ["none", "weak"])
def test_connection_without_an_able_owner_is_told_and_changes_nothing(
    entra: Directory, alice: User, alice_client: Client, people: list[User], owner: str
) -> None:
    let_leave(entra, people[:6])
    connection = entra.connection
    page = reverse("scim:connection_detail", args=[connection.pk])
    assert "worden geweigerd" not in alice_client.get(page).content.decode()
    weak = make_user(alice.office, username="zwak")
    DirectoryConnection.objects.update(owner=None if owner == "none" else weak)
    newest = AccessLoss.objects.latest("pk").pk
    for client in (alice_client, signed_in(make_user(alice.office, Right.MANAGE_INTEGRATIONS, username="k"))):
        for what in ("release", "reject"):
            client.post(reverse(f"scim:{what}_held", args=[connection.pk]), {"until": newest})
    assert AccessLoss.objects.filter(state=AccessLoss.State.HELD).count() == 1
    DirectoryConnection.objects.update(state=DirectoryConnection.State.SHADOW)
    AccessLoss.objects.all().delete()
    live = reverse("scim:go_live", args=[connection.pk])
    alice_client.post(live, dict(alice_client.get(live).context["hidden"]))
    assert DirectoryConnection.objects.get().is_shadow
    DirectoryConnection.objects.update(state=DirectoryConnection.State.ON)
    alert = find_directory_alert(alice, frozenset(Right))
    assert alert is not None
    assert alert.sentence == "Elke aanroep van Entra ID wordt geweigerd"
    assert "worden geweigerd" in alice_client.get(page).content.decode()
    assert "worden geweigerd" in alice_client.get(reverse("scim:connection_list")).content.decode()
    alice_client.post(reverse("scim:take_over", args=[connection.pk]))
    assert find_directory_alert(alice, frozenset(Right)) is None


def test_nobody_prepares_a_connection_for_its_next_owner(entra: Directory, alice: User) -> None:
    DirectoryConnection.objects.update(owner=None)
    client = signed_in(make_user(alice.office, Right.MANAGE_INTEGRATIONS, username="k"))
    client.post(reverse("scim:add_token", args=[entra.connection.pk]), {"encrypted_secret": "x"})
    assert ConnectionToken.objects.count() == 1


def test_names_are_for_those_who_may_see_users(entra: Directory, alice: User, people: list[User]) -> None:
    let_leave(entra, people[:7])
    for row in DirectoryUser.objects.select_related("user"):
        row.user_name = f"{row.user_name}-zeldzaam"
        row.save()
        if row.user is not None:
            row.user.last_name = "Zeldzaam"
            row.user.save()
    DirectoryUser.objects.filter(pk=people[0].pk).update(refusal="Geweigerd")
    client = signed_in(make_user(alice.office, Right.MANAGE_INTEGRATIONS, username="k"))
    connection = entra.connection
    addresses = [reverse(f"scim:{name}", args=[connection.pk]) for name in ("connection_detail", "call_list")]
    for address in addresses:
        assert "zeldzaam" not in client.get(address).content.decode().lower()
    shadow: dict[str, Any] = {"state": DirectoryConnection.State.SHADOW, "went_live_at": None}
    DirectoryConnection.objects.update(**shadow)
    AccessLoss.objects.all().delete()
    text = client.get(reverse("scim:go_live", args=[connection.pk])).content.decode()
    assert "2 gebruikers worden geblokkeerd." in text
    assert "zeldzaam" not in text.lower()


def test_waiting_users_are_counted_for_those_who_may_not_see_them(okta: Directory, alice: User) -> None:
    okta.call("POST", "/Users", entra_user("wachter"), 201)
    row = DirectoryUser.objects.get()
    client = signed_in(make_user(alice.office, Right.MANAGE_INTEGRATIONS, username="k"))
    text = client.get(reverse("scim:connection_detail", args=[okta.connection.pk])).content.decode()
    assert "wachter" not in text
    assert "1 gebruiker" in text
    assert client.get(reverse("scim:invite_waiting_user", args=[okta.connection.pk, row.pk])).status_code == 403


def test_namesake_does_not_get_the_account_of_a_former_user(entra: Directory) -> None:
    made = entra.call("POST", "/Users", entra_user(), 201)
    entra.call("DELETE", f"/Users/{made['id']}", status=204)
    body = entra_user()
    del body["externalId"]
    assert json.loads(entra.send("POST", "/Users", body).content).get("id") != made["id"]
    assert json.loads(entra.send("POST", "/Users", entra_user(externalId=str(uuid4()))).content).get("id") != made["id"]
    assert User.objects.get(pk=made["id"]).blocked_at is not None


def test_worker_that_may_not_block_the_last_administrator_raises_the_alarm(entra: Directory, alice: User) -> None:
    owner = make_user(alice.office, *(right for right in Right if right is not Right.MANAGE_PROVIDER), username="o")
    DirectoryUser.objects.create(
        id=alice.pk, provider=alice.office, connection=entra.connection, user=alice, user_name="alice",
        attributes={"active": False}, pending=True,
    )  # fmt: skip
    DirectoryConnection.objects.update(owner=owner)
    with patch("scim.jobs.apply_pending_user", side_effect=endpoint.LastAdministrator):
        apply_pending_users()
    assert DirectoryConnection.objects.get().has_alarm


def test_address_is_looked_up_without_reading_the_office(entra: Directory, people: list[User], bob: User) -> None:
    made = entra.call("POST", "/Users", entra_user(), 201)
    with patch("scim.storage.serialize_user", side_effect=AssertionError):
        for expression in (
            'emails[type eq "work"].value eq "EVA@devries.example"', 'emails.value eq "eva@devries.example"',
        ):  # fmt: skip
            assert [one["id"] for one in entra.find(expression)] == [made["id"]], expression
    assert [one["id"] for one in entra.find(f'emails[type eq "work"].value eq "{bob.email}"')] == [str(bob.pk)]


def test_number_of_an_invitation_goes_when_another_is_sent(alice: User) -> None:
    shadow: dict[str, Any] = {"state": DirectoryConnection.State.SHADOW, "went_live_at": None}
    directory = Directory(make_connection(alice, "website_sso", name="Okta", **shadow))
    phone = {"phoneNumbers": [{"type": "mobile", "value": "+31612345678"}]}
    made = directory.call("POST", "/Users", entra_user(**phone), 201)
    assert DirectoryUser.objects.get().encrypted_phone is not None
    DirectoryConnection.objects.update(state=DirectoryConnection.State.ON, went_live_at=timezone.now() - timedelta(1))
    directory.call("PUT", f"/Users/{made['id']}", entra_user(**phone))
    row = DirectoryUser.objects.get()
    assert (row.encrypted_phone, row.user is None) == (None, False)
