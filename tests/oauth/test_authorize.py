"""The consent page: invalid requests of applications, and users who cannot give consent."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import F
from django.test import Client
from django.utils import timezone

from accounts.models import Provider, User
from audit.actors import build_operator
from oauth import applications, consents
from oauth.client_settings import validate_redirect_uri
from oauth.models import Application, AuthorizationCode, Consent
from tests.helpers.consent import allow, read_target
from tests.helpers.login_methods import confirmed, make_azure, make_service
from tests.helpers.users import PASSWORD, actor, signed_in
from tests.oauth.test_authorization_code import BACK, SECRET, make_application
from tests.oauth.test_client_credentials import basic
from tests.oauth.test_sso_tickets import by_sso

pytestmark = pytest.mark.django_db
URL = "/oauth/authorize/"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJi_SstwM"


@pytest.fixture
def program(alice: User) -> Application:
    return make_application(alice)


def asked(program: Application, **change: Any) -> dict[str, Any]:
    data = {
        "response_type": "code", "client_id": str(program.client_id), "redirect_uri": BACK, "scope": "openid",
        "state": "s-1", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    }  # fmt: skip
    return {name: value for name, value in (data | change).items() if value is not None}


def told(response: Any) -> dict[str, str]:
    address = read_target(response)
    assert address.startswith("https://portaal.example/terug?")
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_consent_page_names_application_and_scopes(bob_client: Client, program: Application) -> None:
    page = bob_client.get(URL, asked(program, scope="openid users:read"))
    assert page.status_code == 200
    assert "Weten dat jij het bent" in page.text
    assert "Gebruikers AK en hun signalen, tenants" in page.text
    assert "Teams" not in page.text
    assert "no-store" in page["Cache-Control"]
    assert not AuthorizationCode.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "https://portaal.example/terug"},
        {"redirect_uri": "https://portaal.example/terug?van=loket&meer=1"},
        {"redirect_uri": "https://portaal.example/terug/?van=loket"},
        {"redirect_uri": "https://portaal.example/Terug?van=loket"},
        {"redirect_uri": "https://portaal.example:8443/terug?van=loket"},
        {"redirect_uri": "http://portaal.example/terug?van=loket"},
        {"redirect_uri": "https://portaal.example.evil.example/terug?van=loket"},
        {"redirect_uri": "https://evil.example/terug?van=loket"},
        {"redirect_uri": "https://evil@portaal.example/terug?van=loket"},
        {"redirect_uri": "https://portaal.example@evil.example/terug?van=loket"},
        {"redirect_uri": "https://portaal.example/terug?van=loket#x"},
        {"redirect_uri": "https://portaal.example/x/../terug?van=loket"},
        {"redirect_uri": "https://portaal.example/%74erug?van=loket"},
        {"redirect_uri": "https://pоrtaal.example/terug?van=loket"},  # a Cyrillic o
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "//portaal.example/terug"},
        {"redirect_uri": "\x00"},
        {"redirect_uri": ["https://evil.example/", BACK]},
        {"client_id": "iemand"},
        {"client_id": "\x00"},
        {"client_id": None},
        {"client_id": "x" * 5_000},
    ],
)
def test_unregistered_redirect_uri_is_refused(bob_client: Client, program: Application, change: dict[str, Any]) -> None:
    for client in (bob_client, Client()):
        for response in (client.get(URL, asked(program, **change)), client.post(_address(asked(program, **change)))):
            assert response.status_code == 400
            assert "Location" not in response
    assert not AuthorizationCode.objects.exists()


def _address(data: dict[str, Any]) -> str:
    return f"{URL}?{urlencode(data, doseq=True)}"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": "none"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": "kort"}, "invalid_request"),
        ({"code_challenge": "é" * 43}, "invalid_request"),
        ({"scope": "openid teams:write"}, "invalid_scope"),
        ({"scope": "alles"}, "invalid_scope"),
        ({"nonce": "n" * 256}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
    ],
)
def test_a_wrong_question_is_answered_to_the_program(
    bob_client: Client, program: Application, change: dict[str, Any], error: str
) -> None:
    answer = told(bob_client.get(URL, asked(program, **change)))
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "s-1", settings.LOKET_URL)
    assert not AuthorizationCode.objects.exists()


def test_a_stranger_signs_in_first_and_a_silent_program_hears_so(program: Application, bob: User) -> None:
    data = asked(program, state="x" * 500)
    client = Client()
    answer = client.get(URL, data)
    assert answer["Location"].startswith("/inloggen/?next=%2Foauth%2Fauthorize%2F")
    wanted = parse_qs(urlsplit(answer["Location"]).query)["next"][0]
    signed_in = client.post("/inloggen/", {"username": "bob", "password": PASSWORD, "next": wanted})
    assert signed_in["Location"] == wanted
    assert told(Client().get(URL, asked(program, prompt="none")))["error"] == "login_required"


def test_application_of_another_office_is_404(charlie_client: Client, program: Application) -> None:
    for response in (charlie_client.get(URL, asked(program)), allow(charlie_client, _address(asked(program)))):
        assert response.status_code == 404
        assert "Location" not in response
    assert not Consent.objects.exists()


def test_a_partner_serves_every_office(charlie_client: Client, bob_client: Client) -> None:
    details = {"name": "Loonportaal", "redirect_uris": [BACK], "post_logout_redirect_uris": [], "scopes": ["openid"]}
    partner = applications.register_application(None, details=details, by=build_operator("test"))
    for client in (charlie_client, bob_client):
        assert told(allow(client, _address(asked(partner))))["code"]


def test_a_disabled_integration_asks_no_consent(bob_client: Client, program: Application) -> None:
    Application.objects.update(switched_off_at=timezone.now())
    assert bob_client.get(URL, asked(program)).status_code == 400


def test_who_must_have_a_factor_sets_it_up_first(office: Provider, bob: User, program: Application) -> None:
    User.objects.filter(pk=bob.pk).update(two_factor_required=True)
    client = Client()
    client.force_login(User.objects.get(pk=bob.pk))
    assert client.get(URL, asked(program))["Location"].startswith("/profiel/twee-factor/?next=")
    assert allow(client, _address(asked(program)))["Location"].startswith("/profiel/twee-factor/")
    assert not AuthorizationCode.objects.exists()


def test_an_azure_user_can_agree_and_a_service_cannot(office: Provider, program: Application) -> None:
    for user, key in ((make_azure(office), "code"), (make_service(office), "error")):
        assert key in told(allow(signed_in(user), _address(asked(program))))


def test_a_session_from_a_portal_gives_nothing_that_lasts(bob: User, program: Application) -> None:
    client = by_sso(bob)
    assert told(allow(client, _address(asked(program))))["error"] == "access_denied"
    assert "access_denied" in client.get(URL, asked(program)).text
    assert told(client.get(URL, asked(program, prompt="none")))["error"] == "login_required"
    assert not AuthorizationCode.objects.exists()


def test_prompt_login_and_max_age_require_reauthentication(bob: User, program: Application) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = confirmed(bob)
        assert client.get(URL, asked(program, prompt="login"))["Location"].startswith("/bevestigen/?next=")
        clock.shift(61)
        assert client.get(URL, asked(program, prompt="login"))["Location"].startswith("/bevestigen/?next=")
        assert client.get(URL, asked(program, max_age="30"))["Location"].startswith("/bevestigen/?next=")
        assert client.get(URL, asked(program, max_age="300")).status_code == 200
        assert client.get(URL, asked(program, max_age="9" * 20)).status_code == 200


def test_agreeing_wants_the_csrf_token_and_looking_changes_nothing(bob: User, program: Application) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    assert allow(client, _address(asked(program))).status_code == 403
    client.get(URL, asked(program))
    assert client.head(URL, asked(program)).status_code == 200
    assert not AuthorizationCode.objects.exists()
    assert not Consent.objects.exists()


def test_looking_issues_no_code_to_an_application_with_consent(bob_client: Client, program: Application) -> None:
    assert told(allow(bob_client, _address(asked(program))))["code"]
    AuthorizationCode.objects.all().delete()
    for change in ({}, {"prompt": "none"}, {"response_mode": "form_post"}):
        looked = bob_client.head(URL, asked(program, **change))
        assert (looked.status_code, "Location" in looked) == (200, False), change
    assert not AuthorizationCode.objects.exists()
    bob_client.get(URL, asked(program))
    assert AuthorizationCode.objects.exists()


def test_a_withdrawn_consent_is_asked_again(bob_client: Client, bob: User, program: Application) -> None:
    consents.grant_consent(bob, program, scopes=["openid"], by=build_operator("test"))
    assert "code=" in bob_client.get(URL, asked(program)).text
    consents.revoke_consent(bob, Consent.objects.get().pk, by=build_operator("test"))
    assert "code=" not in bob_client.get(URL, asked(program)).text
    assert not AuthorizationCode.objects.exists()


@pytest.mark.parametrize(
    "address",
    [
        "http://portaal.example/", "ftp://portaal.example/", "portaal.example", "https://", "https:///x", "/terug",
        "https://a b.example/", "https://*.example/", "https://x.example/#deel", "https://wie@x.example/",
        "https://x.example:99999/", "https://[::1", "https://x.example/\u202e", "https://exämple.nl/", "javascript:1",
        "http://127.0.0.1.evil.example/", "http://localhost.evil.example/", "https://x.example/" + "a" * 300,
        "custom://x/", "https://x.example/\\evil",
    ],
)  # fmt: skip
def test_no_program_registers_such_an_address(address: str) -> None:
    with pytest.raises(ValidationError):
        validate_redirect_uri(address)


def test_only_tls_and_loopback_uris_are_registered() -> None:
    for address in (
        BACK,
        "http://127.0.0.1:8080/terug",
        "http://[::1]/x",
        "http://localhost/x",
        "https://x.example:8443/",
    ):
        validate_redirect_uri(address)


@pytest.mark.parametrize("authentication", ["none", "client_secret"])
def test_an_app_on_the_same_machine_may_choose_its_port(bob_client: Client, alice: User, authentication: str) -> None:
    """RFC 8252 section 7.3 is about native apps, which are public clients; a server has the port that is registered."""
    details = applications.ApplicationDetails(
        name="Lokaal",
        redirect_uris=["http://127.0.0.1:8080/terug"],
        post_logout_redirect_uris=["http://127.0.0.1:8080/uit"],
        scopes=["openid"],
        authentication=authentication,
    )
    program = applications.register_application(alice.provider, details=details, by=build_operator("test"))
    for port, is_accepted in ((8080, True), (49152, authentication == "none")):
        page = bob_client.get(URL, asked(program, redirect_uri=f"http://127.0.0.1:{port}/terug"))
        assert page.status_code == (200 if is_accepted else 400)
        if is_accepted:
            assert f"form-action 'self' http://127.0.0.1:{port}" in page["Content-Security-Policy"]
        assert program.post_logout_redirect_uri_allowed(f"http://127.0.0.1:{port}/uit") == is_accepted
    assert bob_client.get(URL, asked(program, redirect_uri="http://127.0.0.1:8080/anders")).status_code == 400


def shown_version(page: Any) -> str:
    found = re.search(r'name="shown_version" value="(\d+)"', page.text)
    assert found, page.text
    return found[1]


def add_scope(program: Application, alice: User) -> None:
    details: Any = {"name": "Portaal", "redirect_uris": [BACK], "post_logout_redirect_uris": []}
    details["scopes"] = ["openid", "users:read", "users:write"]
    program.refresh_from_db()
    applications.update_application(program, details=details, version=program.version, by=actor(alice))


@pytest.mark.parametrize("pushed", [False, True])
def test_a_user_agrees_to_what_the_page_showed(
    bob_client: Client, alice: User, program: Application, pushed: bool
) -> None:
    """Without a scope, a request asks for all that the integration may have when it is read."""
    query = asked(program, scope=None)
    if pushed:
        sent = Client().post("/oauth/par/", query, headers=basic(program.client_id, SECRET)).json()
        query = {"client_id": program.client_id, "request_uri": sent["request_uri"]}
    page = bob_client.get(URL, query, follow=True)
    allow = unescape(page.text.split("<main")[1].split('<form method="post" action="')[1].split('"')[0])
    before = {"shown_version": shown_version(page)}
    add_scope(program, alice)
    again = bob_client.post(allow, before)
    assert again.status_code == 200
    assert "Deze koppeling is intussen gewijzigd" in again.text
    assert "Gebruikers AK aanmaken" in again.text
    assert not Consent.objects.exists()
    assert "code" in told(bob_client.post(allow, {"shown_version": shown_version(again)}))
    assert "users:write" in Consent.objects.get().scopes


@pytest.mark.parametrize("shown", [None, "", "0", "x"])
def test_agreeing_says_which_page_was_shown(bob_client: Client, program: Application, shown: str | None) -> None:
    page = bob_client.post(_address(asked(program)), {} if shown is None else {"shown_version": shown})
    assert (page.status_code, Consent.objects.exists()) == (200, False)
    assert "Deze koppeling is intussen gewijzigd" in page.text
    assert "code" in told(bob_client.post(_address(asked(program)), {"shown_version": shown_version(page)}))


def test_a_change_while_the_user_agrees(
    bob_client: Client, alice: User, program: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = consents.grant_consent

    def change_and_grant(*args: Any, **kwargs: Any) -> Consent:
        Application.objects.filter(pk=program.pk).update(version=F("version") + 1)
        return grant(*args, **kwargs)

    monkeypatch.setattr(consents, "grant_consent", change_and_grant)
    address = f"{URL}?{urlencode(asked(program))}"
    again = bob_client.post(address, {"shown_version": shown_version(bob_client.get(address))})
    assert (again.status_code, again["Location"]) == (303, address)
    assert not Consent.objects.exists()
    assert not AuthorizationCode.objects.exists()
