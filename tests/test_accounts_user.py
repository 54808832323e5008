"""One person: the page, editing, blocking, the username by mail."""

from datetime import timedelta
from typing import cast

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

import accounts.actions
from accounts.actions import Details
from accounts.models import EmailChange, LoginMethod, Provider, User
from audit.models import Event, Verb
from outbox import limits
from outbox.models import Message
from teams.models import IndividualRight
from teams.rights import LastAdministrator, Right
from tests.people import actor, make_user

pytestmark = pytest.mark.django_db
PAGES = ["accounts:user", "accounts:edit", "accounts:block", "teams:rights"]
ACTS = ["accounts:edit", "accounts:block", "accounts:unblock", "accounts:send_username", "teams:rights"]


def edited(user: User, **values: object) -> dict[str, object]:
    data = {"initials": user.initials, "last_name": user.last_name, "email": user.email, "version": user.version}
    return data | values


def give(user: User, *rights: Right) -> None:
    for right in rights:
        IndividualRight.objects.create(provider=user.provider, user=user, right=right)


@pytest.mark.parametrize("name", PAGES)
def test_it_is_not_there_for_another_office(charlies: Client, bob: User, name: str) -> None:
    assert charlies.get(reverse(name, args=[bob.pk])).status_code == 404


@pytest.mark.parametrize("name", ACTS)
def test_another_office_changes_nothing(charlies: Client, bob: User, name: str) -> None:
    assert charlies.post(reverse(name, args=[bob.pk]), edited(bob)).status_code == 404
    assert not Event.objects.exists()


@pytest.mark.parametrize("name", ACTS)
def test_a_colleague_without_the_right_changes_nothing(bobs: Client, alice: User, name: str) -> None:
    assert bobs.post(reverse(name, args=[alice.pk]), edited(alice)).status_code == 403
    assert not Event.objects.exists()


@pytest.mark.parametrize("name", PAGES)
def test_it_shows_the_pages_to_the_administrator(alices: Client, bob: User, name: str) -> None:
    assert alices.get(reverse(name, args=[bob.pk])).status_code == 200
    assert alices.head(reverse(name, args=[bob.pk])).status_code == 200
    assert not Event.objects.exists()


def test_the_page_has_a_fixed_number_of_queries(
    alices: Client, bob: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(10):
        alices.get(reverse("accounts:user", args=[bob.pk]))


def test_it_edits(alices: Client, alice: User, bob: User) -> None:
    response = alices.post(
        reverse("accounts:edit", args=[bob.pk]), edited(bob, last_name="Bakker-Groot", place_of_employment="Zwolle")
    )
    assert response.status_code == 302
    bob.refresh_from_db()
    assert (bob.last_name, bob.place_of_employment, bob.version) == ("Bakker-Groot", "Zwolle", 2)
    event = Event.objects.get(verb=Verb.USER_CHANGED)
    assert event.actor_id == alice.pk
    assert event.changes["last_name"] == ["Bakker", "Bakker-Groot"]


def test_it_writes_no_event_when_nothing_changed(alices: Client, bob: User) -> None:
    alices.post(reverse("accounts:edit", args=[bob.pk]), edited(bob))
    assert not Event.objects.exists()


def test_the_second_of_two_administrators_loses_nothing(alices: Client, bob: User) -> None:
    url = reverse("accounts:edit", args=[bob.pk])
    alices.post(url, edited(bob, place_of_employment="Zwolle"))
    response = alices.post(url, edited(bob, place_of_employment="Deventer"))
    form = response.context["form"]
    assert response.status_code == 200
    assert form["place_of_employment"].value() == "Deventer"
    assert form["place_of_employment"].errors
    bob.refresh_from_db()
    assert bob.place_of_employment == "Zwolle"
    alices.post(url, edited(bob, place_of_employment="Deventer", version=form["version"].value()))
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
        ("last_name", "a‮b", "direction"),
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
def test_it_refuses_bad_input_beside_the_field(alices: Client, bob: User, field: str, value: str, code: str) -> None:
    response = alices.post(reverse("accounts:edit", args=[bob.pk]), edited(bob, **{field: value}))
    assert response.status_code == 200
    assert code in [error.code for error in response.context["form"].errors.as_data()[field]]
    assert not Event.objects.exists()


def test_it_shows_html_and_emoji_as_typed(alices: Client, bob: User) -> None:
    alices.post(reverse("accounts:edit", args=[bob.pk]), edited(bob, last_name="<b>🙂</b>"))
    assert "&lt;b&gt;🙂&lt;/b&gt;" in alices.get(reverse("accounts:user", args=[bob.pk])).text


def test_it_refuses_a_megabyte_and_a_missing_token(alice: User, bob: User) -> None:
    url = reverse("accounts:edit", args=[bob.pk])
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post(url, edited(bob)).status_code == 403
    plain = Client()
    plain.force_login(alice)
    assert plain.post(url, edited(bob, last_name="x" * 2**20)).status_code == 400
    assert not Event.objects.exists()


def test_a_new_address_is_asked_there_and_reported_here(alices: Client, bob: User) -> None:
    old = bob.email
    alices.post(reverse("accounts:edit", args=[bob.pk]), edited(bob, email="nieuw@devries.example"))
    bob.refresh_from_db()
    assert bob.email == old
    assert EmailChange.objects.get().email == "nieuw@devries.example"
    assert {(m.kind, m.recipient) for m in Message.objects.all()} == {
        ("confirm_address", "nieuw@devries.example"),
        ("address_asked", old),
    }


def test_an_sso_user_has_no_two_factor_to_require(alices: Client, office: Provider) -> None:
    machine = make_user(office, login_method=LoginMethod.SSO_WEBSERVICE)
    form = alices.get(reverse("accounts:edit", args=[machine.pk])).context["form"]
    assert "two_factor_required" not in form.fields


def test_who_manages_users_does_not_change_somebody_with_more_rights(bobs: Client, bob: User, alice: User) -> None:
    give(bob, Right.VIEW_USERS, Right.MANAGE_USERS)
    assert bobs.get(reverse("accounts:block", args=[alice.pk])).status_code == 403
    assert bobs.post(reverse("accounts:block", args=[alice.pk])).status_code == 403
    assert bobs.post(reverse("accounts:edit", args=[alice.pk]), edited(alice, email="x@y.nl")).status_code == 403
    until = edited(alice, access_until=timezone.localdate() + timedelta(days=1))
    assert bobs.post(reverse("accounts:edit", args=[alice.pk]), until).status_code == 403
    alice.refresh_from_db()
    assert alice.access_until is None
    assert not EmailChange.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "change", [{"last_name": "Directie"}, {"initials": "Z."}, {"first_name": "Zoë"}, {"phone_number": "0301234567"}]
)
def test_who_manages_users_does_not_rename_an_administrator(
    bobs: Client, bob: User, alice: User, change: dict[str, str]
) -> None:
    give(bob, Right.VIEW_USERS, Right.MANAGE_USERS)
    page = bobs.get(reverse("accounts:user", args=[alice.pk])).text
    assert reverse("accounts:edit", args=[alice.pk]) not in page
    assert reverse("accounts:send_username", args=[alice.pk]) not in page
    assert "heeft rechten die jij niet hebt" in page
    assert bobs.get(reverse("accounts:edit", args=[alice.pk])).status_code == 403
    assert bobs.post(reverse("accounts:edit", args=[alice.pk]), edited(alice, **change)).status_code == 403
    details = cast(Details, change)
    with pytest.raises(PermissionDenied):
        accounts.actions.edit(alice, details=details, email=alice.email, version=alice.version, by=actor(bob))
    assert not Event.objects.exists()


def test_who_manages_users_renames_a_colleague_and_nobody_is_kept_from_the_own_profile(
    bobs: Client, bob: User, office: Provider
) -> None:
    give(bob, Right.VIEW_USERS, Right.MANAGE_USERS)
    colleague = make_user(office, username="collega")
    assert reverse("accounts:edit", args=[colleague.pk]) in bobs.get(reverse("accounts:user", args=[colleague.pk])).text
    url = reverse("accounts:edit", args=[colleague.pk])
    assert bobs.post(url, edited(colleague, last_name="Anders")).status_code == 302
    accounts.actions.edit_profile(bob, details={"last_name": "Ander"}, version=bob.version, by=actor(bob))
    assert Event.objects.filter(verb=Verb.USER_CHANGED).count() == 2


@pytest.mark.parametrize("name", ["accounts:send_username", "accounts:unblock"])
def test_who_manages_users_sends_an_administrator_no_mail(bobs: Client, bob: User, alice: User, name: str) -> None:
    give(bob, Right.VIEW_USERS, Right.MANAGE_USERS)
    for _press in range(11):  # refused before it is counted
        assert bobs.post(reverse(name, args=[alice.pk])).status_code == 403
    with pytest.raises(PermissionDenied):
        accounts.actions.send_username(alice, by=actor(bob))
    assert not Message.objects.exists()
    assert limits.refused([alice.email]) == {}


def test_it_blocks_at_once_and_tells_the_colleague(alices: Client, bobs: Client, bob: User) -> None:
    assert bobs.get(reverse("home")).status_code == 200
    for _twice in range(2):
        assert alices.post(reverse("accounts:block", args=[bob.pk])).status_code == 302
    assert bobs.get(reverse("home")).status_code == 302
    assert Event.objects.filter(verb=Verb.USER_BLOCKED).count() == 1
    assert Message.objects.get().kind == "blocked"
    alices.post(reverse("accounts:unblock", args=[bob.pk]))
    assert bobs.get(reverse("home")).status_code == 302, "an ended session does not come back"
    assert Message.objects.filter(kind="unblocked").count() == 1


def test_nobody_blocks_himself_or_the_last_administrator(alices: Client, alice: User, bob: User) -> None:
    assert alices.post(reverse("accounts:block", args=[alice.pk])).status_code == 403
    with pytest.raises(LastAdministrator):
        accounts.actions.block(alice, by=actor())
    alice.refresh_from_db()
    assert alice.blocked_at is None
    give(bob, Right.MANAGE_PROVIDER)
    accounts.actions.block(alice, by=actor())
    alice.refresh_from_db()
    assert alice.blocked_at is not None


def test_it_mails_the_username(alices: Client, bob: User) -> None:
    alices.post(reverse("accounts:send_username", args=[bob.pk]))
    message = Message.objects.get()
    assert (message.kind, message.recipient) == ("username", bob.email)
    assert Event.objects.get().verb == Verb.USERNAME_SENT


@pytest.mark.parametrize("name", ["accounts:send_username", "accounts:unblock"])
def test_a_button_floods_nobody_with_mail(alices: Client, bob: User, name: str) -> None:
    statuses = []
    for _press in range(12):
        User.objects.filter(pk=bob.pk).update(blocked_at=timezone.now() if "unblock" in name else None)
        statuses.append(alices.post(reverse(name, args=[bob.pk])).status_code)
    assert statuses == [302] * 10 + [429] * 2
    assert Message.objects.count() == 10
    assert Event.objects.count() == 10


def test_one_address_is_not_flooded_through_many_people(alices: Client, alice: User, office: Provider) -> None:
    people = [make_user(office, username=f"p{number}", email=f"p{number}@devries.example") for number in range(12)]
    responses = [
        alices.post(reverse("accounts:edit", args=[person.pk]), edited(person, email="victim@elsewhere.example"))
        for person in people
    ]
    assert [response.status_code for response in responses] == [302] * 10 + [429] * 2
    assert responses[-1].context["form"].errors.as_data()["email"][0].code == "throttled"
    assert Message.objects.filter(recipient="victim@elsewhere.example").count() == 10


def test_get_does_not_act(alices: Client, bob: User) -> None:
    for name in ("accounts:unblock", "accounts:send_username"):
        assert alices.get(reverse(name, args=[bob.pk])).status_code == 405
    assert not Event.objects.exists()
