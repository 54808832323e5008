"""State of an office at a point in time, rebuilt from its events alone."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from audit.models import Event, UserEncryptionKey, Verb
from history import replay
from history.past_access import PastOffice

_FETCH_SIZE = 2000


class EventsTrimmed(Exception):
    """The events of that time were removed after the retention period; they start at `since`."""

    def __init__(self, since: datetime) -> None:
        super().__init__(since)
        self.since = since


def rebuild_office(provider_id: UUID, moment: datetime, *, users: Iterable[UUID] | None = None) -> PastOffice:
    """Return the office as it was at `moment`, with all users or only `users`.

    Three queries, regardless of the number of events; five when old events were removed. Raises EventsTrimmed.
    """
    condition = Q() if users is None else ~Q(target_kind="user") | Q(target_id__in=list(users))
    office = PastOffice(provider_id, moment)
    if (trimmed := require_kept(provider_id, moment)) is not None:
        replay_events(office, get_snapshot_events(trimmed).filter(condition))
    replay_events(
        office,
        filter_permission_events(Event.objects.filter(provider_id=provider_id)).filter(condition, at__lte=moment),
    )
    return office


def require_kept(provider_id: UUID, moment: datetime) -> Event | None:
    """Return the event of the last removal of old events, if any. Raises EventsTrimmed if it removed this moment."""
    trimmed = get_last_trim(provider_id)
    if trimmed is not None and moment < (since := datetime.fromisoformat(trimmed.changes["before"][1])):
        raise EventsTrimmed(since)
    return trimmed


def get_last_trim(provider_id: UUID) -> Event | None:
    """Return the event of the last removal of old events, if any."""
    return Event.objects.filter(provider_id=provider_id, verb=Verb.HISTORY_TRIMMED).order_by("-at", "-id").first()


def get_snapshot_events(trimmed: Event) -> QuerySet[Event]:
    """Return the snapshot recorded in the place of removed events."""
    events = Event.objects.filter(provider_id=trimmed.provider_id, verb=Verb.SNAPSHOT_RECORDED)
    return events.filter(correlation_id=trimmed.correlation_id)


def filter_permission_events(events: QuerySet[Event]) -> QuerySet[Event]:
    """Return the events that affect rights, except snapshots."""
    return events.filter(verb__in=replay.EVENT_HANDLERS.keys() - {Verb.SNAPSHOT_RECORDED})


def replay_events(office: PastOffice, events: QuerySet[Event]) -> None:
    """Apply `events` to `office`, oldest first. Two queries."""
    for event in read_events(events):
        replay.apply_event(office, event)


def read_events(events: QuerySet[Event]) -> Iterator[Event]:
    """Yield `events` with the keys to decrypt them, oldest first. Two queries."""
    about = events.filter(target_kind="user").order_by().values("target_id")
    keys = UserEncryptionKey.objects.filter(user_id__in=about, encrypted_key__isnull=False)
    ciphers = {str(row.pk): row.decrypt_key() for row in keys}
    for event in (
        events.only("at", "verb", "target_kind", "target_id", "what").order_by("at", "id").iterator(_FETCH_SIZE)
    ):
        event.keys = ciphers
        yield event
