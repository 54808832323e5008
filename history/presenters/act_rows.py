"""Acts for readers: the events of one request or job as one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import NamedTuple

from django.urls import reverse
from django.utils import timezone

from audit.models import Event, Verb
from history.act_search import ActPart, ActSearch
from history.presenters import act_sentences, event_rows, labels, sentences
from history.presenters.event_rows import EventRow, FieldChange
from imports.models import ImportJob

_MAX_SHOWN_PARTS, _MAX_SHOWN_CHANGES = 4, 3
# The icon of a verb, and the tone of its ground.
_ICONS: Mapping[str, tuple[str, str]] = {
    Verb.USER_BLOCKED: ("block", "danger"),
    Verb.USER_ERASED: ("x", "danger"),
    Verb.SIGN_IN_REFUSED: ("block", "danger"),
    Verb.INVITATION_LOCKED: ("lock", "danger"),
    Verb.INVITATION_ACCEPTED: ("check", "success"),
    Verb.USER_UNBLOCKED: ("check", "success"),
    Verb.RIGHTS_CHANGED: ("key", ""),
    Verb.SET_APPLIED: ("key", ""),
    Verb.EXPORTED: ("download", ""),
    Verb.PERSON_EXPORTED: ("download", ""),
    Verb.SIGNED_IN: ("user", ""),
    Verb.SIGNED_OUT: ("out", ""),
    Verb.HISTORY_TRIMMED: ("clock", ""),
}
_ICONS_BY_TEXT = (
    ("invitation", "mail"), ("text", "mail"), ("factor", "shield"), ("recovery", "shield"), ("client", "plug"),
    ("team", "team"), ("employer", "building"), ("password", "key"), ("signal", "bell"), ("provider", "office"),
    ("duty", "warn"), ("tenant", "cloud"), ("set_", "layers"), ("look", "eye"), ("user", "user"),
)  # fmt: skip


class ActRow(NamedTuple):
    """An act as text, described by its most telling event when that is the only one of its kind."""

    event: Event  # the newest
    who: str  # how the sentence begins, "" if it does not name the actor
    sentence: str  # the rest of it
    sums: list[str]
    changes: list[FieldChange]  # of an act with a single event, as far as the sentence does not say them
    has_more_changes: bool
    reason: str
    events: int
    origin: str
    icon: str
    tone: str
    job: ImportJob | None  # that can be reverted
    times: int = 1  # it happened in a row, the last time at this event
    first_clock: str = ""  # of the first of several times

    @property
    def title(self) -> str:
        return f"{self.who}{self.sentence}".removesuffix(".")

    @property
    def moment(self) -> datetime:
        return timezone.localtime(self.event.at)

    @property
    def clock(self) -> str:
        return f"{self.moment:%H:%M}"

    @property
    def revert_url(self) -> str:
        """The page of the import or bulk action that this was, "" if there is none to revert."""
        if self.job is None:
            return ""
        return reverse("imports:teams_plan" if self.job.is_about_teams else "imports:plan", args=[self.job.pk])


class _Act(NamedTuple):
    """The newest event of an act, and the parts it consists of."""

    newest: Event
    parts: list[ActPart]
    leading: ActPart | None  # None: it is a single event
    users: int


def present_acts(newest_events: Sequence[Event], search: ActSearch, jobs: Iterable[ImportJob]) -> list[ActRow]:
    """Return acts as text, of which `jobs` were imports. Four queries, regardless of their number."""
    found = search.fetch_parts(event.correlation_id for event in newest_events)
    acts = [_build_act(event, found.get(event.correlation_id, [])) for event in newest_events]
    leading = {act.newest.pk: act.leading.newest_id for act in acts if act.leading}
    events = Event.objects.in_bulk(leading.values())
    shown = [events.get(leading.get(event.pk, event.pk), event) for event in newest_events]
    rows = event_rows.present_events(shown)
    by_act = {job.correlation_id: job for job in jobs}
    return [_present_act(act, row, by_act.get(act.newest.correlation_id)) for act, row in zip(acts, rows, strict=True)]


def _build_act(newest: Event, parts: list[ActPart]) -> _Act:
    users = max((part.targets for part in parts if not part.verb and part.target_kind == "user"), default=0)
    parts = [part for part in parts if part.verb]
    is_single = sum(part.events for part in parts) <= 1
    return _Act(newest, parts, None if is_single else act_sentences.choose_leading_part(parts), users)


def _present_act(act: _Act, row: EventRow, job: ImportJob | None) -> ActRow:
    leading, event = act.leading, row.event
    who = labels.get_actor_name(event)
    if leading is None or leading.events == 1:
        sentence = row.sentence
    else:
        sentence = act_sentences.describe_act(
            leading, act.parts, who=who, users=act.users, is_import=job is not None and job.has_files
        )
    others = sorted((part for part in act.parts if leading and part is not leading), key=lambda part: -part.events)
    sums = [act_sentences.describe_part(part) for part in others[:_MAX_SHOWN_PARTS]]
    changes = [] if leading or sentences.says_every_change(event) else row.changes
    is_named = bool(who) and sentence.startswith(f"{who} ")
    icon, tone = _choose_icon(event.verb, is_import=bool(leading and leading.events > 1))
    return ActRow(
        event=act.newest,
        who=who if is_named else "",
        sentence=sentence.removeprefix(who) if is_named else sentence,
        sums=sums,
        changes=changes[:_MAX_SHOWN_CHANGES],
        has_more_changes=len(changes) > _MAX_SHOWN_CHANGES,
        reason=row.reason,
        events=sum(part.events for part in act.parts) or 1,
        origin=labels.format_origin(event.origin),
        icon=icon,
        tone=tone,
        job=job,
    )


def _choose_icon(verb: str, *, is_import: bool) -> tuple[str, str]:
    if is_import and verb in (Verb.USER_CREATED, Verb.TEAM_CREATED, Verb.EMPLOYER_CREATED):
        return "upload", ""
    if verb in _ICONS:
        return _ICONS[verb]
    return next((icon for text, icon in _ICONS_BY_TEXT if text in verb), "clock"), ""


def group_by_day(rows: Iterable[ActRow]) -> list[tuple[date, list[ActRow]]]:
    """Group rows, newest first, by day; what happened several times in a row is one row."""
    return [(day, _merge_repeats(of_day)) for day, of_day in groupby(rows, key=lambda row: row.moment.date())]


def _merge_repeats(rows: Iterable[ActRow]) -> list[ActRow]:
    series = [list(same) for _key, same in groupby(rows, key=_identify_repeat)]
    return [same[0]._replace(times=len(same), first_clock=same[-1].clock) for same in series]


def _identify_repeat(row: ActRow) -> tuple[object, ...]:
    """Return what two rows have in common when one says all that the other says, about the same user."""
    event = row.event
    if row.events > 1 or event.changes:
        return (event.pk,)
    return (event.verb, event.actor_id, event.target_id, event.on_behalf_of_name, row.title, row.reason, row.origin)
