"""Notifications through the web service: sets, and reading and changing a user's preferences."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

import notifications.sets
from accounts.models import Provider, User
from audit.models import Event
from notifications import preferences
from notifications.catalog import NotificationType
from notifications.models import NotificationSet, NotificationSetting
from notifications.preferences import NotificationPreference, PreferenceOverride
from tests.helpers.api_client import Program, program
from tests.helpers.notification_events import wants
from tests.helpers.users import actor

pytestmark = pytest.mark.django_db
TYPE = NotificationType.APPRAISAL


@pytest.fixture
def calls(alice: User) -> Program:
    return program(alice)


@pytest.fixture
def hr(office: Provider, alice: User) -> NotificationSet:
    contents = {
        TYPE: NotificationPreference(True, 21, True),
        NotificationType.SICKNESS: NotificationPreference(False, 0, False),
    }
    return notifications.sets.create_set(office, name="HR", contents=contents, by=actor(alice))


def path(user: User) -> str:
    return f"/providers/users/{user.pk}/notificationsettings"


def of(calls: Program, user: User, type_: NotificationType = TYPE) -> dict[str, Any]:
    """Return the API representation of a notification type."""
    (found,) = (one for one in calls.rows(path(user))
                if one["notificationType"]["code"] == type_)  # fmt: skip
    return found


def setting(type_: str = TYPE, **parts: Any) -> dict[str, Any]:
    return {"notifications": [{"notificationType": {"key": type_}, **parts}]}


def test_sets_are_shown(calls: Program, office: Provider, alice: User, bob: User, hr: NotificationSet) -> None:
    notifications.sets.create_set(office, name="Alles", contents=preferences.DEFAULT_PREFERENCES, by=actor(alice))
    notifications.sets.apply_set(hr, bob, by=actor(alice))
    every, one = calls.rows(f"/providers/{office.pk}/notificationsets")
    assert (every["description"], len(every["notifications"])) == ("Alles", len(NotificationType))
    assert one == {
        "id": str(hr.pk),
        "description": "HR",
        "notifications": [
            {
                "notificationType": {"key": 10, "value": "Beoordeling", "code": "appraisal"},
                "isEnabled": True,
                "createNumberOfDaysBeforeEvent": 21,
                "daysCountAfterEvent": False,
                "receiveDepartmentSignalsOnly": False,
                "sendMailWhenNotificationIsCreated": True,
            },
            {
                "notificationType": {"key": 16, "value": "Ziekmelding", "code": "sickness"},
                "isEnabled": False,
                "createNumberOfDaysBeforeEvent": 0,
                "daysCountAfterEvent": True,
                "receiveDepartmentSignalsOnly": False,
                "sendMailWhenNotificationIsCreated": False,
            },
        ],
        "numberOfLinkedEmployerUsers": 1,
        "numberOfLinkedUsers": 1,
    }
    assert calls.content(f"/providers/notificationsets/{hr.pk}") == one
    named = calls.get(f"/providers/{office.pk}/notificationsets?filter=description eq 'HR'&orderBy=-description")
    assert [row["description"] for row in named.json()["_embedded"]] == ["HR"]


def test_the_list_of_sets_takes_the_same_for_many(
    calls: Program,
    office: Provider,
    alice: User,
    hr: NotificationSet,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    calls.get(f"/providers/{office.pk}/notificationsets")
    for number in range(2):
        with django_assert_num_queries(7):  # those of every list, and what is in the sets
            calls.get(f"/providers/{office.pk}/notificationsets")
        notifications.sets.create_set(
            office, name=f"Set {number}", contents=preferences.DEFAULT_PREFERENCES, by=actor(alice)
        )


def test_preferences_of_a_user_are_shown_with_deviations(calls: Program, office: Provider, bob: User) -> None:
    assert [one["notificationType"]["code"] for one in calls.rows(path(bob))] == [*NotificationType]
    assert of(calls, bob)["deviations"] == []
    wants(office, TYPE, days=30)
    wants(office, TYPE, bob, mail=True)
    found = of(calls, bob)
    assert (found["isEnabled"], found["createNumberOfDaysBeforeEvent"]) == (True, 30)
    assert found["sendMailWhenNotificationIsCreated"] is True
    assert found["deviations"] == ["sendMailWhenNotificationIsCreated"]


def test_what_is_not_sent_stays_and_null_follows_the_office(calls: Program, bob: User) -> None:
    assert calls.call("PATCH", path(bob), setting(isEnabled=False)).status_code == 200
    assert calls.call("PATCH", path(bob), setting("birthday", createNumberOfDaysBeforeEvent=0)).status_code == 200
    changed = calls.call("PATCH", path(bob), setting(sendMailWhenNotificationIsCreated=True))
    assert changed.status_code == 200
    owns = preferences.get_user_overrides(bob)
    assert owns == {
        TYPE: PreferenceOverride(False, None, True),
        NotificationType.BIRTHDAY: PreferenceOverride(None, 0, None),
    }
    assert calls.call("PATCH", path(bob), setting(isEnabled=None)).status_code == 200
    assert preferences.get_user_overrides(bob)[TYPE] == PreferenceOverride(None, None, True)
    calls.call("PATCH", path(bob), setting(sendMailWhenNotificationIsCreated=None))
    assert TYPE not in preferences.get_user_overrides(bob)
    events = Event.objects.filter(verb="signals_changed").count()
    assert calls.call("PATCH", path(bob), setting()).status_code == 200
    assert Event.objects.filter(verb="signals_changed").count() == events == 5


def test_what_the_office_changes_changes_the_etag(calls: Program, office: Provider, bob: User) -> None:
    etag = calls.get(path(bob)).headers["ETag"]
    wants(office, TYPE, days=30)
    refused = calls.call("PATCH", path(bob), setting(isEnabled=False), If_Match=etag)
    assert refused.status_code == 412
    assert not NotificationSetting.objects.filter(user=bob).exists()
    etag = calls.get(path(bob)).headers["ETag"]
    changed = calls.call("PATCH", path(bob), setting(isEnabled=False), If_Match=etag)
    assert (changed.status_code, changed.headers["ETag"]) == (200, calls.get(path(bob)).headers["ETag"])
    assert changed.headers["ETag"] != etag


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (setting("kerst"), "notifications.0.notificationType.key"),
        (setting("\x00"), "notifications.0.notificationType.key"),
        (setting(createNumberOfDaysBeforeEvent=100), "notifications.0.createNumberOfDaysBeforeEvent"),
        (setting(createNumberOfDaysBeforeEvent=-1), "notifications.0.createNumberOfDaysBeforeEvent"),
        (setting(createNumberOfDaysBeforeEvent="7"), "notifications.0.createNumberOfDaysBeforeEvent"),
        (setting(createNumberOfDaysBeforeEvent=1.5), "notifications.0.createNumberOfDaysBeforeEvent"),
        (setting(isEnabled="ja"), "notifications.0.isEnabled"),
        (setting(unknown=[]), "notifications.0.unknown"),
        ({}, "notifications"),
        ({"notifications": setting()["notifications"] * 101}, "notifications"),
    ],
)
def test_invalid_setting_is_reported(calls: Program, bob: User, body: Any, field: str) -> None:
    response = calls.call("PATCH", path(bob), body)
    assert (response.status_code, response.json()["messages"][0]["field"]) == (400, field)
    assert not NotificationSetting.objects.exists()
    assert not Event.objects.filter(verb="signals_changed").exists()
