"""The pages of the connections with directories: who may do what, tokens, and the trail they leave."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import LoginMethod, User
from audit.models import Event, Verb
from core import encryption
from permissions.checks import Right
from scim import actions
from scim.models import ConnectionToken, DirectoryConnection
from tests.helpers.users import actor, make_user, signed_in
from tests.scim.conftest import Directory, make_connection

pytestmark = pytest.mark.django_db


def address(name: str, *args: object) -> str:
    return reverse(f"scim:{name}", args=args)


def fill(client: Client, page: str, **values: object) -> dict[str, object]:
    """Return what is posted after only these fields of the page were changed."""
    initial = client.get(page).context["form"].initial
    return {name: "" if value is None else value for name, value in initial.items()} | values


def test_connection_is_made_and_its_token_shown_once(alice: User, alice_client: Client) -> None:
    values = fill(alice_client, address("add_connection"), name="Okta", login_method=LoginMethod.WEBSITE_SSO)
    made = alice_client.post(address("add_connection"), values)
    connection = DirectoryConnection.objects.get()
    assert made.url == address("connection_detail", connection.pk)
    assert (connection.owner, connection.provider, connection.is_shadow) == (alice, alice.office, True)
    page = alice_client.get(address("add_token", connection.pk))
    posted = {"encrypted_secret": page.context["form"].initial["encrypted_secret"]}
    shown = [alice_client.post(address("add_token", connection.pk), posted).content.decode() for _twice in range(2)]
    secrets = {re.findall(r"<code>([\w-]{43})</code>", text)[0] for text in shown}
    assert {encryption.hash_token(secret) for secret in secrets} == {ConnectionToken.objects.get().token_hash}
    detail = alice_client.get(address("connection_detail", connection.pk)).content.decode()
    assert not any(secret in detail for secret in secrets)
    assert f"/scim/v2/{connection.pk}" in detail
    verbs = list(Event.objects.filter(target_id=connection.pk).order_by("at").values_list("verb", flat=True))
    assert verbs == [Verb.DIRECTORY_ADDED, Verb.DIRECTORY_TOKEN_MADE]


def test_azure_users_need_a_confirmed_tenant_of_the_office(alice: User, alice_client: Client, charlie: User) -> None:
    foreign = make_connection(charlie).tenant
    for tenant in ("", foreign.pk):
        values = fill(alice_client, address("add_connection"), name="Entra", tenant=tenant)
        assert alice_client.post(address("add_connection"), values).context["form"].errors["tenant"]
    assert not DirectoryConnection.objects.filter(provider=alice.office).exists()


def test_two_tokens_are_valid_and_no_third(entra: Directory, alice: User, alice_client: Client) -> None:
    second = encryption.generate_token()
    token = actions.create_token(entra.connection, secret=second, by=actor(alice))
    page = alice_client.get(address("add_token", entra.connection.pk))
    posted = {"encrypted_secret": page.context["form"].initial["encrypted_secret"]}
    refused = alice_client.post(address("add_token", entra.connection.pk), posted)
    assert "secret" not in refused.context
    assert ConnectionToken.objects.count() == 2
    first, entra.secret = entra.secret, second
    entra.call("GET", "/Users")
    alice_client.post(address("remove_token", entra.connection.pk, token.pk))
    entra.call("GET", "/Users", status=401)
    entra.secret = first
    entra.call("GET", "/Users")


def test_pages_of_another_office_do_not_exist(entra: Directory, charlie_client: Client, bob_client: Client) -> None:
    pk, token = entra.connection.pk, ConnectionToken.objects.get()
    pages = [address("remove_token", pk, token.pk)]
    pages += [address(name, pk) for name in ("connection_detail", "add_token", "turn_off", "take_over")]
    pages += [address("delete_connection", pk)]
    assert {charlie_client.get(page).status_code for page in pages} == {404}
    assert {charlie_client.post(page).status_code for page in [*pages, address("turn_on", pk)]} == {404}
    assert {bob_client.get(page).status_code for page in [*pages, address("connection_list")]} == {403}
    assert not charlie_client.get(address("connection_list")).context["rows"]


def test_nobody_gets_a_token_with_the_rights_of_a_stronger_owner(entra: Directory, alice: User) -> None:
    weak = make_user(alice.office, Right.MANAGE_INTEGRATIONS, Right.MANAGE_USERS, username="weak")
    client, pk = signed_in(weak), entra.connection.pk
    page = client.get(address("add_token", pk))
    posted = {"encrypted_secret": page.context["form"].initial["encrypted_secret"]}
    assert client.post(address("add_token", pk), posted).status_code == 403
    assert client.post(address("take_over", pk)).status_code == 403
    values = fill(client, address("connection_detail", pk), name="Mijn", tenant=entra.connection.tenant_id)
    assert client.post(address("connection_detail", pk), values).status_code == 403
    assert ConnectionToken.objects.count() == 1
    assert client.post(address("turn_off", pk)).status_code == 302  # which gives nobody anything
    assert client.post(address("turn_on", pk)).status_code == 403


def test_administrator_takes_over_the_connection_of_a_colleague(alice: User, alice_client: Client) -> None:
    weak = make_user(alice.office, Right.MANAGE_INTEGRATIONS, Right.MANAGE_USERS, username="weak")
    connection = make_connection(weak)
    assert alice_client.post(address("take_over", connection.pk)).status_code == 302
    connection.refresh_from_db()
    assert connection.owner == alice
    assert Event.objects.get(target_id=connection.pk).verb == Verb.DIRECTORY_TAKEN_OVER


def test_changes_are_recorded_and_concurrent_ones_reported(entra: Directory, alice_client: Client) -> None:
    pk = entra.connection.pk
    method = LoginMethod.WEBSITE_SSO
    values = fill(alice_client, address("connection_detail", pk), name="Anders", login_method=method, tenant="")
    assert alice_client.post(address("connection_detail", pk), values).status_code == 302
    event = Event.objects.get(target_id=pk)
    assert event.changes["name"] == ["Entra ID", "Anders"]
    stale = alice_client.post(address("connection_detail", pk), values | {"name": "Weer anders"})
    assert stale.context["form"].errors
    assert alice_client.post(address("delete_connection", pk)).status_code == 302
    assert not DirectoryConnection.objects.exists()
