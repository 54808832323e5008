"""The authorization code grant with PKCE, by an external client (Authlib) against a live server."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import requests
import time_machine
from authlib.integrations.requests_client import OAuth2Session
from django.core.management import call_command
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

import oauth.applications
import oauth.jobs
import users.actions
from accounts.models import User
from audit.actors import build_operator
from audit.models import Event, Verb
from core import encryption
from oauth import oidc
from oauth.models import AccessToken, Application, Consent, RefreshToken
from tests.helpers.users import PASSWORD, actor
from tests.permissions.test_escalation import together

pytestmark = pytest.mark.django_db(transaction=True)
BACK = "https://portaal.example/terug?van=loket"
SECRET = "geheim-van-het-portaal-0123456789abcdef"
ALL = ["openid", "profile", "email", "users:read", "sso"]


def make_application(owner: User, *, scopes: list[str] | None = None, name: str = "Portaal") -> Application:
    """Register an application with a secret."""
    details = {"name": name, "redirect_uris": [BACK], "post_logout_redirect_uris": ["https://portaal.example/uit"]}
    details["scopes"] = scopes or ALL
    made = oauth.applications.register_application(owner.provider, details=details, by=actor(owner))
    oauth.applications.set_client_secret(made, secret=SECRET, hours=0, version=made.version, by=actor(owner))
    made.refresh_from_db()
    return made


@pytest.fixture
def program(alice: User) -> Application:
    return make_application(alice)


def read_next_address(response: requests.Response) -> str:
    """Return where the page that goes on by itself leads."""
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', response.text)
    assert found, response.text
    return unescape(found[1])


class Partner:
    """An external application and a user in front of a browser."""

    def __init__(
        self, server: LiveServer, program: Application, scope: str = "openid profile email users:read"
    ) -> None:
        self.url = server.url
        self.verifier = encryption.generate_token()
        self.browser = requests.Session()
        self.browser.trust_env = False
        self.oauth = OAuth2Session(
            str(program.client_id), SECRET, scope=scope, redirect_uri=BACK, code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic",
        )  # fmt: skip
        self.oauth.trust_env = False

    def sign_in(self, username: str, password: str = PASSWORD) -> None:
        self._send("/inloggen/", username=username, password=password)

    def _send(self, path: str, **fields: str) -> requests.Response:
        url = path if path.startswith("http") else self.url + path
        page = self.browser.get(url)
        hidden = dict(re.findall(r'name="(csrfmiddlewaretoken|shown_version)" value="(\w+)"', page.text))
        assert "csrfmiddlewaretoken" in hidden, page.text
        data = {**hidden, **fields}
        return self.browser.post(page.url, data, headers={"Referer": page.url}, allow_redirects=False)

    def address(self, **extra: str) -> str:
        made, self.state = self.oauth.create_authorization_url(
            f"{self.url}/oauth/authorize/", code_verifier=self.verifier, nonce="n-1", **extra
        )
        return made

    def allow(self, **extra: str) -> str:
        """Give consent on the page; return the URL that the user is sent to."""
        return read_next_address(self._send(self.address(**extra)))

    def fetch(self, address: str, **extra: str) -> dict[str, Any]:
        return self.oauth.fetch_token(
            f"{self.url}/oauth/token/", authorization_response=address, state=self.state,
            code_verifier=extra.pop("code_verifier", self.verifier), **extra,
        )  # fmt: skip

    def raw(self, path: str, **data: str) -> requests.Response:
        """Submit a form with the client secret."""
        auth = (self.oauth.client_id, SECRET)
        return requests.post(f"{self.url}/oauth/{path}/", data, auth=auth, timeout=10)


@pytest.fixture
def partner(live_server: LiveServer, program: Application, bob: User, settings: Any) -> Iterator[Partner]:
    settings.LOKET_URL = live_server.url
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "OIDC_ISS_ENDPOINT": live_server.url}
    made = Partner(live_server, program)
    made.sign_in("bob")
    yield made
    made.browser.close()
    made.oauth.close()


def query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.mark.slow
def test_the_whole_road(partner: Partner, program: Application, bob: User) -> None:
    found = requests.get(f"{partner.url}/.well-known/openid-configuration", timeout=10).json()
    assert found["issuer"] == partner.url
    page = partner.browser.get(partner.address())
    assert "Portaal" in page.text
    assert "form-action 'self' https://portaal.example" in page.headers["Content-Security-Policy"]
    back = partner.allow()
    assert back.startswith("https://portaal.example/terug?van=loket&")
    assert query(back)["iss"] == partner.url
    token = partner.fetch(back)
    assert token["expires_in"] == 3600
    assert set(token["scope"].split()) == {"openid", "profile", "email", "users:read"}

    keys = jwt.PyJWKSet.from_dict(requests.get(found["jwks_uri"], timeout=10).json())
    key = keys[jwt.get_unverified_header(token["id_token"])["kid"]]
    told = jwt.decode(token["id_token"], key, ["RS256"], audience=program.client_id, issuer=found["issuer"])
    assert (told["nonce"], told["name"], told["email"]) == ("n-1", "B. Bakker", bob.email)
    assert told["sub"] == oidc.compute_subject(bob) != str(bob.pk)
    assert told["exp"] - told["iat"] == 3600

    told = partner.oauth.get(found["userinfo_endpoint"]).json()
    assert (told["sub"], told["preferred_username"]) == (oidc.compute_subject(bob), "bob")
    looked = partner.raw("introspect", token=token["access_token"]).json()
    assert (looked["active"], looked["username"], looked["client_id"]) == (True, "bob", program.client_id)

    again = partner.oauth.refresh_token(found["token_endpoint"], token["refresh_token"])
    assert again["refresh_token"] != token["refresh_token"]
    assert partner.raw("introspect", token=token["access_token"]).json()["active"], "it lives to its end"
    assert partner.raw("revoke", token=again["refresh_token"]).status_code == 200
    for ended in (token, again):
        assert partner.raw("introspect", token=ended["access_token"]).json() == {"active": False}
    assert partner.oauth.get(found["userinfo_endpoint"]).status_code == 401

    consent = Consent.objects.get()
    program.refresh_from_db()
    assert consent.last_used_at is not None
    assert program.last_used_at is not None
    event = Event.objects.get(verb=Verb.CONSENT_GIVEN)
    assert (event.actor_id, event.target_id, event.origin) == (bob.pk, program.pk, "page")


def refresh(partner: Partner, token: dict[str, Any]) -> requests.Response:
    return partner.raw("token", grant_type="refresh_token", refresh_token=token["refresh_token"])


def is_active(partner: Partner, token: dict[str, Any]) -> bool:
    return bool(partner.raw("introspect", token=token["access_token"]).json()["active"])


@pytest.mark.slow
def test_a_refresh_token_works_once_and_its_thief_ends_the_family(partner: Partner) -> None:
    first = partner.fetch(partner.allow())
    second = refresh(partner, first).json()
    with time_machine.travel(timezone.now() + timedelta(seconds=31)):
        stolen = refresh(partner, first)
        assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
        assert refresh(partner, second).json()["error"] == "invalid_grant"
        assert not is_active(partner, first)
        assert not is_active(partner, second)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0, 29])
def test_a_lost_answer_is_given_again_and_ends_nothing(partner: Partner, seconds: int) -> None:
    """RFC 9700 section 4.14.2: the client that repeats cannot know that its first request was answered."""
    first = partner.fetch(partner.allow())
    with time_machine.travel(timezone.now(), tick=False) as clock:
        second = refresh(partner, first)
        clock.shift(seconds)
        repeated = refresh(partner, first)
        assert (repeated.status_code, repeated.json()) == (200, second.json())
        assert is_active(partner, first), "the previous access token lives to its end"
        third = refresh(partner, second.json()).json()
        assert third["access_token"]
        assert refresh(partner, first).json()["error"] == "invalid_grant", "the answer was not lost: its token was used"
        assert refresh(partner, third).json()["error"] == "invalid_grant"


@pytest.mark.slow
def test_a_repeated_refresh_asks_for_the_same_and_for_nothing_unknown(partner: Partner) -> None:
    first = partner.fetch(partner.allow())
    refresh(partner, first)
    fields = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    assert partner.raw("token", **fields, resource="https://x.example/").json()["error"] == "invalid_target"
    assert partner.raw("token", **fields, resource=f"{partner.url}/v2").json()["error"] == "invalid_grant"
    assert partner.raw("token", **fields).status_code == 200


@pytest.mark.slow
def test_workers_that_refresh_at_once_get_the_same_tokens(partner: Partner) -> None:
    token = partner.fetch(partner.allow())
    for _round in range(3):
        answers = together(*[lambda token=token: refresh(partner, token)] * 4)
        assert {answer.status_code for answer in answers} == {200}
        given = {(answer.json()["access_token"], answer.json()["refresh_token"]) for answer in answers}
        assert len(given) == 1
        assert all(given.pop())
        token = answers[0].json()
        assert is_active(partner, token)


@pytest.mark.slow
def test_revoking_an_old_access_token_ends_nothing_newer_and_a_used_refresh_token_ends_all(partner: Partner) -> None:
    first = partner.fetch(partner.allow())
    second = refresh(partner, first).json()
    assert partner.raw("revoke", token=first["access_token"]).status_code == 200
    assert not is_active(partner, first)
    assert is_active(partner, second)
    assert partner.raw("revoke", token=first["refresh_token"]).status_code == 200
    assert dead(partner, second)
    assert refresh(partner, first).json()["error"] == "invalid_grant"


@pytest.mark.slow
def test_the_answer_to_a_refresh_is_stored_readable_with_its_token_only(partner: Partner) -> None:
    first = partner.fetch(partner.allow())
    second = refresh(partner, first).json()
    used = RefreshToken.objects.exclude(revoked=None).get()
    assert second["access_token"].encode() not in bytes(used.encrypted_response)
    with pytest.raises(encryption.DecryptionError):
        used.read_response(second["refresh_token"])
    with time_machine.travel(timezone.now() + timedelta(hours=1, minutes=1)):
        oauth.jobs.delete_expired()
        used.refresh_from_db()
        assert (bytes(used.encrypted_response), used.access_token) == (b"", None)
        assert refresh(partner, second).status_code == 200


ENDS = {
    "block": lambda user: users.actions.block_user(user, by=build_operator("test")),
    "end date": lambda user: User.objects.filter(pk=user.pk).update(access_until="2020-01-01"),
    "reset": lambda user: User.objects.filter(pk=user.pk).update(session_version=9),  # what each of these does
    "factor": lambda user: User.objects.filter(pk=user.pk).update(two_factor_required=True),
    "cut": lambda user: Consent.objects.all().delete(),
    "off": lambda user: Application.objects.update(switched_off_at="2026-01-01T00:00Z"),
    "office": lambda user: Application.objects.update(provider=user.provider.__class__.objects.create(name="X")),
}


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_nothing_is_given_after_the_end(partner: Partner, bob: User, end: Any) -> None:
    token, back = partner.fetch(partner.allow()), partner.allow(prompt="consent")
    end(bob)
    answers = [
        partner.raw("token", grant_type="refresh_token", refresh_token=token["refresh_token"]),
        partner.raw(
            "token", grant_type="authorization_code", code=query(back)["code"], redirect_uri=BACK,
            code_verifier=partner.verifier,
        ),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} <= {400, 401}
    assert {answer.json()["error"] for answer in answers} <= {"invalid_grant", "invalid_client"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"redirect_uri": "https://portaal.example/terug"}, "invalid_request"),
        ({"code": "x" * 30}, "invalid_grant"),
        ({"code": "\x00"}, "invalid_grant"),
        ({"grant_type": "password", "username": "bob", "password": PASSWORD}, "unsupported_grant_type"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "x"}, "unsupported_grant_type"),
    ],
)
def test_a_code_opens_nothing_in_other_hands(partner: Partner, change: dict[str, str], error: str) -> None:
    code = query(partner.allow())["code"]
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": partner.verifier}
    answer = partner.raw("token", **(data | change))
    assert answer.status_code in (400, 401), answer.text
    assert answer.json()["error"] == error
    assert not AccessToken.objects.exists()


@pytest.mark.slow
def test_a_code_works_once_and_for_its_own_program(partner: Partner, alice: User) -> None:
    other = make_application(alice, name="Ander")
    code = query(partner.allow())["code"]
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": partner.verifier}
    mine, partner.oauth.client_id = partner.oauth.client_id, other.client_id
    assert partner.raw("token", **data).json()["error"] == "invalid_grant"
    partner.oauth.client_id = mine
    given = partner.raw("token", **data).json()
    partner.oauth.client_id = other.client_id
    assert partner.raw("token", **data).json()["error"] == "invalid_grant"
    partner.oauth.client_id = mine
    assert AccessToken.objects.count() == RefreshToken.objects.count() == 1
    assert partner.raw("introspect", token=given["access_token"]).json()["active"], "another program ends nothing"


def code_of(partner: Partner) -> dict[str, str]:
    """Return the form with which an application requests its tokens."""
    code = query(partner.allow())["code"]
    return {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": partner.verifier}


def dead(partner: Partner, token: dict[str, str]) -> bool:
    """Return whether none of the issued tokens works any longer."""
    renewed = partner.raw("token", grant_type="refresh_token", refresh_token=token["refresh_token"])
    looked = partner.raw("introspect", token=token["access_token"]).json()
    return renewed.json().get("error") == "invalid_grant" and looked == {"active": False}


@pytest.mark.slow
@pytest.mark.parametrize("verifier", [True, False], ids=["with verifier", "without"])
def test_a_code_that_comes_twice_ends_what_it_brought(partner: Partner, verifier: bool) -> None:
    """RFC 6749 section 4.1.2: the second use may be the owner's, and the first a thief's."""
    data, bystander = code_of(partner), partner.fetch(partner.allow())
    first = partner.raw("token", **data).json()
    second = partner.raw("token", grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    replayed = partner.raw("token", **(data if verifier else data | {"code_verifier": "x" * 43}))
    assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")
    assert dead(partner, second)
    assert partner.raw("introspect", token=bystander["access_token"]).json()["active"], "other codes bring their own"


@pytest.mark.slow
def test_a_code_that_comes_twice_at_once_brings_nothing(partner: Partner) -> None:
    for _round in range(3):
        data = code_of(partner)
        answers = together(*[lambda data=data: partner.raw("token", **data)] * 3)
        given = [answer.json() for answer in answers if answer.status_code == 200]
        assert len(given) == 1
        assert {answer.json().get("error") for answer in answers} == {None, "invalid_grant"}
        assert dead(partner, given[0])


@pytest.mark.slow
def test_tokens_of_others_say_nothing_and_are_not_taken_back(partner: Partner, alice: User) -> None:
    other = make_application(alice, name="Ander")
    token = partner.fetch(partner.allow())
    partner.oauth.client_id, mine = other.client_id, partner.oauth.client_id
    assert partner.raw("introspect", token=token["access_token"]).json() == {"active": False}
    assert partner.raw("revoke", token=token["access_token"]).status_code == 200
    assert partner.raw("token", grant_type="refresh_token", refresh_token=token["refresh_token"]).status_code == 400
    partner.oauth.client_id = mine
    assert partner.raw("introspect", token=token["access_token"]).json()["active"]


@pytest.mark.slow
def test_less_may_be_asked_for_later_but_not_more(partner: Partner, program: Application) -> None:
    token = partner.fetch(partner.allow())
    more = partner.raw("token", grant_type="refresh_token", refresh_token=token["refresh_token"], scope="openid sso")
    assert more.json()["error"] == "invalid_scope"
    less = partner.raw("token", grant_type="refresh_token", refresh_token=token["refresh_token"], scope="profile")
    assert less.json()["scope"] == "profile"
    told = requests.get(
        f"{partner.url}/oauth/userinfo/", headers={"Authorization": f"Bearer {less.json()['access_token']}"}, timeout=10
    )
    assert (told.status_code, told.json()["error"]) == (403, "insufficient_scope")


@pytest.mark.slow
def test_who_agreed_before_goes_on_at_once_and_not_for_more(partner: Partner) -> None:
    partner.fetch(partner.allow())
    page = partner.browser.get(partner.address())
    onward = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.text)
    assert onward
    assert partner.fetch(unescape(onward[1]))["access_token"]
    partner.oauth.scope = "openid sso"
    assert 'http-equiv="refresh"' not in partner.browser.get(partner.address()).text
    silent = partner.browser.get(partner.address(prompt="none"), allow_redirects=False)
    assert query(silent.headers["Location"])["error"] == "consent_required"
    assert query(silent.headers["Location"])["iss"] == partner.url


@pytest.mark.slow
def test_a_program_has_its_person_logged_out(partner: Partner, program: Application) -> None:
    """OpenID Connect RP-Initiated Logout 1.0, at the URL from discovery."""
    found = requests.get(f"{partner.url}/.well-known/openid-configuration", timeout=10).json()
    token = partner.fetch(partner.allow())
    ask = urlencode({
        "id_token_hint": token["id_token"], "post_logout_redirect_uri": "https://portaal.example/uit", "state": "s-2",
    })  # fmt: skip
    gone = partner._send(f"{found['end_session_endpoint']}?{ask}")
    assert read_next_address(gone) == "https://portaal.example/uit?state=s-2"
    assert partner.browser.get(f"{partner.url}/profiel/", allow_redirects=False).status_code == 302
    assert dead(partner, token)


def test_the_program_hears_a_no(partner: Partner) -> None:
    address = partner.address()
    page = partner.browser.get(address)
    deny = re.search(r'formaction="([^"]+)"', page.text)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert deny
    assert token
    answer = partner.browser.post(
        partner.url + unescape(deny[1]), {"csrfmiddlewaretoken": token[1]}, headers={"Referer": address},
        allow_redirects=False,
    )  # fmt: skip
    told = query(read_next_address(answer))
    assert (told["error"], told["state"], told["iss"]) == ("access_denied", partner.state, partner.url)
    assert not Consent.objects.exists()


@pytest.mark.slow
def test_keys_are_renewed_without_anybody_noticing(partner: Partner, program: Application) -> None:
    first = partner.fetch(partner.allow())["id_token"]
    call_command("rotate_oidc_key", verbosity=0)
    second = partner.fetch(partner.allow(prompt="consent"))["id_token"]
    call_command("rotate_oidc_key", "--now", verbosity=0)
    third = partner.fetch(partner.allow(prompt="consent"))["id_token"]
    keys = jwt.PyJWKSet.from_dict(requests.get(f"{partner.url}/oauth/jwks.json", timeout=10).json())
    kids = [jwt.get_unverified_header(token)["kid"] for token in (first, second, third)]
    assert kids[0] == kids[1] != kids[2]
    for token, kid in zip((first, second, third), kids, strict=True):
        jwt.decode(token, keys[kid], ["RS256"], audience=program.client_id)
