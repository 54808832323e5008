"""Rights in the past, computed from the events: equal to the rights at that time."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Provider, User
from audit.actions import record
from audit.actors import build_operator
from audit.models import Event, Verb
from core import db_roles
from history import point_in_time, replay, retention
from history.past_access import PastAccess, PastOffice, compute_past_access
from permissions.effective import InactiveReason
from tests.helpers.random_histories import STEPS, RandomHistory

pytestmark = pytest.mark.django_db
# Verbs that are not replayed have no influence on rights. A new verb belongs here or in `replay`.
NOTHING = frozenset({
    Verb.TENANT_ADDED, Verb.TENANT_RENAMED, Verb.TENANT_CONFIRMED, Verb.TENANT_REMOVED, Verb.TEXT_CHANGED,
    Verb.USERNAME_SENT, Verb.TWO_FACTOR_REMINDED,
    Verb.EMAIL_CHANGE_REQUESTED, Verb.EMAIL_CHANGED, Verb.INVITATION_SENT, Verb.INVITATION_OPENED,
    Verb.INVITATION_REFUSED, Verb.INVITATION_LOCKED, Verb.INVITATION_REVOKED, Verb.INVITATION_EXPIRED, Verb.CODE_SENT,
    Verb.PHONE_VERIFIED, Verb.CODE_REJECTED, Verb.TEAMS_CHANGED, Verb.SET_CREATED, Verb.SET_CHANGED, Verb.SET_DELETED,
    Verb.SET_APPLIED, Verb.NOTIFICATIONS_CHANGED, Verb.NOTIFICATION_SET_CREATED, Verb.NOTIFICATION_SET_CHANGED,
    Verb.NOTIFICATION_SET_DELETED, Verb.NOTIFICATION_SET_APPLIED, Verb.NOTIFICATION_RAISED, Verb.NOTIFICATIONS_READ,
    Verb.EXPORTED, Verb.SIGNED_IN, Verb.SIGNED_OUT, Verb.SIGN_IN_REFUSED, Verb.PASSWORD_CHANGED,
    Verb.PASSWORD_LINK_SENT, Verb.FACTOR_RENAMED, Verb.RECOVERY_CODES_MADE, Verb.RECOVERY_CODE_USED, Verb.SESSION_ENDED,
    Verb.SESSIONS_ENDED, Verb.CLIENT_ADDED, Verb.CLIENT_CHANGED, Verb.CLIENT_SECRET_MADE, Verb.CLIENT_SWITCHED_OFF,
    Verb.CLIENT_SWITCHED_ON, Verb.CLIENT_REMOVED, Verb.CONSENT_GIVEN, Verb.CONSENT_ENDED, Verb.TICKET_MADE,
    Verb.CLIENTS_LOGGED_OUT,
    Verb.CLIENT_ASSIGNED, Verb.OFFICE_CONSENT_GIVEN, Verb.OFFICE_CONSENT_WITHDRAWN, Verb.PREVIOUS_PASSWORD_ENDED,
    Verb.CHANGE_UNDONE, Verb.REVIEW_CREATED, Verb.REVIEW_CHANGED, Verb.REVIEW_DELETED, Verb.REVIEW_STARTED,
    Verb.REVIEW_DECIDED, Verb.REVIEW_CLOSED, Verb.REVIEW_EXECUTED, Verb.REVIEW_UNDONE,
    Verb.DUTY_RULE_CREATED, Verb.DUTY_RULE_CHANGED, Verb.DUTY_RULE_DELETED,
    Verb.DUTY_CONFLICT_ACCEPTED, Verb.DUTY_EXEMPTION_REQUESTED, Verb.DUTY_EXEMPTION_APPROVED, Verb.DUTY_EXEMPTION_ENDED,
    Verb.DIRECTORY_ADDED, Verb.DIRECTORY_CHANGED, Verb.DIRECTORY_TAKEN_OVER,
    Verb.MEMBERSHIP_SHARED, Verb.DIRECTORY_GROUP_MAPPED, Verb.DIRECTORY_WAVE_RELEASED, Verb.DIRECTORY_WAVE_REJECTED,
    Verb.DIRECTORY_TOKEN_MADE, Verb.DIRECTORY_TOKEN_REMOVED, Verb.DIRECTORY_REMOVED,
    Verb.PERSON_EXPORTED, Verb.HISTORY_TRIMMED, Verb.IMPERSONATION_STARTED, Verb.IMPERSONATION_ENDED,
})  # fmt: skip


def working(standing: PastAccess) -> PastAccess:
    """Return the rights that had effect."""
    return PastAccess(standing.inactive_reason, frozenset(), {}) if standing.inactive_reason else standing


def agree(random_history: RandomHistory) -> int:
    """Compare the snapshots of a history with its events; return the number of compared answers."""
    here = set(random_history.snapshots[-1].standings)
    compared = 0
    for snapshot in random_history.snapshots:
        office = point_in_time.rebuild_office(random_history.office.pk, snapshot.moment)
        still = {user_id for user_id in snapshot.standings if user_id in here}
        assert set(office.users) == still
        assert office.unreadable == set(snapshot.standings) - still, "who was erased since"
        found = {user_id: working(one) for user_id, one in compute_past_access(office, still).items()}
        assert found == {user_id: snapshot.standings[user_id] for user_id in still}, snapshot.moment
        compared += len(still) * (1 + len(office.employers))
    return compared


def play(seeds: range, rounds: int) -> tuple[Counter[str], set[InactiveReason | None]]:
    """Run and compare histories; return how often each verb occurred, and why rights were inactive."""
    verbs: Counter[str] = Counter()
    rested = set()
    for seed in seeds:
        random_history = RandomHistory(seed)
        rested |= {one.inactive_reason for seen in random_history.run(rounds) for one in seen.standings.values()}
        assert agree(random_history) > 500
        verbs.update(Event.objects.filter(provider_id=random_history.office.pk).values_list("verb", flat=True))
    return verbs, rested


@pytest.mark.slow
def test_random_histories_are_told_as_they_were() -> None:
    verbs, rested = play(range(2), 2)
    assert {verb for verb in STEPS if not verbs[verb]} == set()
    assert rested == {None, *InactiveReason}


@pytest.mark.slow
def test_many_random_histories_are_told_as_they_were() -> None:
    verbs, _rested = play(range(100, 108), 4)
    assert {verb for verb in STEPS if verbs[verb] < 5} == set()


def test_no_verb_is_forgotten() -> None:
    assert set(replay.EVENT_HANDLERS) | NOTHING == set(Verb)
    assert not set(replay.EVENT_HANDLERS) & NOTHING
    assert set(STEPS) == set(replay.EVENT_HANDLERS) - {Verb.PROVIDER_CREATED, Verb.SNAPSHOT_RECORDED}, (
        "each is in the histories"
    )


@pytest.mark.slow
def test_number_of_queries_does_not_grow_with_events() -> None:
    random_history, taken = RandomHistory(7), []
    for rounds in (1, 2):
        random_history.run(rounds)
        with CaptureQueriesContext(connection) as queries:
            office = point_in_time.rebuild_office(random_history.office.pk, random_history.snapshots[-1].moment)
            compute_past_access(office, office.users)
        taken.append(len(queries))
    assert taken == [5, 5]


@pytest.mark.slow
def test_one_person_alone_is_the_same() -> None:
    random_history = RandomHistory(8)
    last = random_history.run(1)[-1]
    for user_id, standing in last.standings.items():
        office = point_in_time.rebuild_office(random_history.office.pk, last.moment, users=[user_id])
        assert set(office.users) == {user_id}
        assert working(compute_past_access(office, [user_id])[user_id]) == standing


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_moment_before_the_trimmed_history_is_refused() -> None:
    random_history = RandomHistory(9)
    seen = random_history.run(2)
    for number in (len(seen) // 3, len(seen) // 2):
        before = seen[number].moment + timedelta(seconds=30)
        with db_roles.use_owner_role():
            assert retention.trim_events(random_history.office, before=before, by=build_operator("trim_history"))
        with pytest.raises(point_in_time.EventsTrimmed) as refused:
            point_in_time.rebuild_office(random_history.office.pk, seen[number - 1].moment)
        assert refused.value.since == before
        random_history.snapshots = seen[number + 1 :]
        assert agree(random_history) > 100
    assert not Event.objects.filter(verb=Verb.PROVIDER_CREATED).exists()


def test_who_was_tampered_with_is_not_told_about(office: Provider, bob: User) -> None:
    with transaction.atomic():
        made = [
            record(verb, bob, by=build_operator("x"), provider_id=office.pk)
            for verb in ("user_created", "user_blocked")
        ]
    now = PastOffice(office.pk, timezone.now())
    made[0].what["sealed"] = made[1].what["sealed"]
    for event in made:
        replay.apply_event(now, event)
    assert now.users == {}
    assert now.unreadable == {bob.pk}
