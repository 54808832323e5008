"""A tenant is confirmed when a user of the office signs in at Microsoft with an account of that tenant."""

from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import ExternalTenant, Provider, User
from audit.models import Event, Verb
from authentication.microsoft import callback
from authentication.microsoft.errors import ErrorPage
from permissions.models import IndividualRight
from tests.helpers import audit_events
from tests.helpers.entra import TID, Forger, build_callback_url, copy_flow_cookies, make_tenant, start_sign_in, visit
from tests.helpers.entra import entra as entra

pytestmark = pytest.mark.django_db


@pytest.fixture
def unproved(office: Provider) -> ExternalTenant:
    """An unconfirmed tenant that the office has just registered."""
    return make_tenant(office, TID, proved=False)


def url(tenant: ExternalTenant) -> str:
    return f"/kantoor/tenants/{tenant.pk}/bevestigen/"


def is_proved(tenant: ExternalTenant) -> bool:
    return ExternalTenant.objects.proved().filter(pk=tenant.pk).exists()


def refused(client: Client, response: Any, page: ErrorPage, reason: str) -> None:
    assert client.get(response["Location"]).context["page"] == page
    event = Event.objects.get()
    assert (event.verb, event.reason) == (Verb.SIGN_IN_REFUSED, reason)


def test_microsoft_login_proves_the_tenant(
    alice_client: Client, alice: User, entra: Forger, unproved: ExternalTenant
) -> None:
    key = alice_client.session.session_key
    response = visit(alice_client, entra, TID, uuid4(), url(unproved))
    assert response.status_code == 302
    assert is_proved(unproved)
    event = Event.objects.get()
    assert (event.verb, event.actor_id, event.target_id) == (Verb.TENANT_CONFIRMED, alice.pk, unproved.pk)
    assert alice_client.session.session_key == key  # the session still belongs to the same user
    assert "De Vries Groep" in alice_client.get(response["Location"]).text


def test_once_is_enough(alice_client: Client, entra: Forger, unproved: ExternalTenant) -> None:
    for _time in range(2):
        assert visit(alice_client, entra, TID, uuid4(), url(unproved))["Location"].startswith("/kantoor/")
    assert Event.objects.count() == 1


def test_a_user_of_another_tenant_confirms_nothing(
    alice_client: Client, entra: Forger, unproved: ExternalTenant
) -> None:
    refused(
        alice_client,
        visit(alice_client, entra, uuid4(), uuid4(), url(unproved)),
        ErrorPage.OTHER_TENANT,
        "other_tenant",
    )
    assert not is_proved(unproved)


def test_a_forged_answer_proves_nothing(alice_client: Client, entra: Forger, unproved: ExternalTenant) -> None:
    entra.said = {"tid": str(TID)}
    refused(alice_client, visit(alice_client, entra, uuid4(), uuid4(), url(unproved)), ErrorPage.NOT_TRUSTED, "issuer")
    assert not is_proved(unproved)


def test_stopping_proves_nothing(alice_client: Client, entra: Forger, unproved: ExternalTenant) -> None:
    address = (
        entra.parse_request(start_sign_in(alice_client, url(unproved)))
        .build_cancel_url()
        .removeprefix("http://localhost:8000")
    )
    refused(alice_client, alice_client.get(address), ErrorPage.CANCELLED, "cancelled")
    assert Event.objects.get().actor_name == "A. de Vries"


def test_only_who_left_comes_back(
    alice_client: Client, client: Client, charlie_client: Client, entra: Forger, unproved: ExternalTenant
) -> None:
    for other in (client, charlie_client):
        audit_events.truncate_history()
        address = build_callback_url(entra, start_sign_in(alice_client, url(unproved)))
        copy_flow_cookies(alice_client, other)
        refused(other, other.get(address), ErrorPage.START_AGAIN, "other_person")
    assert not is_proved(unproved)


def test_the_journey_does_not_sign_anybody_in(
    alice_client: Client, entra: Forger, unproved: ExternalTenant, client: Client
) -> None:
    address = build_callback_url(entra, start_sign_in(alice_client, url(unproved)))
    copy_flow_cookies(alice_client, client)
    client.get(address)
    assert "_auth_user_id" not in client.session


def test_who_lost_the_right_meanwhile_proves_nothing(
    alice_client: Client, alice: User, entra: Forger, unproved: ExternalTenant
) -> None:
    address = build_callback_url(entra, start_sign_in(alice_client, url(unproved)))
    IndividualRight.objects.filter(user=alice).delete()
    assert alice_client.get(address).status_code == 403
    assert not is_proved(unproved)


def test_a_tenant_removed_meanwhile(alice_client: Client, entra: Forger, unproved: ExternalTenant) -> None:
    address = build_callback_url(entra, start_sign_in(alice_client, url(unproved)))
    unproved.delete()
    refused(alice_client, alice_client.get(address), ErrorPage.START_AGAIN, "tenant_removed")


def test_a_tenant_removed_at_that_moment(alice_client: Client, entra: Forger, unproved: ExternalTenant) -> None:
    with patch.object(callback.tenants, "confirm_tenant", side_effect=ExternalTenant.DoesNotExist):
        response = visit(alice_client, entra, TID, uuid4(), url(unproved))
    refused(alice_client, response, ErrorPage.START_AGAIN, "tenant_removed")


def test_strangers_and_colleagues_do_not_get_there(
    client: Client, bob_client: Client, charlie_client: Client, entra: Forger, unproved: ExternalTenant
) -> None:
    assert client.get(url(unproved))["Location"].startswith("/inloggen/?next=")
    assert bob_client.get(url(unproved)).status_code == 403
    assert charlie_client.get(url(unproved)).status_code == 404


def test_without_a_client_there_is_no_such_page(alice_client: Client, unproved: ExternalTenant) -> None:
    assert alice_client.get(url(unproved)).status_code == 404
