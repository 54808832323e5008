"""Forms sent after the session is gone, in one tab or several: kept for their user, and resubmitted by that user."""

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import User
from authentication import pending_forms, sessions
from tests.authentication.test_session_expiry import next_of, resumed, sign_in
from tests.authentication.test_sessions import sign_in_from
from tests.helpers.mfa import code_now, give_app
from tests.helpers.users import PASSWORD, actor
from tests.oauth.test_sso_tickets import ticket_for
from tests.users.test_user_detail import edited

pytestmark = pytest.mark.django_db
NOW = "2026-03-02T12:00Z"


def edit_url(user: User) -> str:
    return f"/gebruikers/{user.pk}/bewerken/"


def strict_browser(username: str) -> Client:
    """Return a browser that is signed in and checks CSRF tokens."""
    client = Client(enforce_csrf_checks=True)
    token = client.get("/inloggen/").context["csrf_token"]
    data = {"username": username, "password": PASSWORD, "csrfmiddlewaretoken": str(token)}
    assert client.post("/inloggen/", data).status_code == 302
    return client


def read_token(client: Client, path: str) -> str:
    """Return the CSRF token of an open page."""
    return str(client.get(path).context["csrf_token"])


def sign_in_again(client: Client, username: str, target: str = "/") -> Any:
    token = read_token(client, "/inloggen/")
    data = {"username": username, "password": PASSWORD, "next": target, "csrfmiddlewaretoken": token}
    return client.post("/inloggen/", data)


@pytest.mark.parametrize("end", ["elsewhere", "all", "logout", "purge", "weekend"])
def test_a_form_survives_however_the_session_ended(alice: User, bob: User, end: str) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        client = sign_in_from("alice")
        match end:
            case "elsewhere":
                sessions.end_session(alice, sessions.list_active_sessions(alice)[0].pk, by=actor(alice))
            case "all":
                sessions.end_all_sessions(alice, by=actor(alice))
            case "logout":
                client.post("/uitloggen/")
            case "purge":
                Session.objects.all().delete()
            case "weekend":
                clock.shift(timedelta(days=6))
                Session.objects.all().delete()
                del client.cookies["sessionid"]
        response = client.post(edit_url(bob), edited(bob, last_name="Nieuwenaam", password="x-9Geheim"))
        assert "bewaard" in client.get(response["Location"]).text
        bob.refresh_from_db()
        assert bob.last_name == "Bakker"
        target = next_of(response)
        assert sign_in(client, "alice", target)["Location"] == target
        pairs = resumed(client, target)
        assert (pairs["last_name"], "password" in pairs) == ("Nieuwenaam", False)
        bob.refresh_from_db()
        assert bob.last_name == "Bakker", "the user sends it, nothing else does"
        assert client.post(edit_url(bob), pairs).status_code == 302
    bob.refresh_from_db()
    assert bob.last_name == "Nieuwenaam"


def test_another_user_of_the_browser_gets_nothing(alice: User, bob: User) -> None:
    client = sign_in_from("alice")
    client.post("/uitloggen/")
    target = next_of(client.post(edit_url(bob), edited(bob, last_name="Nieuwenaam")))
    sign_in(client, "bob", target)
    assert client.get(target)["Location"] == "/"
    assert not client.session.get("pending_forms")
    client.post("/uitloggen/")
    sign_in(client, "alice", target)
    assert client.get(target)["Location"] == "/"


def test_a_browser_without_a_user_keeps_nothing_and_says_so(client: Client, bob: User) -> None:
    client.cookies["last_user"] = f"{bob.pk}:x:y"
    response = client.post(edit_url(bob), edited(bob, last_name="Nieuwenaam"))
    assert response["Location"] == "/inloggen/"
    assert "niet worden bewaard" in client.get(response["Location"]).text
    assert not Session.objects.exists()


@pytest.mark.parametrize("is_ended", [True, False])
def test_a_blocked_user_cannot_fill_the_table_of_sessions(alice: User, bob: User, *, is_ended: bool) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        client = sign_in_from("alice")
        kept = {name: client.cookies[name].value for name in ("last_user", *["sessionid"] * is_ended)}
        clock.shift(timedelta(hours=3))
        for number in range(25):
            other = Client()
            for name, value in kept.items():
                other.cookies[name] = value
            response = other.post(edit_url(bob), edited(bob, first_name="x" * 1000))
            assert ("form%3D" in response["Location"]) == (number < 20)
        assert sum("pending_forms" in session.get_decoded() for session in Session.objects.all()) == 20


def test_the_browser_remembers_its_user_for_eight_days(alice: User, bob: User) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        client = sign_in_from("alice")
        cookie = client.cookies["last_user"]
        assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 8 * 24 * 3600)
        kept = cookie.value
        client.get("/")
        assert client.cookies["last_user"].value == kept
        clock.shift(timedelta(days=8, seconds=1))
        assert next_of(client.post(edit_url(bob), edited(bob))) == "/"
        assert not client.session.get("pending_forms")


def test_the_forms_of_two_tabs_both_survive(alice: User, bob: User) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        client = sign_in_from("alice")
        clock.shift(timedelta(hours=2))
        sent = [client.post(edit_url(bob), edited(bob, last_name=name)) for name in ("Eerste", "Tweede")]
        targets = [next_of(response) for response in sent]
        assert sign_in(client, "alice", targets[0])["Location"] == targets[0]
        assert [resumed(client, target)["last_name"] for target in targets] == ["Eerste", "Tweede"]
        assert client.post(edit_url(bob), resumed(client, targets[0])).status_code == 302
        assert client.get(targets[0])["Location"] == "/", "sent"
        assert resumed(client, targets[1])["last_name"] == "Tweede"


def test_the_forms_of_two_tabs_both_survive_reauthentication(alice: User, bob: User) -> None:
    client = sign_in_from("alice")
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=False):
        asked = [client.post(f"/gebruikers/{bob.pk}/{act}/")["Location"] for act in ("blokkeren", "sessies/beeindigen")]
        targets = [parse_qs(urlsplit(address).query)["next"][0] for address in asked]
        assert all(target.startswith("/bevestigen/verder/") for target in targets)
        client.post("/bevestigen/", {"current_password": PASSWORD, "next": targets[0]})
        paths = [client.get(target).context["target"] for target in targets]
    assert paths == [f"/gebruikers/{bob.pk}/blokkeren/", f"/gebruikers/{bob.pk}/sessies/beeindigen/"]


def test_five_forms_are_kept_and_large_ones_push_out_the_oldest(alice: User, bob: User) -> None:
    client = sign_in_from("alice")
    client.post("/uitloggen/")
    for number in range(7):
        client.post(edit_url(bob), edited(bob, last_name=f"Naam{number}"))
    assert len(client.session["pending_forms"]) == pending_forms.MAX_FORMS == 5
    last = ""
    for number in range(3):
        last = next_of(client.post(edit_url(bob), edited(bob, last_name=f"{number}" + "x" * 200_000)))
    assert len(str(client.session["pending_forms"])) < 600_000
    assert parse_qs(urlsplit(last).query)["form"][0] in client.session["pending_forms"]
    response = client.post(edit_url(bob), edited(bob, last_name="x" * 300_000))
    assert "niet worden bewaard" in client.get(response["Location"]).text


def test_a_tab_from_before_a_new_sign_in_is_offered_again(alice: User, bob: User) -> None:
    """The session ends, another tab signs in again, and then the form of the first tab is sent."""
    with time_machine.travel(NOW, tick=False) as clock:
        client = strict_browser("alice")
        token = read_token(client, edit_url(bob))
        clock.shift(timedelta(hours=2))
        assert sign_in_again(client, "alice")["Location"] == "/"
        data = edited(bob, last_name="Nieuwenaam") | {"csrfmiddlewaretoken": token}
        response = client.post(edit_url(bob), data)
        assert response["Location"].startswith("/bevestigen/verder/?next=")
        page = client.get(response["Location"])
        pairs = dict(page.context["pairs"])
        bob.refresh_from_db()
        assert (bob.last_name, pairs["last_name"]) == ("Bakker", "Nieuwenaam")
        again = client.post(edit_url(bob), pairs | {"csrfmiddlewaretoken": str(page.context["csrf_token"])})
        assert again.status_code == 302
    bob.refresh_from_db()
    assert bob.last_name == "Nieuwenaam"


def test_a_file_in_such_a_tab_is_said_to_be_lost(alice: User) -> None:
    client = strict_browser("alice")
    token = read_token(client, "/gebruikers/importeren/")
    Session.objects.all().delete()
    sign_in_again(client, "alice")
    data = {"file": SimpleUploadedFile("x.csv", b"a;b"), "csrfmiddlewaretoken": token}
    sent = client.post("/gebruikers/importeren/", data, headers={"Referer": "http://testserver/gebruikers/importeren/"})
    assert sent["Location"] == "/gebruikers/importeren/"
    assert "niet worden bewaard" in client.get(sent["Location"]).text


def test_a_tab_of_another_user_or_site_is_refused(alice: User, bob: User) -> None:
    client = strict_browser("bob")
    token = read_token(client, "/profiel/")
    Session.objects.all().delete()
    sign_in_again(client, "alice")
    for forged in (token, "a" * 64, "é" * 64, "x", ""):
        data = edited(bob, last_name="Nieuwenaam") | {"csrfmiddlewaretoken": forged}
        response = client.post(edit_url(bob), data)
        assert (response.status_code, "Nieuwenaam" in response.text) == (403, False)
    assert not client.session.get("pending_forms")


def open_from_portal(client: Client, user: User) -> None:
    path = ticket_for(user)
    assert client.post(path, {"csrfmiddlewaretoken": read_token(client, path)}).status_code == 302


def test_coming_from_a_portal_again_loses_no_form_of_an_earlier_tab(bob: User) -> None:
    client = Client(enforce_csrf_checks=True)
    open_from_portal(client, bob)
    token = read_token(client, "/profiel/")
    Session.objects.all().delete()
    open_from_portal(client, bob)
    response = client.post("/profiel/sessies/overige-beeindigen/", {"csrfmiddlewaretoken": token})
    assert response["Location"].startswith("/bevestigen/verder/?next=")


def test_every_tab_of_a_sign_in_ends_well(alice: User) -> None:
    secret = give_app(alice)
    client = Client(enforce_csrf_checks=True)
    page = client.get("/inloggen/")
    token = str(page.context["csrf_token"])
    login = {"username": "alice", "password": PASSWORD, "csrfmiddlewaretoken": token, "next": "/profiel/"}
    steps = [client.post("/inloggen/", login)["Location"] for _tab in range(2)]
    tokens = [read_token(client, step) for step in steps]
    code = {"code": code_now(secret), "next": "/profiel/"}
    for token in tokens:
        response = client.post("/inloggen/code/", code | {"csrfmiddlewaretoken": token})
        assert (response.status_code, response["Location"]) == (302, "/profiel/")
    late = client.post("/inloggen/herstelcode/", {"code": "x", "next": "/", "csrfmiddlewaretoken": tokens[0]})
    assert (late.status_code, late["Location"]) == (302, "/")
    assert client.post("/inloggen/", login)["Location"] == "/profiel/"


def shown_values(page: Any) -> dict[str, str]:
    """Return the values that the page shows, by label."""
    pairs = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", page.text, re.DOTALL)
    return {label: html.unescape(value) for label, value in pairs}


def send_late(client: Client, path: str, data: dict[str, Any]) -> Any:
    """Send a form after the session ended, and sign in again; return the page that offers it."""
    client.post("/uitloggen/")
    target = next_of(client.post(path, data))
    sign_in(client, "alice", target)
    return client.get(target)


def test_the_page_shows_what_was_typed(alice: User, bob: User) -> None:
    values = {
        "last_name": "Nieuw<b>naam",
        "access_until": "2027-01-31",
        "two_factor_required": "on",
        "password": "x-9Geheim",
    }
    page = send_late(sign_in_from("alice"), edit_url(bob), edited(bob, **values))
    assert shown_values(page) == {
        "Voorletters": bob.initials,
        "Achternaam": "Nieuw<b>naam",
        "Email": bob.email,
        "Toegang tot en met": "2027-01-31",
        "Two-factor verplicht": "ja",
    }
    assert "x-9Geheim" not in page.text


@pytest.mark.parametrize(
    ("path", "data", "shown"),
    [
        ("/teams/nieuw/", {"name": "Loon Noord"}, {"Loon Noord"}),
        (
            "/gebruikers/nieuw/website/",
            {"initials": "P.", "last_name": "Boer", "body": "Een\r\ntwee"},
            {"P.", "Boer", "Een<br>twee"},
        ),
        ("/werkgevers/nieuw/", {"name": "Bakkerij"}, {"Bakkerij"}),
        ("/gebruikers/meerdere/", {"users": "x", "act": "block"}, set()),
    ],
)
def test_every_form_shows_what_was_typed(alice: User, path: str, data: dict[str, Any], shown: set[str]) -> None:
    page = send_late(sign_in_from("alice"), path, data)
    assert page.status_code == 200
    assert shown <= set(shown_values(page).values())


def test_the_page_after_confirming_shows_it_too(alice: User, bob: User) -> None:
    client = sign_in_from("alice")
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=False):
        asked = client.post("/gebruikers/nieuw/azure/", {"initials": "P.", "last_name": "Boer", "username": "pboer"})
        target = parse_qs(urlsplit(asked["Location"]).query)["next"][0]
        client.post("/bevestigen/", {"current_password": PASSWORD, "next": target})
        assert {"P.", "Boer", "pboer"} <= set(shown_values(client.get(target)).values())
