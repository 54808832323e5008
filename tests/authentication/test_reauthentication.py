"""Re-authentication, and the pages that require it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from accounts.models import LoginMethod, Provider, User
from authentication.middleware import ReauthenticationMiddleware
from core.access import ReauthenticationLevel, page
from permissions.catalog import Right
from tests.helpers.users import PASSWORD, make_user, signed_in

pytestmark = pytest.mark.django_db
URL = "/bevestigen/"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def alice_client(alice: User) -> Client:
    """Alice's browser, signed in this morning."""
    return signed_in(alice, seconds_ago=6 * 3600)


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def dangerous(request: HttpRequest) -> HttpResponse:
    return HttpResponse("done")


def serve_dangerous(request: HttpRequest) -> HttpResponse:
    """Serve the page as the middleware does."""
    refused = ReauthenticationMiddleware(dangerous).process_view(request, dangerous, (), {})
    return refused or dangerous(request)


def open_dangerous(client: Client, method: str = "get") -> HttpResponse:
    request = getattr(RequestFactory(), method)("/gevaarlijk/?a=1")
    request.session = client.session
    request.user = User.objects.get(pk=client.session["_auth_user_id"])
    return serve_dangerous(request)


def send(client: Client, password: str = PASSWORD, **extra: str) -> Any:
    return client.post(URL, {"current_password": password, **extra})


def codes(response: Any) -> list[str]:
    return [error.code for error in response.context["form"].errors.as_data()["current_password"]]


def test_unconfirmed_sessions_are_redirected_and_the_page_is_remembered(alice_client: Client) -> None:
    response = open_dangerous(alice_client)
    assert (response.status_code, response["Location"]) == (302, "/bevestigen/?next=%2Fgevaarlijk%2F%3Fa%3D1")


def test_what_was_sent_is_said_to_be_kept(alice_client: Client, bob: User) -> None:
    asked = alice_client.post(f"/gebruikers/{bob.pk}/blokkeren/")["Location"]
    page = alice_client.get(asked)
    assert page.context["pending_form"] == ({}, False)
    assert send(alice_client, next=page.context["next"])["Location"].startswith("/bevestigen/verder/?next=")


def test_secrets_are_said_not_to_be_kept(alice_client: Client) -> None:
    asked = alice_client.post("/gebruikers/nieuw/webservice/", {"last_name": "Boer", "password": "Zonnebloem-43"})[
        "Location"
    ]
    page = alice_client.get(asked)
    assert page.context["pending_form"] == ({"last_name": ["Boer"]}, True)
    onward = alice_client.get(send(alice_client, next=page.context["next"])["Location"])
    assert onward.context["pending_form"].lacks_secrets
    assert "Zonnebloem-43" not in page.text + onward.text


@pytest.mark.parametrize("name", ["mobile_number", "number-01a21d61-abc7-7108-a581-894ff559d2c5"])
def test_a_mobile_number_is_not_kept_nor_the_one_that_was_asked_about(alice_client: Client, name: str) -> None:
    form = {"email": "x@devries.example", name: "+32612345678", f"{name}-questioned": "+32612345678"}
    page = alice_client.get(alice_client.post("/gebruikers/nieuw/webservice/", form)["Location"])
    assert page.context["pending_form"] == ({"email": ["x@devries.example"]}, True)


def test_a_file_is_said_not_to_be_kept(alice_client: Client) -> None:
    form = {"file": SimpleUploadedFile("mensen.csv", b"Voornaam")}
    response = alice_client.post("/gebruikers/importeren/", form, headers={"referer": "http://testserver/gebruikers/"})
    assert response["Location"] == "/bevestigen/?next=%2Fgebruikers%2F"
    page = alice_client.get(response["Location"])
    assert page.context["pending_form"] is None
    assert len(list(page.context["messages"])) == 1


def test_what_was_kept_too_long_ago_leads_to_no_address_that_only_takes_forms(alice: User, bob: User) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        client = signed_in(alice, seconds_ago=3600)
        asked = client.get(client.post(f"/gebruikers/{bob.pk}/deblokkeren/")["Location"])
        clock.shift(timedelta(minutes=31))
        onward = send(client, next=asked.context["next"])["Location"]
        page = client.get(onward, follow=True)
    assert page.redirect_chain == [("/", 302)]
    assert len(list(page.context["messages"])) == 1


def test_a_confirmation_counts_for_five_minutes(alice_client: Client) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        key = alice_client.session.session_key
        response = send(alice_client, next="/profiel/")
        assert (response.status_code, response["Location"]) == (302, "/profiel/")
        assert alice_client.session.session_key != key
        assert not Session.objects.filter(pk=key).exists()
        clock.shift(timedelta(minutes=5) - timedelta(seconds=1))
        assert open_dangerous(alice_client).content == b"done"
        clock.shift(1)
        assert open_dangerous(alice_client).status_code == 302


def test_signing_in_counts_as_confirming(client: Client, alice: User) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        client.post(reverse("authentication:login"), {"username": "alice", "password": PASSWORD})
        assert open_dangerous(client).content == b"done"
        clock.shift(timedelta(minutes=5))
        assert open_dangerous(client).status_code == 302


@pytest.mark.parametrize("kept", [None, "soon", 10**12, True])
def test_only_a_moment_in_the_past_counts(alice_client: Client, kept: object) -> None:
    session = alice_client.session
    session["confirmed_at"] = kept
    session.save()
    assert open_dangerous(alice_client).status_code == 302


def test_reauthentication_shows_the_form_and_changes_nothing(alice_client: Client) -> None:
    response = alice_client.get(URL, {"next": "/profiel/"})
    alice_client.head(URL)
    assert (response.status_code, response.context["next"]) == (200, "/profiel/")
    assert "no-store" in response["Cache-Control"]
    assert open_dangerous(alice_client).status_code == 302


def test_reauthentication_goes_only_to_pages_of_ours(alice_client: Client) -> None:
    assert alice_client.get(URL, {"next": "https://evil.example/"}).context["next"] == "/"
    assert send(alice_client, next="//evil.example/")["Location"] == "/"


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "required"),
        ("Verkeerd-1", "wrong"),
        (PASSWORD + " ", "wrong"),
        (PASSWORD + "\x00", "null_characters_not_allowed"),
        ("🔑" * 300, "max_length"),
    ],
)
def test_reauthentication_refuses(alice_client: Client, password: str, code: str) -> None:
    response = send(alice_client, password)
    assert (response.status_code, code in codes(response)) == (200, True)
    assert open_dangerous(alice_client).status_code == 302


def test_reauthentication_is_throttled_before_anything_is_verified(
    alice_client: Client, charlie_client: Client
) -> None:
    for _ in range(10):
        assert send(alice_client, "Verkeerd-1").status_code == 200
    with patch("accounts.passwords.check_password") as verified:
        response = send(alice_client)
    assert (response.status_code, codes(response), verified.called) == (429, ["throttled"], False)
    assert send(charlie_client).status_code == 302


def test_a_stranger_signs_in_first(client: Client, alice: User) -> None:
    assert client.get(URL)["Location"] == "/inloggen/?next=%2Fbevestigen%2F"
    assert send(client)["Location"] == "/inloggen/"


def test_a_service_cannot_confirm(office: Provider) -> None:
    client = Client()
    client.force_login(make_user(office, username="service", login_method=LoginMethod.SSO_WEBSERVICE))
    assert client.get(URL).status_code == 200
    send(client)
    assert open_dangerous(client).status_code == 302


def test_reauthentication_wants_the_csrf_token_and_a_small_body(alice_client: Client, alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert send(client).status_code == 403
    assert send(alice_client, "x" * 1_000_000).status_code == 400
    assert client.put(URL).status_code in (403, 405)
