"""The audit log for readers: decrypting events, and describing them in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from audit.actors import EventOrigin
from audit.models import Event, UserEncryptionKey, Verb, build_erased_name
from history.event_search import EventSearch
from history.presenters import labels, sentences
from permissions.catalog import rights_from_codes, sort_rights


class FieldChange(NamedTuple):
    """The change of one field, as text."""

    label: str
    old: str
    new: str


class EventRow(NamedTuple):
    """An event as text."""

    event: Event
    changes: list[FieldChange]
    sentence: str
    reason: str


def present_events(events: Sequence[Event]) -> list[EventRow]:
    """Return events as text. Two queries, regardless of their number."""
    keys = UserEncryptionKey.objects.load_ciphers({key for event in events for key in event.key_ids()})
    for event in events:
        event.keys = keys
    ids = {user_id for event in events for user_id in _iter_member_ids(event)}
    users = User.objects.filter(provider_id__in={event.provider_id for event in events}, pk__in=ids)
    names = {str(user.pk): user.full_name for user in users}
    return [_present_event(event, names) for event in events]


def _present_event(event: Event, names: Mapping[str, str]) -> EventRow:
    field_labels = {field: _get_label(field, values) for field, values in event.changes.items()}
    changes = [_present_change(*change, names) for change in event.changes.items()]
    sentence = sentences.describe_event(event, names, field_labels)
    return EventRow(event, changes, sentence, labels.format_reason(event.verb, event.reason))


def _iter_member_ids(event: Event) -> Iterator[str]:
    """Yield the ids of users in the changes of a team or an access review."""
    for ids in event.changes.get("members", []) if event.target_kind == "team" else []:
        yield from ids or []
    for by_team in event.changes.get("reviewers", []) if event.target_kind == "campaign" else []:
        yield from (user_id for ids in (by_team or {}).values() for user_id in ids)


def _present_change(field: str, values: Sequence[Any], names: Mapping[str, str]) -> FieldChange:
    if field == "members" and all(ids is None or isinstance(ids, list) for ids in values):
        values = [[names.get(user_id) or build_erased_name(user_id) for user_id in ids or []] for ids in values]
    elif field == "reviewers" and all(by_team is None or isinstance(by_team, dict) for by_team in values):
        values = [_name_reviewers(by_team or {}, names) for by_team in values]
    elif field == "rights":
        values = [[right.value for right in sort_rights(rights_from_codes(codes or []))] for codes in values]
    elif field == "employers":
        values = [list(named.values()) if isinstance(named, dict) else named for named in values]
    old, new = ([*values, None, None])[:2]
    return FieldChange(_get_label(field, values), labels.format_value(field, old), labels.format_value(field, new))


def _name_reviewers(by_team: Mapping[str, Sequence[str]], names: Mapping[str, str]) -> list[str]:
    """Return the names of the reviewers, those of a team after its name."""
    found = []
    for team, ids in sorted(by_team.items()):
        users = ", ".join(names.get(user_id) or build_erased_name(user_id) for user_id in ids)
        found.append(f"{team}: {users}" if team else users)
    return found


def _get_label(field: str, values: Sequence[Any]) -> str:
    return field if labels.is_object_name(values) else labels.get_field_label(field)


def iter_table_rows(search: EventSearch) -> Iterator[list[str]]:
    """Yield the rows of a spreadsheet, starting with the headings."""
    what = [_("Event"), _("Subject"), _("Changes"), _("Reason")]
    yield [_("When"), _("Who"), _("On behalf of"), _("Network address"), _("Origin"), *what]
    for events in search.iter_chunks():
        yield from map(_build_table_row, present_events(events))


def _build_table_row(row: EventRow) -> list[str]:
    event = row.event
    changes = "; ".join(f"{change.label}: {change.old} → {change.new}" for change in row.changes)
    moment = date_format(timezone.localtime(event.at), "Y-m-d H:i:s")
    who = [event.actor_name, event.on_behalf_of_name, event.address or "", str(EventOrigin(event.origin).label)]
    return [moment, *who, str(Verb(event.verb).label), event.target_name, changes, row.reason]
