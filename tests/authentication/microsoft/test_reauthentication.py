"""Azure users re-authenticate by entering their credentials at Microsoft again."""

import time
from typing import Any

import pytest
from django.test import Client

from accounts.models import LoginMethod, Provider, User
from audit.models import Event, Verb
from authentication.microsoft.errors import ErrorPage
from tests.helpers import audit_events
from tests.helpers.entra import OID, TID, Forger, build_callback_url, copy_flow_cookies, start_sign_in, visit
from tests.helpers.entra import dora as dora
from tests.helpers.entra import entra as entra
from tests.helpers.entra import tenant as tenant
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
URL = "/bevestigen/microsoft/"


@pytest.fixture
def dora_client(dora: User) -> Client:
    """Dora's browser, signed in long ago."""
    client = Client()
    client.force_login(dora)
    return client


def is_confirmed(client: Client) -> bool:
    return "confirmed_at" in client.session


def long_ago(client: Client) -> Client:
    """Return the browser in its state before any re-authentication."""
    session = client.session
    del session["confirmed_at"]
    session.save()
    return client


def refused(client: Client, response: Any, reason: str, page: ErrorPage = ErrorPage.NOT_CONFIRMED) -> None:
    assert client.get(response["Location"]).context["page"] == page
    assert not is_confirmed(client)
    event = Event.objects.get()
    assert (event.verb, event.reason) == (Verb.SIGN_IN_REFUSED, reason)


def test_the_page_leads_to_microsoft_and_keeps_where_to_go(dora_client: Client, entra: Forger) -> None:
    response = dora_client.get("/bevestigen/", {"next": "/profiel/"})
    assert response.status_code == 200
    assert f'href="{URL}?next=%2Fprofiel%2F"' in response.text
    dora_client.post("/bevestigen/", {"current_password": "!"})
    assert not is_confirmed(dora_client)


def test_microsoft_login_confirms(dora_client: Client, entra: Forger, dora: User) -> None:
    key = dora_client.session.session_key
    asked = start_sign_in(dora_client, URL + "?next=/profiel/")
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    assert dora_client.get(build_callback_url(entra, asked))["Location"] == "/profiel/"
    assert is_confirmed(dora_client)
    assert dora_client.session.session_key != key
    assert dora_client.session["_auth_user_id"] == str(dora.pk)
    assert not Event.objects.exists()


@pytest.mark.parametrize("seconds", [-3600, -130, 130, None])
def test_only_a_login_of_this_moment_counts(dora_client: Client, entra: Forger, seconds: int | None) -> None:
    entra.said = {"auth_time": None if seconds is None else int(time.time()) + seconds}
    refused(dora_client, visit(dora_client, entra, start=URL), "not_fresh")


@pytest.mark.parametrize(("tid", "oid"), [(TID, TID), (OID, OID)])
def test_another_account_does_not_confirm(dora_client: Client, entra: Forger, tid: Any, oid: Any) -> None:
    refused(dora_client, visit(dora_client, entra, tid, oid, URL), "other_account")


def test_only_who_left_comes_back(dora_client: Client, alice_client: Client, client: Client, entra: Forger) -> None:
    for other in (long_ago(alice_client), client):
        audit_events.truncate_history()
        address = build_callback_url(entra, start_sign_in(dora_client, URL))
        copy_flow_cookies(dora_client, other)
        refused(other, other.get(address), "other_person", ErrorPage.START_AGAIN)
    assert "_auth_user_id" not in client.session


def test_other_kinds_confirm_elsewhere(alice_client: Client, client: Client, entra: Forger, office: Provider) -> None:
    assert alice_client.get(URL).status_code == 404
    assert client.get(URL)["Location"] == "/inloggen/?next=%2Fbevestigen%2Fmicrosoft%2F"
    client.force_login(make_user(office, username="service", login_method=LoginMethod.SSO_WEBSERVICE))
    assert client.get(URL).status_code == 404


def test_signing_in_at_microsoft_confirms_as_well(client: Client, entra: Forger, dora: User) -> None:
    visit(client, entra)
    assert is_confirmed(client)
