"""Signals as columns of a file of people."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext

import notifications.actions
import notifications.sets
from accounts.models import Provider, User
from audit.models import Event, Verb
from bulk import showing, undoing
from notifications import wishes
from notifications.catalogue import SignalType
from notifications.models import SignalSetApplication
from notifications.wishes import Own, Owns, Wish
from notifications.written import coded
from teams.rights import Right
from tests.importing import SERVICE, applied, azure, faults, planned
from tests.kinds import tenant_of
from tests.people import actor, make_user
from tests.test_bulk_undo import undone

pytestmark = pytest.mark.django_db
SAID = "Beoordeling: aan, 30 dagen, mail; Verjaardag (algemeen): uit"
MEANT: Owns = {SignalType.BIRTHDAY: Own(is_on=False), SignalType.APPRAISAL: Own(True, 30, True)}


def test_new_people_and_those_who_are_there_get_them(office: Provider, alice: User, bob: User) -> None:
    tenant_of(office)
    rows = [{"username": "bob", "signals": SAID}, SERVICE | {"signals": SAID}, azure() | {"signals": SAID}]
    plan = planned(office, *rows)
    assert [item["changes"]["signals"] for item in plan.items] == [[[], coded(MEANT)]] * 3
    said = showing.details(next(iter(plan.items)))
    assert said == ["Signalen: + Beoordeling: aan, 30 dagen, mail, + Verjaardag (algemeen): uit"]
    applied(office, *rows, digest=plan.digest)
    for user in (bob, User.objects.get(username="koppeling #1"), User.objects.get(username="groen 1")):
        assert wishes.own_wishes(user) == MEANT
        assert Event.objects.filter(verb=Verb.SIGNALS_CHANGED, target_id=user.pk).count() == 1
    assert planned(office, *rows).is_empty


def test_an_empty_cell_follows_the_office_and_no_column_leaves_them(office: Provider, alice: User, bob: User) -> None:
    applied(office, {"username": "bob", "signals": SAID})
    applied(office, {"username": "bob", "first_name": "Ander"})
    assert wishes.own_wishes(bob) == MEANT
    applied(office, {"username": "bob", "signals": ""})
    assert wishes.own_wishes(bob) == {}


def test_a_set_is_applied_once(office: Provider, alice: User, bob: User) -> None:
    tenant_of(office)
    contents = {SignalType.APPRAISAL: Wish(True, 3, False)}
    notifications.sets.create(office, name="Loon", contents=contents, by=actor())
    old, new = {"username": "bob", "signal_set": "loon"}, azure() | {"signal_set": "Loon", "signals": SAID}
    notifications.actions.set_own(bob, {SignalType.BIRTHDAY: Own(days=1)}, seen="", by=actor())
    applied(office, old)
    applied(office, new)
    person = User.objects.get(username="groen 1")
    assert wishes.own_wishes(bob) == {SignalType.BIRTHDAY: Own(days=1), SignalType.APPRAISAL: Own(True, 3, False)}
    assert wishes.own_wishes(person) == MEANT | {SignalType.APPRAISAL: Own(True, 3, False)}
    assert set(SignalSetApplication.objects.values_list("user", flat=True)) == {bob.pk, person.pk}
    assert planned(office, old).is_empty
    assert SignalSetApplication.objects.count() == 2
    assert faults(planned(office, {"username": "bob", "signal_set": "Onbekend"}))[0][:2] == (2, "Signaalset")


def test_it_is_turned_back_unless_changed_since(office: Provider, alice: User, bob: User) -> None:
    _plan, done = applied(office, {"username": "bob", "signals": SAID})
    undone(office, done)
    assert wishes.own_wishes(bob) == {}
    _plan, done = applied(office, {"username": "bob", "signals": SAID})
    notifications.actions.set_own(bob, {}, seen=wishes.stamp(MEANT), by=actor())
    assert undoing.plan_undo(office, done, by=actor()).is_empty
    notifications.actions.set_own(bob, {SignalType.OWN: Own(mail=True)}, seen="", by=actor())
    assert "Signalen" in next(iter(undoing.plan_undo(office, done, by=actor()).faults))["what"]


def test_it_needs_the_right(office: Provider, alice: User, bob: User, charlie: User) -> None:
    manager = make_user(office, Right.MANAGE_USERS, username="chef")
    row = {"username": "bob", "signals": SAID}
    assert faults(planned(office, row, by=actor(manager)))
    with pytest.raises(PermissionDenied):
        notifications.actions.give_own([bob], MEANT, by=actor(manager))
    with pytest.raises(PermissionDenied):
        notifications.actions.give_own([bob, charlie], MEANT, by=actor(alice))
    teller = make_user(office, Right.MANAGE_USERS, Right.MANAGE_SIGNALS, username="melder")
    applied(office, row, {"username": "alice", "signals": SAID}, by=actor(teller))
    assert wishes.own_wishes(alice) == MEANT


def test_nothing_is_given_to_nobody(office: Provider) -> None:
    notifications.actions.give_own([], MEANT, by=actor())
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
