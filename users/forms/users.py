"""Forms for the details of users, and for the filters of the user list."""

from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from accounts.models import LoginMethod, User
from accounts.user_details import UserDetails
from accounts.validators import validate_access_until, validate_email_domain
from authentication.forms import CurrentPasswordForm
from authentication.mfa.status import TwoFactorStatus
from core.forms import PLAIN_TEXT_VALIDATORS, FilterForm, VersionedForm
from core.keys import compute_email_key
from users.alerts import AlertReason
from users.status import AccountStatus

_REQUIRED_MESSAGES = {
    "initials": _("Enter the initials."),
    "last_name": _("Enter the last name."),
    "email": _("Enter the e-mail address."),
}
_PHONE_VALIDATOR = RegexValidator(r"^[0-9+() -]*$", _("Use only digits, spaces, hyphens, parentheses and a plus sign."))


def build_user_field(name: str, **options: Any) -> Any:
    """Return the form field of the User field `name`, with its label and limits."""
    field = cast(Any, User._meta.get_field(name)).formfield(**options)
    if isinstance(field, forms.CharField):
        field.validators = [*field.validators, *PLAIN_TEXT_VALIDATORS]
    if isinstance(field, forms.EmailField):
        field.validators.append(validate_email_domain)
    if name in _REQUIRED_MESSAGES:
        field.error_messages["required"] = _REQUIRED_MESSAGES[name]
    return field


class UserFilterForm(FilterForm):
    q = forms.CharField(
        label=_("Search"),
        max_length=100,
        required=False,
        widget=forms.SearchInput(attrs={"placeholder": _("Name, username or e-mail")}),
    )
    login_method = forms.ChoiceField(
        label=_("Login method"), choices=[("", _("All")), *LoginMethod.choices], required=False
    )
    status = forms.ChoiceField(label=_("Status"), choices=[("", _("All")), *AccountStatus.choices], required=False)
    two_factor = forms.ChoiceField(
        label=_("Two-factor"), choices=[("", _("All")), *TwoFactorStatus.choices], required=False
    )
    attention = forms.ChoiceField(
        label=_("Attention needed"), choices=[("", _("All")), *AlertReason.choices], required=False
    )
    sort = forms.CharField(max_length=20, required=False, widget=forms.HiddenInput)


class ProfileDetailsForm(forms.Form):
    initials = build_user_field("initials")
    prefix = build_user_field("prefix")
    last_name = build_user_field("last_name")
    first_name = build_user_field("first_name")
    phone_number = build_user_field("phone_number", validators=[_PHONE_VALIDATOR])
    place_of_employment = build_user_field("place_of_employment")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        autocomplete = {"last_name": "family-name", "first_name": "given-name", "phone_number": "tel", "email": "email"}
        for name, bound in self.fields.items():
            # HTML does not allow the attribute on these.
            if getattr(bound.widget, "input_type", "") not in ("checkbox", "radio", "hidden"):
                bound.widget.attrs.setdefault("autocomplete", autocomplete.get(name, "off"))

    @property
    def details(self) -> UserDetails:
        return cast(
            UserDetails, {name: self.cleaned_data[name] for name in UserDetails.__annotations__ if name in self.fields}
        )


class UserDetailsForm(ProfileDetailsForm):
    """The details that an office sets for any login method."""

    email = build_user_field("email")
    has_access_to_test_years = build_user_field("has_access_to_test_years")
    access_until = build_user_field("access_until", widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))

    field_order = ["initials", "prefix", "last_name", "first_name", "email"]

    @property
    def has_more_details(self) -> bool:
        """Whether the details that the forms of new users fold have a value or errors."""
        names = ("first_name", "place_of_employment", "access_until", "has_access_to_test_years")
        return any(self[name].value() or self[name].errors for name in names)

    def clean_access_until(self) -> Any:
        until = self.cleaned_data["access_until"]
        validate_access_until(until, stored=self.initial.get("access_until"))
        return until


class WebsiteUserForm(UserDetailsForm):
    two_factor_required = build_user_field(
        "two_factor_required", help_text=_("The e-mail explains it. Setup is part of accepting the invitation.")
    )


class EditUserForm(WebsiteUserForm, VersionedForm):
    """The details of an existing user; its fields depend on the login method and on acceptance."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        values = {name: getattr(user, name) for name in UserDetails.__annotations__}
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


class ProfileForm(ProfileDetailsForm, VersionedForm):
    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        initial = {name: getattr(user, name) for name in ProfileDetailsForm.base_fields} | {"version": user.version}
        kwargs["initial"] = initial
        super().__init__(*args, **kwargs)


class ChangeEmailForm(CurrentPasswordForm):
    email = build_user_field("email", label=_("New e-mail"))
    field_order = ["email", "current_password"]

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if compute_email_key(email) == self.user.email_key:
            raise ValidationError(_("This is already your address."), code="same")
        return email
