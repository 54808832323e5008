"""The second step of logging in, and the middleware that requires it."""

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

import users.actions
from accounts.models import Provider, User
from audit.models import Event
from authentication.mfa import actions
from authentication.models import AuthenticatorApp, PasswordResetToken
from core import encryption
from permissions.checks import Right
from permissions.models import Team, TeamMember
from tests.helpers.mfa import code_now, give_app, make_half_signed_in_client, signed_in, wrong
from tests.helpers.responses import ClientResponse
from tests.helpers.users import PASSWORD, actor, make_user

pytestmark = pytest.mark.django_db
URL, RECOVERY = "/inloggen/code/", "/inloggen/herstelcode/"


@pytest.fixture
def secret(bob: User) -> bytes:
    return give_app(bob)


def is_signed_in(client: Client) -> bool:
    return client.get(reverse("users:profile")).status_code == 200


def test_a_password_alone_opens_nothing(bob: User, secret: bytes) -> None:
    client = make_half_signed_in_client(bob)
    assert client.get("/profiel/")["Location"] == "/inloggen/?next=%2Fprofiel%2F"
    assert not Event.objects.filter(verb="signed_in").exists()
    bob.refresh_from_db()
    assert bob.last_login is None


def test_the_code_signs_in_and_leads_to_the_page(client: Client, bob: User, secret: bytes) -> None:
    response = client.post("/inloggen/", {"username": "bob", "password": PASSWORD, "next": "/profiel/"})
    assert response["Location"] == f"{URL}?next=%2Fprofiel%2F"
    key = client.session.session_key
    assert client.get(response["Location"]).context["next"] == "/profiel/"
    response = client.post(URL, {"code": code_now(secret), "next": "/profiel/"})
    assert response["Location"] == "/profiel/"
    assert is_signed_in(client)
    assert client.session.session_key != key
    assert not Session.objects.filter(pk=key).exists()
    assert Event.objects.filter(verb="signed_in", target_id=bob.pk).count() == 1


def test_a_wrong_code_is_recorded_and_rejected(bob: User, secret: bytes) -> None:
    client = make_half_signed_in_client(bob)
    response = client.post(URL, {"code": wrong(code_now(secret))})
    assert [error.code for error in response.context["form"].errors.as_data()["code"]] == ["wrong"]
    assert Event.objects.get(verb="sign_in_refused").reason == "wrong_code"
    assert not is_signed_in(client)


def test_a_used_code_is_rejected(bob: User, secret: bytes) -> None:
    code = code_now(secret)
    assert make_half_signed_in_client(bob).post(URL, {"code": code}).status_code == 302
    assert make_half_signed_in_client(bob).post(URL, {"code": code}).status_code == 200


def test_second_step_is_throttled_and_a_recovery_code_still_works(bob: User, secret: bytes) -> None:
    codes = actions.generate_recovery_codes(bob, by=actor(bob))
    client = make_half_signed_in_client(bob)
    for _guess in range(5):
        assert client.post(URL, {"code": wrong(code_now(secret))}).status_code == 200
    response = client.post(URL, {"code": code_now(secret)})
    assert response.status_code == 429
    assert client.post(RECOVERY, {"code": "00000-00000"}).status_code == 200
    assert client.post(RECOVERY, {"code": codes[0]}).status_code == 302
    assert is_signed_in(client)
    assert make_half_signed_in_client(bob).post(RECOVERY, {"code": codes[0]}).status_code == 200


def test_a_code_of_another_users_device_is_rejected(alice: User, bob: User, secret: bytes) -> None:
    other = give_app(alice)
    client = make_half_signed_in_client(bob)
    assert client.post(URL, {"code": code_now(other)}).status_code == 200
    assert not is_signed_in(client)
    assert client.post(URL, {"code": code_now(secret)}).status_code == 302


@pytest.mark.parametrize(("steps", "status"), [(-2, 200), (-1, 302), (1, 302), (2, 200)])
def test_a_clock_may_be_off_by_one_step(bob: User, secret: bytes, steps: int, status: int) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        assert make_half_signed_in_client(bob).post(URL, {"code": code_now(secret, steps)}).status_code == status


def test_guessing_at_recovery_codes_is_throttled(bob: User, secret: bytes) -> None:
    client = make_half_signed_in_client(bob)
    for _guess in range(10):
        assert client.post(RECOVERY, {"code": "00000-00000"}).status_code == 200
    assert client.post(RECOVERY, {"code": "00000-00000"}).status_code == 429


@pytest.mark.parametrize("url", [URL, RECOVERY])
def test_ten_minutes_are_enough(bob: User, secret: bytes, url: str) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = make_half_signed_in_client(bob)
        clock.shift(timedelta(minutes=10) - timedelta(seconds=1))
        assert client.get(url).status_code == 200
        clock.shift(1)
        assert client.get(url)["Location"] == "/inloggen/?next=%2F"
        assert client.post(url, {"code": code_now(secret)})["Location"] == "/inloggen/?next=%2F"
        assert not is_signed_in(client)


def test_strangers_begin_at_the_beginning(client: Client, alice_client: Client) -> None:
    assert client.get(URL)["Location"] == "/inloggen/?next=%2F"
    assert alice_client.get(URL)["Location"] == "/inloggen/?next=%2F"
    assert alice_client.get(URL, follow=True).redirect_chain[-1][0] == "/"


def test_a_block_a_reset_and_a_new_password_undo_the_first_step(alice: User, bob: User, secret: bytes) -> None:
    undo = [
        lambda: users.actions.block_user(bob, by=actor(alice)),
        lambda: actions.reset_mfa(bob, reason="x", by=actor(alice)),
        lambda: User.objects.filter(pk=bob.pk).update(password=make_user(bob.provider, username="y").password + "x"),
    ]
    for step in undo:
        client = make_half_signed_in_client(bob)
        step()
        assert client.post(URL, {"code": code_now(secret)})["Location"].startswith("/inloggen/?")
        User.objects.filter(pk=bob.pk).update(blocked_at=None, password=bob.password)
        if not AuthenticatorApp.objects.exists():
            secret = give_app(bob)


def test_a_new_password_skips_no_factor(client: Client, bob: User, secret: bytes) -> None:
    token = encryption.generate_token()
    PasswordResetToken.objects.create(
        provider=bob.provider,
        user=bob,
        token_hash=encryption.hash_token(token),
        expires_at=timezone.now() + timedelta(minutes=9),
    )
    client.get(reverse("authentication:open_password_link", args=[token]))
    form = client.get(reverse("authentication:reset_password")).context["form"]
    chosen = "Korenbloem!17"
    data = {"reset": form["reset"].value(), "password": chosen, "password_again": chosen}
    assert client.post(reverse("authentication:reset_password"), data)["Location"] == "/inloggen/"
    assert not is_signed_in(client)
    response = client.post("/inloggen/", {"username": "bob", "password": chosen})
    assert response["Location"].startswith(URL)
    assert not is_signed_in(client)


def test_a_session_that_was_opened_without_the_device_is_asked_for_it(bob_client: Client, bob: User) -> None:
    assert is_signed_in(bob_client)
    secret = give_app(bob)
    assert bob_client.get("/profiel/")["Location"] == f"{URL}?next=%2Fprofiel%2F"
    assert bob_client.post("/profiel/wachtwoord/")["Location"] == URL
    assert bob_client.post(URL, {"code": code_now(secret), "next": "/profiel/"})["Location"] == "/profiel/"
    assert is_signed_in(bob_client)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\x00", "🔑" * 9, "x" * 5000])
@pytest.mark.parametrize("url", [URL, RECOVERY])
def test_bad_input_is_an_error_beside_the_field(bob: User, secret: bytes, code: str, url: str) -> None:
    response = make_half_signed_in_client(bob).post(url, {"code": code})
    assert response.status_code == 200
    assert response.context["form"].errors.keys() == {"code"}


def test_the_csrf_token_is_wanted(bob: User, secret: bytes) -> None:
    client = make_half_signed_in_client(bob)
    client.handler.enforce_csrf_checks = True
    assert client.post(URL, {"code": code_now(secret)}).status_code == 403


def paths(resolver: URLResolver, prefix: str = "/") -> list[str]:
    """Return a URL for every pattern of `resolver`."""
    found = []
    for part in resolver.url_patterns:
        here = prefix + str(part.pattern)
        found += paths(part, here) if isinstance(part, URLResolver) else [here]
        assert isinstance(part, URLPattern | URLResolver)
    return found


def filled(path: str) -> str:
    path = path.replace(r"^v2/[\s\S]*$", "v2/x")
    for kind, value in (("uuid", str(uuid4())), ("str", "x"), ("int", "1"), ("slug", "x"), ("path", "x")):
        while f"<{kind}:" in path:
            start = path.index(f"<{kind}:")
            path = path[:start] + value + path[path.index(">", start) + 1 :]
    return path


# For integrations, and for users who come in from a portal: signed-in users get there what anonymous ones get.
FOR_ANYBODY = {
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/inloggen/verder/x/",
    "/oauth/guide/",
    "/oauth/guide/clients/",
    "/oauth/jwks.json",
    "/oauth/par/",
    "/oauth/token/",
    "/oauth/revoke/",
    "/oauth/introspect/",
    "/oauth/userinfo/",
    "/sso/x/",
}
ENROLLING = {
    "/uitloggen/",
    "/uitloggen/wachten/",
    "/inloggen/hulp/",
    "/oauth/logout/",
    "/taal/",
    "/bevestigen/",
    "/bevestigen/verder/",
    "/profiel/twee-factor/",
    "/profiel/twee-factor/app/",
    "/profiel/twee-factor/passkey/",
    "/profiel/twee-factor/passkey/begin/",
    "/profiel/twee-factor/passkey/klaar/",
    "/inloggen/passkey/teksten.js",
}
BEFORE = {
    "/uitloggen/",
    "/uitloggen/wachten/",
    "/inloggen/hulp/",
    "/oauth/logout/",
    "/taal/",
    URL,
    RECOVERY,
    "/inloggen/passkey/begin/",
    "/inloggen/passkey/klaar/",
    "/inloggen/passkey/teksten.js",
}


def by_user(user: User) -> None:
    User.objects.filter(pk=user.pk).update(two_factor_required=True)


def by_team(user: User) -> None:
    team = Team.objects.create(provider=user.provider, name="Salaris", two_factor_required=True)
    TeamMember.objects.create(provider=user.provider, team=team, user=user)


def as_manager(user: User) -> None:
    Provider.objects.filter(pk=user.provider_id).update(two_factor_managers=True)


def everybody(user: User) -> None:
    Provider.objects.filter(pk=user.provider_id).update(two_factor_from=timezone.localdate())


def after_days(user: User) -> None:
    began = timezone.localdate() - timedelta(days=5)
    User.objects.filter(pk=user.pk).update(accepted_at=timezone.now() - timedelta(days=5))
    Provider.objects.filter(pk=user.provider_id).update(two_factor_days=5, two_factor_days_since=began)


@pytest.mark.slow
@pytest.mark.parametrize("ask", [by_user, by_team, as_manager, everybody, after_days])
def test_a_user_who_must_enrol_can_open_no_other_page(office: Provider, ask: Callable[[User], None]) -> None:
    user = make_user(office, Right.MANAGE_PROVIDER, username="x")
    ask(user)
    _walk(user, ENROLLING, "/profiel/twee-factor/")


@pytest.mark.slow
def test_a_user_before_the_second_step_can_open_no_other_page(alice: User) -> None:
    give_app(alice)
    _walk(alice, BEFORE, URL)


def said(response: HttpResponse) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.text)


def _walk(user: User, allowed: set[str], way_out: str) -> None:
    walked, client = 0, None
    for path in paths(get_resolver()):
        for method in ("get", "post"):
            if client is None:
                client = Client()
                client.force_login(user)
            address = filled(path)
            response = getattr(client, method)(address)
            if address in FOR_ANYBODY or address.startswith(("/v2/", "/scim/")):
                stranger = getattr(Client(), method)(address)
                assert (response.status_code, said(response)) == (stranger.status_code, said(stranger)), address
            elif address in allowed:
                client = None  # logging out is one of them
            else:
                assert response.status_code == 302, (method, address, response.status_code)
                assert response["Location"].split("?")[0] == way_out, (method, address, response["Location"])
                walked += 1
    assert walked > 40


def test_help_is_open_before_the_second_step(office: Provider, bob: User) -> None:
    must = Client()
    must.force_login(make_user(office, username="x", two_factor_required=True))
    give_app(bob)
    for client in (must, make_half_signed_in_client(bob), Client()):
        assert "herstelcodes" in client.get("/inloggen/hulp/").text
        assert client.post("/inloggen/hulp/").status_code == 405
    assert "/inloggen/hulp/" in must.get("/profiel/twee-factor/").text
    assert "/inloggen/hulp/" in make_half_signed_in_client(bob).get(URL).text
    assert "/inloggen/hulp/" in Client().get("/inloggen/").text


def test_second_step_redirects_to_the_requested_page(office: Provider) -> None:
    user = make_user(office, username="x", two_factor_required=True)
    client = Client()
    response = client.post("/inloggen/", {"username": "x", "password": PASSWORD, "next": "/profiel/?a=1"})
    response = client.get(response["Location"])
    assert response["Location"] == "/profiel/twee-factor/?next=%2Fprofiel%2F%3Fa%3D1"
    assert client.get(response["Location"]).context["next"] == "/profiel/?a=1"
    page = client.get("/profiel/twee-factor/app/", {"next": "/profiel/?a=1"})
    offer = page.context["form"].enrollment
    data = {"offer": page.context["form"]["offer"].value(), "name": "Telefoon", "next": "/profiel/?a=1"}
    response = client.post("/profiel/twee-factor/app/", data | {"code": code_now(offer.secret)})
    assert response["Location"] == "/profiel/twee-factor/herstelcodes/?next=%2Fprofiel%2F%3Fa%3D1"
    assert client.get(response["Location"]).context["next"] == "/profiel/?a=1"
    response = client.post(response["Location"])
    assert len(response.context["codes"]) == 10
    assert client.get("/profiel/?a=1").status_code == 200
    assert signed_in(user, offer.secret).get("/profiel/").status_code == 200


def enter_password(client: Client, user: User, **more: str) -> ClientResponse:
    """Enter the password in a tab of the browser and return the page that follows."""
    response = client.post("/inloggen/", {"username": user.username, "password": PASSWORD, **more})
    return client.get(response["Location"])


def fields_of(page: ClientResponse) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(next|step)" value="([^"]*)">', page.text))


@pytest.mark.parametrize("turn", ["first", "second"])
@pytest.mark.parametrize("path", [URL, RECOVERY])
def test_two_accounts_in_two_tabs(client: Client, alice: User, bob: User, turn: str, path: str) -> None:
    """Each form is about the user who entered the password in its tab, whichever came last."""
    secrets = {user.pk: give_app(user) for user in (alice, bob)}
    codes = {user.pk: actions.generate_recovery_codes(user, by=actor(user)) for user in (alice, bob)}
    tabs = {"first": enter_password(client, alice, next="/profiel/"), "second": enter_password(client, bob)}
    user, other = (alice, bob) if turn == "first" else (bob, alice)
    page = tabs[turn]
    assert f"<strong>{user.username}</strong>" in page.text
    link = re.search(rf'href="({RECOVERY}[^"]*)"', page.text)
    assert link is not None
    if path == RECOVERY:
        page = client.get(link[1].replace("&amp;", "&"))
        assert f"<strong>{user.username}</strong>" in page.text
    wrong_one = code_now(secrets[other.pk]) if path == URL else codes[other.pk][0]
    assert client.post(path, {"code": wrong_one, **fields_of(page)}).status_code == 200
    right_one = code_now(secrets[user.pk]) if path == URL else codes[user.pk][0]
    response = client.post(path, {"code": right_one, **fields_of(page)})
    assert response["Location"] == ("/profiel/" if turn == "first" else "/")
    assert client.session["_auth_user_id"] == str(user.pk)
    late = client.post(URL, {"code": code_now(secrets[other.pk]), **fields_of(tabs["second"])})
    assert late["Location"] == "/inloggen/?next=%2F", "one is signed in, the other tab goes on as that user"


def test_a_tab_that_took_too_long_is_not_about_another_user(client: Client, alice: User, bob: User) -> None:
    secrets = {user.pk: give_app(user) for user in (alice, bob)}
    with time_machine.travel(timezone.now(), tick=False) as clock:
        old = enter_password(client, alice)
        clock.shift(timedelta(minutes=10))
        new = enter_password(client, bob)
        late = client.post(URL, {"code": code_now(secrets[alice.pk]), **fields_of(old)})
        assert late["Location"] == "/inloggen/?next=%2F"
        assert not Event.objects.filter(verb="sign_in_refused").exists()
        assert client.post(URL, {"code": code_now(secrets[bob.pk]), **fields_of(new)}).status_code == 302


def test_the_password_again_goes_on_with_the_same_step(client: Client, bob: User, secret: bytes) -> None:
    pages = [enter_password(client, bob) for _time in range(3)]
    assert len({fields_of(page)["step"] for page in pages}) == 1
    assert client.post(URL, {"code": code_now(secret), **fields_of(pages[0])}).status_code == 302


def test_no_more_than_five_accounts_wait_for_their_code(client: Client, office: Provider) -> None:
    names = [f"user{number}" for number in range(7)]
    for name in names:
        user = make_user(office, username=name)
        give_app(user)
        enter_password(client, user)
    assert len(client.session["half_signed_in"]) == 5
