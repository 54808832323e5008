"""What the list of users shows around its rows: views with counts, filter pills, and cells of the rows."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.core.cache import cache
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import LoginMethod, User
from accounts.search import filter_by_search, list_sort_name_prefixes
from core.dates import format_short_day, format_short_moment
from core.paging import MAX_COUNT, build_query_string, format_count
from core.search import mark_words, split_search_words
from permissions.models import TeamMember
from users.alerts import build_any_alert_condition
from users.filters import (
    ANY_ALERT,
    PENDING,
    SORT_EXPRESSIONS,
    WITHOUT_FACTOR,
    UserFilters,
    build_pending_condition,
    build_without_factor_condition,
    list_countable_conditions,
)
from users.list_preferences import ListColumn
from users.overview import CACHE_FROM_USERS, CACHE_SECONDS
from users.status import (
    FAILED_STATUSES,
    AccountStatus,
    Chip,
    UserWithStatuses,
    annotate_statuses,
    build_status_chip,
    build_two_factor_chip,
)

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_NOTHING = SafeString()
_ICONS = {LoginMethod.AZURE_AD: "cloud", LoginMethod.SSO_WEBSERVICE: "plug"}
_MAX_SUGGESTIONS = 3
_SAME_LETTERS = 3
_MAX_TEAMS_NAMED = 10


class ListRow(NamedTuple):
    user: UserWithStatuses
    status: Chip
    two_factor: Chip
    name: SafeString
    email: SafeString
    icon: str  # of a login method that deviates
    teams: list[str]
    may_resend: bool  # the invitation, which has failed

    @property
    def login_method(self) -> str:
        tenant = self.user.external_tenant
        return f"{self.user.get_login_method_display()}{f' ({tenant.name})' if tenant else ''}"

    def render_cells(self, columns: Iterable[ListColumn]) -> SafeString:
        """Return the HTML of the cells: a template would spend most of the time of the page on them."""
        return mark_safe("".join(_CELLS[column](self) for column in columns))  # noqa: S308 each is escaped


def _render_cell(text: str | SafeString, css: str = "", title: str = "") -> SafeString:
    attributes = format_html(' class="{}"', css) if css else _NOTHING
    if title:
        attributes += format_html(' title="{}"', title)
    return format_html("<td{}>{}</td>", attributes, text)


@lru_cache(maxsize=256)  # most rows have the same
def _render_state(chip: Chip, css: str) -> SafeString:
    short = format_html(" <small>{}</small>", chip.short) if chip.short else ""
    return _render_cell(format_html("{}{}", chip.label, short), f"{css} mark {chip.shape}", chip.detail)


def _render_status(row: ListRow) -> SafeString:
    """Return the cell; the status of an invitation that failed is a link to resend it."""
    if not row.may_resend:
        return _render_state(row.status, "status")
    link = format_html(
        '<a href="{}/opnieuw-versturen/">{}<span class="visually-hidden">: {}</span></a>',
        row.user.pk,
        row.status.label,
        _("Resend…"),
    )
    return _render_state(replace(row.status, label=link), "status")


def _render_teams(row: ListRow) -> SafeString:
    if not row.teams:
        return _render_cell(_("No team"), "teams")
    more = f" +{len(row.teams) - 1}" if len(row.teams) > 1 else ""
    tag = format_html('<span class="tag">{}</span>{}', row.teams[0], more)
    return _render_cell(tag, "teams", ", ".join(row.teams[:_MAX_TEAMS_NAMED]) if more else "")


def _render_username(row: ListRow) -> SafeString:
    if row.user.username is None:
        return _render_cell(_("not chosen yet"))
    return _render_cell(format_html("<bdi>{}</bdi>", row.user.username), title=row.user.username)


_CELLS: dict[ListColumn, Callable[[ListRow], SafeString]] = {
    ListColumn.EMAIL: lambda row: _render_cell(row.email, "email", row.user.email),
    ListColumn.USERNAME: _render_username,
    ListColumn.LOGIN_METHOD: lambda row: _render_cell(row.login_method),
    ListColumn.TEAMS: _render_teams,
    ListColumn.STATUS: _render_status,
    ListColumn.TWO_FACTOR: lambda row: _render_state(row.two_factor, "factor"),
    ListColumn.ACCESS_UNTIL: lambda row: _render_cell(format_short_day(row.user.access_until)),
    ListColumn.LAST_LOGIN: lambda row: (
        _render_cell(format_short_moment(at), title=date_format(localtime(at), "SHORT_DATETIME_FORMAT"))
        if (at := row.user.last_login)
        else _render_cell(_("never"))
    ),
}


class Header(NamedTuple):
    column: str
    label: str
    url: str  # that sorts on it, '' if nothing does
    state: str  # ascending, descending or ''


def build_headers(columns: Iterable[ListColumn], filters: UserFilters, sort: str) -> list[Header]:
    shown = [("name", _("Name")), *((column.value, str(column.label)) for column in columns)]
    return [
        Header(
            name,
            label,
            build_query_string(**filters, sort=f"-{name}" if sort == name else name)
            if name in SORT_EXPRESSIONS
            else "",
            {name: "ascending", f"-{name}": "descending"}.get(sort, ""),
        )
        for name, label in shown
    ]


class View(NamedTuple):
    """A tab: filters under a name; `number` is None when it was not counted."""

    title: str | Promise
    query: str
    number: int | None
    is_current: bool

    @property
    def number_text(self) -> str:
        return format_count(self.number or 0)


_VIEWS: dict[str, tuple[Promise, UserFilters]] = {
    "everyone": (gettext_lazy("Everyone"), {}),
    "attention": (pgettext_lazy("view", "Needs attention"), {"attention": ANY_ALERT}),
    "pending": (gettext_lazy("Invited"), {"status": [PENDING]}),
    "without_factor": (gettext_lazy("No two-factor"), {"two_factor": [WITHOUT_FACTOR]}),
    "blocked": (gettext_lazy("Blocked"), {"status": [AccountStatus.BLOCKED.value]}),
}
PILLS: dict[str, tuple["StrOrPromise", Sequence[str]]] = {
    "status": (gettext_lazy("Status"), ["status"]),
    "login_method": (gettext_lazy("Login method"), ["login_method"]),
    "two_factor": (gettext_lazy("Two-factor"), ["two_factor"]),
    "team": (gettext_lazy("Team"), ["team"]),
    "more": (gettext_lazy("More"), ["access_until", "last_login", "attention"]),
}


def build_rows(users: Sequence[UserWithStatuses], q: str, *, may_manage: bool = False) -> list[ListRow]:
    """Return the rows of `users`; one query for their teams."""
    teams, words = _list_team_names(user.pk for user in users), split_search_words(q)
    return [
        ListRow(
            user,
            build_status_chip(user),
            build_two_factor_chip(user),
            mark_words(user.list_name, words),
            mark_words(user.email, words),
            _ICONS.get(LoginMethod(user.login_method), ""),
            teams[user.pk],
            may_manage and user.status in FAILED_STATUSES,
        )
        for user in users
    ]


def _list_team_names(user_ids: Iterable[UUID]) -> dict[UUID, list[str]]:
    found = defaultdict[UUID, list[str]](list)
    memberships = TeamMember.objects.filter(user__in=list(user_ids)).order_by("team__sort_name", "team_id")
    for user_id, name in memberships.values_list("user_id", "team__name"):
        found[user_id].append(name)
    return found


def count_views(users: QuerySet[User], total: int) -> dict[str, int]:
    """Return the numbers of the tabs. `total` is the bounded number of `users`; beyond that nothing else is counted."""
    if total > MAX_COUNT:
        return {"everyone": total}
    found: dict[str, int] = users.aggregate(
        attention=Count("pk", filter=build_any_alert_condition()),
        pending=Count("pk", filter=build_pending_condition()),
        without_factor=Count("pk", filter=build_without_factor_condition()),
        blocked=Count("pk", filter=Q(blocked_at__isnull=False)),
    )
    return found | {"everyone": total}


def build_views(counts: Mapping[str, int], filters: UserFilters) -> list[View]:
    active = {name: value for name, value in filters.items() if value and name not in ("q", "sort")}
    return [
        View(title, build_query_string(**query), counts.get(key), active == query)
        for key, (title, query) in _VIEWS.items()
    ]


def get_choice_counts(office_id: UUID, users: QuerySet[User], counts: Mapping[str, int]) -> dict[str, Counter[str]]:
    """Return `count_choices` of an office; of a large one once a minute, or when a number of a tab changes."""
    if counts["everyone"] <= CACHE_FROM_USERS:
        return count_choices(users, counts)
    key = f"user-choices:{office_id}:{timezone.localdate()}:{'-'.join(str(number) for number in counts.values())}"
    found: dict[str, Counter[str]] | None = cache.get(key)
    if found is None:
        found = count_choices(users, counts)
        cache.set(key, found, CACHE_SECONDS)
    return found


def count_choices(users: QuerySet[User], counts: Mapping[str, int]) -> dict[str, Counter[str]]:
    """Return by filter how many of `users` each value finds; `counts` are those of `count_views`. Three queries."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    names = ("status", "two_factor", "login_method")
    for *values, number in annotate_statuses(users).order_by().values_list(*names).annotate(Count("pk")):
        for name, value in zip(names, values, strict=True):
            found[name][value or ""] += number
    found["status"][PENDING], found["two_factor"][WITHOUT_FACTOR] = counts["pending"], counts["without_factor"]
    conditions = {(name, value): condition for name, value, condition in list_countable_conditions()}
    numbers = users.aggregate(
        **{f"{name}__{value}": Count("pk", filter=condition) for (name, value), condition in conditions.items()}
    )
    for name, value in conditions:
        found[name][value] = numbers[f"{name}__{value}"]
    members = TeamMember.objects.filter(user__in=users).values_list("team").annotate(Count("pk"))
    found["team"].update({f"{team_id}": number for team_id, number in members.order_by()})
    return found


def suggest_users(users: QuerySet[User], q: str) -> tuple[str, list[ListRow]]:
    """Return what a search without a match may have meant, and why: the same words, or the same first letters."""
    if not q:
        return "", []
    found = filter_by_search(annotate_statuses(users), q).order_by("sort_name", "pk")
    if rows := build_rows(list(found[:_MAX_SUGGESTIONS]), q):
        return _("Without the filters:"), rows
    start = next(iter(list_sort_name_prefixes(q)), "")[:_SAME_LETTERS]
    similar = annotate_statuses(users).filter(sort_name__startswith=start).order_by("sort_name", "pk")
    rows = build_rows(list(similar[:_MAX_SUGGESTIONS]), "") if len(start) == _SAME_LETTERS else []
    return _("Did you mean:") if rows else "", rows
