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

from accounts.listing import searched
from accounts.models import User
from audit import labels, sentences
from audit.models import Event, PersonKey, erased_name
from teams.catalogue import known, ordered

_ROWS = 1000
_FEW = 100  # users


class Change(NamedTuple):
    """The change of one field, in words."""

    label: str
    old: str
    new: str


class Row(NamedTuple):
    """An event in words."""

    event: Event
    changes: list[Change]
    sentence: str
    reason: str


def of_office(user: User) -> QuerySet[Event]:
    """Return the events of the office of `user`; never those of another office (rule 1)."""
    return Event.objects.filter(provider_id=user.provider_id)


def about(events: QuerySet[Event], id: UUID) -> QuerySet[Event]:
    """Return the events whose target or actor has this id."""
    return events.filter(Q(target_id=id) | Q(actor_id=id))


def matching(
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
        people = searched(User.objects.visible_to(user), person).values_list("pk", flat=True)
        # Pass a few users as a list: with a subquery the database scans the whole audit log.
        few = list(people[: _FEW + 1])
        found = few if len(few) <= _FEW else people
        events = events.filter(Q(actor_id__in=found) | Q(target_id__in=found))
    exact = {"target_kind": kind, "verb": verb, "origin": origin}
    events = events.filter(**{name: value for name, value in exact.items() if value})
    if since:
        events = events.filter(at__gte=_midnight(since))
    if until:
        events = events.filter(at__lt=_midnight(until + timedelta(days=1)))
    return events


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def told(events: Sequence[Event]) -> list[Row]:
    """Return events in words. Two queries, whatever their number."""
    keys = PersonKey.objects.opened({key for event in events for key in event.key_ids()})
    for event in events:
        event.keys = keys
    ids = {id for event in events for id in _members(event)}
    people = User.objects.filter(provider_id__in={event.provider_id for event in events}, pk__in=ids)
    names = {str(person.pk): person.full_name for person in people}
    return [_row(event, names) for event in events]


def _row(event: Event, names: Mapping[str, str]) -> Row:
    called = {field: _label(field, values) for field, values in event.changes.items()}
    changes = [_change(*change, names) for change in event.changes.items()]
    said = labels.reason(event.verb, event.reason)
    return Row(event, changes, sentences.of_event(event, names, called), said)


def _members(event: Event) -> Iterator[str]:
    """Yield the ids of users in the changes of a team."""
    for ids in event.changes.get("members", []) if event.target_kind == "team" else []:
        yield from ids or []


def _change(field: str, values: Sequence[Any], names: Mapping[str, str]) -> Change:
    if field == "members" and all(ids is None or isinstance(ids, list) for ids in values):
        values = [[names.get(id) or erased_name(id) for id in ids or []] for ids in values]
    elif field == "rights":
        values = [[right.value for right in ordered(known(codes or []))] for codes in values]
    elif field == "employers":
        values = [list(named.values()) if isinstance(named, dict) else named for named in values]
    old, new = ([*values, None, None])[:2]
    return Change(_label(field, values), labels.value(field, old), labels.value(field, new))


def _label(field: str, values: Sequence[Any]) -> str:
    return field if labels.is_name(values) else labels.label(field)


def table(events: QuerySet[Event]) -> Iterator[list[str]]:
    """Yield the rows of a spreadsheet, starting with the headings."""
    what = [_("Event"), _("Subject"), _("Changes"), _("Reason")]
    yield [_("When"), _("Who"), _("On behalf of"), _("Network address"), _("Origin"), *what]
    batch: list[Event] = []
    for event in events.order_by("-at", "-id").iterator(_ROWS):
        batch.append(event)
        if len(batch) == _ROWS:
            yield from map(_cells, told(batch))
            batch = []
    yield from map(_cells, told(batch))


def _cells(row: Row) -> list[str]:
    event = row.event
    changes = "; ".join(f"{change.label}: {change.old} → {change.new}" for change in row.changes)
    moment = date_format(timezone.localtime(event.at), "Y-m-d H:i:s")
    who = [event.actor_name, event.on_behalf_of_name, event.address or "", event.get_origin_display()]
    return [moment, *who, event.get_verb_display(), event.target_name, changes, row.reason]
