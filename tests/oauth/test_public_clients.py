"""Public clients (native and browser applications), which have no secret, and PKCE for the others."""

from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import Provider, User
from audit.actors import build_operator
from audit.models import Event, Verb
from core.errors import EditConflict
from oauth import applications
from oauth.client_settings import ClientAuthentication, validate_redirect_uri
from oauth.models import AccessToken, Application, RefreshToken
from tests.helpers.consent import allow, read_target
from tests.helpers.login_methods import make_service
from tests.helpers.users import signed_in
from tests.oauth.test_applications import GOOD, LIST
from tests.oauth.test_authorization_code import BACK, SECRET, make_application
from tests.oauth.test_authorize import CHALLENGE as OTHER_CHALLENGE
from tests.oauth.test_authorize import URL, asked, told
from tests.oauth.test_client_credentials import basic
from tests.oauth.test_secrets import CHALLENGE, VERIFIER, tokens

pytestmark = pytest.mark.django_db
APP = "nl.portaal.app:/terug"
LOOPBACK = "http://127.0.0.1/terug"


def make_public(office: Provider | None, *uris: str, **details: Any) -> Application:
    """Register a public client."""
    values = {
        "name": "App", "redirect_uris": uris or (BACK, APP, LOOPBACK), "post_logout_redirect_uris": [],
        "scopes": ["openid", "profile", "sso"], "authentication": "none",
    }  # fmt: skip
    made = applications.register_application(office, details=values | details, by=build_operator("test"))
    made.refresh_from_db()
    return made


@pytest.fixture
def app(office: Provider) -> Application:
    return make_public(office)


def obtain_code(client: Client, program: Application, **change: Any) -> str:
    question = asked(program, code_challenge=CHALLENGE, **change)
    agreed = allow(client, f"{URL}?{urlencode(question)}")
    return parse_qs(urlsplit(read_target(agreed)).query)["code"][0]


def redeem(program: Application, code: str, *, headers: Any = None, **more: str) -> Any:
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "client_id": program.client_id}
    sent = {name: value for name, value in (data | {"code_verifier": VERIFIER} | more).items() if value}
    return Client().post("/oauth/token/", sent, headers=headers or {})


def refresh(program: Application, token: str) -> Any:
    data = {"grant_type": "refresh_token", "refresh_token": token, "client_id": program.client_id}
    return Client().post("/oauth/token/", data)


def test_a_public_client_gets_tokens_without_a_secret(bob_client: Client, app: Application) -> None:
    answer = redeem(app, obtain_code(bob_client, app))
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() >= {"access_token", "refresh_token", "id_token"}
    assert "RateLimit" in answer


def test_an_empty_secret_is_none(bob_client: Client, app: Application) -> None:
    """Some libraries send Basic with an empty password."""
    code = obtain_code(bob_client, app)
    assert redeem(app, code, headers=basic(app.client_id, "guess")).json()["error"] == "invalid_client"
    assert redeem(app, code, client_secret="guess").json()["error"] == "invalid_client"
    assert redeem(app, code, headers=basic(app.client_id, "")).status_code == 200


def test_its_refresh_tokens_rotate_and_a_replay_ends_them(bob_client: Client, app: Application) -> None:
    first = redeem(app, obtain_code(bob_client, app)).json()["refresh_token"]
    second = refresh(app, first).json()["refresh_token"]
    third = refresh(app, second).json()["refresh_token"]
    assert len({first, second, third}) == 3
    assert refresh(app, first).json()["error"] == "invalid_grant"
    assert refresh(app, third).json()["error"] == "invalid_grant"
    assert not RefreshToken.objects.filter(revoked=None).exists()


def test_pkce_cannot_be_left_out(bob_client: Client, app: Application) -> None:
    assert told(bob_client.get(URL, asked(app, code_challenge=None)))["error"] == "invalid_request"
    code = obtain_code(bob_client, app)
    assert redeem(app, code, code_verifier="").json()["error"] == "invalid_request"
    assert redeem(app, code, code_verifier="x" * 43).json()["error"] == "invalid_grant"
    with pytest.raises(ValidationError, match="PKCE"):
        make_public(app.provider, name="Zonder", pkce_optional=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.filter(pk=app.pk).update(pkce_optional=True)


def test_no_other_client_passes_for_it(bob_client: Client, alice: User, app: Application) -> None:
    """A confidential client cannot leave out its secret, and codes belong to one client."""
    confidential, code = make_application(alice), obtain_code(bob_client, app)
    assert redeem(confidential, code).json()["error"] == "invalid_client"
    assert redeem(confidential, code, headers=basic(confidential.client_id, "")).json()["error"] == "invalid_client"
    assert redeem(confidential, code, headers=basic(confidential.client_id, SECRET)).json()["error"] == "invalid_grant"


def test_no_client_credentials_and_no_introspection(bob_client: Client, office: Provider, app: Application) -> None:
    make_service(office)
    token = redeem(app, obtain_code(bob_client, app)).json()["access_token"]
    data = {"grant_type": "client_credentials", "client_id": app.client_id}
    assert Client().post("/oauth/token/", data).json()["error"] == "invalid_client"
    for headers in ({}, basic(app.client_id, "")):
        asked_about = {"token": token, "client_id": app.client_id}
        answer = Client().post("/oauth/introspect/", asked_about, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_it_revokes_its_own_tokens(bob_client: Client, app: Application) -> None:
    found = redeem(app, obtain_code(bob_client, app)).json()
    data = {"token": found["refresh_token"], "client_id": app.client_id}
    assert Client().post("/oauth/revoke/", data).status_code == 200
    assert not AccessToken.objects.exists()


def test_strangers_do_not_use_up_its_limit(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Client(REMOTE_ADDR="203.0.113.9")
    data = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": app.client_id}
    for _attempt in range(3):
        Client(REMOTE_ADDR="198.51.100.7").post("/oauth/token/", data)
    assert "r=199" in kept.post("/oauth/token/", data)["RateLimit"]


def test_the_scheme_of_an_app_is_a_redirect_uri(bob_client: Client, app: Application) -> None:
    page = bob_client.get(URL, asked(app, redirect_uri=APP))
    assert "nl.portaal.app:" in page.text
    assert "form-action 'self' nl.portaal.app:" in page["Content-Security-Policy"]
    agreed = allow(bob_client, f"{URL}?{urlencode(asked(app, redirect_uri=APP, code_challenge=CHALLENGE))}")
    assert read_target(agreed).startswith(f"{APP}?code=")
    code = parse_qs(urlsplit(read_target(agreed)).query)["code"][0]
    assert redeem(app, code, redirect_uri=APP).status_code == 200
    denied = bob_client.post(f"{URL}weigeren/?{urlencode(asked(app, redirect_uri=APP))}")
    assert read_target(denied).startswith(f"{APP}?error=access_denied")
    assert bob_client.get(URL, asked(app, redirect_uri="nl.portaal.app:/anders")).status_code == 400
    stranger = Client().get(URL, asked(app, redirect_uri=APP, scope="sso", response_type="token"))
    assert "nl.portaal.app:" in stranger.text


def test_any_port_of_the_loopback_address(bob_client: Client, app: Application) -> None:
    there = "http://127.0.0.1:53123/terug"
    code = obtain_code(bob_client, app, redirect_uri=there)
    assert redeem(app, code, redirect_uri="http://127.0.0.1:53124/terug").status_code == 400
    assert redeem(app, obtain_code(bob_client, app, redirect_uri=there), redirect_uri=there).status_code == 200


@pytest.mark.parametrize("uri", [APP, "http://127.0.0.1:53123/terug"])
def test_an_app_that_others_can_imitate_asks_every_time(bob: User, app: Application, uri: str) -> None:
    client = signed_in(bob)
    for _time in range(2):
        assert client.get(URL, asked(app, redirect_uri=uri)).status_code == 200
        obtain_code(client, app, redirect_uri=uri)
    silent = client.get(URL, asked(app, redirect_uri=uri, prompt="none"))
    assert "error=consent_required" in silent["Location"]
    assert "code=" in client.get(URL, asked(app, prompt="none"))["Location"]


@pytest.mark.parametrize(
    "address",
    [
        "app:/terug", "nlportaalapp://terug", "javascript:alert(1)", "data:text/html,x", "nl.portaal.app:terug",
        "NL.portaal.app:/terug", "nl.portaal.app:/#deel", ".app:/terug", "nl..app:/x", "nl.portaal.app:/a b",
        "nl.app://wie@x/", "http://portaal.example/", "http://x.y:/a", "https:/portaal.example/",
    ],
)  # fmt: skip
def test_no_app_registers_such_a_scheme(address: str) -> None:
    with pytest.raises(ValidationError):
        validate_redirect_uri(address, is_public=True)


def test_only_apps_have_schemes(alice_client: Client) -> None:
    validate_redirect_uri("nl.portaal.app://terug", is_public=True)
    page = alice_client.post(f"{LIST}nieuw/", GOOD | {"redirect_uris": APP})
    assert set(page.context["form"].errors) == {"redirect_uris"}
    with pytest.raises(CommandError, match="https://"):
        call_command("add_partner", "Ander", APP)


def test_the_page_registers_a_public_client(alice_client: Client) -> None:
    answer = alice_client.post(f"{LIST}nieuw/", GOOD | {"redirect_uris": APP, "authentication": "none"})
    made = Application.objects.get()
    assert (made.authentication, made.redirect_uris) == (ClientAuthentication.NONE, APP)
    page = alice_client.get(answer["Location"]).text
    assert "Nog geen geheim" not in page
    assert "geheim/" not in page
    (event,) = Event.objects.filter(verb=Verb.CLIENT_ADDED)
    assert event.changes["authentication"] == ["client_secret", "none"]
    with pytest.raises(EditConflict):
        applications.set_client_secret(made, secret="s", hours=0, version=made.version, by=build_operator("test"))
    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.filter(pk=made.pk).update(client_secret="ab" * 32)


def test_another_kind_ends_the_secret_and_the_tokens(bob: User, alice: User, alice_client: Client) -> None:
    program = make_application(alice)
    found = tokens(signed_in(bob), program)
    form = alice_client.get(f"{LIST}{program.pk}/").context["form"]
    values = {name: form[name].value() or "" for name in form.fields}
    alice_client.post(f"{LIST}{program.pk}/", values | {"name": "Anders"})
    assert AccessToken.objects.exists()
    alice_client.post(f"{LIST}{program.pk}/", values | {"authentication": "none", "version": program.version + 1})
    program.refresh_from_db()
    assert (program.authentication, program.client_secret) == ("none", "")
    assert not AccessToken.objects.exists()
    assert refresh(program, found["refresh_token"]).json()["error"] == "invalid_grant"
    assert Event.objects.filter(verb=Verb.CLIENT_CHANGED).latest("at").changes == {
        "authentication": ["client_secret", "none"], "name": ["Anders", "Portaal"],
    }  # fmt: skip


def test_the_command_registers_a_public_client() -> None:
    out = StringIO()
    call_command("add_partner", "App", APP, "--public", stdout=out)
    made = Application.objects.get(provider=None, name="App")
    assert out.getvalue() == f"Client ID: {made.client_id}\n"
    assert made.is_public


def test_a_server_leaves_out_pkce_only_if_its_registration_says_so(bob: User, alice: User) -> None:
    program, client = make_application(alice), signed_in(bob)
    plain = asked(program, code_challenge=None, code_challenge_method=None)
    assert told(client.get(URL, plain))["error"] == "invalid_request"
    Application.objects.filter(pk=program.pk).update(pkce_optional=True)
    code = told(allow(client, f"{URL}?{urlencode(plain)}"))["code"]
    answer = redeem(program, code, headers=basic(program.client_id, SECRET), code_verifier="")
    assert answer.status_code == 200, answer.text


def test_pkce_without_need_is_checked_all_the_same(bob: User, alice: User) -> None:
    program, client = make_application(alice), signed_in(bob)
    Application.objects.filter(pk=program.pk).update(pkce_optional=True)
    for change in ({"code_challenge_method": "plain"}, {"code_challenge_method": None}, {"code_challenge": "kort"},
                   {"code_challenge": None}):  # fmt: skip
        assert told(client.get(URL, asked(program, **change)))["error"] == "invalid_request", change
    headers = basic(program.client_id, SECRET)
    code = told(allow(client, f"{URL}?{urlencode(asked(program, code_challenge=OTHER_CHALLENGE))}"))["code"]
    assert redeem(program, code, headers=headers).json()["error"] == "invalid_grant"
    assert redeem(program, code, headers=headers, code_verifier="").json()["error"] == "invalid_request"
    plain = asked(program, code_challenge=None, code_challenge_method=None)
    code = told(allow(client, f"{URL}?{urlencode(plain)}"))["code"]
    assert redeem(program, code, headers=headers).json()["error"] == "invalid_grant"  # taken out on the way


def test_the_page_allows_requests_without_pkce(alice_client: Client) -> None:
    alice_client.post(f"{LIST}nieuw/", GOOD)
    assert not Application.objects.get().pkce_optional
    alice_client.post(f"{LIST}nieuw/", GOOD | {"name": "Oud", "pkce_optional": "on"})
    assert Application.objects.get(name="Oud").pkce_optional
    assert Event.objects.filter(verb=Verb.CLIENT_ADDED).latest("at").changes["pkce_optional"] == [False, True]
    page = alice_client.post(f"{LIST}nieuw/", GOOD | {"name": "App", "authentication": "none", "pkce_optional": "on"})
    assert set(page.context["form"].errors) == {"pkce_optional"}
    call_command("add_partner", "Partner", BACK, "--pkce-optional", stdout=StringIO())
    assert Application.objects.get(name="Partner").pkce_optional


def test_technical_settings_open_when_they_matter(alice_client: Client, alice: User, office: Provider) -> None:
    """Few integrations need them, but what is set or wrong is in sight."""
    plain, browser = make_application(alice), make_public(office, BACK, origins=["https://app.example"])
    assert "<details>" in alice_client.get(f"{LIST}nieuw/").text
    assert "<details>" in alice_client.get(f"{LIST}{plain.pk}/").text
    assert "<details open>" in alice_client.get(f"{LIST}{browser.pk}/").text
    assert "<details open>" in alice_client.post(f"{LIST}nieuw/", GOOD | {"origins": "x"}).text


def test_discovery_tells_of_public_clients(client: Client) -> None:
    found = client.get("/.well-known/openid-configuration").json()
    assert "none" in found["token_endpoint_auth_methods_supported"]
    assert "none" in found["revocation_endpoint_auth_methods_supported"]
    assert "none" not in found["introspection_endpoint_auth_methods_supported"]
