"""Creating an "SSO/Webservice only" user."""

import html
import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import users.actions
import users.login_methods
from accounts import passwords
from accounts.models import LoginMethod, Provider, User
from accounts.user_lookup import require_free_username
from accounts.validators import validate_username
from audit.models import Event, Verb
from core.keys import compute_username_key
from outbox.models import Message
from permissions.checks import Right
from permissions.models import IndividualRight
from tests.helpers import audit_events
from tests.helpers.login_methods import GOOD, PERSON, make_service
from tests.helpers.responses import ClientResponse, codes
from tests.helpers.users import actor
from tests.users.test_exports import FORMS, rows

pytestmark = pytest.mark.django_db
URL, GENERATE = "/gebruikers/nieuw/webservice/", reverse("users:generate_new_user_password")
SERVICE = PERSON | {"username": "exact koppeling", "password": GOOD, "password_again": GOOD}


def concept(client: Client) -> str:
    value: str = client.get(URL).context["form"]["concept"].value()
    return value


def send(client: Client, **values: str) -> ClientResponse:
    return client.post(URL, SERVICE | {"concept": concept(client)} | values)


@pytest.mark.parametrize("url", [URL, GENERATE])
def test_it_needs_the_right(bob_client: Client, client: Client, url: str) -> None:
    assert bob_client.post(url, SERVICE).status_code == 403
    assert client.post(url, SERVICE).status_code == 302
    assert not User.objects.filter(login_method=LoginMethod.SSO_WEBSERVICE).exists()


def test_it_makes_the_user(alice_client: Client, office: Provider) -> None:
    response = send(
        alice_client, place_of_employment="Zwolle", has_access_to_test_years="on", access_until="2099-12-31"
    )
    assert response.headers["Location"] == reverse("users:user_list")
    user = User.objects.get(username="exact koppeling")
    assert (user.provider, user.login_method) == (office, LoginMethod.SSO_WEBSERVICE)
    assert (user.place_of_employment, user.has_access_to_test_years) == ("Zwolle", True)
    assert passwords.verify_password(GOOD, user.password)
    assert not Message.objects.exists(), "no invitation and no mail with a password"
    event = Event.objects.get()
    assert event.verb == Verb.USER_CREATED
    assert event.changes["username"] == [None, "exact koppeling"]
    assert alice_client.get(reverse("users:user_detail", args=[user.pk])).status_code == 200
    assert not alice_client.get(reverse("users:user_detail", args=[user.pk])).context["password_is_old"]


def test_who_may_manage_users_may_make_one(bob_client: Client, bob: User) -> None:
    for right in (Right.VIEW_USERS, Right.MANAGE_USERS):
        IndividualRight.objects.create(provider=bob.provider, user=bob, right=right)
    assert send(bob_client).status_code == 302


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("initials", "", "required"),
        ("last_name", "", "required"),
        ("last_name", "x" * 26, "max_length"),
        ("email", "", "required"),
        ("email", "x", "invalid"),
        ("email", "a@b.nl\x00", "null_characters_not_allowed"),
        ("first_name", "a\u202eb", "direction"),
        ("username", "", "required"),
        ("username", "ab", "length"),
        ("username", "🙂" * 51, "length"),
        ("username", "a\x00b", "null_characters_not_allowed"),
        ("username", "a\tb", "control_characters"),
        ("username", "a\x85b", "control_characters"),
        ("password", "", "required"),
        ("password", "Kort-1", "length"),
        ("password", "alleen kleine letters", "classes"),
        ("password", "Exact Koppeling", "similar"),
        ("password", "Kantoor-Vries-2026", "personal"),
        ("password", "x" * 256, "max_length"),
        ("password", "Regen\x00boog-17", "null_characters_not_allowed"),
        ("password_again", "", "required"),
        ("password_again", GOOD + " ", "mismatch"),
        ("access_until", "2001-01-01", "past"),
        ("concept", "", "concept"),
        ("concept", "\x00", "null_characters_not_allowed"),
        ("concept", "<b>é</b>", "concept"),
        ("concept", "01a20b4b-199a-74e5-b862-b3487395ccd3", "concept"),
        ("concept", "x" * 201, "max_length"),
    ],
)
def test_it_refuses_bad_input_beside_the_field(alice_client: Client, field: str, value: str, code: str) -> None:
    response = send(alice_client, **{field: value})
    assert response.status_code == 200
    assert code in codes(response, field)
    assert User.objects.count() == 1


@pytest.mark.parametrize("value", ["on", "", "0"])
def test_it_refuses_the_second_factor(alice_client: Client, value: str) -> None:
    assert "two_factor_required" not in alice_client.get(URL).context["form"].fields
    assert codes(send(alice_client, two_factor_required=value), "__all__") == ["two_factor_required"]
    assert User.objects.count() == 1


@pytest.mark.parametrize("taken", ["charlie", "CHARLIE", "Charlie"])
def test_a_username_is_free_in_all_offices(alice_client: Client, charlie: User, taken: str) -> None:
    response = send(alice_client, username=taken)
    assert codes(response, "username") == ["taken"]
    assert "Smit" not in response.text


def test_it_refuses_a_megabyte_and_a_missing_token(alice: User) -> None:
    strict, plain = Client(enforce_csrf_checks=True), Client(raise_request_exception=False)
    strict.force_login(alice)
    plain.force_login(alice)
    for url in (URL, GENERATE):
        assert strict.post(url, SERVICE).status_code == 403
        assert plain.post(url, SERVICE | {"username": "x" * 2**20}).status_code == 400


def test_sending_twice_is_one_result(alice_client: Client) -> None:
    user_id = concept(alice_client)
    for _click in range(2):
        response = send(alice_client, concept=user_id)
        assert response.headers["Location"] == reverse("users:user_list")
    assert User.objects.filter(login_method=LoginMethod.SSO_WEBSERVICE).count() == Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_is_one_result(alice_client: Client) -> None:
    user_id = concept(alice_client)

    def click(_number: int) -> int:
        try:
            other = Client()
            other.cookies = alice_client.cookies
            return other.post(URL, SERVICE | {"concept": user_id}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(click, range(4))) == {302}
    assert User.objects.filter(login_method=LoginMethod.SSO_WEBSERVICE).count() == Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_of_two_offices_gets_the_username(alice_client: Client, charlie_client: Client) -> None:
    def ask(client: Client) -> int:
        try:
            return send(client).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(ask, [alice_client, charlie_client])) == [200, 302]
    assert User.objects.filter(username_key="exact koppeling").count() == 1


@pytest.mark.slow
def test_going_back_to_make_another_says_what_happened(alice_client: Client) -> None:
    user_id = concept(alice_client)
    send(alice_client, concept=user_id)
    response = send(alice_client, concept=user_id, username="tweede", email="tweede@devries.example")
    assert codes(response, "concept") == ["used"]
    again = response.context["form"]["concept"].value()
    assert send(alice_client, concept=again, username="tweede").status_code == 302
    assert User.objects.filter(login_method=LoginMethod.SSO_WEBSERVICE).count() == 2


def test_two_tabs_make_two_users(alice_client: Client) -> None:
    first, second = concept(alice_client), concept(alice_client)
    assert send(alice_client, concept=first).status_code == 302
    assert send(alice_client, concept=second, username="tweede").status_code == 302
    assert User.objects.filter(login_method=LoginMethod.SSO_WEBSERVICE).count() == 2


def test_the_form_token_of_another_user_is_rejected(alice_client: Client, charlie_client: Client) -> None:
    user_id = concept(alice_client)
    send(alice_client, concept=user_id)
    response = send(charlie_client, concept=user_id)
    assert codes(response, "concept") == ["concept"]
    assert "Boer" not in charlie_client.get(reverse("users:user_list")).text


def test_it_generates_a_password_that_is_shown_once(alice_client: Client) -> None:
    typed = SERVICE | {"concept": concept(alice_client), "username": "“a<b>”", "has_access_to_test_years": "on"}
    response = alice_client.post(GENERATE, typed)
    password = response.context["generated"]
    form = response.context["form"]
    assert response.text.count(password) == 3, "readable, and in both fields"
    assert "no-store" in response.headers["Cache-Control"]
    assert (form["username"].value(), form["last_name"].value()) == ("“a<b>”", "Boer")
    assert form["has_access_to_test_years"].value()
    passwords.validate_password(password, about=passwords.PasswordContext())
    assert passwords.count_character_classes(password) == 4
    assert alice_client.post(GENERATE, typed).context["generated"] != password
    assert User.objects.count() == 1
    kept = [str(session.get_decoded()) for session in Session.objects.all()]
    assert password not in "".join(kept)
    values = {name: form[name].value() for name in ("concept", "username", "password", "password_again")}
    assert alice_client.post(URL, SERVICE | values).status_code == 302
    assert passwords.verify_password(password, User.objects.get(username="“a<b>”").password)
    rows = [str(row.__dict__) for model in (User, Message) for row in model.objects.all()] + [
        audit_events.read_history_text()
    ]
    assert password not in "".join(rows)


def test_no_password_of_a_form_comes_back(alice_client: Client) -> None:
    assert GOOD not in send(alice_client, email="").text


def test_it_generates_from_anything(alice_client: Client) -> None:
    assert alice_client.get(GENERATE).status_code == 405
    for value in ("", "\x00", "🙂" * 300, "<script>"):
        assert alice_client.post(GENERATE, dict.fromkeys(SERVICE, value)).status_code == 200


def is_allowed(username: str) -> bool:
    """Return whether an office may choose this username."""
    try:
        validate_username(username)
    except ValidationError:
        return False
    return True


allowed = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=3, max_size=50).filter(is_allowed)


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(username=allowed)
@example("%_\\' OR 1=1 --\"")
@example("</bdi><script>alert(1)</script>")
@example("\u202eneewt\u202c\u200f")
@example("👩‍👩‍👧‍👦é́ǅ")
@example("ﷺ" * 50)
@example("{{ 1 }}{% x %}%s{0}")
@example("ΰΐẖſﬃ" * 10)
@example("\U0001d160" * 50)
@example("_x0041_x000D_\ufffe\uffff")
@example("'=HYPERLINK(1)")
def test_every_username_goes_round_unchanged(alice_client: Client, alice: User, username: str) -> None:
    alice_client.post(reverse("users:save_columns"), {"columns": "username"})
    response = send(alice_client, username=username)
    assert response.status_code == 302, response.context["form"].errors
    user = User.objects.get(username_key=compute_username_key(username))
    try:
        assert user.username == username
        assert (
            f"<bdi>{html.escape(username)}</bdi>" in alice_client.get(reverse("users:user_detail", args=[user.pk])).text
        )
        found = alice_client.get(reverse("users:user_list"), {"q": username, "sort": "username"})
        assert user in [person for person, *_chips in found.context["rows"]]
        assert f"<bdi>{html.escape(username)}</bdi>" in found.text.replace("<wbr>", "")
        edited = PERSON | {"last_name": "Anders", "version": user.version}
        assert alice_client.post(reverse("users:edit_user", args=[user.pk]), edited).status_code == 302
        user.refresh_from_db()
        assert (user.last_name, user.username) == ("Anders", username)
        with pytest.raises(ValidationError):
            require_free_username(unicodedata.normalize("NFD", username))
        assert codes(send(alice_client, username=username), "username") == ["taken"]
        shown = re.search(r'name="username" value="([^"]*)"', send(alice_client, username=username, email="").text)
        assert shown
        assert html.unescape(shown[1]) == username, "the form keeps what was typed"
        for form in FORMS:
            exported = {row["id"]: row["username"] for row in rows(alice_client, form)}
            assert exported[str(user.pk)] == username, f"an export as {form} gives it back"
    finally:
        user.delete()


def test_users_of_another_office_cannot_be_created(alice: User, charlie: User) -> None:
    with pytest.raises(PermissionDenied):
        users.login_methods.create_webservice_user(
            charlie.provider, details=PERSON, username="vreemd", password=GOOD, by=actor(alice)
        )


def test_the_action_checks_what_the_form_checks(office: Provider) -> None:
    for username, password in [("ab", GOOD), ("a\x00b", GOOD), ("prima", "zwak"), ("bezet", GOOD)]:
        if username == "bezet":
            make_service(office, username="Bezet")
        with pytest.raises(ValidationError):
            users.login_methods.create_webservice_user(
                office, details=PERSON, username=username, password=password, by=actor()
            )
