"""What administrators see of the calls of a directory, and which attributes become what."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from invitations.models import Invitation
from scim.journal import remove_old_calls
from scim.models import DirectoryCall, DirectoryConnection, DirectoryCycle, MobileSource, NameSource
from tests.helpers.users import make_user
from tests.scim.conftest import Directory
from tests.scim.test_users import entra_user

pytestmark = pytest.mark.django_db


def test_cycles_are_counted(entra: Directory, alice_client: Client) -> None:
    made = entra.call("POST", "/Users", entra_user(), 201)
    entra.call("GET", f"/Users/{made['id']}")
    entra.call("POST", "/Users", entra_user(), 409)
    entra.call("POST", "/Users/.search", {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]})
    cycle = DirectoryCycle.objects.get()
    assert (cycle.calls, cycle.changes, cycle.refused) == (4, 1, 1)
    page = reverse("scim:connection_detail", args=[entra.connection.pk])
    assert "nog geen" in alice_client.get(page).content.decode()  # it may still go on
    DirectoryCycle.objects.update(last_call_at=timezone.now() - timedelta(minutes=11))
    assert "4 aanroepen, 1 wijziging, 1 geweigerd" in alice_client.get(page).content.decode()
    entra.call("GET", "/Users")
    assert DirectoryCycle.objects.count() == 2


def test_log_says_why_and_has_no_personal_data(entra: Directory, alice: User, alice_client: Client) -> None:
    made = entra.call("POST", "/Users", entra_user(), 201)
    entra.call("POST", "/Users", entra_user(), 409)
    entra.patch(alice.pk, {"op": "Replace", "path": "active", "value": False}, status=409)
    entra.call("GET", "/Users")
    stored = str(list(DirectoryCall.objects.values()) + list(DirectoryCycle.objects.values()))
    assert not any(word in stored.lower() for word in ("eva", "berg", "devries", "alice"))
    found = list(DirectoryCall.objects.order_by("pk").values_list("method", "resource", "status", "reason"))
    assert found == [
        ("POST", "Users", 201, ""), ("POST", "Users", 409, "uniqueness"), ("PATCH", "Users", 409, ""),
    ]  # fmt: skip
    assert str(DirectoryCall.objects.earliest("pk").resource_id) == made["id"]
    page = alice_client.get(reverse("scim:call_list", args=[entra.connection.pk])).content.decode()
    assert (
        "Er bestaat al een gebruiker of groep met deze naam of dit id, of een websitegebruiker met dit adres." in page
    )
    assert "Het was de laatste beheerder" in page
    assert "van der Berg" in page  # looked up, not stored
    refused = alice_client.get(reverse("scim:call_list", args=[entra.connection.pk]), {"refused": 1})
    assert [call.status for call, _user, _reason in refused.context["rows"]] == [409, 409]


def test_log_of_another_office_does_not_exist(entra: Directory, bob_client: Client, charlie_client: Client) -> None:
    entra.call("POST", "/Users", entra_user(), 201)
    for name in ("call_list", "group_list"):
        address = reverse(f"scim:{name}", args=[entra.connection.pk])
        assert [client.get(address).status_code for client in (bob_client, charlie_client)] == [403, 404]


def test_calls_are_kept_for_thirty_days(entra: Directory) -> None:
    entra.call("POST", "/Users", entra_user(), 201)
    assert remove_old_calls() == 0
    DirectoryCall.objects.update(at=timezone.now() - timedelta(days=31))
    DirectoryCycle.objects.update(last_call_at=timezone.now() - timedelta(days=31))
    assert remove_old_calls() == 2


def test_log_page_takes_a_fixed_number_of_queries(
    entra: Directory, alice_client: Client, django_assert_max_num_queries: Any
) -> None:
    address = reverse("scim:call_list", args=[entra.connection.pk])
    for name in ("anna", "boris", "cees", "dirk"):
        entra.call("POST", "/Users", entra_user(name), 201)
    with django_assert_max_num_queries(8):
        assert len(alice_client.get(address).context["rows"]) == 4


def test_attributes_by_choice(okta: Directory) -> None:
    DirectoryConnection.objects.update(name_source=NameSource.DISPLAY_NAME, mobile_source=MobileSource.ANY)
    body = entra_user("eva", displayName="Eva van der Laan", phoneNumbers=[{"type": "work", "value": "0612345678"}])
    made = okta.call("POST", "/Users", body, 201)
    user = User.objects.get(pk=made["id"])
    assert (user.first_name, user.prefix, user.last_name) == ("Eva", "van der", "Laan")
    assert user.invitation.state == Invitation.State.OPEN
    DirectoryConnection.objects.update(email_source="user_name", mobile_source=MobileSource.NONE)
    other = entra_user("jan", emails=[{"value": "elders@x.example"}], phoneNumbers=body["phoneNumbers"])
    waiting = okta.call("POST", "/Users", other, 201)
    assert not User.objects.filter(pk=waiting["id"]).exists()


def test_address_from_the_user_name(entra: Directory) -> None:
    DirectoryConnection.objects.update(email_source="user_name")
    made = entra.call("POST", "/Users", entra_user("jan", emails=[{"value": "elders@x.example"}]), 201)
    assert User.objects.get(pk=made["id"]).email == "jan@devries.example"


def test_attributes_on_the_page(entra: Directory, alice_client: Client) -> None:
    page = reverse("scim:connection_detail", args=[entra.connection.pk])
    values = alice_client.get(page).context["form"].initial
    assert [values[name] for name in ("email_source", "name_source", "mobile_source")] == ["emails", "name", "mobile"]
    assert [values[f"max_{name}"] for name in ("blocked_count", "blocked_percent", "removed_percent")] == [5, 10, 20]
    posted = values | {"tenant": entra.connection.tenant_id, "name_source": "display_name"}
    assert alice_client.post(page, posted).status_code == 302
    assert DirectoryConnection.objects.get().name_source == "display_name"
    assert alice_client.post(page, posted | {"version": 2, "email_source": "x"}).context["form"].errors


def test_failing_log_fails_no_call(entra: Directory, monkeypatch: pytest.MonkeyPatch, alice: User) -> None:
    from django.db import DatabaseError

    def fail(*_args: object, **_values: object) -> None:
        raise DatabaseError

    monkeypatch.setattr("scim.journal._store", fail)
    user = make_user(alice.office, username="weg")
    entra.patch(user.pk, {"op": "Replace", "path": "active", "value": False})
    user.refresh_from_db()
    assert user.blocked_at is not None
