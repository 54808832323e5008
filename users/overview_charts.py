"""The charts and figures of the home page in words: what `users.overview` counted, with links to what it counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from accounts.models import LoginMethod, User
from authentication.mfa.status import TwoFactorStatus
from core.charts import Bar, DayBars, Part, StackedBar
from permissions.catalog import Right
from permissions.coverage import SinglePayroll
from users.overview import (
    DayChange,
    Figures,
    InvitationFunnel,
    OfficeTrends,
    TwoFactorShares,
    count_figures,
    get_trends,
    list_leavers,
)  # fmt: skip
from users.status import AccountStatus


class Figure(NamedTuple):
    number: int
    label: str
    url: str


@dataclass(frozen=True)
class SinglePayrollAlert:
    """An alert beside those of `users.alerts`: it concerns employers."""

    found: SinglePayroll
    tone = "warning"
    icon = "building"

    @property
    def action(self) -> str:
        return pgettext("alert", "View")

    @property
    def url(self) -> str:
        return reverse("teams:employer_detail", args=[self.found.employers[0][0]])

    @property
    def sentence(self) -> str:
        total = self.found.total
        text = ngettext(
            "Only one colleague can run the payroll of %(count)s employer",
            "Only one colleague can run the payroll of %(count)s employers",
            total,
        )
        return text % {"count": number_format(total, force_grouping=True)}

    @property
    def advice(self) -> str:
        names = ", ".join(name for _pk, name in self.found.employers)
        more = self.found.total - len(self.found.employers)
        return _("%(names)s and %(count)s more.") % {"names": names, "count": more} if more else f"{names}."


class AnyAlert(Protocol):
    """An alert of `users.alerts`, or one beside those, also of an app above this one."""

    @property
    def tone(self) -> str: ...


def sort_alerts(alerts: Iterable[AnyAlert | None]) -> list[AnyAlert]:
    """Return the alerts there are, worst first; they come in the order of their reasons."""
    order = ["danger", "warning", ""]
    return sorted((alert for alert in alerts if alert), key=lambda alert: order.index(alert.tone))


def build_overview_context(user: User, rights: frozenset[Right]) -> dict[str, Any]:
    """Return the context of the figures and charts of the home page. At most eight queries."""
    figures = count_figures(user)
    trends = get_trends(user, figures)
    came, left = (sum(getattr(day, name) for day in trends.week) for name in ("came", "left"))
    leavers = list_leavers(user) if left else []
    return {
        "figures": _build_figures(figures, trends, rights),
        "two_factor": _draw_two_factor(trends.two_factor),
        "two_factor_total": trends.two_factor.total,
        "may_set_policy": Right.MANAGE_PROVIDER in rights,
        "week": _draw_week(trends.week, came, left),
        "came": came,
        "left": left,
        "leavers": leavers,
        "other_leavers": left - len(leavers),
        "funnel": trends.funnel,
        "funnel_steps": _list_funnel_steps(trends.funnel) if trends.funnel else [],
        "single_payroll": SinglePayrollAlert(trends.single_payroll) if trends.single_payroll.total else None,
    }


def _build_figures(figures: Figures, trends: OfficeTrends, rights: frozenset[Right]) -> list[Figure]:
    users = reverse("users:user_list")
    found = [
        Figure(figures.users, _("users"), users),
        Figure(trends.two_factor.total, _("have access"), f"{users}?status={AccountStatus.ACTIVE}"),
        Figure(trends.invited, pgettext("figure", "invited"), f"{users}?status=pending"),
        Figure(figures.teams, _("teams"), reverse("teams:team_list") if Right.VIEW_TEAMS in rights else ""),
    ]
    url = reverse("teams:employer_list") if Right.MANAGE_EMPLOYERS in rights else ""
    return [*found, Figure(figures.employers, _("employers"), url)]


def _draw_two_factor(shares: TwoFactorShares) -> StackedBar:
    users = f"{reverse('users:user_list')}?status={AccountStatus.ACTIVE}"
    elsewhere = "".join(f"&login_method={method}" for method in (LoginMethod.AZURE_AD, LoginMethod.SSO_WEBSERVICE))
    rows: list[tuple[Any, int, Any, str]] = [
        (TwoFactorStatus.ACTIVE.label, shares.active, "good", f"{users}&two_factor={TwoFactorStatus.ACTIVE}"),
        (TwoFactorStatus.MISSING.label, shares.missing, "attention", f"{users}&two_factor={TwoFactorStatus.MISSING}"),
        (
            _("Not required, not set up"), shares.not_required, "bad",
            f"{users}&two_factor={TwoFactorStatus.NOT_REQUIRED}",
        ),
        (_("Not applicable"), shares.elsewhere, "none", f"{users}{elsewhere}"),
    ]  # fmt: skip
    label = _("Two-factor is active for %(active)s of %(total)s users who have access") % {
        "active": number_format(shares.active, force_grouping=True),
        "total": number_format(shares.total, force_grouping=True),
    }
    return StackedBar("two-factor", label, [Part(name, n, shares.total, tone, url) for name, n, tone, url in rows])


def _draw_week(week: Sequence[DayChange], came: int, left: int) -> DayBars:
    label = _("In seven days %(came)s users came and %(left)s left") % {"came": came, "left": left}
    last = week[-1].day
    bars = [
        Bar(date_format(day.day, "D").lower(), day.came, day.left, date_format(day.day, "l j F"), "", day.day == last)
        for day in week
    ]
    return DayBars("week", label, bars)


def _list_funnel_steps(funnel: InvitationFunnel) -> list[Part]:
    steps = [
        (_("Sent"), funnel.sent),
        (_("Delivered"), funnel.delivered),
        (_("Opened"), funnel.opened),
        (_("Accepted"), funnel.accepted),
    ]
    return [Part(str(label), count, funnel.sent) for label, count in steps]
