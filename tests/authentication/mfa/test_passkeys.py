"""Passkeys without a browser: everything that a browser would not send."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import LoginMethod, Provider, User
from audit.models import Event
from authentication.models import Passkey
from outbox.models import Message
from tests.helpers.mfa import give_app, make_half_signed_in_client, signed_in
from tests.helpers.software_passkeys import SoftKey
from tests.helpers.users import PASSWORD, make_user

pytestmark = pytest.mark.django_db
ADD, SHOW = "/profiel/twee-factor/passkey/", "/inloggen/passkey/"


def send(client: Client, path: str, answer: Any = None) -> Any:
    return client.post(path, json.dumps(answer), content_type="application/json")


def make(client: Client, key: SoftKey, query: str = "") -> Any:
    """Register a passkey as the script does."""
    options = send(client, f"{ADD}begin/").json()
    return send(client, f"{ADD}klaar/{query}", key.make(options))


def show(client: Client, key: SoftKey, query: str = "") -> Any:
    """Authenticate with a passkey as the script does."""
    options = send(client, f"{SHOW}begin/").json()
    return send(client, f"{SHOW}klaar/{query}", key.show(options))


@pytest.fixture
def bob_logged_in(bob: User) -> Client:
    """Bob's browser, with the password entered just now."""
    client = Client()
    client.post("/inloggen/", {"username": "bob", "password": PASSWORD})
    return client


@pytest.fixture
def key(bob_logged_in: Client) -> SoftKey:
    """A passkey of bob."""
    found = SoftKey()
    assert make(bob_logged_in, found).status_code == 200
    return found


def test_passkey_makes_one_and_goes_on_to_the_recovery_codes(bob_logged_in: Client, bob: User) -> None:
    assert bob_logged_in.get(ADD).status_code == 200
    response = make(bob_logged_in, SoftKey(), "?next=/profiel/")
    assert response.json()["redirect_url"] == "/profiel/twee-factor/herstelcodes/?next=%2Fprofiel%2F"
    passkey = Passkey.objects.get()
    assert (passkey.user, passkey.provider) == (bob, bob.provider)
    bob.refresh_from_db()
    assert bob.second_factor_at is not None
    assert bob_logged_in.get("/profiel/twee-factor/").status_code == 200
    assert Event.objects.filter(verb="factor_added").count() == 1
    assert Message.objects.filter(kind="factor_added").count() == 1


def test_passkey_opens_the_second_step(key: SoftKey, bob: User) -> None:
    client = make_half_signed_in_client(bob)
    response = show(client, key, "?next=/profiel/")
    assert response.json()["redirect_url"] == "/profiel/"
    assert client.get("/profiel/").status_code == 200
    assert client.get("/profiel/wachtwoord/").status_code == 200
    assert Passkey.objects.get().last_used_at is not None


def test_two_tabs_each_finish_what_they_began(client: Client, key: SoftKey, bob_logged_in: Client) -> None:
    first, second = (send(client, f"{SHOW}begin/").json() for _tab in range(2))
    answer = key.show(first)
    assert send(client, f"{SHOW}klaar/", answer).status_code == 200
    assert send(client, f"{SHOW}klaar/", answer).status_code == 400, "no challenge works twice"
    client.post("/uitloggen/")
    first, second = (send(client, f"{SHOW}begin/").json() for _tab in range(2))
    assert send(client, f"{SHOW}klaar/", key.show(second)).status_code == 200
    first, second = (send(bob_logged_in, f"{ADD}begin/").json() for _tab in range(2))
    for options in (first, second):
        assert send(bob_logged_in, f"{ADD}klaar/", SoftKey().make(options)).status_code == 200


def test_many_tabs_do_not_fill_the_session(client: Client, key: SoftKey) -> None:
    began = [send(client, f"{SHOW}begin/").json() for _tab in range(7)]
    assert len(client.session["passkey_show"]) == 5
    assert send(client, f"{SHOW}klaar/", key.show(began[0])).status_code == 400
    assert send(client, f"{SHOW}klaar/", key.show(began[2])).status_code == 200


def test_passkey_signs_in_without_a_password(client: Client, key: SoftKey) -> None:
    response = show(client, key, "?next=https://evil.example/")
    assert response.json()["redirect_url"] == "/"
    assert client.get("/profiel/").status_code == 200
    assert Event.objects.filter(verb="signed_in").count() == 2


def test_without_a_password_it_must_have_been_unlocked(client: Client, key: SoftKey, bob: User) -> None:
    key.flags = 0x01
    assert show(client, key).status_code == 400
    assert client.get("/profiel/").status_code == 302
    assert Event.objects.filter(verb="sign_in_refused").count() == 1
    assert show(make_half_signed_in_client(bob), key).status_code == 200


@pytest.mark.parametrize("lie", [{"origin": "https://evil.example"}, {"host": "evil.example"}, {"uses": -5}])
def test_another_site_and_a_copy_are_refused(client: Client, key: SoftKey, lie: dict[str, Any]) -> None:
    show(Client(), key)
    show(Client(), key)
    if "uses" in lie:
        key.uses = 0
    else:
        vars(key).update(lie)
    assert show(client, key).status_code == 400
    assert client.get("/profiel/").status_code == 302


@pytest.mark.parametrize("lie", [{"origin": "https://evil.example"}, {"host": "evil.example"}, {"flags": 0}])
def test_nor_is_one_made_for_another_site(bob_logged_in: Client, lie: dict[str, Any]) -> None:
    assert make(bob_logged_in, SoftKey(**lie)).status_code == 400
    assert not Passkey.objects.exists()


def test_a_passkey_of_another_user_is_rejected(alice: User, key: SoftKey) -> None:
    give_app(alice)
    client = make_half_signed_in_client(alice)
    assert show(client, key).status_code == 400
    assert show(client, SoftKey()).status_code == 400
    assert client.get("/profiel/").status_code == 302


def test_an_answer_works_once_and_within_ten_minutes(client: Client, key: SoftKey) -> None:
    options = send(client, f"{SHOW}begin/").json()
    answer = key.show(options)
    assert send(client, f"{SHOW}klaar/", answer).status_code == 200
    assert send(Client(), f"{SHOW}klaar/", answer).status_code == 400
    other = Client()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        options = send(other, f"{SHOW}begin/").json()
        clock.shift(timedelta(minutes=10))
        assert send(other, f"{SHOW}klaar/", key.show(options)).status_code == 400


def test_a_challenge_for_one_person_is_not_for_another(key: SoftKey, bob: User) -> None:
    client = make_half_signed_in_client(bob)
    options = send(client, f"{SHOW}begin/").json()
    client.get("/uitloggen/")
    session = client.session
    del session["half_signed_in"]
    session.save()
    assert send(client, f"{SHOW}klaar/", key.show(options)).status_code == 400


@pytest.mark.parametrize(
    "answer",
    [None, 1, "x", [], {}, {"id": 1}, {"id": "x", "rawId": "x", "type": "public-key", "response": 1},
     {"id": "é", "rawId": "é", "type": "public-key", "response": {}, "clientExtensionResults": 5}],
)  # fmt: skip
def test_rubbish_is_refused(client: Client, bob_logged_in: Client, answer: Any) -> None:
    send(client, f"{SHOW}begin/")
    assert send(client, f"{SHOW}klaar/", answer).status_code == 400
    send(bob_logged_in, f"{ADD}begin/")
    assert send(bob_logged_in, f"{ADD}klaar/", answer).status_code == 400


def test_rubbish_around_a_good_answer_is_refused(bob_logged_in: Client) -> None:
    for extensions in (5, "x", {"credProps": 5}, {"credProps": "rk"}):
        options = send(bob_logged_in, f"{ADD}begin/").json()
        answer = SoftKey().make(options) | {"clientExtensionResults": extensions}
        assert send(bob_logged_in, f"{ADD}klaar/", answer).status_code in (200, 400)
    assert bob_logged_in.post(f"{ADD}klaar/", b"[" * 100_000, content_type="application/json").status_code == 400
    assert bob_logged_in.post(f"{ADD}klaar/", b"x" * 600_000, content_type="application/json").status_code == 400


def test_a_user_without_access_stays_out(client: Client, key: SoftKey, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(blocked_at=timezone.now())
    assert show(client, key).status_code == 400
    assert client.get("/profiel/").status_code == 302
    assert Event.objects.get(verb="sign_in_refused").reason == "blocked"


def test_another_kind_stays_out(client: Client, key: SoftKey, office: Provider, bob: User) -> None:
    service = make_user(office, username="s", login_method=LoginMethod.SSO_WEBSERVICE)
    Passkey.objects.update(user=service)
    assert show(client, key).status_code == 400
    client.force_login(service)
    assert send(client, f"{ADD}begin/").status_code == 404
    assert client.get(ADD).status_code == 404


def test_passkey_confirms(key: SoftKey, bob: User) -> None:
    client = signed_in(bob, give_app(bob))
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert client.get(ADD)["Location"].startswith("/bevestigen/")
        assert send(client, f"{ADD}begin/").status_code == 403
        assert client.get("/bevestigen/").context["has_passkey"]
        assert show(client, key, f"?next={ADD}").json()["redirect_url"] == ADD
        assert client.get(ADD).status_code == 200


def test_without_the_device_no_passkey_is_added(bob_client: Client, bob: User) -> None:
    give_app(bob)
    assert send(bob_client, f"{ADD}begin/")["Location"] == "/inloggen/code/"
    assert send(bob_client, f"{ADD}klaar/")["Location"] == "/inloggen/code/"


def test_asking_for_challenges_is_throttled(client: Client) -> None:
    answers = {send(client, f"{SHOW}begin/").status_code for _try in range(70)}
    assert answers == {200, 429}
    assert int(send(client, f"{SHOW}begin/")["Retry-After"]) > 0
    assert client.get("/wachtwoord-vergeten/nieuw/").status_code == 404, "password links have their own limit"


def test_the_texts_of_the_scripts_are_there(client: Client) -> None:
    response = client.get("/inloggen/passkey/teksten.js")
    assert response["Content-Type"].startswith("text/javascript")


def test_the_csrf_token_is_wanted(bob: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    for path in (f"{ADD}begin/", f"{ADD}klaar/", f"{SHOW}begin/", f"{SHOW}klaar/"):
        assert send(client, path).status_code == 403
        assert client.get(path).status_code in (403, 405)


def settings_of(page: Any) -> dict[str, str]:
    """Return the settings that the page gives to the script."""
    found = re.search(r'<script id="otp_webauthn_config" type="application/json">(.*?)</script>', page.text)
    assert found is not None
    return dict(json.loads(found[1]))


def test_a_tab_at_the_login_page_is_not_about_the_account_of_another(alice: User, key: SoftKey, bob: User) -> None:
    give_app(alice)
    client = make_half_signed_in_client(alice)
    urls = settings_of(client.get("/inloggen/"))
    options = send(client, urls["beginAuthenticationUrl"]).json()
    assert not options.get("allowCredentials")
    assert send(client, urls["completeAuthenticationUrl"], key.show(options)).status_code == 200
    assert client.session["_auth_user_id"] == str(bob.pk)


def test_a_passkey_in_the_second_of_two_tabs(alice: User, key: SoftKey, bob: User) -> None:
    give_app(alice)
    client = make_half_signed_in_client(alice)
    response = client.post("/inloggen/", {"username": "bob", "password": PASSWORD})
    urls = settings_of(client.get(response["Location"]))
    options = send(client, urls["beginAuthenticationUrl"]).json()
    assert send(client, urls["completeAuthenticationUrl"], key.show(options)).status_code == 200
    assert client.session["_auth_user_id"] == str(bob.pk)
