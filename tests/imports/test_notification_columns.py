"""Notification columns in a file of users."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext

import notifications.actions
import notifications.sets
from accounts.models import Provider, User
from audit.models import Event, Verb
from imports.plans import rendering, reverts
from notifications import preferences
from notifications.catalog import NotificationType
from notifications.models import NotificationSetApplication
from notifications.preference_text import serialize_overrides
from notifications.preferences import NotificationPreference, OverridesByType, PreferenceOverride
from permissions.checks import Right
from tests.helpers.import_files import SERVICE, applied, azure, faults, planned
from tests.helpers.login_methods import tenant_of
from tests.helpers.users import actor, make_user
from tests.imports.test_revert import undone

pytestmark = pytest.mark.django_db
SAID = "Beoordeling: aan, 30 dagen, mail; Verjaardag (algemeen): uit"
MEANT: OverridesByType = {
    NotificationType.BIRTHDAY: PreferenceOverride(is_on=False),
    NotificationType.APPRAISAL: PreferenceOverride(True, 30, True),
}


def test_new_people_and_those_who_are_there_get_them(office: Provider, alice: User, bob: User) -> None:
    tenant_of(office)
    rows = [{"username": "bob", "signals": SAID}, SERVICE | {"signals": SAID}, azure() | {"signals": SAID}]
    plan = planned(office, *rows)
    assert [item["changes"]["signals"] for item in plan.items] == [[[], serialize_overrides(MEANT)]] * 3
    said = rendering.render_details(next(iter(plan.items)))
    assert said == ["Signalen: + Beoordeling: aan, 30 dagen, mail, + Verjaardag (algemeen): uit"]
    applied(office, *rows, digest=plan.digest)
    for user in (bob, User.objects.get(username="koppeling #1"), User.objects.get(username="groen 1")):
        assert preferences.get_user_overrides(user) == MEANT
        assert Event.objects.filter(verb=Verb.NOTIFICATIONS_CHANGED, target_id=user.pk).count() == 1
    assert planned(office, *rows).is_empty


def test_an_empty_cell_follows_the_office_and_no_column_leaves_them(office: Provider, alice: User, bob: User) -> None:
    applied(office, {"username": "bob", "signals": SAID})
    applied(office, {"username": "bob", "first_name": "Ander"})
    assert preferences.get_user_overrides(bob) == MEANT
    applied(office, {"username": "bob", "signals": ""})
    assert preferences.get_user_overrides(bob) == {}


def test_a_set_is_applied_once(office: Provider, alice: User, bob: User) -> None:
    tenant_of(office)
    contents = {NotificationType.APPRAISAL: NotificationPreference(True, 3, False)}
    notifications.sets.create_set(office, name="Loon", contents=contents, by=actor())
    old, new = {"username": "bob", "signal_set": "loon"}, azure() | {"signal_set": "Loon", "signals": SAID}
    notifications.actions.set_user_overrides(
        bob, {NotificationType.BIRTHDAY: PreferenceOverride(days=1)}, seen="", by=actor()
    )
    applied(office, old)
    applied(office, new)
    person = User.objects.get(username="groen 1")
    assert preferences.get_user_overrides(bob) == {
        NotificationType.BIRTHDAY: PreferenceOverride(days=1),
        NotificationType.APPRAISAL: PreferenceOverride(True, 3, False),
    }
    assert preferences.get_user_overrides(person) == MEANT | {
        NotificationType.APPRAISAL: PreferenceOverride(True, 3, False)
    }
    assert set(NotificationSetApplication.objects.values_list("user", flat=True)) == {bob.pk, person.pk}
    assert planned(office, old).is_empty
    assert NotificationSetApplication.objects.count() == 2
    assert faults(planned(office, {"username": "bob", "signal_set": "Onbekend"}))[0][:2] == (2, "Signaalset")


def test_settings_are_reverted_unless_changed_since(office: Provider, alice: User, bob: User) -> None:
    _plan, done = applied(office, {"username": "bob", "signals": SAID})
    undone(office, done)
    assert preferences.get_user_overrides(bob) == {}
    _plan, done = applied(office, {"username": "bob", "signals": SAID})
    notifications.actions.set_user_overrides(bob, {}, seen=preferences.fingerprint_preferences(MEANT), by=actor())
    assert reverts.plan_user_revert(office, done, by=actor()).is_empty
    notifications.actions.set_user_overrides(
        bob, {NotificationType.OWN: PreferenceOverride(mail=True)}, seen="", by=actor()
    )
    assert "Signalen" in next(iter(reverts.plan_user_revert(office, done, by=actor()).faults))["what"]


def test_settings_require_the_right(office: Provider, alice: User, bob: User, charlie: User) -> None:
    manager = make_user(office, Right.MANAGE_USERS, username="chef")
    row = {"username": "bob", "signals": SAID}
    assert faults(planned(office, row, by=actor(manager)))
    with pytest.raises(PermissionDenied):
        notifications.actions.set_overrides_for_users([bob], MEANT, by=actor(manager))
    with pytest.raises(PermissionDenied):
        notifications.actions.set_overrides_for_users([bob, charlie], MEANT, by=actor(alice))
    teller = make_user(office, Right.MANAGE_USERS, Right.MANAGE_SIGNALS, username="melder")
    applied(office, row, {"username": "alice", "signals": SAID}, by=actor(teller))
    assert preferences.get_user_overrides(alice) == MEANT


def test_without_users_nothing_is_recorded(office: Provider) -> None:
    notifications.actions.set_overrides_for_users([], MEANT, by=actor())
    assert not Event.objects.exists()


def test_a_fault_names_the_place(office: Provider, alice: User) -> None:
    plan = planned(office, {"username": "alice", "signals": "Beoordeling: soms"})
    assert faults(plan)[0][:2] == (2, "Signalen")
    assert "soms" in faults(plan)[0][2]


def test_queries_do_not_grow_with_new_people(office: Provider, alice: User) -> None:
    tenant_of(office)
    counts = []
    for start, size in ((0, 5), (100, 60)):
        with CaptureQueriesContext(connection) as captured:
            applied(office, *(azure(start + number) | {"signals": SAID} for number in range(size)))
        counts.append(len(captured))
    assert counts[0] == counts[1]
