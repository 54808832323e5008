"""A user's page: details, editing, blocking, and e-mailing the username."""

from datetime import timedelta
from typing import cast

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

import users.actions
from accounts.models import EmailChange, LoginMethod, Provider, User
from accounts.user_details import UserDetails
from audit.models import Event, Verb
from authentication.mfa.reminders import EMAIL_KIND
from outbox import message_limits
from outbox.models import Message
from permissions.checks import LastAdministrator, Right
from permissions.models import IndividualRight
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
PAGES = ["users:user_detail", "users:edit_user", "users:block_user", "teams:user_rights"]
ACTS = [
    "users:edit_user", "users:block_user", "users:unblock_user", "users:send_username", "users:remind_of_two_factor",
    "teams:user_rights",
]  # fmt: skip


def edited(user: User, **values: object) -> dict[str, object]:
    data = {"initials": user.initials, "last_name": user.last_name, "email": user.email, "version": user.version}
    return data | values


def give(user: User, *rights: Right) -> None:
    for right in rights:
        IndividualRight.objects.create(provider=user.provider, user=user, right=right)


@pytest.mark.parametrize("name", PAGES)
def test_it_is_not_there_for_another_office(charlie_client: Client, bob: User, name: str) -> None:
    assert charlie_client.get(reverse(name, args=[bob.pk])).status_code == 404


@pytest.mark.parametrize("name", ACTS)
def test_another_office_changes_nothing(charlie_client: Client, bob: User, name: str) -> None:
    assert charlie_client.post(reverse(name, args=[bob.pk]), edited(bob)).status_code == 404
    assert not Event.objects.exists()


@pytest.mark.parametrize("name", ACTS)
def test_a_colleague_without_the_right_changes_nothing(bob_client: Client, alice: User, name: str) -> None:
    assert bob_client.post(reverse(name, args=[alice.pk]), edited(alice)).status_code == 403
    assert not Event.objects.exists()


@pytest.mark.parametrize("name", PAGES)
def test_it_shows_the_pages_to_the_administrator(alice_client: Client, bob: User, name: str) -> None:
    assert alice_client.get(reverse(name, args=[bob.pk])).status_code == 200
    assert alice_client.head(reverse(name, args=[bob.pk])).status_code == 200
    assert not Event.objects.exists()


def test_the_page_has_a_fixed_number_of_queries(
    alice_client: Client, bob: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(18):
        alice_client.get(reverse("users:user_detail", args=[bob.pk]))


def test_it_edits(alice_client: Client, alice: User, bob: User) -> None:
    response = alice_client.post(
        reverse("users:edit_user", args=[bob.pk]), edited(bob, last_name="Bakker-Groot", place_of_employment="Zwolle")
    )
    assert response.status_code == 302
    bob.refresh_from_db()
    assert (bob.last_name, bob.place_of_employment, bob.version) == ("Bakker-Groot", "Zwolle", 2)
    event = Event.objects.get(verb=Verb.USER_CHANGED)
    assert event.actor_id == alice.pk
    assert event.changes["last_name"] == ["Bakker", "Bakker-Groot"]


def test_it_writes_no_event_when_nothing_changed(alice_client: Client, bob: User) -> None:
    alice_client.post(reverse("users:edit_user", args=[bob.pk]), edited(bob))
    assert not Event.objects.exists()


def test_the_second_of_two_administrators_loses_nothing(alice_client: Client, bob: User) -> None:
    url = reverse("users:edit_user", args=[bob.pk])
    alice_client.post(url, edited(bob, place_of_employment="Zwolle"))
    response = alice_client.post(url, edited(bob, place_of_employment="Deventer"))
    form = response.context["form"]
    assert response.status_code == 200
    assert form["place_of_employment"].value() == "Deventer"
    assert form["place_of_employment"].errors
    bob.refresh_from_db()
    assert bob.place_of_employment == "Zwolle"
    alice_client.post(url, edited(bob, place_of_employment="Deventer", version=form["version"].value()))
    bob.refresh_from_db()
    assert bob.place_of_employment == "Deventer"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("initials", "", "required"),
        ("initials", "ABCDEFG", "max_length"),
        ("last_name", "x" * 26, "max_length"),
        ("last_name", "a\x00b", "null_characters_not_allowed"),
        ("last_name", "a\tb", "control_characters"),
        ("last_name", "a\u202eb", "direction"),
        ("prefix", "x" * 11, "max_length"),
        ("first_name", "x" * 29, "max_length"),
        ("email", "nobody", "invalid"),
        ("email", f"{'x' * 250}@x.example", "max_length"),
        ("phone_number", "0" * 16, "max_length"),
        ("phone_number", "bel me", "invalid"),
        ("place_of_employment", "x" * 25, "max_length"),
        ("access_until", "morgen", "invalid"),
        ("access_until", "2020-01-01", "past"),
        ("version", "x", "invalid"),
        ("version", "99999999999", "max_value"),
    ],
)
def test_it_refuses_bad_input_beside_the_field(
    alice_client: Client, bob: User, field: str, value: str, code: str
) -> None:
    response = alice_client.post(reverse("users:edit_user", args=[bob.pk]), edited(bob, **{field: value}))
    assert response.status_code == 200
    assert code in [error.code for error in response.context["form"].errors.as_data()[field]]
    assert not Event.objects.exists()


def test_it_shows_html_and_emoji_as_typed(alice_client: Client, bob: User) -> None:
    alice_client.post(reverse("users:edit_user", args=[bob.pk]), edited(bob, last_name="<b>🙂</b>"))
    assert "&lt;b&gt;🙂&lt;/b&gt;" in alice_client.get(reverse("users:user_detail", args=[bob.pk])).text


def test_it_refuses_a_megabyte_and_a_missing_token(alice: User, bob: User) -> None:
    url = reverse("users:edit_user", args=[bob.pk])
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post(url, edited(bob)).status_code == 403
    plain = Client()
    plain.force_login(alice)
    assert plain.post(url, edited(bob, last_name="x" * 2**20)).status_code == 400
    assert not Event.objects.exists()


def test_a_new_address_is_asked_there_and_reported_here(alice_client: Client, bob: User) -> None:
    old = bob.email
    alice_client.post(reverse("users:edit_user", args=[bob.pk]), edited(bob, email="nieuw@devries.example"))
    bob.refresh_from_db()
    assert bob.email == old
    assert EmailChange.objects.get().email == "nieuw@devries.example"
    assert {(m.kind, m.recipient) for m in Message.objects.all()} == {
        ("confirm_address", "nieuw@devries.example"),
        ("address_asked", old),
    }


def test_an_sso_user_has_no_two_factor_to_require(alice_client: Client, office: Provider) -> None:
    machine = make_user(office, login_method=LoginMethod.SSO_WEBSERVICE)
    form = alice_client.get(reverse("users:edit_user", args=[machine.pk])).context["form"]
    assert "two_factor_required" not in form.fields


def test_a_user_manager_cannot_change_a_user_with_more_rights(bob_client: Client, bob: User, alice: User) -> None:
    give(bob, Right.VIEW_USERS, Right.MANAGE_USERS)
    assert bob_client.get(reverse("users:block_user", args=[alice.pk])).status_code == 403
    assert bob_client.post(reverse("users:block_user", args=[alice.pk])).status_code == 403
    assert (
        bob_client.post(reverse("users:edit_user", args=[alice.pk]), edited(alice, email="x@y.nl")).status_code == 403
    )
    until = edited(alice, access_until=timezone.localdate() + timedelta(days=1))
    assert bob_client.post(reverse("users:edit_user", args=[alice.pk]), until).status_code == 403
    alice.refresh_from_db()
    assert alice.access_until is None
    assert not EmailChange.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "change", [{"last_name": "Directie"}, {"initials": "Z."}, {"first_name": "Zoë"}, {"phone_number": "0301234567"}]
)
def test_who_manages_users_does_not_rename_an_administrator(
    bob_client: Client, bob: User, alice: User, change: dict[str, str]
) -> None:
    give(bob, Right.VIEW_USERS, Right.MANAGE_USERS)
    page = bob_client.get(reverse("users:user_detail", args=[alice.pk])).text
    assert reverse("users:edit_user", args=[alice.pk]) not in page
    assert reverse("users:send_username", args=[alice.pk]) not in page
    assert "heeft rechten die jij niet hebt" in page
    assert bob_client.get(reverse("users:edit_user", args=[alice.pk])).status_code == 403
    assert bob_client.post(reverse("users:edit_user", args=[alice.pk]), edited(alice, **change)).status_code == 403
    details = cast(UserDetails, change)
    with pytest.raises(PermissionDenied):
        users.actions.edit_user(alice, details=details, email=alice.email, version=alice.version, by=actor(bob))
    assert not Event.objects.exists()


def test_user_managers_rename_colleagues_and_all_users_edit_their_own_profile(
    bob_client: Client, bob: User, office: Provider
) -> None:
    give(bob, Right.VIEW_USERS, Right.MANAGE_USERS)
    colleague = make_user(office, username="collega")
    assert (
        reverse("users:edit_user", args=[colleague.pk])
        in bob_client.get(reverse("users:user_detail", args=[colleague.pk])).text
    )
    url = reverse("users:edit_user", args=[colleague.pk])
    assert bob_client.post(url, edited(colleague, last_name="Anders")).status_code == 302
    users.actions.edit_profile(bob, details={"last_name": "Ander"}, version=bob.version, by=actor(bob))
    assert Event.objects.filter(verb=Verb.USER_CHANGED).count() == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["users:send_username", "users:unblock_user"])
def test_who_manages_users_sends_an_administrator_no_mail(
    bob_client: Client, bob: User, alice: User, name: str
) -> None:
    give(bob, Right.VIEW_USERS, Right.MANAGE_USERS)
    for _press in range(11):  # refused before it is counted
        assert bob_client.post(reverse(name, args=[alice.pk])).status_code == 403
    with pytest.raises(PermissionDenied):
        users.actions.send_username(alice, by=actor(bob))
    assert not Message.objects.exists()
    assert message_limits.find_limited_recipients([alice.email]) == {}


def test_it_blocks_at_once_and_tells_the_colleague(alice_client: Client, bob_client: Client, bob: User) -> None:
    assert bob_client.get(reverse("home")).status_code == 200
    for _twice in range(2):
        assert alice_client.post(reverse("users:block_user", args=[bob.pk])).status_code == 302
    assert bob_client.get(reverse("home")).status_code == 302
    assert Event.objects.filter(verb=Verb.USER_BLOCKED).count() == 1
    assert Message.objects.get().kind == "blocked"
    alice_client.post(reverse("users:unblock_user", args=[bob.pk]))
    assert bob_client.get(reverse("home")).status_code == 302, "an ended session does not come back"
    assert Message.objects.filter(kind="unblocked").count() == 1


def test_users_cannot_block_themselves_or_the_last_administrator(alice_client: Client, alice: User, bob: User) -> None:
    assert alice_client.post(reverse("users:block_user", args=[alice.pk])).status_code == 403
    with pytest.raises(LastAdministrator):
        users.actions.block_user(alice, by=actor())
    alice.refresh_from_db()
    assert alice.blocked_at is None
    give(bob, Right.MANAGE_PROVIDER)
    users.actions.block_user(alice, by=actor())
    alice.refresh_from_db()
    assert alice.blocked_at is not None


def test_it_mails_the_username(alice_client: Client, bob: User) -> None:
    alice_client.post(reverse("users:send_username", args=[bob.pk]))
    message = Message.objects.get()
    assert (message.kind, message.recipient) == ("username", bob.email)
    assert Event.objects.get().verb == Verb.USERNAME_SENT


def test_it_reminds_of_two_factor_once_a_day(alice_client: Client, bob_client: Client, alice: User, bob: User) -> None:
    url, page = (reverse(f"users:{name}", args=[bob.pk]) for name in ("remind_of_two_factor", "user_detail"))
    assert bob_client.post(reverse("users:remind_of_two_factor", args=[alice.pk])).status_code == 403
    row = reverse("users:row_actions", args=[bob.pk])
    assert url in alice_client.get(row).text
    for _twice in range(2):
        response = alice_client.post(url)
    assert "minder dan een dag geleden" in alice_client.get(response.headers["Location"]).text
    message = Message.objects.get()
    assert (message.kind, message.recipient) == (EMAIL_KIND, bob.email)
    assert Event.objects.filter(verb=Verb.TWO_FACTOR_REMINDED, target_id=bob.pk).count() == 1
    assert "A. de Vries herinnerde B. Bakker aan two-factor." in alice_client.get("/historie/?view=lines").text
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        users.actions.remind_of_two_factor(bob, by=actor(alice))
    assert Message.objects.count() == 2
    User.objects.filter(pk=bob.pk).update(second_factor_at=timezone.now())
    with pytest.raises(ValidationError):
        users.actions.remind_of_two_factor(bob, by=actor(alice))
    assert url not in alice_client.get(row).text + alice_client.get(page).text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["users:send_username", "users:unblock_user"])
def test_a_button_does_not_flood_a_user_with_mail(alice_client: Client, bob: User, name: str) -> None:
    statuses = []
    for _press in range(12):
        User.objects.filter(pk=bob.pk).update(blocked_at=timezone.now() if "unblock" in name else None)
        statuses.append(alice_client.post(reverse(name, args=[bob.pk])).status_code)
    assert statuses == [302] * 10 + [429] * 2
    assert Message.objects.count() == 10
    assert Event.objects.count() == 10


@pytest.mark.slow
def test_one_address_is_not_flooded_through_many_people(alice_client: Client, alice: User, office: Provider) -> None:
    people = [make_user(office, username=f"p{number}", email=f"p{number}@devries.example") for number in range(12)]
    responses = [
        alice_client.post(
            reverse("users:edit_user", args=[person.pk]), edited(person, email="victim@elsewhere.example")
        )
        for person in people
    ]
    assert [response.status_code for response in responses] == [302] * 10 + [429] * 2
    assert responses[-1].context["form"].errors.as_data()["email"][0].code == "throttled"
    assert Message.objects.filter(recipient="victim@elsewhere.example").count() == 10


def test_get_does_not_act(alice_client: Client, bob: User) -> None:
    for name in ("users:unblock_user", "users:send_username", "users:remind_of_two_factor"):
        assert alice_client.get(reverse(name, args=[bob.pk])).status_code == 405
    assert not Event.objects.exists()
