"""The pages of a user's own second factors."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import LoginMethod, Provider, User
from authentication.mfa import actions
from authentication.models import AuthenticatorApp
from core import encryption
from tests.helpers.mfa import code_now, give_app, secret_of, signed_in, wrong
from tests.helpers.responses import codes
from tests.helpers.users import PASSWORD, actor, make_user

pytestmark = pytest.mark.django_db
URL = "/profiel/twee-factor/"
PAGES = ["", "app/", "herstelcodes/"]


@pytest.fixture
def bob_logged_in(bob: User) -> Client:
    """Bob's browser, with the password entered just now."""
    client = Client()
    client.post("/inloggen/", {"username": "bob", "password": PASSWORD})
    return client


@pytest.fixture
def secured(bob: User) -> Client:
    """Bob's browser, after using a device as the second factor."""
    return signed_in(bob, give_app(bob))


def add(client: Client, **change: str) -> tuple[bytes, object]:
    """Add an app through the page; return its secret and the response."""
    form = client.get(f"{URL}app/").context["form"]
    secret = form.enrollment.secret
    data = {"offer": form["offer"].value(), "code": code_now(secret), "name": "Telefoon"} | change
    return secret, client.post(f"{URL}app/", data)


@pytest.mark.slow
def test_device_page_adds_an_app_and_keeps_the_session(bob_logged_in: Client, bob: User) -> None:
    key = bob_logged_in.session.session_key
    secret, response = add(bob_logged_in)
    assert response["Location"] == f"{URL}herstelcodes/?next=%2F"
    assert bob_logged_in.session.session_key != key
    assert bob_logged_in.get(URL).context["devices"][0].name == "Telefoon"
    assert encryption.hash_token(secret.hex()) not in str(dict(bob_logged_in.session))
    assert signed_in(bob, secret).get(URL).status_code == 200


def test_neither_session_nor_page_address_holds_the_secret(bob_logged_in: Client) -> None:
    form = bob_logged_in.get(f"{URL}app/").context["form"]
    assert set(bob_logged_in.session.keys()) <= {
        "_auth_user_id", "_auth_user_backend", "_auth_user_hash", "confirmed_at", "confirmed_with_factor",
        "signed_in_at", "earlier_csrf_tokens",
    }  # fmt: skip
    assert form.enrollment.grouped_secret.replace(" ", "") not in form["offer"].value()


def test_the_picture_is_inline_without_style(bob_logged_in: Client) -> None:
    response = bob_logged_in.get(f"{URL}app/")
    page = response.content.decode()
    assert "<svg" in page
    assert "style=" not in page
    assert response.context["secret"] in page


def test_a_phone_opens_its_app_and_a_desk_copies_the_key(bob_logged_in: Client) -> None:
    response = bob_logged_in.get(f"{URL}app/")
    secret = response.context["secret"]
    assert f'href="otpauth://totp/Loket%3Abob?secret={secret.replace(" ", "")}&amp;issuer=Loket"' in response.text
    assert f'<code id="secret">{secret}</code>' in response.text
    assert {len(group) for group in secret.split()} == {4}
    assert response.text.count("<svg viewBox") + response.text.count('<svg xmlns="http://www.w3.org/2000/svg"') == 1
    assert 'inputmode="numeric"' in response.text
    assert "one-time-code.js" in response.text


def test_a_wrong_code_keeps_the_secret_on_the_page(bob_logged_in: Client) -> None:
    form = bob_logged_in.get(f"{URL}app/").context["form"]
    data = {"offer": form["offer"].value(), "name": "x", "code": wrong(code_now(form.enrollment.secret))}
    response = bob_logged_in.post(f"{URL}app/", data)
    assert codes(response, "code") == ["wrong"]
    assert response.context["form"].enrollment.secret == form.enrollment.secret
    assert response.context["form"]["offer"].value() == form["offer"].value()


@pytest.mark.slow
def test_an_old_page_starts_again(bob_logged_in: Client) -> None:
    for offer in ("", "rommel", "\x00", "é", "x" * 400):
        _secret, response = add(bob_logged_in, offer=offer)
        assert codes(response, "__all__") == ["expired"]
        assert response.context["form"].enrollment is not None
    assert not AuthenticatorApp.objects.exists()


@pytest.mark.parametrize("name", ["", "x" * 51, "a\x00b", "a\u202eb"])
def test_a_bad_name_is_an_error(bob_logged_in: Client, name: str) -> None:
    _secret, response = add(bob_logged_in, name=name)
    assert response.context["form"].errors.keys() == {"name"}


def test_html_in_a_name_stays_text(bob_logged_in: Client) -> None:
    add(bob_logged_in, name="<b>🔑</b>")
    page = bob_logged_in.get(URL).content.decode()
    assert "&lt;b&gt;🔑" in page


def test_two_tabs_and_a_double_press(bob_logged_in: Client) -> None:
    first, second = (bob_logged_in.get(f"{URL}app/").context["form"] for _tab in range(2))
    for form in (first, second, first):
        data = {"offer": form["offer"].value(), "code": code_now(form.enrollment.secret), "name": "x"}
        assert bob_logged_in.post(f"{URL}app/", data).status_code == 302
    assert AuthenticatorApp.objects.count() == 2


def test_adding_and_removing_ask_for_a_recent_confirmation(secured: Client, bob: User) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        device = AuthenticatorApp.objects.get()
        for page in ("app/", "herstelcodes/", f"{device.pk}/verwijderen/"):
            for answer in (secured.get(URL + page), secured.post(URL + page)):
                assert answer["Location"].startswith("/bevestigen/?next=")
        assert AuthenticatorApp.objects.count() == 1


def test_users_with_a_device_confirm_with_it(secured: Client, bob: User) -> None:
    secret = secret_of(AuthenticatorApp.objects.get())
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        secured.post("/bevestigen/", {"current_password": PASSWORD})
        assert secured.get(f"{URL}app/").status_code == 302
        response = secured.post("/bevestigen/", {"code": wrong(code_now(secret))})
        assert codes(response, "code") == ["wrong"]
        response = secured.post("/bevestigen/", {"code": code_now(secret), "next": f"{URL}app/"})
        assert response["Location"] == f"{URL}app/"
        assert secured.get(f"{URL}app/").status_code == 200
        for _guess in range(5):
            secured.post("/bevestigen/", {"code": wrong(code_now(secret))})
        assert secured.post("/bevestigen/", {"code": code_now(secret)}).status_code == 429


def test_device_page_renames(secured: Client, bob: User) -> None:
    device = AuthenticatorApp.objects.get()
    assert secured.get(f"{URL}{device.pk}/naam/").status_code == 200
    assert secured.post(f"{URL}{device.pk}/naam/", {"name": "Tablet"})["Location"] == URL
    device.refresh_from_db()
    assert device.name == "Tablet"
    assert secured.post(f"{URL}{device.pk}/naam/", {"name": ""}).status_code == 200


def test_device_page_removes_and_ends_every_other_session(secured: Client, bob: User, bob_client: Client) -> None:
    device = AuthenticatorApp.objects.get()
    assert len(secured.get(f"{URL}{device.pk}/verwijderen/").context["confirmation"].consequences) == 3
    assert AuthenticatorApp.objects.exists()
    assert secured.post(f"{URL}{device.pk}/verwijderen/")["Location"] == URL
    assert secured.get(URL).status_code == 200
    assert bob_client.get(URL)["Location"].startswith("/inloggen/")
    assert secured.post(f"{URL}{device.pk}/verwijderen/").status_code == 404


def test_the_last_one_stays_while_it_is_required(secured: Client, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(two_factor_required=True)
    device = AuthenticatorApp.objects.get()
    assert secured.post(f"{URL}{device.pk}/verwijderen/").context["confirmation"].error
    assert AuthenticatorApp.objects.exists()


def test_recovery_codes_are_shown_once_and_can_be_saved(secured: Client, bob: User) -> None:
    page = secured.get(f"{URL}herstelcodes/")
    assert page.status_code == 200
    assert "codes" not in page.context
    shown = secured.post(f"{URL}herstelcodes/")
    file = secured.post(f"{URL}herstelcodes/opslaan/", {"codes": shown.context["encrypted_codes"]})
    assert file["Content-Disposition"].startswith("attachment")
    for code in shown.context["codes"]:
        assert code in file.content.decode()
    assert actions.count_recovery_codes(bob) == 10
    assert secured.get(URL).context["codes_left"] == 10
    for broken in ("", "x", "\x00"):
        assert secured.post(f"{URL}herstelcodes/opslaan/", {"codes": broken}).status_code == 403


def test_the_pages_of_another_user_do_not_exist(secured: Client, alice_client: Client, alice: User, bob: User) -> None:
    device = AuthenticatorApp.objects.get()
    for client, device_id in ((alice_client, device.pk), (secured, uuid4())):
        assert client.get(f"{URL}{device_id}/naam/").status_code == 404
    encrypted = secured.post(f"{URL}herstelcodes/").context["encrypted_codes"]
    assert alice_client.post(f"{URL}herstelcodes/opslaan/", {"codes": encrypted}).status_code == 403
    device.refresh_from_db()
    assert device.name == "Telefoon"


def test_without_a_device_there_are_no_recovery_codes(bob_logged_in: Client) -> None:
    assert bob_logged_in.get(f"{URL}herstelcodes/")["Location"] == URL
    assert bob_logged_in.post(f"{URL}herstelcodes/")["Location"] == URL


@pytest.mark.parametrize("page", PAGES)
def test_other_kinds_have_no_such_page(office: Provider, page: str) -> None:
    client = Client()
    client.force_login(make_user(office, username="s", login_method=LoginMethod.SSO_WEBSERVICE))
    assert client.get(URL + page).status_code == 404


@pytest.mark.parametrize("page", PAGES)
def test_strangers_sign_in_first(client: Client, page: str) -> None:
    assert client.get(URL + page)["Location"].startswith("/inloggen/")


@pytest.mark.slow
def test_get_changes_nothing(secured: Client, bob: User) -> None:
    actions.generate_recovery_codes(bob, by=actor(bob))
    device = AuthenticatorApp.objects.get()
    for page in ("", "app/", "herstelcodes/", f"{device.pk}/naam/", f"{device.pk}/verwijderen/"):
        secured.get(URL + page)
        secured.head(URL + page)
    assert (AuthenticatorApp.objects.count(), actions.count_recovery_codes(bob)) == (1, 10)


def test_enrolling_shows_the_steps_of_accepting(office: Provider) -> None:
    make_user(office, username="new", two_factor_required=True)
    client = Client()
    client.post("/inloggen/", {"username": "new", "password": PASSWORD})
    assert client.get(URL).context["accepting"]
    assert client.get(f"{URL}app/").context["enrolling"]
    with time_machine.travel(timezone.now() + timedelta(hours=1, minutes=59)):
        assert not client.get(URL).context["accepting"]
