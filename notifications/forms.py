"""Forms for notification preferences: a row of fields for each type."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.people import PLAIN
from accounts.models import User
from notifications import wishes
from notifications.catalogue import MAX_DAYS, SignalType
from notifications.models import SignalSet
from notifications.wishes import Own, Owns, Wish, Wishes

_YES_NO = {"y": True, "n": False}


class Row(NamedTuple):
    """The form fields of one type."""

    type: SignalType
    is_on: BoundField
    days: BoundField
    mail: BoundField


class WishesForm(forms.Form):
    """Base form with a row for each type; field names consist of the type and the column of SignalSetting."""

    def row(self, type_: SignalType, **fields: forms.Field) -> None:
        """Add the fields of one type, each with a label for screen readers."""
        names = {"is_on": _("on"), "days": _("days"), "mail": _("mail")}
        for part, field in fields.items():
            label = f"{type_.label}: {names[part]}"
            field.label, field.widget.attrs["aria-label"] = label, label
            self.fields[f"{type_}_{part}"] = field

    def rows(self) -> Iterator[Row]:
        for type_ in SignalType:
            yield Row(type_, self[f"{type_}_is_on"], self[f"{type_}_days"], self[f"{type_}_mail"])

    def given(self, type_: SignalType) -> Own:
        """Return the values of one type of a valid form."""
        return Own(*(self.cleaned_data[f"{type_}_{part}"] for part in Own._fields))


def _checkbox(initial: bool) -> forms.BooleanField:
    return forms.BooleanField(required=False, initial=initial)


def _days(initial: int | None, *, required: bool = True, hint: int | None = None) -> forms.IntegerField:
    field = forms.IntegerField(
        min_value=0,
        max_value=MAX_DAYS,
        required=required,
        initial=initial,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), _("Enter a number of days from 0 to 99.")
        ),
    )
    if hint is not None:
        field.widget.attrs["placeholder"] = str(hint)
    return field


def _choice(initial: bool | None, empty: str, yes: str, no: str) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        choices=[("", empty), ("y", yes), ("n", no)],
        coerce=_YES_NO.__getitem__,
        empty_value=None,
        required=False,
        initial={None: "", True: "y", False: "n"}[initial],
    )


class Shared(WishesForm):
    """Base form for preferences that can change meanwhile; `seen` is their fingerprint when the form was opened."""

    seen = forms.CharField(required=False, max_length=4000, widget=forms.HiddenInput)

    def __init__(self, *args: Any, now: Mapping[SignalType, Wish | Own], **kwargs: Any) -> None:
        self.stamp = wishes.stamp(now)
        kwargs["initial"] = {"seen": self.stamp}
        super().__init__(*args, **kwargs)

    def again(self) -> None:
        """Report what was changed meanwhile, keep the input, and allow saving it again."""
        data = cast(QueryDict, self.data).copy()
        before, now = set(self.cleaned_data["seen"].split(",")), set(self.stamp.split(","))
        data["seen"] = self.stamp
        self.data = data
        changed = {piece.partition(":")[0] for piece in before ^ now}
        names = ", ".join(str(type_.label) for type_ in SignalType if type_ in changed)
        text = _("Another user changed this in the meantime: %(names)s. Check it and save again.")
        self.add_error(None, ValidationError(text, code="stale", params={"names": names or "–"}))


class OfficeSignalsForm(Shared):
    """The office's preferences (Signaal AK)."""

    def __init__(self, *args: Any, now: Wishes, **kwargs: Any) -> None:
        super().__init__(*args, now=now, **kwargs)
        for type_, wish in now.items():
            self.row(type_, is_on=_checkbox(wish.is_on), days=_days(wish.days), mail=_checkbox(wish.mail))

    def wanted(self) -> Wishes:
        """Return the preferences of a valid form."""
        return {type_: Wish(*self.given(type_)) for type_ in SignalType}  # type: ignore[arg-type]


class OwnSignalsForm(Shared):
    """A user's overrides; empty values follow the office."""

    def __init__(self, *args: Any, now: Owns, office: Wishes, **kwargs: Any) -> None:
        super().__init__(*args, now=now, **kwargs)
        for type_, wish in office.items():
            own = now.get(type_, Own())
            on = _("Office default: on") if wish.is_on else _("Office default: off")
            mail = _("Office default: e-mail") if wish.mail else _("Office default: no e-mail")
            self.row(
                type_,
                is_on=_choice(own.is_on, on, _("On"), _("Off")),
                days=_days(own.days, required=False, hint=wish.days),
                mail=_choice(own.mail, mail, _("E-mail"), _("No e-mail")),
            )

    def wanted(self) -> Owns:
        """Return the overrides of a valid form; only types that deviate."""
        return {type_: own for type_ in SignalType if (own := self.given(type_))}


class OwnMailForm(forms.Form):
    """Which of the user's active types are e-mailed."""

    def __init__(self, *args: Any, now: Wishes, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = {type_: wish for type_, wish in now.items() if wish.is_on}
        for type_, wish in self.now.items():
            field = _checkbox(wish.mail)
            field.label = str(type_.label)
            field.help_text = wishes.words(type_, wish._replace(mail=False))
            self.fields[str(type_)] = field

    def wanted(self) -> dict[SignalType, bool]:
        """Return the choices of a valid form."""
        return {type_: self.cleaned_data[str(type_)] for type_ in self.now}


class SignalSetForm(WishesForm):
    """Name and contents of a set; `version` is the one the form was opened with, 0 for a new set."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=50, validators=PLAIN)
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    def __init__(self, *args: Any, changed: SignalSet | None = None, **kwargs: Any) -> None:
        kwargs["initial"] = {"name": changed.name if changed else "", "version": changed.version if changed else 0}
        super().__init__(*args, **kwargs)
        held = wishes.contents(changed) if changed else {}
        for type_, standard in wishes.STANDARD.items():
            wish = held.get(type_)
            self.row(
                type_,
                is_on=_choice(wish and wish.is_on, _("Not in the set"), _("On"), _("Off")),
                days=_days((wish or standard).days),
                mail=_checkbox((wish or standard).mail),
            )

    def wanted(self) -> Wishes:
        """Return the contents of the set from a valid form."""
        given = {type_: self.given(type_) for type_ in SignalType}
        return {type_: own.over(wishes.STANDARD[type_]) for type_, own in given.items() if own.is_on is not None}


class ChooseSignalSetForm(forms.Form):
    """A choice from the sets of the office of `user`."""

    signal_set = forms.ModelChoiceField(
        label=gettext_lazy("Notification set"),
        queryset=SignalSet.objects.none(),
        empty_label=gettext_lazy("Choose a set"),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sets = SignalSet.objects.visible_to(user).order_by("name", "pk")
        self.fields["signal_set"].queryset = sets  # type: ignore[attr-defined]


class ApplySignalSetForm(ChooseSignalSetForm):
    """A set to apply, with the version of the set and the fingerprint of the preferences shown on the page."""

    version = forms.IntegerField()
    seen = forms.CharField(max_length=4000)

    def matches(self, now: Wishes) -> bool:
        """Return whether set and preferences are unchanged. Only for a valid form."""
        shown = self.cleaned_data["signal_set"].version == self.cleaned_data["version"]
        return shown and bool(self.cleaned_data["seen"] == wishes.stamp(now))


class AllReadForm(forms.Form):
    """The newest notification to mark as read."""

    until = forms.UUIDField()
