"""Filters of the audit log."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actors import EventOrigin
from audit.models import Verb
from core.forms import FilterForm, build_day_field
from history.presenters import labels

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_ALL_CHOICE = [("", _("All"))]


class EventFilterForm(FilterForm):
    person = forms.CharField(
        label=_("Involved user"),
        max_length=100,
        required=False,
        widget=forms.SearchInput(attrs={"placeholder": _("Name, username or e-mail")}),
    )
    kind = forms.ChoiceField(label=_("Subject"), choices=[*_ALL_CHOICE, *labels.get_target_choices()], required=False)
    verb = forms.ChoiceField(label=_("Event"), choices=[*_ALL_CHOICE, *Verb.choices], required=False)
    origin = forms.ChoiceField(label=_("Origin"), choices=[*_ALL_CHOICE, *EventOrigin.choices], required=False)
    since = build_day_field(_("From date"))
    until = build_day_field(_("To date"))


class AuditPackageForm(forms.Form):
    """The period of an audit package; by default the last full quarter."""

    since = forms.DateField(
        label=_("From date"),
        initial=lambda: get_last_quarter()[0],
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
    )
    until = forms.DateField(
        label=_("To date"), initial=lambda: get_last_quarter()[1], widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until, today = cleaned.get("since"), cleaned.get("until"), timezone.localdate()
        if since and since.year < 2000:
            self.add_error("since", _("Choose a day from 2000 on."))
        if until and until > today:
            self.add_error("until", _("This day is in the future. Choose an earlier one."))
        if since and until and since > until:
            self.add_error("until", _("The last day is before the first."))
        return cleaned


def get_last_quarter() -> tuple[date, date]:
    today = timezone.localdate()
    return get_previous_period(today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1), months=3)


def get_previous_period(following: date, *, months: int) -> tuple[date, date]:
    """Return the first and last day of the `months` before `following`, the first day of a month."""
    count = following.year * 12 + following.month - 1 - months
    return date(count // 12, count % 12 + 1, 1), following - timedelta(days=1)


def get_package_periods() -> list[tuple[StrOrPromise, date, date]]:
    """Return the usual periods of audit packages, each with its name."""
    today = timezone.localdate()
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    return [
        (_("Last quarter"), *get_last_quarter()),
        (_("Last month"), *get_previous_period(month, months=1)),
        (_("Last year"), *get_previous_period(year, months=12)),
        (_("This year"), year, today),
    ]


class PointInTimeForm(FilterForm):
    """A point in time, and its subject: a user, a team, an employer, or else the whole office."""

    day = build_day_field(_("Day"))
    time = forms.TimeField(label=_("Time"), required=False, widget=forms.TimeInput({"type": "time"}, "%H:%M"))
    user = forms.UUIDField(required=False, widget=forms.HiddenInput)
    team = forms.UUIDField(required=False, widget=forms.HiddenInput)
    employer = forms.UUIDField(required=False, widget=forms.HiddenInput)

    @staticmethod
    def now() -> dict[str, str]:
        now = timezone.localtime()
        return {"day": now.strftime("%Y-%m-%d"), "time": now.strftime("%H:%M")}

    def clean(self) -> dict[str, Any]:
        """Reject a point in time in the future."""
        cleaned = super().clean() or {}
        if not self.errors and self.moment() > timezone.now():
            self.add_error("day", _("This time is in the future. Choose an earlier one."))
        return cleaned

    def moment(self) -> datetime:
        """Return the end of the chosen minute or day, but not later than now if it includes now."""
        now, at = timezone.localtime(), self.cleaned_data.get("time") or time(23, 59)
        day = self.cleaned_data.get("day") or now.date()
        begin = timezone.make_aware(datetime.combine(day, at.replace(second=0, microsecond=0)))
        whole_day = self.cleaned_data.get("time") is None and day == now.date()
        if whole_day or begin <= now < begin + timedelta(minutes=1):
            return now
        return begin + timedelta(seconds=59, microseconds=999999)

    def subject(self) -> tuple[str, UUID | None]:
        """Return "user", "team", "employer" or "office", and its id (None for the office)."""
        for name in ("user", "team", "employer"):
            if chosen := self.cleaned_data.get(name):
                return name, chosen
        return "office", None
