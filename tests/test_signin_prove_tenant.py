"""A tenant becomes usable when somebody of the office comes back from Microsoft as somebody of it."""

from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import ExternalTenant, Provider, User
from audit.models import Event, Verb
from signin import arrivals
from signin.refusals import Page
from teams.models import IndividualRight
from tests import history
from tests.entra import TID, Forger, answer, leave, make_tenant, visit
from tests.entra import entra as entra

pytestmark = pytest.mark.django_db


@pytest.fixture
def unproved(office: Provider) -> ExternalTenant:
    """A tenant that the office registered a moment ago."""
    return make_tenant(office, TID, proved=False)


def url(tenant: ExternalTenant) -> str:
    return f"/kantoor/tenants/{tenant.pk}/bevestigen/"


def is_proved(tenant: ExternalTenant) -> bool:
    return ExternalTenant.objects.proved().filter(pk=tenant.pk).exists()


def refused(client: Client, response: Any, page: Page, reason: str) -> None:
    assert client.get(response["Location"]).context["page"] == page
    event = Event.objects.get()
    assert (event.verb, event.reason) == (Verb.SIGN_IN_REFUSED, reason)


def test_it_proves_the_tenant(alices: Client, alice: User, entra: Forger, unproved: ExternalTenant) -> None:
    key = alices.session.session_key
    response = visit(alices, entra, TID, uuid4(), url(unproved))
    assert response.status_code == 302
    assert is_proved(unproved)
    event = Event.objects.get()
    assert (event.verb, event.actor_id, event.target_id) == (Verb.TENANT_PROVED, alice.pk, unproved.pk)
    assert alices.session.session_key == key  # she is still herself
    assert "De Vries Groep" in alices.get(response["Location"]).text


def test_once_is_enough(alices: Client, entra: Forger, unproved: ExternalTenant) -> None:
    for _time in range(2):
        assert visit(alices, entra, TID, uuid4(), url(unproved))["Location"].startswith("/kantoor/")
    assert Event.objects.count() == 1


def test_somebody_of_another_tenant_proves_nothing(alices: Client, entra: Forger, unproved: ExternalTenant) -> None:
    refused(alices, visit(alices, entra, uuid4(), uuid4(), url(unproved)), Page.OTHER_TENANT, "other_tenant")
    assert not is_proved(unproved)


def test_a_forged_answer_proves_nothing(alices: Client, entra: Forger, unproved: ExternalTenant) -> None:
    entra.said = {"tid": str(TID)}
    refused(alices, visit(alices, entra, uuid4(), uuid4(), url(unproved)), Page.NOT_TRUSTED, "issuer")
    assert not is_proved(unproved)


def test_stopping_proves_nothing(alices: Client, entra: Forger, unproved: ExternalTenant) -> None:
    address = entra.asked(leave(alices, url(unproved))).denied().removeprefix("http://localhost:8000")
    refused(alices, alices.get(address), Page.CANCELLED, "cancelled")
    assert Event.objects.get().actor_name == "A. de Vries"


def test_only_who_left_comes_back(
    alices: Client, client: Client, charlies: Client, entra: Forger, unproved: ExternalTenant
) -> None:
    for other in (client, charlies):
        history.empty()
        address = answer(entra, leave(alices, url(unproved)))
        other.cookies["microsoft"] = alices.cookies["microsoft"].value
        refused(other, other.get(address), Page.START_AGAIN, "other_person")
    assert not is_proved(unproved)


def test_the_journey_does_not_sign_anybody_in(
    alices: Client, entra: Forger, unproved: ExternalTenant, client: Client
) -> None:
    address = answer(entra, leave(alices, url(unproved)))
    client.cookies["microsoft"] = alices.cookies["microsoft"].value
    client.get(address)
    assert "_auth_user_id" not in client.session


def test_who_lost_the_right_meanwhile_proves_nothing(
    alices: Client, alice: User, entra: Forger, unproved: ExternalTenant
) -> None:
    address = answer(entra, leave(alices, url(unproved)))
    IndividualRight.objects.filter(user=alice).delete()
    assert alices.get(address).status_code == 403
    assert not is_proved(unproved)


def test_a_tenant_removed_meanwhile(alices: Client, entra: Forger, unproved: ExternalTenant) -> None:
    address = answer(entra, leave(alices, url(unproved)))
    unproved.delete()
    refused(alices, alices.get(address), Page.START_AGAIN, "tenant_removed")


def test_a_tenant_removed_at_that_moment(alices: Client, entra: Forger, unproved: ExternalTenant) -> None:
    with patch.object(arrivals.tenants, "prove", side_effect=ExternalTenant.DoesNotExist):
        response = visit(alices, entra, TID, uuid4(), url(unproved))
    refused(alices, response, Page.START_AGAIN, "tenant_removed")


def test_strangers_and_colleagues_do_not_get_there(
    client: Client, bobs: Client, charlies: Client, entra: Forger, unproved: ExternalTenant
) -> None:
    assert client.get(url(unproved))["Location"].startswith("/inloggen/?next=")
    assert bobs.get(url(unproved)).status_code == 403
    assert charlies.get(url(unproved)).status_code == 404


def test_without_a_client_there_is_no_such_page(alices: Client, unproved: ExternalTenant) -> None:
    assert alices.get(url(unproved)).status_code == 404
