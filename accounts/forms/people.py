"""Forms for the details of users, and for the filters of the user list."""

from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.actions import Details
from accounts.attention import Attention
from accounts.models import LoginMethod, Provider, User
from accounts.status import Status, TwoFactor
from loket.text import refuse_control_characters, refuse_direction_marks
from signin.forms import KnownPasswordForm
from teams.models import Employer, Team

PLAIN = [refuse_control_characters, refuse_direction_marks]
_MISSING = {
    "initials": _("Enter the initials."),
    "last_name": _("Enter the last name."),
    "email": _("Enter the e-mail address."),
}
_TELEPHONE = RegexValidator(r"^[0-9+() -]*$", _("Use only digits, spaces, hyphens, parentheses and a plus sign."))


def field(name: str, **options: Any) -> Any:
    """Return the form field of the User field `name`, with its label and limits."""
    made = cast(Any, User._meta.get_field(name)).formfield(**options)
    if isinstance(made, forms.CharField):
        made.validators = [*made.validators, *PLAIN]
    if name in _MISSING:
        made.error_messages["required"] = _MISSING[name]
    return made


class ListForm(forms.Form):
    """Search and filters of the user list; every field may be empty."""

    q = forms.CharField(label=_("Search"), max_length=100, required=False)
    login_method = forms.ChoiceField(
        label=_("Login method"), choices=[("", _("All")), *LoginMethod.choices], required=False
    )
    status = forms.ChoiceField(label=_("Status"), choices=[("", _("All")), *Status.choices], required=False)
    two_factor = forms.ChoiceField(label=_("Two-factor"), choices=[("", _("All")), *TwoFactor.choices], required=False)
    attention = forms.ChoiceField(
        label=_("Attention needed"), choices=[("", _("All")), *Attention.choices], required=False
    )
    sort = forms.CharField(max_length=20, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["label_suffix"] = ""
        super().__init__(*args, **kwargs)
        self.fields["q"].widget.input_type = "search"
        self.fields["q"].widget.attrs["placeholder"] = _("Name, username or e-mail")

    def values(self) -> dict[str, str]:
        """Return the valid values; invalid ones count as empty."""
        self.is_valid()
        return {name: self.cleaned_data.get(name, "") for name in self.fields}


class OwnDetailsForm(forms.Form):
    """The details that users may change on their own profile."""

    initials = field("initials")
    prefix = field("prefix")
    last_name = field("last_name")
    first_name = field("first_name")
    phone_number = field("phone_number", validators=[_TELEPHONE])
    place_of_employment = field("place_of_employment")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        autocomplete = {"last_name": "family-name", "first_name": "given-name", "phone_number": "tel", "email": "email"}
        for name, bound in self.fields.items():
            # HTML does not allow the attribute on these.
            if getattr(bound.widget, "input_type", "") not in ("checkbox", "radio", "hidden"):
                bound.widget.attrs.setdefault("autocomplete", autocomplete.get(name, "off"))

    @property
    def details(self) -> Details:
        """The details of a valid form."""
        return cast(Details, {name: self.cleaned_data[name] for name in Details.__annotations__ if name in self.fields})


class DetailsForm(OwnDetailsForm):
    """The details that an office sets for any login method."""

    email = field("email")
    has_access_to_test_years = field("has_access_to_test_years")
    access_until = field("access_until", widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))

    field_order = ["initials", "prefix", "last_name", "first_name", "email"]

    def clean_access_until(self) -> Any:
        """Reject a day in the past unless it is the stored one."""
        until = self.cleaned_data["access_until"]
        if until and until < timezone.localdate() and until != self.initial.get("access_until"):
            raise ValidationError(_("This date is in the past. To end access now, block the account."), code="past")
        return until


class WebsiteForm(DetailsForm):
    """The details of a user "Via website en SSO"."""

    two_factor_required = field(
        "two_factor_required",
        help_text=_("The e-mail explains it. Setup is part of accepting the invitation."),
    )


class Versioned(forms.Form):
    """Base form for optimistic locking; `version` is the one the form was opened with."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    def now_based_on(self, saved: User | Provider | Team | Employer) -> None:
        """Report what was saved meanwhile beside each field, keep the input, and allow saving it again."""
        saved.refresh_from_db()
        data = cast(QueryDict, self.data).copy()
        data["version"] = str(saved.version)
        self.data = data
        self.add_error(None, ValidationError(_("Another user changed this in the meantime. Check it and save again.")))
        for name in sorted(self.cleaned_data.keys() - {"version"}):
            value = getattr(saved, name)
            if value != self.cleaned_data.get(name):
                plain = ", ".join(map(str, value)) if isinstance(value, list) else value
                shown = _("yes") if value is True else _("no") if value is False else plain or _("empty")
                self.add_error(name, ValidationError(_("Currently saved: %(value)s."), params={"value": shown}))


class EditForm(WebsiteForm, Versioned):
    """The details of an existing user; its fields depend on the login method and on acceptance."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        values = {name: getattr(user, name) for name in Details.__annotations__}
        kwargs.setdefault("initial", values | {"version": user.version})
        super().__init__(*args, **kwargs)
        if not user.is_website_user:
            del self.fields["two_factor_required"]
        if user.accepted_at is None:
            del self.fields["email"]
        else:
            self.fields["email"].help_text = _(
                "A new address takes effect once it has been confirmed from that address."
            )


class ProfileForm(OwnDetailsForm, Versioned):
    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        initial = {name: getattr(user, name) for name in OwnDetailsForm.base_fields} | {"version": user.version}
        kwargs["initial"] = initial
        super().__init__(*args, **kwargs)


class OwnEmailForm(KnownPasswordForm):
    """A new e-mail address for the user's own account; needs the current password."""

    email = field("email", label=_("New e-mail"))
    field_order = ["email", "current_password"]

    def clean_email(self) -> str:
        """Reject the current address."""
        email: str = self.cleaned_data["email"]
        if email == self.user.email:
            raise ValidationError(_("This is already your address."), code="same")
        return email
