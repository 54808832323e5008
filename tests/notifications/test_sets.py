"""Notification sets: creating, changing, deleting, deviations, and applying one to a user."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

import notifications.actions
import notifications.sets
from accounts.models import Provider, User
from audit.models import Event, Verb
from core.errors import EditConflict
from notifications import preferences
from notifications.catalog import NotificationType
from notifications.models import NotificationSet, NotificationSetApplication
from notifications.preferences import NotificationPreference, PreferenceOverride
from permissions.checks import Right
from tests.helpers.notification_events import wants
from tests.helpers.users import actor, make_user
from tests.notifications.test_preferences import sent
from tests.teams.test_user_rights import give

pytestmark = pytest.mark.django_db
SETS, NEW = "/kantoor/sets/signalen/", "/kantoor/sets/signalen/nieuw/"
TYPE, OTHER = NotificationType.APPRAISAL, NotificationType.BIRTHDAY
CONTENTS = {TYPE: NotificationPreference(True, 21, True), OTHER: NotificationPreference(False, 7, False)}


def of(made: NotificationSet, name: str = "notifications:edit_set") -> str:
    return reverse(name, args=[made.pk])


def on(user: User, name: str = "notifications:preview_set") -> str:
    return reverse(name, args=[user.pk])


@pytest.fixture
def hr(office: Provider, alice: User) -> NotificationSet:
    return notifications.sets.create_set(office, name="HR", contents=CONTENTS, by=actor(alice))


def applying(made: NotificationSet, user: User, **changed: object) -> dict[str, object]:
    seen = preferences.fingerprint_preferences(preferences.get_user_preferences(user))
    return {"signal_set": made.pk, "version": made.version, "seen": seen} | changed


def test_a_set_is_made_changed_and_deleted(alice_client: Client, office: Provider) -> None:
    values = sent(alice_client, NEW, name="HR", appraisal_is_on="y", appraisal_days="21", birthday_is_on="n")
    assert alice_client.post(NEW, values).status_code == 302
    made = NotificationSet.objects.get(provider=office)
    assert preferences.get_set_preferences(made) == {
        OTHER: NotificationPreference(False, 7, False),
        TYPE: NotificationPreference(True, 21, False),
    }
    values = sent(alice_client, of(made), name="HR 2", appraisal_mail="on", birthday_is_on="")
    assert alice_client.post(of(made), values).status_code == 302
    made.refresh_from_db()
    assert (made.name, preferences.get_set_preferences(made)) == (
        "HR 2",
        {TYPE: NotificationPreference(True, 21, True)},
    )
    event = Event.objects.get(verb=Verb.NOTIFICATION_SET_CHANGED)
    assert event.changes["name"] == ["HR", "HR 2"]
    assert event.changes["appraisal.mail"] == [False, True]
    assert event.changes["birthday.is_on"] == [False, None]
    assert alice_client.get(of(made, "notifications:delete_set")).status_code == 200
    assert NotificationSet.objects.exists(), "asking deletes nothing"
    assert alice_client.post(of(made, "notifications:delete_set")).status_code == 302
    assert not NotificationSet.objects.exists()
    assert alice_client.post(of(made, "notifications:delete_set")).status_code == 404
    verbs = Event.objects.filter(verb__startswith="signal_set").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["signal_set_created", "signal_set_changed", "signal_set_deleted"]


def test_saving_without_a_change_leaves_no_event(alice_client: Client, hr: NotificationSet) -> None:
    alice_client.post(of(hr), sent(alice_client, of(hr)))
    assert not Event.objects.filter(verb=Verb.NOTIFICATION_SET_CHANGED).exists()


@pytest.mark.slow
def test_two_tabs_names_that_are_taken_and_bad_input(alice_client: Client, alice: User, hr: NotificationSet) -> None:
    form = alice_client.post(NEW, sent(alice_client, NEW, name="hr")).context["form"]
    assert form.errors.as_data()["name"][0].code == "taken"
    other = notifications.sets.create_set(alice.provider, name="Ander", contents={}, by=actor(alice))
    form = alice_client.post(of(other), sent(alice_client, of(other), name="HR")).context["form"]
    assert form.errors.as_data()["name"][0].code == "taken"
    old = sent(alice_client, of(hr), name="Oud")
    alice_client.post(of(hr), sent(alice_client, of(hr), name="Nieuw"))
    form = alice_client.post(of(hr), old).context["form"]
    assert form.non_field_errors().as_data()[0].code == "stale"
    for bad in ("", "x" * 51, "\x00", "\u202e"):
        assert "name" in alice_client.post(NEW, sent(alice_client, NEW) | {"name": bad}).context["form"].errors
    for bad in ("", "100", "-1", "x"):
        values = sent(alice_client, NEW, name="Dagen", appraisal_is_on="y") | {"appraisal_days": bad}
        assert "appraisal_days" in alice_client.post(NEW, values).context["form"].errors
    hr.refresh_from_db()
    assert hr.name == "Nieuw"
    for act in (
        lambda: notifications.sets.update_set(hr, name="X", contents={}, version=1, by=actor(alice)),
        lambda: notifications.sets.delete_set(hr, version=1, by=actor(alice)),
    ):
        with pytest.raises(EditConflict):
            act()


def test_applying_says_beforehand_what_changes_and_changes_that(
    alice_client: Client, bob: User, hr: NotificationSet
) -> None:
    wants(bob.provider, NotificationType.SICKNESS, bob, days=5)
    wants(bob.provider, TYPE, bob, days=21)
    context = alice_client.get(on(bob), {"signal_set": hr.pk}).context
    assert [(change.type, change.now_text, change.desired_text) for change in context["differences"]] == [
        (OTHER, "7 dagen ervoor", "uit"),
        (TYPE, "21 dagen ervoor", "21 dagen ervoor, ook per mail"),
    ]
    assert not NotificationSetApplication.objects.exists()
    alice_client.post(on(bob, "notifications:apply_set"), applying(hr, bob, seen=context["seen"]))
    assert preferences.get_user_overrides(bob) == {
        OTHER: PreferenceOverride(False, 7, False),
        TYPE: PreferenceOverride(True, 21, True),
        NotificationType.SICKNESS: PreferenceOverride(days=5),
    }
    event = Event.objects.get(verb=Verb.NOTIFICATION_SET_APPLIED)
    assert event.target_id == bob.pk
    assert event.changes["HR"] == [None, "applied"]
    assert event.changes["appraisal.mail"] == [None, True]
    assert alice_client.get(on(bob), {"signal_set": hr.pk}).context["differences"] == []


def test_applied_set_is_a_copy(alice_client: Client, alice: User, bob: User, hr: NotificationSet) -> None:
    notifications.sets.apply_set(hr, bob, by=actor(alice))
    before = preferences.get_user_overrides(bob)
    notifications.sets.update_set(
        hr, name="HR", contents={TYPE: NotificationPreference(True, 1, False)}, version=1, by=actor(alice)
    )
    hr.refresh_from_db()
    assert preferences.get_user_overrides(bob) == before
    notifications.sets.delete_set(hr, version=hr.version, by=actor(alice))
    assert preferences.get_user_overrides(bob) == before
    with pytest.raises(EditConflict):
        notifications.sets.apply_set(hr, bob, by=actor(alice))


def test_use_and_deviation(alice_client: Client, alice: User, bob: User, hr: NotificationSet) -> None:
    assert alice_client.get(SETS).context["rows"] == [(hr, 2, 0, 0)]
    notifications.sets.apply_set(hr, bob, by=actor(alice))
    notifications.sets.apply_set(hr, bob, by=actor(alice))
    assert alice_client.get(SETS).context["rows"] == [(hr, 2, 1, 0)]
    wants(bob.provider, TYPE, bob, days=3)
    assert alice_client.get(SETS).context["rows"] == [(hr, 2, 1, 1)]
    (use,) = alice_client.get(of(hr)).context["uses"]
    assert [(change.type, change.now_text) for change in use.difference] == [(TYPE, "3 dagen ervoor, ook per mail")]
    deletion = alice_client.get(of(hr, "notifications:delete_set"))
    assert " 1 " in deletion.context["confirmation"].consequences[1]


def test_what_changed_since_it_was_shown_stops_it(alice_client: Client, bob: User, hr: NotificationSet) -> None:
    url = on(bob, "notifications:apply_set")
    for asked in (applying(hr, bob, seen="x"), applying(hr, bob, version=9)):
        assert alice_client.post(url, asked).status_code == 302
    for wrong in ({"signal_set": ""}, {"signal_set": "x"}, {"version": "x"}, {"seen": ""}, {"seen": "x" * 5_000}):
        assert alice_client.post(url, applying(hr, bob, **wrong)).status_code == 404
    assert preferences.get_user_overrides(bob) == {}


def test_who_manages_signals_applies_and_who_manages_sets_makes(
    bob_client: Client, bob: User, alice: User, hr: NotificationSet
) -> None:
    give(bob, Right.MANAGE_SETS)
    assert bob_client.get(SETS).status_code == bob_client.get(of(hr)).status_code == 200
    assert bob_client.post(on(alice, "notifications:apply_set"), applying(hr, alice)).status_code == 403
    bob.individual_rights.all().delete()
    give(bob, Right.MANAGE_SIGNALS, Right.VIEW_USERS)
    assert bob_client.get(SETS).status_code == bob_client.get(of(hr)).status_code == 403
    bob_client.post(on(alice, "notifications:apply_set"), applying(hr, alice))
    assert preferences.get_user_overrides(alice)[TYPE] == PreferenceOverride(True, 21, True)


@pytest.mark.slow
def test_others_do_not_see_them(
    bob_client: Client, charlie_client: Client, charlie: User, alice_client: Client, bob: User, hr: NotificationSet
) -> None:
    theirs = notifications.sets.create_set(charlie.provider, name="Van Smit", contents=CONTENTS, by=actor(charlie))
    for url in (of(hr), of(hr, "notifications:delete_set")):
        for act in (charlie_client.get, charlie_client.post):
            assert act(url).status_code == 404
        for act in (bob_client.get, bob_client.post):
            assert act(url).status_code == 403
    assert bob_client.get(SETS).status_code == bob_client.post(NEW).status_code == 403
    assert charlie_client.get(SETS).context["rows"] == [(theirs, 2, 0, 0)]
    assert alice_client.post(on(bob, "notifications:apply_set"), applying(theirs, bob)).status_code == 404
    assert "signal_set" in alice_client.get(on(bob), {"signal_set": theirs.pk}).context["form"].errors
    with pytest.raises(PermissionDenied):
        notifications.sets.apply_set(theirs, bob, by=actor())
    with pytest.raises(PermissionDenied):
        notifications.sets.apply_set(hr, bob, by=actor(bob))
    for change in (
        lambda: notifications.sets.create_set(bob.provider, name="X", contents={}, by=actor(charlie)),
        lambda: notifications.sets.update_set(hr, name="X", contents={}, version=1, by=actor(bob)),
        lambda: notifications.sets.delete_set(hr, version=1, by=actor(charlie)),
    ):
        with pytest.raises(PermissionDenied):
            change()


def test_the_initial_set_of_a_new_user(alice: User, bob: User, hr: NotificationSet) -> None:
    new = make_user(alice.provider, username=None, password="!", accepted_at=None)
    notifications.actions.apply_initial_set(new, notification_set=None, by=actor(bob))
    with pytest.raises(PermissionDenied):
        notifications.actions.apply_initial_set(new, notification_set=hr, by=actor(bob))
    notifications.actions.apply_initial_set(new, notification_set=hr, by=actor(alice))
    assert preferences.get_user_overrides(new)[TYPE] == PreferenceOverride(True, 21, True)


def test_queries_do_not_grow(
    alice_client: Client, alice: User, bob: User, office: Provider, django_assert_num_queries: Any
):
    for rounds in (1, 6):
        for number in range(rounds):
            name = f"Set {rounds} {number}"
            made = notifications.sets.create_set(office, name=name, contents=CONTENTS, by=actor(alice))
            for user in (alice, bob):
                notifications.sets.apply_set(made, user, by=actor(alice))
        with django_assert_num_queries(9):
            assert alice_client.get(SETS).status_code == 200
