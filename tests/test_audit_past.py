"""Who could do what in the past, computed from the events: equal to what held then."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Provider, User
from audit import past, replay, retention
from audit.actions import record
from audit.actors import operator
from audit.models import Event, Verb
from loket import roles
from teams.evaluator import Resting
from teams.past import PastOffice, Standing, standings
from tests.dramas import STEPS, Drama

pytestmark = pytest.mark.django_db
# What a verb does that is not replayed has no influence on who may do what. A new verb belongs here or in `replay`.
NOTHING = frozenset({
    Verb.TENANT_ADDED, Verb.TENANT_RENAMED, Verb.TENANT_PROVED, Verb.TENANT_REMOVED, Verb.TEXT_CHANGED,
    Verb.USERNAME_SENT, Verb.EMAIL_CHANGE_ASKED, Verb.EMAIL_CHANGED, Verb.INVITATION_SENT, Verb.INVITATION_OPENED,
    Verb.INVITATION_REFUSED,
    Verb.INVITATION_LOCKED, Verb.INVITATION_REVOKED, Verb.INVITATION_EXPIRED, Verb.CODE_SENT, Verb.PHONE_PROVED,
    Verb.CODE_REFUSED, Verb.TEAMS_CHANGED, Verb.SET_CREATED, Verb.SET_CHANGED, Verb.SET_DELETED, Verb.SET_APPLIED,
    Verb.SIGNALS_CHANGED, Verb.SIGNAL_SET_CREATED, Verb.SIGNAL_SET_CHANGED, Verb.SIGNAL_SET_DELETED,
    Verb.SIGNAL_SET_APPLIED, Verb.SIGNAL_RAISED, Verb.SIGNALS_READ, Verb.EXPORTED, Verb.SIGNED_IN, Verb.SIGNED_OUT,
    Verb.SIGN_IN_REFUSED, Verb.PASSWORD_CHANGED, Verb.PASSWORD_LINK_SENT, Verb.FACTOR_RENAMED,
    Verb.RECOVERY_CODES_MADE, Verb.RECOVERY_CODE_USED, Verb.SESSION_ENDED, Verb.SESSIONS_ENDED, Verb.CLIENT_ADDED,
    Verb.CLIENT_CHANGED, Verb.CLIENT_SECRET_MADE, Verb.CLIENT_SWITCHED_OFF, Verb.CLIENT_SWITCHED_ON,
    Verb.CLIENT_REMOVED, Verb.CONSENT_GIVEN, Verb.CONSENT_ENDED, Verb.TICKET_MADE, Verb.PERSON_EXPORTED,
    Verb.HISTORY_TRIMMED, Verb.LOOK_STARTED, Verb.LOOK_ENDED,
})  # fmt: skip


def working(standing: Standing) -> Standing:
    """Return what had effect."""
    return Standing(standing.resting, frozenset(), {}) if standing.resting else standing


def agree(drama: Drama) -> int:
    """Compare what was seen in a history with what its events say; return how many answers were compared."""
    here = set(drama.snapshots[-1].standings)
    compared = 0
    for snapshot in drama.snapshots:
        office = past.office_at(drama.office.pk, snapshot.moment)
        still = {id for id in snapshot.standings if id in here}
        assert set(office.people) == still
        assert office.unreadable == set(snapshot.standings) - still, "who was erased since"
        found = {id: working(one) for id, one in standings(office, still).items()}
        assert found == {id: snapshot.standings[id] for id in still}, snapshot.moment
        compared += len(still) * (1 + len(office.employers))
    return compared


def play(seeds: range, rounds: int) -> tuple[Counter[str], set[Resting | None]]:
    """Play and compare histories; return how often each verb occurred, and why rights rested."""
    verbs: Counter[str] = Counter()
    rested = set()
    for seed in seeds:
        drama = Drama(seed)
        rested |= {one.resting for seen in drama.play(rounds) for one in seen.standings.values()}
        assert agree(drama) > 500
        verbs.update(Event.objects.filter(provider_id=drama.office.pk).values_list("verb", flat=True))
    return verbs, rested


@pytest.mark.slow
def test_random_histories_are_told_as_they_were() -> None:
    verbs, rested = play(range(2), 2)
    assert {verb for verb in STEPS if not verbs[verb]} == set()
    assert rested == {None, *Resting}


@pytest.mark.slow
def test_many_random_histories_are_told_as_they_were() -> None:
    verbs, _rested = play(range(100, 108), 4)
    assert {verb for verb in STEPS if verbs[verb] < 5} == set()


def test_no_verb_is_forgotten() -> None:
    assert set(replay.APPLIED) | NOTHING == set(Verb)
    assert not set(replay.APPLIED) & NOTHING
    assert set(STEPS) == set(replay.APPLIED) - {Verb.PROVIDER_CREATED, Verb.CARRIED_OVER}, "each is in the histories"


def test_it_takes_as_many_queries_however_much_happened() -> None:
    drama, taken = Drama(7), []
    for rounds in (1, 2):
        drama.play(rounds)
        with CaptureQueriesContext(connection) as queries:
            office = past.office_at(drama.office.pk, drama.snapshots[-1].moment)
            standings(office, office.people)
        taken.append(len(queries))
    assert taken == [6, 6]


def test_one_person_alone_is_the_same() -> None:
    drama = Drama(8)
    last = drama.play(1)[-1]
    for id, standing in last.standings.items():
        office = past.office_at(drama.office.pk, last.moment, people=[id])
        assert set(office.people) == {id}
        assert working(standings(office, [id])[id]) == standing


@pytest.mark.django_db(transaction=True)
def test_it_is_told_from_where_the_history_begins() -> None:
    drama = Drama(9)
    seen = drama.play(2)
    for number in (len(seen) // 3, len(seen) // 2):
        before = seen[number].moment + timedelta(seconds=30)
        with roles.as_owner():
            assert retention.trim(drama.office, before=before, by=operator("trim_history"))
        with pytest.raises(past.NotKept) as refused:
            past.office_at(drama.office.pk, seen[number - 1].moment)
        assert refused.value.since == before
        drama.snapshots = seen[number + 1 :]
        assert agree(drama) > 100
    assert not Event.objects.filter(verb=Verb.PROVIDER_CREATED).exists()


def test_who_was_tampered_with_is_not_told_about(office: Provider, bob: User) -> None:
    with transaction.atomic():
        made = [record(verb, bob, by=operator("x"), provider_id=office.pk) for verb in ("user_created", "user_blocked")]
    now = PastOffice(office.pk, timezone.now())
    made[0].what["sealed"] = made[1].what["sealed"]
    for event in made:
        replay.apply(now, event)
    assert now.people == {}
    assert now.unreadable == {bob.pk}
