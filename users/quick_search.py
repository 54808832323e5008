"""Search of everything that a user may open: colleagues, teams, employers, pages and what can be done."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import CharField, Count, OuterRef, QuerySet, Subquery, Window
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from accounts.models import User
from accounts.search import filter_by_search, sort_users_by_match
from core.keys import compute_search_key
from core.paging import build_query_string
from core.search import mark_words, sort_names_by_match, split_search_words
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.menu import list_office_entries
from permissions.models import Employer, Team
from teams.queries import annotate_counts, annotate_team_count, filter_employers, filter_teams, sort_employers_by_match
from users.status import AccountStatus, annotate_account_status

MAX_HITS_PER_GROUP = 5


@dataclass(frozen=True)
class Hit:
    title: str  # with what matches in a <mark>
    url: str
    icon: str
    detail: str = ""


@dataclass(frozen=True)
class HitGroup:
    """The best hits of one kind; `total` counts all of them, which `url` lists."""

    title: str
    hits: list[Hit]
    total: int = 0
    url: str = ""


@dataclass
class QuickSearch:
    """The hits of `q` that the user of `request` may open. Three queries at most."""

    request: OfficeRequest
    q: str
    groups: list[HitGroup] = field(init=False, default_factory=list)
    colleague: User | None = field(init=False, default=None)  # the best match, who can be acted upon

    def __post_init__(self) -> None:
        if not split_search_words(self.q):
            return
        found = [self._find_users(), self._find_teams(), self._find_employers(), self._find_pages(), self._list_acts()]
        self.groups = [group for group in found if group and group.hits]

    @property
    def total(self) -> int:
        """The number of things found; what can be done is no finding."""
        return sum(group.total for group in self.groups)

    def _mark(self, text: str) -> SafeString:
        return mark_words(text, split_search_words(self.q))

    def _may(self, right: Right) -> bool:
        return right in self.request.rights

    def _find_users(self) -> HitGroup | None:
        if not self._may(Right.VIEW_USERS):
            return None
        teams = Team.objects.filter(members__user=OuterRef("pk"), provider=OuterRef("provider")).order_by("sort_name")
        found = filter_by_search(annotate_account_status(User.objects.visible_to(self.request.user)), self.q)
        found = found.annotate(team=Subquery(teams.values("name")[:1], output_field=CharField()))
        rows = _fetch_best(found, sort_users_by_match(self.q))
        self.colleague = rows[0] if rows else None
        hits = [
            Hit(self._mark(row.list_name), reverse("users:user_detail", args=[row.pk]), "user", _join_details(row))
            for row in rows
        ]
        return HitGroup(_("Users"), hits, _count_all(rows), reverse("users:user_list") + build_query_string(q=self.q))

    def _find_teams(self) -> HitGroup | None:
        if not self._may(Right.VIEW_TEAMS):
            return None
        found = filter_teams(annotate_counts(Team.objects.visible_to(self.request.user)), q=self.q)
        rows = _fetch_best(found, sort_names_by_match(self.q))
        hits = [
            Hit(
                self._mark(row.name),
                reverse("teams:team_detail", args=[row.pk]),
                "team",
                ngettext("%(count)s member", "%(count)s members", row.member_count) % {"count": row.member_count},
            )
            for row in rows
        ]
        return HitGroup(_("Teams"), hits, _count_all(rows), reverse("teams:team_list") + build_query_string(q=self.q))

    def _find_employers(self) -> HitGroup | None:
        may_view, may_edit = self._may(Right.VIEW_USERS), self._may(Right.MANAGE_EMPLOYERS)
        if not may_view and not may_edit:
            return None
        found = filter_employers(annotate_team_count(Employer.objects.visible_to(self.request.user)), q=self.q)
        rows = _fetch_best(found, sort_employers_by_match(self.q))
        page = "teams:employer_detail" if may_view else "teams:edit_employer"
        hits = [
            Hit(
                self._mark(str(row)),
                reverse(page, args=[row.pk]),
                "building",
                ngettext("%(count)s team", "%(count)s teams", row.team_count) % {"count": row.team_count},
            )
            for row in rows
        ]
        url = reverse("teams:employer_list") + build_query_string(q=self.q) if may_edit else ""
        return HitGroup(_("Employers"), hits, _count_all(rows), url)

    def _find_pages(self) -> HitGroup:
        entries = [
            (entry.group, entry.title, entry.url)
            for entry in list_office_entries()
            if entry.right is None or self._may(entry.right)
        ]
        more = [
            (group, title, reverse(name))
            for group, title, name, rights in _list_more_pages()
            if all(map(self._may, rights))
        ]
        words = split_search_words(self.q)
        found = [
            Hit(self._mark(title), url, "gear", group)
            for group, title, url in entries + more
            if all(word in compute_search_key(title) for word in words)
        ]
        return HitGroup(_("Pages and settings"), found[:MAX_HITS_PER_GROUP], len(found))

    def _list_acts(self) -> HitGroup:
        return HitGroup(_("Do"), list(self._build_acts()))

    def _build_acts(self) -> Iterator[Hit]:
        if self._may(Right.MANAGE_USERS):
            url = reverse("users:invite_user") + build_query_string(naam=self.q)
            yield Hit(_("Invite colleague “%(name)s”…") % {"name": self.q}, url, "plus", _("Invite"))
        if self.colleague is None:
            return
        values, args = {"name": self.colleague.full_name}, [self.colleague.pk]
        yield Hit(
            _("Why does %(name)s have a right, or not?") % values,
            reverse("teams:explain_user_right", args=args),
            "eye",
            _("Rights"),
        )
        may_block = self._may(Right.MANAGE_USERS) and self.colleague.pk != self.request.user.pk
        if may_block and self.colleague.blocked_at is None:
            departure, block = (reverse(name, args=args) for name in ("departures:departure", "users:block_user"))
            yield Hit(_("Departure of %(name)s…") % values, departure, "out", _("shows a plan first"))
            yield Hit(_("Block %(name)s…") % values, block, "block", _("asks for confirmation"))


def _list_more_pages() -> list[tuple[str, str, str, Collection[Right]]]:
    """Return the pages that the menu has no entry for: group, title, name of the URL, required rights."""
    audits, manages = [Right.VIEW_AUDIT], [Right.MANAGE_USERS]
    return [
        (_("Compliance"), _("Who has a right?"), "teams:right_holders", [Right.VIEW_USERS]),
        (_("Compliance"), _("Who had which rights?"), "history:point_in_time", audits),
        (_("Compliance"), _("Audit package"), "history:audit_package", [*audits, Right.VIEW_USERS]),
        (_("Users"), _("New user: via website and SSO"), "users:invite_user", manages),
        (_("Users"), _("New user: SSO/Webservice only"), "users:create_webservice_user", manages),
        (_("Users"), _("New user: Azure AD only"), "users:create_azure_user", manages),
        (_("Teams"), _("New team"), "teams:create_team", [Right.MANAGE_TEAMS]),
        (_("Employers"), _("New employer"), "teams:create_employer", [Right.MANAGE_EMPLOYERS]),
        (_("Your account"), _("Profile"), "users:profile", []),
        (_("Your account"), _("Sessions"), "authentication:own_sessions", []),
        (_("Your account"), pgettext("told", "My notifications"), "notifications:own_preferences", []),
    ]


def _fetch_best(found: "QuerySet[Any]", sorts: Any) -> list[Any]:
    """Return the best rows, each with the number of all as `total`. One query."""
    (rank,) = sorts.values()
    ranked = found.annotate(total=Window(Count("pk")), rank=rank).order_by("rank", "pk")
    return list(ranked[:MAX_HITS_PER_GROUP])


def _count_all(rows: Iterable[Any]) -> int:
    return next((row.total for row in rows), 0)


def _join_details(user: Any) -> str:
    return " · ".join(filter(None, (str(AccountStatus(user.status).label), user.team)))
