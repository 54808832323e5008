"""Signaal AK of the office, the signals of one person, and one's own: who changes what, and what two tabs do."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse

import notifications.actions
from accounts.actions import Stale
from accounts.models import Provider, User
from audit.models import Event, Verb
from notifications import wishes
from notifications.catalogue import SignalType
from notifications.models import SignalSetting
from notifications.wishes import Own, Wish
from teams.rights import Right
from tests.people import actor, make_user
from tests.signals import bring, employer_of
from tests.test_teams_guards import together
from tests.test_teams_rights_page import give

pytestmark = pytest.mark.django_db
OFFICE, OWN = "/kantoor/signalen/", "/profiel/signalen/"
TYPE, OTHER = SignalType.APPRAISAL, SignalType.BIRTHDAY


def of(user: User, name: str = "notifications:user") -> str:
    return reverse(name, args=[user.pk])


def sent(client: Client, url: str, **changed: Any) -> dict[str, Any]:
    """Return what the form of a page would send, with some fields changed; False unticks."""
    form = client.get(url).context["form"]
    values = {name: form[name].value() for name in form.fields} | changed
    return {name: value for name, value in values.items() if value is not None and value is not False}


def test_the_office_has_a_standard_until_it_chooses(alices: Client, office: Provider) -> None:
    assert wishes.office_wishes(office) == wishes.STANDARD
    rows = {row.type: row for row in alices.get(OFFICE).context["form"].rows()}
    assert list(rows) == list(SignalType)
    assert rows[TYPE].days.value() == TYPE.days


def test_the_office_chooses(alices: Client, alice: User, office: Provider) -> None:
    values = sent(alices, OFFICE, appraisal_days="30", appraisal_mail="on", birthday_is_on=False)
    assert alices.post(OFFICE, values).status_code == 302
    found = wishes.office_wishes(office)
    assert (found[TYPE], found[OTHER]) == (Wish(True, 30, True), Wish(False, 7, False))
    (event,) = Event.objects.filter(verb=Verb.SIGNALS_CHANGED)
    assert event.actor_id == alice.pk
    assert event.target_id == office.pk
    assert event.changes == {
        "appraisal.days": [14, 30], "appraisal.mail": [False, True], "birthday.is_on": [True, False],
    }  # fmt: skip
    assert SignalSetting.objects.count() == 2, "what was not changed keeps following the product"
    alices.post(OFFICE, sent(alices, OFFICE))
    assert Event.objects.filter(verb=Verb.SIGNALS_CHANGED).count() == 1


@pytest.mark.parametrize("days", ["100", "-1", "x", "", "1.5", "\x00", "9" * 4_000, "١"])
def test_days_are_from_0_to_99(alices: Client, bob: User, office: Provider, days: str) -> None:
    answer = alices.post(OFFICE, sent(alices, OFFICE) | {"appraisal_days": days})
    if days == "١":  # a digit of another script is a digit
        assert wishes.office_wishes(office)[TYPE].days == 1
        return
    assert "appraisal_days" in answer.context["form"].errors
    assert "0 tot en met 99" in answer.content.decode()
    answer = alices.post(of(bob), sent(alices, of(bob)) | {"appraisal_days": days})
    assert ("appraisal_days" in answer.context["form"].errors) if days else answer.status_code == 302
    assert not SignalSetting.objects.exists()


def test_the_ends_of_the_range_and_odd_choices(alices: Client, bob: User, office: Provider) -> None:
    for days in (0, 99):
        alices.post(OFFICE, sent(alices, OFFICE, appraisal_days=str(days)))
        assert wishes.office_wishes(office)[TYPE].days == days
    answer = alices.post(of(bob), sent(alices, of(bob), appraisal_is_on="misschien", appraisal_mail="x" * 5_000))
    assert {"appraisal_is_on", "appraisal_mail"} <= set(answer.context["form"].errors)
    alices.post(of(bob), sent(alices, of(bob), was_once_is_on="y", was_once_days="3"))
    assert wishes.own_wishes(bob) == {}
    for days in (-1, 100):
        with pytest.raises(ValidationError):
            notifications.actions.set_own(bob, {TYPE: Own(days=days)}, seen="", by=actor())


def test_somebody_deviates_in_parts_and_follows_in_the_rest(
    alices: Client, alice: User, bob: User, office: Provider
) -> None:
    assert alices.post(of(bob), sent(alices, of(bob), appraisal_days="3", birthday_mail="y")).status_code == 302
    assert wishes.own_wishes(bob) == {OTHER: Own(mail=True), TYPE: Own(days=3)}
    event = Event.objects.get(verb=Verb.SIGNALS_CHANGED)
    assert (event.target_id, event.actor_id) == (bob.pk, alice.pk)
    assert event.changes == {"appraisal.days": [None, 3], "birthday.mail": [None, True]}
    alices.post(OFFICE, sent(alices, OFFICE, appraisal_days="50", appraisal_mail="on"))
    assert wishes.wishes_of(bob)[TYPE] == Wish(True, 3, True)
    assert wishes.wishes_of(alice)[TYPE] == Wish(True, 50, True)
    alices.post(of(bob), sent(alices, of(bob), appraisal_days="", birthday_mail="n"))
    assert wishes.own_wishes(bob) == {OTHER: Own(mail=False)}


def test_back_to_the_standard_of_the_office(alices: Client, bob: User) -> None:
    alices.post(of(bob), sent(alices, of(bob), appraisal_is_on="n"))
    url = of(bob, "notifications:follow_office")
    assert f'action="{url}"' in alices.get(of(bob)).content.decode()
    assert alices.get(url).status_code == 405
    alices.post(url)
    assert wishes.own_wishes(bob) == {}
    assert Event.objects.filter(verb=Verb.SIGNALS_CHANGED).latest("id").changes == {"appraisal.is_on": [False, None]}
    alices.post(url)
    assert Event.objects.filter(verb=Verb.SIGNALS_CHANGED).count() == 2
    assert f'action="{url}"' not in alices.get(of(bob)).content.decode()


def test_of_two_tabs_the_second_is_told(alices: Client, bob: User, office: Provider) -> None:
    for url, values in ((OFFICE, {"appraisal_mail": "on"}), (of(bob), {"appraisal_mail": "y"})):
        first, second = sent(alices, url, **values), sent(alices, url, birthday_days="9")
        assert alices.post(url, first).status_code == 302
        form = alices.post(url, second).context["form"]
        (error,) = form.non_field_errors().as_data()
        assert error.code == "stale"
        assert "Beoordeling" in form.non_field_errors()[0]
        assert "Verjaardag" not in form.non_field_errors()[0], "only what another changed"
        assert form["birthday_days"].value() == "9"
        again = {name: form[name].value() for name in form.fields}
        again = {name: value for name, value in again.items() if value is not None and value is not False}
        assert alices.post(url, again).status_code == 302
    assert wishes.office_wishes(office)[OTHER].days == wishes.own_wishes(bob)[OTHER].days == 9


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_is_told(office: Provider, alice: User, bob: User) -> None:
    results = together(
        *[
            lambda days=days: notifications.actions.set_own(bob, {TYPE: Own(days=days)}, seen="", by=actor(alice))
            for days in (1, 2, 3)
        ]
    )
    assert sum(isinstance(result, Stale) for result in results) == 2, results
    assert Event.objects.filter(verb=Verb.SIGNALS_CHANGED).count() == 1


def test_who_sees_users_sees_their_signals_and_changes_none(bobs: Client, bob: User, alice: User) -> None:
    give(bob, Right.VIEW_USERS)
    page = bobs.get(of(alice))
    assert "Je kunt deze signalen zien, maar niet wijzigen." in page.content.decode()
    assert bobs.post(of(alice), {"appraisal_is_on": "n", "seen": ""}).status_code == 403
    give(bob, Right.MANAGE_SIGNALS)
    assert bobs.post(of(alice), {"appraisal_is_on": "n", "seen": ""}).status_code == 302
    assert bobs.post(of(bob), {"appraisal_is_on": "n", "seen": ""}).status_code == 302, "signals are no rights"
    assert set(wishes.own_wishes(alice)) == set(wishes.own_wishes(bob)) == {TYPE}


def test_others_cannot(bobs: Client, charlies: Client, bob: User, charlie: User, alice: User) -> None:
    own = [of(bob), of(bob, "notifications:user_set")]
    post = [of(bob), of(bob, "notifications:follow_office"), of(bob, "notifications:apply_set")]
    for url in own:
        assert charlies.get(url).status_code == 404
        assert bobs.get(url).status_code == 403
    for url in post:
        assert charlies.post(url, {"seen": ""}).status_code == 404
        assert bobs.post(url, {"seen": ""}).status_code == 403
    assert bobs.get(OFFICE).status_code == bobs.post(OFFICE).status_code == 403
    charlies.post(OFFICE, sent(charlies, OFFICE, appraisal_days="1"))
    assert wishes.office_wishes(bob.provider)[TYPE].days == 14
    assert wishes.office_wishes(charlie.provider)[TYPE].days == 1
    for by in (actor(charlie), actor(bob)):
        with pytest.raises(PermissionDenied):
            notifications.actions.set_own(alice, {}, seen="", by=by)
        with pytest.raises(PermissionDenied):
            notifications.actions.set_office(alice.provider, {}, seen="", by=by)
        with pytest.raises(PermissionDenied):
            notifications.actions.follow_office(alice, by=by)
        with pytest.raises(PermissionDenied):
            notifications.actions.set_own_mail(alice, {TYPE: True}, by=by)


def test_one_chooses_oneself_what_is_mailed_and_nothing_else(bobs: Client, alices: Client, bob: User) -> None:
    alices.post(of(bob), sent(alices, of(bob), appraisal_days="3", sickness_is_on="n"))
    page = bobs.get(OWN)
    assert page.context["off"] == [SignalType.SICKNESS]
    assert "sickness" not in page.context["form"].fields
    bobs.post(OWN, {"appraisal": "on", "sickness": "on", "birthday_days": "99", "birthday_is_on": "n"})
    assert wishes.own_wishes(bob) == {TYPE: Own(days=3, mail=True), SignalType.SICKNESS: Own(is_on=False)}
    event = Event.objects.filter(verb=Verb.SIGNALS_CHANGED).latest("id")
    assert (event.actor_id, event.changes) == (bob.pk, {"appraisal.mail": [None, True]})
    bobs.post(OWN, {"appraisal": "on"})
    assert Event.objects.filter(verb=Verb.SIGNALS_CHANGED).count() == 2
    bobs.post(OWN, {})
    assert wishes.wishes_of(bob)[TYPE] == Wish(True, 3, False)
    assert f'href="{OWN}"' in bobs.get("/profiel/").content.decode()


def test_with_everything_off_there_is_nothing_to_choose(bobs: Client, bob: User) -> None:
    for type_ in SignalType:
        SignalSetting.objects.create(provider=bob.provider, type=type_, is_on=False, days=1, mail=False)
    assert "Alle signalen staan voor je uit." in bobs.get(OWN).content.decode()
    assert bobs.post(OWN, {"appraisal": "on"}).status_code == 302
    assert wishes.own_wishes(bob) == {}


def test_the_page_says_when_no_employer_is_reached(alices: Client, bob: User) -> None:
    text = "Nog geen team leidt naar een werkgever."
    assert text in alices.get(of(bob)).content.decode()
    bring(employer_of(bob.provider), bob)
    assert text not in alices.get(of(bob)).content.decode()


def test_a_wish_in_words() -> None:
    assert wishes.words(TYPE, Wish(False, 3, True)) == "uit"
    assert wishes.words(TYPE, Wish(True, 0, False)) == "op de dag zelf"
    assert wishes.words(TYPE, Wish(True, 1, True)) == "1 dag ervoor, ook per mail"
    assert wishes.words(SignalType.SICKNESS, Wish(True, 2, False)) == "2 dagen erna"


def test_queries_do_not_grow(alices: Client, bob: User, office: Provider, django_assert_max_num_queries: Any) -> None:
    for type_ in SignalType:
        SignalSetting.objects.create(provider=office, type=type_, is_on=True, days=1, mail=False)
        SignalSetting.objects.create(provider=office, user=bob, type=type_, days=2)
    make_user(office, username="nog iemand")
    for url in (OFFICE, of(bob), OWN):
        with django_assert_max_num_queries(12):
            assert alices.get(url).status_code == 200
