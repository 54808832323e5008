"""SSO tickets: one URL, one use, one minute, and a session with limited access."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.utils import timezone

import oauth.sso_tickets
import users.actions
from accounts.models import EmailChange, Provider, User
from audit.actors import Actor, EventOrigin, build_operator
from audit.models import Event, Verb
from authentication.models import AuthenticationMethod, UserSession
from core.access import ReauthenticationLevel
from oauth.models import Application, SsoTicket
from oauth.tokens import Caller
from tests.helpers.login_methods import make_azure, make_service
from tests.helpers.mfa import code_now, give_app
from tests.helpers.users import PASSWORD

pytestmark = pytest.mark.django_db


def ticket_for(user: User, next_url: str = "") -> str:
    """Return the path of a ticket requested by a portal."""
    caller = Caller(user, Application.objects.get_built_in(), frozenset({"sso"}))
    url, _expires = oauth.sso_tickets.create_sso_ticket(
        caller,
        next_path=next_url,
        by=Actor(EventOrigin.API, user.full_name, user, proof=ReauthenticationLevel.FIVE_MINUTES),
    )
    assert url.startswith(f"{settings.LOKET_URL}/sso/")
    return url.removeprefix(settings.LOKET_URL)


def open_with(client: Client, path: str) -> Any:
    """Press the button of the page."""
    return client.post(path)


def by_sso(user: User) -> Client:
    """Return the browser of a user who came from a portal."""
    client = Client()
    assert open_with(client, ticket_for(user)).status_code == 302
    return client


@pytest.fixture
def service(office: Provider, alice: User) -> User:
    return make_service(office)


def who(client: Client) -> str:
    return client.session.get("_auth_user_id", "")


def test_opening_names_the_account_and_redeems_nothing(bob: User) -> None:
    client, path = Client(), ticket_for(bob)
    for _look in range(3):
        page = client.get(path)
        client.head(path)
        assert page.status_code == 200
        assert "B. Bakker" in page.text
        assert (
            "<script" not in page.text.replace('<script src="/static/', "") or 'http-equiv="refresh"' not in page.text
        )
        assert "no-store" in page["Cache-Control"]
        assert page["Referrer-Policy"] == "same-origin"
    assert who(client) == ""
    assert SsoTicket.objects.count() == 1


@pytest.mark.parametrize("kind", ["website", "service"])
def test_ticket_works_once(bob: User, service: User, kind: str) -> None:
    user = bob if kind == "website" else service
    client, path = Client(), ticket_for(user, "/profiel/")
    assert open_with(client, path)["Location"] == "/profiel/"
    assert who(client) == str(user.pk)
    assert client.get("/profiel/").status_code == 200
    thief = Client()
    assert (open_with(thief, path).status_code, thief.get(path).status_code) == (404, 404)
    assert who(thief) == ""
    made, signed_in = Event.objects.get(verb=Verb.TICKET_MADE), Event.objects.get(verb=Verb.SIGNED_IN)
    assert (made.actor_id, made.origin, signed_in.actor_id, signed_in.reason) == (user.pk, "api", user.pk, "sso")


def test_ticket_expires_after_a_minute(bob: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        path = ticket_for(bob)
        clock.shift(59)
        assert Client().get(path).status_code == 200
        clock.shift(1)
        assert Client().get(path).status_code == 404
        assert open_with(Client(), path).status_code == 404


def test_the_table_has_a_hash_and_no_address_is_remembered(bob: User) -> None:
    token = ticket_for(bob).split("/")[2]
    assert token not in str(list(SsoTicket.objects.values())) + str(list(Event.objects.values()))
    assert Client().get(f"/sso/{SsoTicket.objects.get().token_hash}/").status_code == 404


@pytest.mark.parametrize("end", ["block", "end", "password", "off"])
def test_ticket_ends_with_the_access_of_its_user(bob: User, alice: User, end: str) -> None:
    path = ticket_for(bob)
    if end == "block":
        users.actions.block_user(bob, by=build_operator("test"))
    elif end == "end":
        User.objects.filter(pk=bob.pk).update(access_until=timezone.localdate() - timedelta(days=1))
    elif end == "password":
        User.objects.filter(pk=bob.pk).update(session_version=7)
    else:
        Application.objects.update(switched_off_at=timezone.now())
    assert Client().get(path).status_code == 404
    client = Client()
    assert open_with(client, path).status_code == 404
    assert who(client) == ""


def test_an_azure_user_gets_none(office: Provider) -> None:
    with pytest.raises(PermissionDenied):
        ticket_for(make_azure(office))


@pytest.mark.parametrize(
    "next_url",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "home", "\x00", "/\x00",
     "http://localhost:8000.evil.example/", "http://localhost:8000@evil.example/", "/" + "a" * 1000,
     "http://localhost:8000//evil.example/", "/\t/evil.example"],
)  # fmt: skip
def test_external_next_page_is_refused(bob: User, next_url: str) -> None:
    with pytest.raises(ValidationError):
        ticket_for(bob, next_url)


def test_next_page_is_a_path_or_an_internal_url(bob: User) -> None:
    assert open_with(Client(), ticket_for(bob, "/profiel/?a=1"))["Location"] == "/profiel/?a=1"
    assert open_with(Client(), ticket_for(bob, f"{settings.LOKET_URL}/profiel/"))["Location"] == "/profiel/"
    assert open_with(Client(), ticket_for(bob))["Location"] == "/"


def test_another_signed_in_user_is_asked_first(alice_client: Client, alice: User, bob: User) -> None:
    path = ticket_for(bob)
    page = alice_client.get(path)
    assert "A. de Vries" in page.text
    assert who(alice_client) == str(alice.pk)
    open_with(alice_client, path)
    assert who(alice_client) == str(bob.pk)
    assert Event.objects.get(verb=Verb.SIGNED_OUT).actor_id == alice.pk


def test_ones_own_better_session_stays(bob_client: Client, bob: User) -> None:
    key = bob_client.cookies["sessionid"].value
    assert open_with(bob_client, ticket_for(bob, "/profiel/"))["Location"] == "/profiel/"
    assert bob_client.cookies["sessionid"].value == key
    assert bob_client.get("/profiel/wachtwoord/").status_code == 200


def test_the_session_is_short_and_marked(bob: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = Client()
        open_with(client, ticket_for(bob))
        assert UserSession.objects.get().method == AuthenticationMethod.SSO
        clock.shift(3599)
        assert client.get("/profiel/").status_code == 200
        clock.shift(2)
        assert client.get("/profiel/").status_code == 302


ASKING = [
    "/profiel/wachtwoord/", "/profiel/email/", "/profiel/twee-factor/app/", "/profiel/twee-factor/passkey/",
]  # fmt: skip


def from_portal(user: User) -> Client:
    client = Client()
    open_with(client, ticket_for(user))
    return client


@pytest.mark.parametrize("path", ASKING)
def test_what_one_signs_in_with_asks_for_the_password_first(bob: User, path: str) -> None:
    client = from_portal(bob)
    assert client.get(path)["Location"] == f"/bevestigen/?next={quote(path, safe='')}"
    assert not client.post("/bevestigen/", {"current_password": "Verkeerd-1"}).has_header("Location")
    assert client.get(path).status_code == 302
    assert client.post("/bevestigen/", {"current_password": PASSWORD, "next": path})["Location"] == path
    assert client.get(path).status_code == 200


def test_a_colleague_is_not_changed_without_a_password(alice: User, bob: User) -> None:
    client = from_portal(alice)
    assert client.get("/gebruikers/").status_code == 200
    page = client.get(f"/gebruikers/{bob.pk}/bewerken/").context["form"]
    typed = page.initial | {"version": bob.version, "initials": "B.", "email": "bezorger@evil.example"}
    response = client.post(f"/gebruikers/{bob.pk}/bewerken/", {name: value or "" for name, value in typed.items()})
    assert response["Location"].startswith("/bevestigen/?next=")
    assert not EmailChange.objects.exists()
    for path in ("blokkeren/", "inlogmethode/azure/", "twee-factor-resetten/"):
        assert client.post(f"/gebruikers/{bob.pk}/{path}").status_code in (302, 403)
    assert not Event.objects.filter(target_id=bob.pk).exists()


def test_what_was_typed_goes_on_after_the_password(alice: User, bob: User) -> None:
    client = from_portal(alice)
    path = f"/gebruikers/{bob.pk}/blokkeren/"
    asked = client.post(path)["Location"]
    onward = client.post(asked, {"current_password": PASSWORD})["Location"]
    assert onward.startswith("/bevestigen/verder/")
    assert f'action="{path}"' in client.get(onward).text
    assert client.post(path).status_code == 302
    bob.refresh_from_db()
    assert bob.blocked_at is not None
    assert client.get(onward)["Location"] == "/"


def test_a_second_factor_is_still_to_be_shown_and_the_password_as_well(bob: User) -> None:
    secret = give_app(bob)
    client = from_portal(bob)
    assert client.get("/profiel/")["Location"].startswith("/inloggen/code/")
    with time_machine.travel(timezone.now() - timedelta(minutes=1)):
        assert client.post("/inloggen/code/", {"code": code_now(secret)}).status_code == 302
    assert client.get("/profiel/").status_code == 200
    assert client.get("/profiel/wachtwoord/").status_code == 302
    for typed in ({"code": code_now(secret)}, {"current_password": PASSWORD}):
        assert client.post("/bevestigen/", typed).status_code == 200
    assert client.get("/profiel/wachtwoord/").status_code == 302
    assert client.post("/bevestigen/", {"code": code_now(secret), "current_password": PASSWORD}).status_code == 302
    assert client.get("/profiel/wachtwoord/").status_code == 200
    assert UserSession.objects.get().method == AuthenticationMethod.SSO


def test_a_factor_that_is_missing_is_set_up_after_the_password(bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(two_factor_required=True)
    client = from_portal(User.objects.get(pk=bob.pk))
    assert client.get("/")["Location"].startswith("/profiel/twee-factor/")
    assert client.get("/profiel/twee-factor/").status_code == 200
    assert client.get("/profiel/twee-factor/app/")["Location"].startswith("/bevestigen/")


def test_redeeming_requires_the_csrf_token(bob: User) -> None:
    client, path = Client(enforce_csrf_checks=True), ticket_for(bob)
    assert client.post(path).status_code == 403
    assert SsoTicket.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_at_once_are_one_in(bob: User) -> None:
    path = ticket_for(bob)

    def press(_number: int) -> int:
        try:
            return open_with(Client(), path).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        assert sorted(threads.map(press, range(6))) == [302] + [404] * 5
