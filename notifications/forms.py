"""Forms for notification preferences: a row of fields for each type."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.forms import PLAIN_TEXT_VALIDATORS, VersionedForm
from notifications import preferences
from notifications.catalog import MAX_OFFSET_DAYS, NotificationType
from notifications.models import NotificationSet
from notifications.preferences import NotificationPreference, OverridesByType, PreferenceOverride, PreferencesByType
from permissions.forms import OfficeChoiceForm

_YES_NO_VALUES = {"y": True, "n": False}


class PreferenceFields(NamedTuple):
    type: NotificationType
    is_on: BoundField
    days: BoundField
    mail: BoundField


class PreferencesForm(forms.Form):
    """Base form with a row for each type; field names consist of the type and the column of NotificationSetting."""

    def row(self, type_: NotificationType, **fields: forms.Field) -> None:
        """Add the fields of one type, each with a label for screen readers."""
        names = {"is_on": _("on"), "days": _("days"), "mail": _("mail")}
        for part, field in fields.items():
            label = f"{type_.label}: {names[part]}"
            field.label, field.widget.attrs["aria-label"] = label, label
            self.fields[f"{type_}_{part}"] = field

    def rows(self) -> Iterator[PreferenceFields]:
        for type_ in NotificationType:
            yield PreferenceFields(type_, self[f"{type_}_is_on"], self[f"{type_}_days"], self[f"{type_}_mail"])

    def get_override(self, type_: NotificationType) -> PreferenceOverride:
        return PreferenceOverride(*(self.cleaned_data[f"{type_}_{part}"] for part in PreferenceOverride._fields))


def _build_checkbox(initial: bool) -> forms.BooleanField:
    return forms.BooleanField(required=False, initial=initial)


def _build_days_field(initial: int | None, *, required: bool = True, hint: int | None = None) -> forms.IntegerField:
    field = forms.IntegerField(
        min_value=0,
        max_value=MAX_OFFSET_DAYS,
        required=required,
        initial=initial,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), _("Enter a number of days from 0 to 99.")
        ),
    )
    if hint is not None:
        field.widget.attrs["placeholder"] = str(hint)
    return field


def _build_choice_field(initial: bool | None, empty: str, yes: str, no: str) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        choices=[("", empty), ("y", yes), ("n", no)],
        coerce=_YES_NO_VALUES.__getitem__,
        empty_value=None,
        required=False,
        initial={None: "", True: "y", False: "n"}[initial],
    )


class SharedPreferencesForm(PreferencesForm):
    """Base form for preferences that can change concurrently; `seen` is their fingerprint when the form was opened."""

    seen = forms.CharField(required=False, max_length=4000, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, now: Mapping[NotificationType, NotificationPreference | PreferenceOverride], **kwargs: Any
    ) -> None:
        self.stamp = preferences.fingerprint_preferences(now)
        kwargs["initial"] = {"seen": self.stamp}
        super().__init__(*args, **kwargs)

    def report_conflict(self) -> None:
        """Report what was changed in the meantime, keep the input, and allow saving it again."""
        data = cast(QueryDict, self.data).copy()
        before, now = set(self.cleaned_data["seen"].split(",")), set(self.stamp.split(","))
        data["seen"] = self.stamp
        self.data = data
        changed = {piece.partition(":")[0] for piece in before ^ now}
        names = ", ".join(str(type_.label) for type_ in NotificationType if type_ in changed)
        text = _("Another user changed this in the meantime: %(names)s. Check it and save again.")
        self.add_error(None, ValidationError(text, code="stale", params={"names": names or "–"}))


class OfficePreferencesForm(SharedPreferencesForm):
    def __init__(self, *args: Any, now: PreferencesByType, **kwargs: Any) -> None:
        super().__init__(*args, now=now, **kwargs)
        for type_, preference in now.items():
            self.row(
                type_,
                is_on=_build_checkbox(preference.is_on),
                days=_build_days_field(preference.days),
                mail=_build_checkbox(preference.mail),
            )

    def get_preferences(self) -> PreferencesByType:
        return {type_: NotificationPreference(*self.get_override(type_)) for type_ in NotificationType}  # type: ignore[arg-type]


class UserOverridesForm(SharedPreferencesForm):
    """A user's overrides; empty values follow the office."""

    def __init__(self, *args: Any, now: OverridesByType, office: PreferencesByType, **kwargs: Any) -> None:
        super().__init__(*args, now=now, **kwargs)
        for type_, preference in office.items():
            own = now.get(type_, PreferenceOverride())
            on = _("Office default: on") if preference.is_on else _("Office default: off")
            mail = _("Office default: e-mail") if preference.mail else _("Office default: no e-mail")
            self.row(
                type_,
                is_on=_build_choice_field(own.is_on, on, _("On"), _("Off")),
                days=_build_days_field(own.days, required=False, hint=preference.days),
                mail=_build_choice_field(own.mail, mail, _("E-mail"), _("No e-mail")),
            )

    def get_overrides(self) -> OverridesByType:
        return {type_: own for type_ in NotificationType if (own := self.get_override(type_))}


class EmailPreferencesForm(forms.Form):
    def __init__(self, *args: Any, now: PreferencesByType, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = {type_: preference for type_, preference in now.items() if preference.is_on}
        for type_, preference in self.now.items():
            field = _build_checkbox(preference.mail)
            field.label = str(type_.label)
            field.help_text = preferences.describe_preference(type_, preference._replace(mail=False))
            self.fields[str(type_)] = field

    def get_email_choices(self) -> dict[NotificationType, bool]:
        return {type_: self.cleaned_data[str(type_)] for type_ in self.now}


class NotificationSetForm(PreferencesForm, VersionedForm):
    """The name and contents of a set; version 0 is that of a new one."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=50, validators=PLAIN_TEXT_VALIDATORS)

    def __init__(self, *args: Any, instance: NotificationSet | None, **kwargs: Any) -> None:
        kwargs["initial"] = {"name": instance.name if instance else "", "version": instance.version if instance else 0}
        super().__init__(*args, **kwargs)
        held = preferences.get_set_preferences(instance) if instance else {}
        for type_, standard in preferences.DEFAULT_PREFERENCES.items():
            preference = held.get(type_)
            self.row(
                type_,
                is_on=_build_choice_field(preference and preference.is_on, _("Not in the set"), _("On"), _("Off")),
                days=_build_days_field((preference or standard).days),
                mail=_build_checkbox((preference or standard).mail),
            )

    @property
    def contents(self) -> PreferencesByType:
        return {
            type_: override.apply_to(standard)
            for type_, standard in preferences.DEFAULT_PREFERENCES.items()
            if (override := self.get_override(type_)).is_on is not None
        }


class NotificationSetChoiceForm(OfficeChoiceForm):
    signal_set = forms.ModelChoiceField(
        label=gettext_lazy("Notification set"),
        queryset=NotificationSet.objects.order_by("name", "pk"),
        empty_label=gettext_lazy("Choose a set"),
    )


class ApplyNotificationSetForm(NotificationSetChoiceForm):
    version = forms.IntegerField()
    seen = forms.CharField(max_length=4000)

    def matches(self, now: PreferencesByType) -> bool:
        """Return whether set and preferences are unchanged. Only for a valid form."""
        shown = self.cleaned_data["signal_set"].version == self.cleaned_data["version"]
        return shown and bool(self.cleaned_data["seen"] == preferences.fingerprint_preferences(now))


class MarkAllReadForm(forms.Form):
    until = forms.UUIDField()
