"""The audit log for readers: filtering events, decrypting them, and describing them in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.search import filter_by_search
from audit.models import Event, UserEncryptionKey, build_erased_name
from history.presenters import labels, sentences
from permissions.catalog import rights_from_codes, sort_rights

_FETCH_SIZE = 1000
_MAX_INLINE_USERS = 100  # users


class FieldChange(NamedTuple):
    """The change of one field, in words."""

    label: str
    old: str
    new: str


class EventRow(NamedTuple):
    """An event in words."""

    event: Event
    changes: list[FieldChange]
    sentence: str
    reason: str


def get_office_events(user: User) -> QuerySet[Event]:
    """Return the events of the office of `user`; never those of another office (rule 1)."""
    return Event.objects.filter(provider_id=user.provider_id)


def filter_by_subject(events: QuerySet[Event], subject_id: UUID) -> QuerySet[Event]:
    """Return the events whose target or actor has this id."""
    return events.filter(Q(target_id=subject_id) | Q(actor_id=subject_id))


def filter_events(
    events: QuerySet[Event],
    *,
    user: User,
    person: str = "",
    kind: str = "",
    verb: str = "",
    origin: str = "",
    since: date | None = None,
    until: date | None = None,
) -> QuerySet[Event]:
    """Return the events that match every filter; `person` is searched for among current users."""
    if person:
        people = filter_by_search(User.objects.visible_to(user), person).values_list("pk", flat=True)
        # Pass a few users as a list: with a subquery the database scans the whole audit log.
        few = list(people[: _MAX_INLINE_USERS + 1])
        found = few if len(few) <= _MAX_INLINE_USERS else people
        events = events.filter(Q(actor_id__in=found) | Q(target_id__in=found))
    exact = {"target_kind": kind, "verb": verb, "origin": origin}
    events = events.filter(**{name: value for name, value in exact.items() if value})
    if since:
        events = events.filter(at__gte=_get_day_start(since))
    if until:
        events = events.filter(at__lt=_get_day_start(until + timedelta(days=1)))
    return events


def _get_day_start(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def present_events(events: Sequence[Event]) -> list[EventRow]:
    """Return events in words. Two queries, whatever their number."""
    keys = UserEncryptionKey.objects.load_ciphers({key for event in events for key in event.key_ids()})
    for event in events:
        event.keys = keys
    ids = {user_id for event in events for user_id in _iter_member_ids(event)}
    people = User.objects.filter(provider_id__in={event.provider_id for event in events}, pk__in=ids)
    names = {str(person.pk): person.full_name for person in people}
    return [_present_event(event, names) for event in events]


def _present_event(event: Event, names: Mapping[str, str]) -> EventRow:
    called = {field: _get_label(field, values) for field, values in event.changes.items()}
    changes = [_present_change(*change, names) for change in event.changes.items()]
    said = labels.format_reason(event.verb, event.reason)
    return EventRow(event, changes, sentences.describe_event(event, names, called), said)


def _iter_member_ids(event: Event) -> Iterator[str]:
    """Yield the ids of users in the changes of a team."""
    for ids in event.changes.get("members", []) if event.target_kind == "team" else []:
        yield from ids or []


def _present_change(field: str, values: Sequence[Any], names: Mapping[str, str]) -> FieldChange:
    if field == "members" and all(ids is None or isinstance(ids, list) for ids in values):
        values = [[names.get(user_id) or build_erased_name(user_id) for user_id in ids or []] for ids in values]
    elif field == "rights":
        values = [[right.value for right in sort_rights(rights_from_codes(codes or []))] for codes in values]
    elif field == "employers":
        values = [list(named.values()) if isinstance(named, dict) else named for named in values]
    old, new = ([*values, None, None])[:2]
    return FieldChange(_get_label(field, values), labels.format_value(field, old), labels.format_value(field, new))


def _get_label(field: str, values: Sequence[Any]) -> str:
    return field if labels.is_object_name(values) else labels.get_field_label(field)


def iter_table_rows(events: QuerySet[Event]) -> Iterator[list[str]]:
    """Yield the rows of a spreadsheet, starting with the headings."""
    what = [_("Event"), _("Subject"), _("Changes"), _("Reason")]
    yield [_("When"), _("Who"), _("On behalf of"), _("Network address"), _("Origin"), *what]
    batch: list[Event] = []
    for event in events.order_by("-at", "-id").iterator(_FETCH_SIZE):
        batch.append(event)
        if len(batch) == _FETCH_SIZE:
            yield from map(_build_table_row, present_events(batch))
            batch = []
    yield from map(_build_table_row, present_events(batch))


def _build_table_row(row: EventRow) -> list[str]:
    event = row.event
    changes = "; ".join(f"{change.label}: {change.old} → {change.new}" for change in row.changes)
    moment = date_format(timezone.localtime(event.at), "Y-m-d H:i:s")
    who = [event.actor_name, event.on_behalf_of_name, event.address or "", event.get_origin_display()]
    return [moment, *who, event.get_verb_display(), event.target_name, changes, row.reason]
