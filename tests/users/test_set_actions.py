"""Actions on many users at once: all or none, one event per user, and as many queries as for two."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import users.actions
from accounts.models import EmailChange, Provider, User
from accounts.user_details import UserDetails
from audit.actors import Actor
from audit.models import Event, Verb
from outbox.models import Message
from permissions.checks import LastAdministrator, Right
from tests.helpers.users import actor, change_user, letter, make_user

pytestmark = pytest.mark.django_db


def make_colleagues(office: Provider, count: int, prefix: str = "c") -> list[User]:
    return [
        make_user(
            office, username=f"{prefix}{number}", last_name=f"Collega{number}", email=f"{prefix}{number}@x.example"
        )
        for number in range(count)
    ]


def edit_all(colleagues: list[User], *, by: Actor) -> list[User]:
    details = UserDetails(access_until=timezone.localdate() + timedelta(days=9), first_name="An")
    return users.actions.edit_users(colleagues, details=details, by=by)


def test_block_and_unblock_change_every_user_once(office: Provider, alice: User) -> None:
    colleagues = make_colleagues(office, 3)
    users.actions.block_user(colleagues[0], by=actor(alice))
    EmailChange.objects.create(
        provider=office, user=colleagues[1], email="n@x.example", token_hash="h", expires_at=timezone.now()
    )
    assert users.actions.block_users(colleagues, by=actor(alice)) == colleagues[1:]
    stored = User.objects.filter(pk__in=[user.pk for user in colleagues])
    assert [(user.blocked_at is not None, user.session_version, user.version) for user in stored] == [(True, 2, 2)] * 3
    assert not EmailChange.objects.exists()
    assert Event.objects.filter(verb=Verb.USER_BLOCKED).count() == 3
    mails = Message.objects.filter(kind="blocked").order_by("recipient")
    assert [mail.recipient for mail in mails] == [user.email for user in colleagues]
    assert [user.full_name in letter(mail) for user, mail in zip(colleagues, mails, strict=True)] == [True] * 3
    assert users.actions.unblock_users(colleagues, by=actor(alice)) == colleagues
    assert not stored.filter(blocked_at__isnull=False).exists()
    assert users.actions.unblock_users(colleagues, by=actor(alice)) == []
    assert Message.objects.filter(kind="unblocked").count() == 3
    assert Event.objects.filter(verb=Verb.USER_UNBLOCKED).count() == 3


def test_edit_stores_and_records_what_differs(office: Provider, alice: User) -> None:
    first, second, same = make_colleagues(office, 3)
    change_user(same, last_name="Anders", place_of_employment="Zwolle")
    change_user(second, last_name="Anders")
    details = UserDetails(last_name="Anders", place_of_employment="Zwolle")
    assert users.actions.edit_users([first, second, same], details=details, by=actor(alice)) == [first, second, same]
    for user, version in ((first, 2), (second, 2), (same, 1)):
        user.refresh_from_db()
        assert (user.last_name, user.place_of_employment, user.version) == ("Anders", "Zwolle", version)
    assert first.sort_name == "anders a."
    assert set(Event.objects.values_list("target_id", flat=True)) == {first.pk, second.pk}


@pytest.mark.parametrize("act", [users.actions.block_users, users.actions.unblock_users, edit_all])
def test_a_set_takes_as_many_queries_as_two(office: Provider, alice: User, act: Callable[..., list[User]]) -> None:
    blocked_at = timezone.now() if act is users.actions.unblock_users else None
    counts = []
    for count in (2, 20):
        colleagues = make_colleagues(office, count, f"set{count}-")
        User.objects.filter(pk__in=[user.pk for user in colleagues]).update(blocked_at=blocked_at)
        with CaptureQueriesContext(connection) as queries:
            assert len(act(colleagues, by=actor(alice))) == count
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("act", [users.actions.block_users, users.actions.unblock_users, edit_all])
def test_no_user_is_changed_when_one_may_not_be(
    office: Provider, alice: User, bob: User, charlie: User, act: Callable[..., list[User]]
) -> None:
    manager = make_user(office, Right.MANAGE_USERS, username="manager")
    colleagues = make_colleagues(office, 2)
    User.objects.filter(pk__in=[user.pk for user in colleagues]).update(
        blocked_at=timezone.now() if act is users.actions.unblock_users else None
    )
    for refused in (
        [*colleagues, alice],
        [*colleagues, manager],
        [*colleagues, charlie],
    ):
        with pytest.raises(PermissionDenied):
            act(refused, by=actor(manager))
        with pytest.raises(PermissionDenied):
            act(refused[::-1], by=actor(manager))
    with pytest.raises(PermissionDenied):
        act([*colleagues, charlie], by=actor())
    with pytest.raises(PermissionDenied):
        act(colleagues, by=actor(bob))
    assert not Event.objects.exists()
    assert not User.objects.exclude(version=1).exists()


def test_blocking_a_set_with_the_last_administrator_is_refused(office: Provider, alice: User, bob: User) -> None:
    with pytest.raises(LastAdministrator):
        users.actions.block_users([bob, alice], by=actor())
    assert not User.objects.filter(blocked_at__isnull=False).exists()


def test_an_empty_set_changes_nothing(alice: User) -> None:
    assert users.actions.block_users([], by=actor(alice)) == []
    assert users.actions.unblock_users([], by=actor(alice)) == []
    assert users.actions.edit_users([], details={}, by=actor(alice)) == []
    assert not Event.objects.exists()
