"""Forms for the details of users, and for the filters of the user list."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.http import QueryDict
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.models import LoginMethod, User
from accounts.user_details import UserDetails
from accounts.validators import validate_access_until, validate_email_domain
from authentication.forms import CurrentPasswordForm
from authentication.mfa.status import TwoFactorStatus
from core.forms import PLAIN_TEXT_VALIDATORS, FilterForm, VersionedForm
from core.ids import parse_uuid
from core.keys import compute_email_key
from core.paging import format_count
from permissions.models import Team
from users.alerts import AlertReason
from users.filters import ANY_ALERT, PENDING, WITHOUT_FACTOR, WITHOUT_TEAM, EndDateFilter, LastLoginFilter, UserFilters
from users.status import AccountStatus

MAX_TEAMS_SHOWN = 15  # more of them are a page of their own, in place of weight on every page

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
    """The search and the filters of the list; teams are those of the office of `user`."""

    q = forms.CharField(
        label=_("Search"),
        max_length=100,
        required=False,
        widget=forms.SearchInput(attrs={"placeholder": _("Name, username or e-mail"), "autocomplete": "off"}),
    )
    status = forms.MultipleChoiceField(
        label=_("Status"),
        choices=[(PENDING, _("Invited, not accepted yet")), *AccountStatus.choices],
        required=False,
    )
    login_method = forms.MultipleChoiceField(label=_("Login method"), choices=LoginMethod.choices, required=False)
    two_factor = forms.MultipleChoiceField(
        label=_("Two-factor"),
        choices=[(WITHOUT_FACTOR, _("Has no two-factor")), *TwoFactorStatus.choices],
        required=False,
    )
    team = forms.MultipleChoiceField(label=_("Team"), required=False)
    access_until = forms.ChoiceField(label=_("End date"), choices=EndDateFilter.choices, required=False)
    last_login = forms.ChoiceField(label=_("Last login"), choices=LastLoginFilter.choices, required=False)
    attention = forms.ChoiceField(
        label=_("Attention needed"), choices=[(ANY_ALERT, _("For any reason")), *AlertReason.choices], required=False
    )
    sort = forms.CharField(max_length=20, required=False, widget=forms.HiddenInput)

    has_more_teams = False

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._teams = Team.objects.visible_to(user).order_by("sort_name", "pk")
        values = self.data.getlist("team") if isinstance(self.data, QueryDict) else []
        chosen = [id_ for value in values if (id_ := parse_uuid(value)) is not None]
        self._set_teams(list(self._teams.filter(pk__in=chosen)) if chosen else [])

    def offer_teams(self) -> None:
        """Let users choose from the teams, unless there are too many to show: then from all with `teams`. One query."""
        teams = list(self._teams if "teams" in self.data else self._teams[: MAX_TEAMS_SHOWN + 1])
        self.has_more_teams = len(teams) > MAX_TEAMS_SHOWN and "teams" not in self.data
        if not self.has_more_teams:
            self._set_teams(teams)

    def _set_teams(self, teams: list[Team]) -> None:
        field = cast(forms.MultipleChoiceField, self.fields["team"])
        field.choices = [(WITHOUT_TEAM, _("No team")), *((str(team.pk), team.name) for team in teams)]

    def add_counts(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Say behind each choice how many users it finds."""
        for name, numbers in counts.items():
            field = cast(forms.ChoiceField, self.fields[name])
            field.choices = [
                (value, format_html('{} <span class="count">{}</span>', label, format_count(number)))
                if (number := numbers.get(value, 0))
                else (value, label)
                for value, label in cast(Iterable[tuple[str, str]], field.choices)
            ]

    def values(self) -> UserFilters:
        return super().values()


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
