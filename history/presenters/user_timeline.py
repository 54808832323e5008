"""Teams, individual rights and blocks of one user over the last year, from the events about that user.

It reads backwards from today: what the user has now and did not get within the period, they had from its start.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from audit.models import Event, Verb
from history import point_in_time
from history.presenters.event_rows import EventRow, present_events
from permissions.catalog import Right
from permissions.models import Team
from teams.queries import annotate_counts

PERIOD = timedelta(days=365)
MAX_EVENTS = 200
MAX_LANES = 20
_VERBS = (
    Verb.USER_CREATED, Verb.INVITATION_SENT, Verb.INVITATION_ACCEPTED, Verb.INVITATION_REVOKED, Verb.USER_BLOCKED,
    Verb.USER_UNBLOCKED, Verb.LOGIN_METHOD_CHANGED, Verb.TEAMS_CHANGED, Verb.RIGHTS_CHANGED, Verb.FACTOR_ADDED,
    Verb.FACTOR_REMOVED, Verb.FACTORS_RESET,
)  # fmt: skip


@dataclass
class Span:
    """A period in which something held; `until` is None as long as it does."""

    since: datetime
    until: datetime | None = None
    text: str = ""


@dataclass
class Lane:
    """The periods of a team or of an individual right."""

    name: str
    is_individual: bool = False
    spans: list[Span] = field(default_factory=list)


@dataclass
class Timeline:
    """What a user had from `since` until now; `is_cut` if there were more events before that."""

    since: datetime
    now: datetime
    rows: list[EventRow]
    is_cut: bool
    trimmed_at: datetime | None = None
    lanes: list[Lane] = field(default_factory=list)
    blocks: list[Span] = field(default_factory=list)
    hidden_lanes: int = 0


def build_timeline(user: User) -> Timeline:
    """At most seven queries, regardless of the number of events."""
    now = timezone.now()
    trimmed = point_in_time.get_last_trim(user.office.pk)
    trimmed_at = datetime.fromisoformat(trimmed.changes["before"][1]) if trimmed else None
    start = max(now - PERIOD, trimmed_at) if trimmed_at else now - PERIOD
    found = list(_list_events(user, start)[: MAX_EVENTS + 1])
    is_cut, found = len(found) > MAX_EVENTS, found[:MAX_EVENTS]
    rows = [row for row in present_events(found) if row.event.is_readable]
    since = max(found[-1].at if is_cut else start, user.created_at)
    timeline = Timeline(since, now, rows, is_cut, trimmed_at if trimmed_at == start else None)
    lanes = [*_build_team_lanes(user, timeline), *_build_right_lanes(user, timeline)]
    timeline.lanes, timeline.hidden_lanes = lanes[:MAX_LANES], max(0, len(lanes) - MAX_LANES)
    timeline.blocks = _build_blocks(user, timeline)
    return timeline


def _list_events(user: User, start: datetime) -> QuerySet[Event]:
    events = Event.objects.filter(provider_id=user.provider_id, target_id=user.pk, at__gte=start, verb__in=_VERBS)
    return events.order_by("-at", "-id")


def _build_team_lanes(user: User, timeline: Timeline) -> list[Lane]:
    teams = {team.name: team for team in annotate_counts(Team.objects.filter(members__user=user))}
    names = _map_former_names(user, teams.values(), timeline.since)
    steps: dict[str, list[tuple[datetime, bool, str]]] = {name: [] for name in teams}
    for row in reversed(timeline.rows):
        changes = row.event.changes if row.event.verb == Verb.TEAMS_CHANGED else {}
        for name, (old, new) in changes.items():
            if name != "rights":
                rights = next(filter(None, changes.get("rights", ())), ())
                step = (row.event.at, bool(new and not old), _count(len(rights)))
                steps.setdefault(names.get(name, name), []).append(step)
    lanes = []
    for name, moments in steps.items():
        team = teams.get(name)
        text = _count(team.right_count, team.employer_count) if team else moments[-1][2]
        lanes.append(Lane(name, spans=_build_spans(timeline, moments, holds_now=team is not None, text=text)))
    return lanes


def _map_former_names(user: User, teams: Iterable[Team], since: datetime) -> dict[str, str]:
    """Return the present name by each name that one of `teams` had since then."""
    current = {team.pk: team.name for team in teams}
    renamed = Event.objects.filter(
        provider_id=user.provider_id, target_id__in=current, verb=Verb.TEAM_CHANGED, at__gte=since,
        what__changes__has_key="name",
    )  # fmt: skip
    return {event.changes["name"][0]: current[event.target_id] for event in renamed[:MAX_EVENTS] if event.target_id}


def _build_right_lanes(user: User, timeline: Timeline) -> list[Lane]:
    held = set(user.individual_rights.values_list("right", flat=True))
    labels = {right.value: str(right.label) for right in Right}
    steps: dict[str, list[tuple[datetime, bool, str]]] = {code: [] for code in sorted(held)}
    for row in reversed(timeline.rows):
        changes = row.event.changes if row.event.verb == Verb.RIGHTS_CHANGED else {}
        for code, (_old, new) in changes.items():
            if code in labels:
                steps.setdefault(code, []).append((row.event.at, bool(new), ""))
    return [
        Lane(
            _("Individual: %(right)s") % {"right": labels.get(code, code)},
            is_individual=True,
            spans=_build_spans(timeline, moments, holds_now=code in held, text=_("individual")),
        )
        for code, moments in steps.items()
    ]


def _build_blocks(user: User, timeline: Timeline) -> list[Span]:
    verbs: Mapping[str, bool] = {Verb.USER_BLOCKED: True, Verb.USER_UNBLOCKED: False}
    moments = [(row.event.at, verbs[row.event.verb], "") for row in reversed(timeline.rows) if row.event.verb in verbs]
    return _build_spans(timeline, moments, holds_now=user.blocked_at is not None, text=_("Blocked"))


def _build_spans(
    timeline: Timeline, moments: list[tuple[datetime, bool, str]], *, holds_now: bool, text: str
) -> list[Span]:
    """Return the periods between `moments` at which something began (True) or ended, oldest first."""
    spans: list[Span] = []
    if holds_now if not moments else not moments[0][1]:
        spans.append(Span(timeline.since, text=text))
    for at, begins, _text in moments:
        is_open = bool(spans) and spans[-1].until is None
        if begins and not is_open:
            spans.append(Span(at, text=text))
        elif not begins and is_open:
            spans[-1].until = at
    if spans and spans[-1].until is None and not holds_now:
        spans[-1].until = timeline.now  # ended in a way that is not an event about this user
    return spans


def _count(rights: int, employers: int | None = None) -> str:
    text = ngettext("%(count)s right", "%(count)s rights", rights) % {"count": rights}
    if employers is None:
        return text
    places = ngettext("at %(number)s employer", "at %(number)s employers", employers) % {"number": employers}
    return f"{text} {places}"
