"""Signaal AK of the office, the notifications of one person, and one's own: who changes what, and what two tabs do."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse

import notifications.actions
from accounts.models import Provider, User
from audit.models import Event, Verb
from core.errors import EditConflict
from notifications import preferences
from notifications.catalog import NotificationType
from notifications.models import NotificationSetting
from notifications.preferences import NotificationPreference, PreferenceOverride
from permissions.checks import Right
from tests.helpers.notification_events import employer_of, make_team_at_employer
from tests.helpers.users import actor, make_user
from tests.permissions.test_escalation import together
from tests.teams.test_user_rights import give

pytestmark = pytest.mark.django_db
OFFICE, OWN = "/kantoor/signalen/", "/profiel/signalen/"
TYPE, OTHER = NotificationType.APPRAISAL, NotificationType.BIRTHDAY


def of(user: User, name: str = "notifications:user_preferences") -> str:
    return reverse(name, args=[user.pk])


def sent(client: Client, url: str, **changed: Any) -> dict[str, Any]:
    """Return the data that a page's form would submit, with some fields changed; False unticks."""
    form = client.get(url).context["form"]
    values = {name: form[name].value() for name in form.fields} | changed
    return {name: value for name, value in values.items() if value is not None and value is not False}


def test_the_office_has_a_standard_until_it_chooses(alice_client: Client, office: Provider) -> None:
    assert preferences.get_office_preferences(office) == preferences.DEFAULT_PREFERENCES
    rows = {row.type: row for row in alice_client.get(OFFICE).context["form"].rows()}
    assert list(rows) == list(NotificationType)
    assert rows[TYPE].days.value() == TYPE.days


def test_the_office_chooses(alice_client: Client, alice: User, office: Provider) -> None:
    values = sent(alice_client, OFFICE, appraisal_days="30", appraisal_mail="on", birthday_is_on=False)
    assert alice_client.post(OFFICE, values).status_code == 302
    found = preferences.get_office_preferences(office)
    assert (found[TYPE], found[OTHER]) == (
        NotificationPreference(True, 30, True),
        NotificationPreference(False, 7, False),
    )
    (event,) = Event.objects.filter(verb=Verb.NOTIFICATIONS_CHANGED)
    assert event.actor_id == alice.pk
    assert event.target_id == office.pk
    assert event.changes == {
        "appraisal.days": [14, 30], "appraisal.mail": [False, True], "birthday.is_on": [True, False],
    }  # fmt: skip
    assert NotificationSetting.objects.count() == 2, "what was not changed keeps following the product"
    alice_client.post(OFFICE, sent(alice_client, OFFICE))
    assert Event.objects.filter(verb=Verb.NOTIFICATIONS_CHANGED).count() == 1


@pytest.mark.parametrize("days", ["100", "-1", "x", "", "1.5", "\x00", "9" * 4_000, "١"])
def test_days_are_from_0_to_99(alice_client: Client, bob: User, office: Provider, days: str) -> None:
    answer = alice_client.post(OFFICE, sent(alice_client, OFFICE) | {"appraisal_days": days})
    if days == "١":  # a digit of another script is a digit
        assert preferences.get_office_preferences(office)[TYPE].days == 1
        return
    assert "appraisal_days" in answer.context["form"].errors
    assert "0 tot en met 99" in answer.content.decode()
    answer = alice_client.post(of(bob), sent(alice_client, of(bob)) | {"appraisal_days": days})
    assert ("appraisal_days" in answer.context["form"].errors) if days else answer.status_code == 302
    assert not NotificationSetting.objects.exists()


@pytest.mark.slow
def test_the_ends_of_the_range_and_odd_choices(alice_client: Client, bob: User, office: Provider) -> None:
    for days in (0, 99):
        alice_client.post(OFFICE, sent(alice_client, OFFICE, appraisal_days=str(days)))
        assert preferences.get_office_preferences(office)[TYPE].days == days
    answer = alice_client.post(
        of(bob), sent(alice_client, of(bob), appraisal_is_on="misschien", appraisal_mail="x" * 5_000)
    )
    assert {"appraisal_is_on", "appraisal_mail"} <= set(answer.context["form"].errors)
    alice_client.post(of(bob), sent(alice_client, of(bob), was_once_is_on="y", was_once_days="3"))
    assert preferences.get_user_overrides(bob) == {}
    for days in (-1, 100):
        with pytest.raises(ValidationError):
            notifications.actions.set_user_overrides(bob, {TYPE: PreferenceOverride(days=days)}, seen="", by=actor())


def test_a_user_overrides_parts_and_follows_the_office_in_the_rest(
    alice_client: Client, alice: User, bob: User, office: Provider
) -> None:
    assert (
        alice_client.post(of(bob), sent(alice_client, of(bob), appraisal_days="3", birthday_mail="y")).status_code
        == 302
    )
    assert preferences.get_user_overrides(bob) == {
        OTHER: PreferenceOverride(mail=True),
        TYPE: PreferenceOverride(days=3),
    }
    event = Event.objects.get(verb=Verb.NOTIFICATIONS_CHANGED)
    assert (event.target_id, event.actor_id) == (bob.pk, alice.pk)
    assert event.changes == {"appraisal.days": [None, 3], "birthday.mail": [None, True]}
    alice_client.post(OFFICE, sent(alice_client, OFFICE, appraisal_days="50", appraisal_mail="on"))
    assert preferences.get_user_preferences(bob)[TYPE] == NotificationPreference(True, 3, True)
    assert preferences.get_user_preferences(alice)[TYPE] == NotificationPreference(True, 50, True)
    alice_client.post(of(bob), sent(alice_client, of(bob), appraisal_days="", birthday_mail="n"))
    assert preferences.get_user_overrides(bob) == {OTHER: PreferenceOverride(mail=False)}


def test_back_to_the_standard_of_the_office(alice_client: Client, bob: User) -> None:
    alice_client.post(of(bob), sent(alice_client, of(bob), appraisal_is_on="n"))
    url = of(bob, "notifications:clear_user_overrides")
    assert f'action="{url}"' in alice_client.get(of(bob)).content.decode()
    assert alice_client.get(url).status_code == 405
    alice_client.post(url)
    assert preferences.get_user_overrides(bob) == {}
    assert Event.objects.filter(verb=Verb.NOTIFICATIONS_CHANGED).latest("id").changes == {
        "appraisal.is_on": [False, None]
    }
    alice_client.post(url)
    assert Event.objects.filter(verb=Verb.NOTIFICATIONS_CHANGED).count() == 2
    assert f'action="{url}"' not in alice_client.get(of(bob)).content.decode()


@pytest.mark.slow
def test_of_two_tabs_the_second_is_told(alice_client: Client, bob: User, office: Provider) -> None:
    for url, values in ((OFFICE, {"appraisal_mail": "on"}), (of(bob), {"appraisal_mail": "y"})):
        first, second = sent(alice_client, url, **values), sent(alice_client, url, birthday_days="9")
        assert alice_client.post(url, first).status_code == 302
        form = alice_client.post(url, second).context["form"]
        (error,) = form.non_field_errors().as_data()
        assert error.code == "stale"
        assert "Beoordeling" in form.non_field_errors()[0]
        assert "Verjaardag" not in form.non_field_errors()[0], "only what another changed"
        assert form["birthday_days"].value() == "9"
        again = {name: form[name].value() for name in form.fields}
        again = {name: value for name, value in again.items() if value is not None and value is not False}
        assert alice_client.post(url, again).status_code == 302
    assert (
        preferences.get_office_preferences(office)[OTHER].days == preferences.get_user_overrides(bob)[OTHER].days == 9
    )


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_is_told(office: Provider, alice: User, bob: User) -> None:
    results = together(
        *[
            lambda days=days: notifications.actions.set_user_overrides(
                bob, {TYPE: PreferenceOverride(days=days)}, seen="", by=actor(alice)
            )
            for days in (1, 2, 3)
        ]
    )
    assert sum(isinstance(result, EditConflict) for result in results) == 2, results
    assert Event.objects.filter(verb=Verb.NOTIFICATIONS_CHANGED).count() == 1


def test_who_sees_users_sees_their_signals_and_changes_none(bob_client: Client, bob: User, alice: User) -> None:
    give(bob, Right.VIEW_USERS)
    page = bob_client.get(of(alice))
    assert "Je kunt deze signalen zien, maar niet wijzigen." in page.content.decode()
    assert bob_client.post(of(alice), {"appraisal_is_on": "n", "seen": ""}).status_code == 403
    give(bob, Right.MANAGE_SIGNALS)
    assert bob_client.post(of(alice), {"appraisal_is_on": "n", "seen": ""}).status_code == 302
    assert bob_client.post(of(bob), {"appraisal_is_on": "n", "seen": ""}).status_code == 302, (
        "notifications are no rights"
    )
    assert set(preferences.get_user_overrides(alice)) == set(preferences.get_user_overrides(bob)) == {TYPE}


@pytest.mark.slow
def test_others_cannot(bob_client: Client, charlie_client: Client, bob: User, charlie: User, alice: User) -> None:
    own = [of(bob), of(bob, "notifications:preview_set")]
    post = [of(bob), of(bob, "notifications:clear_user_overrides"), of(bob, "notifications:apply_set")]
    for url in own:
        assert charlie_client.get(url).status_code == 404
        assert bob_client.get(url).status_code == 403
    for url in post:
        assert charlie_client.post(url, {"seen": ""}).status_code == 404
        assert bob_client.post(url, {"seen": ""}).status_code == 403
    assert bob_client.get(OFFICE).status_code == bob_client.post(OFFICE).status_code == 403
    charlie_client.post(OFFICE, sent(charlie_client, OFFICE, appraisal_days="1"))
    assert preferences.get_office_preferences(bob.provider)[TYPE].days == 14
    assert preferences.get_office_preferences(charlie.provider)[TYPE].days == 1
    for by in (actor(charlie), actor(bob)):
        with pytest.raises(PermissionDenied):
            notifications.actions.set_user_overrides(alice, {}, seen="", by=by)
        with pytest.raises(PermissionDenied):
            notifications.actions.set_office_preferences(alice.provider, {}, seen="", by=by)
        with pytest.raises(PermissionDenied):
            notifications.actions.clear_user_overrides(alice, by=by)
        with pytest.raises(PermissionDenied):
            notifications.actions.set_own_email_preferences(alice, {TYPE: True}, by=by)


def test_one_chooses_oneself_what_is_mailed_and_nothing_else(
    bob_client: Client, alice_client: Client, bob: User
) -> None:
    alice_client.post(of(bob), sent(alice_client, of(bob), appraisal_days="3", sickness_is_on="n"))
    page = bob_client.get(OWN)
    assert page.context["off"] == [NotificationType.SICKNESS]
    assert "sickness" not in page.context["form"].fields
    bob_client.post(OWN, {"appraisal": "on", "sickness": "on", "birthday_days": "99", "birthday_is_on": "n"})
    assert preferences.get_user_overrides(bob) == {
        TYPE: PreferenceOverride(days=3, mail=True),
        NotificationType.SICKNESS: PreferenceOverride(is_on=False),
    }
    event = Event.objects.filter(verb=Verb.NOTIFICATIONS_CHANGED).latest("id")
    assert (event.actor_id, event.changes) == (bob.pk, {"appraisal.mail": [None, True]})
    bob_client.post(OWN, {"appraisal": "on"})
    assert Event.objects.filter(verb=Verb.NOTIFICATIONS_CHANGED).count() == 2
    bob_client.post(OWN, {})
    assert preferences.get_user_preferences(bob)[TYPE] == NotificationPreference(True, 3, False)
    assert f'href="{OWN}"' in bob_client.get("/profiel/").content.decode()


def test_with_everything_off_there_is_nothing_to_choose(bob_client: Client, bob: User) -> None:
    for type_ in NotificationType:
        NotificationSetting.objects.create(provider=bob.provider, type=type_, is_on=False, days=1, mail=False)
    assert "Alle signalen staan voor je uit." in bob_client.get(OWN).content.decode()
    assert bob_client.post(OWN, {"appraisal": "on"}).status_code == 302
    assert preferences.get_user_overrides(bob) == {}


def test_the_page_says_when_no_employer_is_reached(alice_client: Client, bob: User) -> None:
    text = "Nog geen team leidt naar een werkgever."
    assert text in alice_client.get(of(bob)).content.decode()
    make_team_at_employer(employer_of(bob.provider), bob)
    assert text not in alice_client.get(of(bob)).content.decode()


def test_a_wish_in_words() -> None:
    assert preferences.describe_preference(TYPE, NotificationPreference(False, 3, True)) == "uit"
    assert preferences.describe_preference(TYPE, NotificationPreference(True, 0, False)) == "op de dag zelf"
    assert preferences.describe_preference(TYPE, NotificationPreference(True, 1, True)) == "1 dag ervoor, ook per mail"
    assert (
        preferences.describe_preference(NotificationType.SICKNESS, NotificationPreference(True, 2, False))
        == "2 dagen erna"
    )


def test_queries_do_not_grow(
    alice_client: Client, bob: User, office: Provider, django_assert_max_num_queries: Any
) -> None:
    for type_ in NotificationType:
        NotificationSetting.objects.create(provider=office, type=type_, is_on=True, days=1, mail=False)
        NotificationSetting.objects.create(provider=office, user=bob, type=type_, days=2)
    make_user(office, username="nog iemand")
    for url in (OFFICE, of(bob), OWN):
        with django_assert_max_num_queries(12):
            assert alice_client.get(url).status_code == 200
