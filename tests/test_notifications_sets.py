"""Signal sets: making, changing, deleting, who deviates from them, and applying one to a person."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

import notifications.actions
import notifications.sets
from accounts.actions import Stale
from accounts.models import Provider, User
from audit.models import Event, Verb
from notifications import wishes
from notifications.catalogue import SignalType
from notifications.models import SignalSet, SignalSetApplication
from notifications.wishes import Own, Wish
from teams.rights import Right
from tests.people import actor, make_user
from tests.signals import wants
from tests.test_notifications_settings import sent
from tests.test_teams_rights_page import give

pytestmark = pytest.mark.django_db
SETS, NEW = "/kantoor/sets/signalen/", "/kantoor/sets/signalen/nieuw/"
TYPE, OTHER = SignalType.APPRAISAL, SignalType.BIRTHDAY
CONTENTS = {TYPE: Wish(True, 21, True), OTHER: Wish(False, 7, False)}


def of(made: SignalSet, name: str = "notifications:set") -> str:
    return reverse(name, args=[made.pk])


def on(user: User, name: str = "notifications:user_set") -> str:
    return reverse(name, args=[user.pk])


@pytest.fixture
def hr(office: Provider, alice: User) -> SignalSet:
    return notifications.sets.create(office, name="HR", contents=CONTENTS, by=actor(alice))


def applying(made: SignalSet, user: User, **changed: object) -> dict[str, object]:
    seen = wishes.stamp(wishes.wishes_of(user))
    return {"signal_set": made.pk, "version": made.version, "seen": seen} | changed


def test_a_set_is_made_changed_and_deleted(alices: Client, office: Provider) -> None:
    values = sent(alices, NEW, name="HR", appraisal_is_on="y", appraisal_days="21", birthday_is_on="n")
    assert alices.post(NEW, values).status_code == 302
    made = SignalSet.objects.get(provider=office)
    assert wishes.contents(made) == {OTHER: Wish(False, 7, False), TYPE: Wish(True, 21, False)}
    values = sent(alices, of(made), name="HR 2", appraisal_mail="on", birthday_is_on="")
    assert alices.post(of(made), values).status_code == 302
    made.refresh_from_db()
    assert (made.name, wishes.contents(made)) == ("HR 2", {TYPE: Wish(True, 21, True)})
    event = Event.objects.get(verb=Verb.SIGNAL_SET_CHANGED)
    assert event.changes["name"] == ["HR", "HR 2"]
    assert event.changes["appraisal.mail"] == [False, True]
    assert event.changes["birthday.is_on"] == [False, None]
    assert alices.get(of(made, "notifications:delete_set")).status_code == 200
    assert SignalSet.objects.exists(), "asking deletes nothing"
    assert alices.post(of(made, "notifications:delete_set")).status_code == 302
    assert not SignalSet.objects.exists()
    assert alices.post(of(made, "notifications:delete_set")).status_code == 404
    verbs = Event.objects.filter(verb__startswith="signal_set").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["signal_set_created", "signal_set_changed", "signal_set_deleted"]


def test_saving_without_a_change_leaves_no_event(alices: Client, hr: SignalSet) -> None:
    alices.post(of(hr), sent(alices, of(hr)))
    assert not Event.objects.filter(verb=Verb.SIGNAL_SET_CHANGED).exists()


def test_two_tabs_names_that_are_taken_and_bad_input(alices: Client, alice: User, hr: SignalSet) -> None:
    form = alices.post(NEW, sent(alices, NEW, name="hr")).context["form"]
    assert form.errors.as_data()["name"][0].code == "taken"
    other = notifications.sets.create(alice.provider, name="Ander", contents={}, by=actor(alice))
    form = alices.post(of(other), sent(alices, of(other), name="HR")).context["form"]
    assert form.errors.as_data()["name"][0].code == "taken"
    old = sent(alices, of(hr), name="Oud")
    alices.post(of(hr), sent(alices, of(hr), name="Nieuw"))
    form = alices.post(of(hr), old).context["form"]
    assert form.non_field_errors().as_data()[0].code == "stale"
    for bad in ("", "x" * 51, "\x00", "\u202e"):
        assert "name" in alices.post(NEW, sent(alices, NEW) | {"name": bad}).context["form"].errors
    for bad in ("", "100", "-1", "x"):
        values = sent(alices, NEW, name="Dagen", appraisal_is_on="y") | {"appraisal_days": bad}
        assert "appraisal_days" in alices.post(NEW, values).context["form"].errors
    hr.refresh_from_db()
    assert hr.name == "Nieuw"
    for act in (
        lambda: notifications.sets.change(hr, name="X", contents={}, version=1, by=actor(alice)),
        lambda: notifications.sets.delete(hr, version=1, by=actor(alice)),
    ):
        with pytest.raises(Stale):
            act()


def test_applying_says_beforehand_what_changes_and_changes_that(alices: Client, bob: User, hr: SignalSet) -> None:
    wants(bob.provider, SignalType.SICKNESS, bob, days=5)
    wants(bob.provider, TYPE, bob, days=21)
    context = alices.get(on(bob), {"signal_set": hr.pk}).context
    assert context["differences"] == [
        (OTHER, "7 dagen ervoor", "uit"),
        (TYPE, "21 dagen ervoor", "21 dagen ervoor, ook per mail"),
    ]
    assert not SignalSetApplication.objects.exists()
    alices.post(on(bob, "notifications:apply_set"), applying(hr, bob, seen=context["seen"]))
    assert wishes.own_wishes(bob) == {
        OTHER: Own(False, 7, False), TYPE: Own(True, 21, True), SignalType.SICKNESS: Own(days=5),
    }  # fmt: skip
    event = Event.objects.get(verb=Verb.SIGNAL_SET_APPLIED)
    assert event.target_id == bob.pk
    assert event.changes["HR"] == [None, "applied"]
    assert event.changes["appraisal.mail"] == [None, True]
    assert alices.get(on(bob), {"signal_set": hr.pk}).context["differences"] == []


def test_it_is_a_copy(alices: Client, alice: User, bob: User, hr: SignalSet) -> None:
    notifications.sets.apply(hr, bob, by=actor(alice))
    before = wishes.own_wishes(bob)
    notifications.sets.change(hr, name="HR", contents={TYPE: Wish(True, 1, False)}, version=1, by=actor(alice))
    hr.refresh_from_db()
    assert wishes.own_wishes(bob) == before
    notifications.sets.delete(hr, version=hr.version, by=actor(alice))
    assert wishes.own_wishes(bob) == before
    with pytest.raises(Stale):
        notifications.sets.apply(hr, bob, by=actor(alice))


def test_use_and_deviation(alices: Client, alice: User, bob: User, hr: SignalSet) -> None:
    assert alices.get(SETS).context["rows"] == [(hr, 2, 0, 0)]
    notifications.sets.apply(hr, bob, by=actor(alice))
    notifications.sets.apply(hr, bob, by=actor(alice))
    assert alices.get(SETS).context["rows"] == [(hr, 2, 1, 0)]
    wants(bob.provider, TYPE, bob, days=3)
    assert alices.get(SETS).context["rows"] == [(hr, 2, 1, 1)]
    (use,) = alices.get(of(hr)).context["uses"]
    assert use[1] == [(TYPE, "3 dagen ervoor, ook per mail")]
    assert alices.get(of(hr, "notifications:delete_set")).context["uses"] == 1


def test_what_changed_since_it_was_shown_stops_it(alices: Client, bob: User, hr: SignalSet) -> None:
    url = on(bob, "notifications:apply_set")
    for asked in (applying(hr, bob, seen="x"), applying(hr, bob, version=9)):
        assert alices.post(url, asked).status_code == 302
    for wrong in ({"signal_set": ""}, {"signal_set": "x"}, {"version": "x"}, {"seen": ""}, {"seen": "x" * 5_000}):
        assert alices.post(url, applying(hr, bob, **wrong)).status_code == 404
    assert wishes.own_wishes(bob) == {}


def test_who_manages_signals_applies_and_who_manages_sets_makes(
    bobs: Client, bob: User, alice: User, hr: SignalSet
) -> None:
    give(bob, Right.MANAGE_SETS)
    assert bobs.get(SETS).status_code == bobs.get(of(hr)).status_code == 200
    assert bobs.post(on(alice, "notifications:apply_set"), applying(hr, alice)).status_code == 403
    bob.individual_rights.all().delete()
    give(bob, Right.MANAGE_SIGNALS, Right.VIEW_USERS)
    assert bobs.get(SETS).status_code == bobs.get(of(hr)).status_code == 403
    bobs.post(on(alice, "notifications:apply_set"), applying(hr, alice))
    assert wishes.own_wishes(alice)[TYPE] == Own(True, 21, True)


def test_others_do_not_see_them(
    bobs: Client, charlies: Client, charlie: User, alices: Client, bob: User, hr: SignalSet
) -> None:
    theirs = notifications.sets.create(charlie.provider, name="Van Smit", contents=CONTENTS, by=actor(charlie))
    for url in (of(hr), of(hr, "notifications:delete_set")):
        for act in (charlies.get, charlies.post):
            assert act(url).status_code == 404
        for act in (bobs.get, bobs.post):
            assert act(url).status_code == 403
    assert bobs.get(SETS).status_code == bobs.post(NEW).status_code == 403
    assert charlies.get(SETS).context["rows"] == [(theirs, 2, 0, 0)]
    assert alices.post(on(bob, "notifications:apply_set"), applying(theirs, bob)).status_code == 404
    assert "signal_set" in alices.get(on(bob), {"signal_set": theirs.pk}).context["form"].errors
    with pytest.raises(PermissionDenied):
        notifications.sets.apply(theirs, bob, by=actor())
    with pytest.raises(PermissionDenied):
        notifications.sets.apply(hr, bob, by=actor(bob))
    for act in (
        lambda: notifications.sets.create(bob.provider, name="X", contents={}, by=actor(charlie)),
        lambda: notifications.sets.change(hr, name="X", contents={}, version=1, by=actor(bob)),
        lambda: notifications.sets.delete(hr, version=1, by=actor(charlie)),
    ):
        with pytest.raises(PermissionDenied):
            act()


def test_the_signals_of_somebody_new(alice: User, bob: User, hr: SignalSet) -> None:
    new = make_user(alice.provider, username=None, password="!", accepted_at=None)
    notifications.actions.choose(new, signal_set=None, by=actor(bob))
    with pytest.raises(PermissionDenied):
        notifications.actions.choose(new, signal_set=hr, by=actor(bob))
    notifications.actions.choose(new, signal_set=hr, by=actor(alice))
    assert wishes.own_wishes(new)[TYPE] == Own(True, 21, True)


def test_queries_do_not_grow(alices: Client, alice: User, bob: User, office: Provider, django_assert_num_queries: Any):
    for rounds in (1, 6):
        for number in range(rounds):
            name = f"Set {rounds} {number}"
            made = notifications.sets.create(office, name=name, contents=CONTENTS, by=actor(alice))
            for user in (alice, bob):
                notifications.sets.apply(made, user, by=actor(alice))
        with django_assert_num_queries(9):
            assert alices.get(SETS).status_code == 200
