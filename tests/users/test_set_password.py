"""A new password for an "SSO/Webservice only" user, set by an administrator after re-authentication."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import users.login_methods
from accounts import passwords
from accounts.models import Provider, User
from audit.models import Event, Verb
from permissions.checks import Right
from permissions.models import IndividualRight
from tests.helpers.login_methods import GOOD, confirmed, make_azure, make_service
from tests.helpers.responses import ClientResponse
from tests.helpers.users import PASSWORD, actor, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(office: Provider) -> User:
    """An SSO/Webservice user of the office."""
    return make_service(office)


def url(person: User, name: str = "set_password") -> str:
    return reverse(f"users:{name}", args=[person.pk])


def send(client: Client, person: User, password: str = GOOD, **values: str) -> ClientResponse:
    data = {"password": password, "password_again": password, "before": users.login_methods.get_password_set_at(person)}
    return client.post(url(person), data | values)


def changes() -> int:
    return Event.objects.filter(verb=Verb.PASSWORD_CHANGED).count()


def test_it_sets_the_password_and_ends_what_was_open(alice: User, service: User) -> None:
    client, theirs = confirmed(alice), Client()
    theirs.force_login(service)
    assert theirs.get(reverse("home")).status_code == 200
    assert client.get(url(service)).status_code == 200
    assert send(client, service).headers["Location"] == url(service, "user_detail")
    before, service = service, User.objects.get(pk=service.pk)
    assert passwords.verify_password(GOOD, service.password)
    assert not passwords.verify_password(PASSWORD, service.password)
    assert service.session_version == before.session_version + 1
    assert service.password_changed_at > before.password_changed_at
    assert theirs.get(reverse("home")).status_code == 302
    event = Event.objects.get(verb=Verb.PASSWORD_CHANGED)
    assert (event.target_id, event.actor_id, event.changes) == (service.pk, alice.pk, {})


def test_it_asks_for_a_recent_confirmation(alice: User, service: User) -> None:
    alice_client = signed_in(alice, seconds_ago=301)
    for response in (alice_client.get(url(service)), send(alice_client, service)):
        assert response.headers["Location"].startswith(reverse("authentication:reauthenticate"))
    assert not changes()


def test_other_offices_and_other_kinds_have_no_such_page(
    charlie: User, alice: User, bob: User, office: Provider, service: User
) -> None:
    azure = make_azure(office)
    for name in ("set_password", "generate_password"):
        assert confirmed(charlie).post(url(service, name)).status_code == 404
        for person in (bob, azure):
            assert confirmed(alice).post(url(person, name)).status_code == 404
    assert not changes()


def test_it_needs_the_right_and_authority(bob: User, service: User) -> None:
    for name in ("set_password", "generate_password"):
        assert confirmed(bob).post(url(service, name)).status_code == 403
    IndividualRight.objects.create(provider=bob.provider, user=bob, right=Right.MANAGE_USERS)
    IndividualRight.objects.create(provider=bob.provider, user=service, right=Right.VIEW_AUDIT)
    assert send(confirmed(bob), service).status_code == 403
    assert confirmed(bob).post(url(service, "generate_password")).status_code == 403
    assert not changes()
    IndividualRight.objects.filter(user=service).delete()
    assert send(confirmed(bob), service).status_code == 302


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("password", "", "required"),
        ("password", "Kort-1", "length"),
        ("password", "alleenkleineletters", "classes"),
        ("password", "Dienst 1", "similar"),
        ("password", "Kantoor-Vries-2026", "personal"),
        ("password", "Nul\x00len-1", "null_characters_not_allowed"),
        ("password", "x" * 256, "max_length"),
        ("password_again", "Anders-12", "mismatch"),
        ("before", "x" * 41, "max_length"),
        ("before", "\x00", "null_characters_not_allowed"),
    ],
)
def test_it_refuses(alice: User, service: User, field: str, value: str, code: str) -> None:
    response = send(confirmed(alice), service, **{field: value})
    assert response.status_code == 200
    assert code in [error.code for error in response.context["form"].errors.as_data()[field]]
    assert not changes()


def test_it_refuses_a_megabyte_and_a_missing_token(alice: User, service: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert send(strict, service).status_code == 403
    assert send(confirmed(alice), service, before="x" * 2**20).status_code == 400


def test_sending_twice_is_one_result_and_two_tabs_are_not_mixed_up(alice: User, service: User) -> None:
    client = confirmed(alice)
    for _click in range(2):
        assert send(client, service).status_code == 302
    assert changes() == 1
    assert send(client, service, "Watermeloen-3").status_code == 302
    assert changes() == 1, "the form of the second tab knows an older password"
    service.refresh_from_db()
    assert passwords.verify_password(GOOD, service.password)


def test_it_generates_and_sets_nothing_yet(alice_client: Client, service: User) -> None:
    response = alice_client.post(url(service, "generate_password"))
    password = response.context["generated"]
    assert response.text.count(password) == 3
    assert "no-store" in response.headers["Cache-Control"]
    assert alice_client.get(url(service, "generate_password")).status_code == 405
    assert not Event.objects.exists()
    assert password not in "".join(str(session.get_decoded()) for session in Session.objects.all())


def test_the_page_tells_the_age(alice_client: Client, service: User) -> None:
    for days, is_old in [(0, False), (179, False), (181, True)]:
        User.objects.filter(pk=service.pk).update(password_changed_at=timezone.now() - timedelta(days=days))
        assert alice_client.get(url(service, "user_detail")).context["password_is_old"] == is_old
    User.objects.filter(pk=service.pk).update(password_changed_at=None)
    assert alice_client.get(url(service, "user_detail")).context["password_is_old"]


def test_the_action_is_for_services_only(alice: User, bob: User) -> None:
    with pytest.raises(ValidationError) as error:
        users.login_methods.set_password(bob, password=GOOD, by=actor(alice))
    assert error.value.code == "kind"
