"""Forms for webservice and Azure users, and for changing a login method."""

from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import passwords
from accounts.forms.passwords import BaseNewPasswordForm
from accounts.forms.usernames import NewUsernameField
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from accounts.validators import validate_two_factor_required
from authentication.forms import NewPasswordForm
from users import form_tokens, login_methods
from users.forms.initial_access import InitialAccessForm
from users.forms.office import MicrosoftIdField
from users.forms.users import ProfileDetailsForm, UserDetailsForm

_USERNAME_FIELD = NewUsernameField(
    error_messages={"required": _("Enter a username.")},
    help_text=_("3 to 50 characters. All characters count, including spaces. Not case-sensitive."),
    attrs={"autocomplete": "off"},
)
_OVERLAP_HOURS = [
    (0, _("stops working immediately; its sessions and tokens end")),
    (24, _("works for another 24 hours")),
    (3 * 24, _("works for another 3 days")),
    (7 * 24, _("works for another 7 days")),
]


class NewUserForm(UserDetailsForm, InitialAccessForm):
    """Base form for a new user; the hidden `concept` holds the id that the user will get."""

    kind: LoginMethod
    concept = forms.CharField(max_length=200, required=False, widget=forms.HiddenInput)
    username = _USERNAME_FIELD

    # The password comes last: its validation uses the other fields.
    field_order = [
        *ProfileDetailsForm.base_fields, "email", "access_until", "has_access_to_test_years", "concept", "username"
    ]  # fmt: skip

    def __init__(self, *args: Any, requester: User, **kwargs: Any) -> None:
        self.requester = requester
        kwargs["initial"] = kwargs.get("initial", {}) | {"concept": form_tokens.issue_form_token(requester, self.kind)}
        super().__init__(*args, requester=requester, login_method=self.kind, **kwargs)

    def clean_concept(self) -> UUID:
        """Return the id. Raises ValidationError when not issued here ("concept") or used for another user ("used")."""
        user_id = form_tokens.read_form_token(self.requester, self.kind, self.cleaned_data["concept"])
        if user_id is None:
            self._renew()
            raise ValidationError(_("This form was open too long. Check it and submit it again."), code="concept")
        user = User.objects.visible_to(self.requester).filter(pk=user_id).first()
        if user is not None and not self._matches(user):
            self._renew()
            message = _("This form was already used to add %(name)s. Submit it again to add another user.")
            raise ValidationError(message, code="used", params={"name": user.full_name})
        return user_id

    def _renew(self) -> None:
        data = cast(QueryDict, self.data).copy()
        data["concept"] = form_tokens.issue_form_token(self.requester, self.kind)
        self.data = data

    def _matches(self, user: User) -> bool:
        return (user.username, user.email) == (self.data.get("username", ""), self.data.get("email", "").strip())

    def find_previous_user(self) -> User | None:
        """Return the user created by an earlier submission of this form, for example by a double click."""
        user_id = self.cleaned_data.get("concept") if self.is_bound else None
        user = User.objects.visible_to(self.requester).filter(pk=user_id).first() if user_id else None
        return user if user is not None and self._matches(user) else None

    def clean(self) -> dict[str, Any]:
        super().clean()
        try:
            validate_two_factor_required("two_factor_required" in self.data, self.kind)
        except ValidationError as error:
            self.add_error(None, error)
        return self.cleaned_data


class NewWebserviceUserForm(NewUserForm, BaseNewPasswordForm):
    kind = LoginMethod.SSO_WEBSERVICE

    def clean_password(self) -> str:
        names = ("initials", "first_name", "last_name", "email", "username")
        user = User(provider=self.requester.provider, **{name: self.cleaned_data.get(name, "") for name in names})
        return self.validate_password(passwords.build_password_context(user))


class SetPasswordForm(NewPasswordForm):
    """A new password for a webservice user; `before` is when the current one was set."""

    before = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput)
    hours = forms.TypedChoiceField(
        label=_("The old password"),
        choices=_OVERLAP_HOURS,
        coerce=int,
        initial=0,
        required=False,
        widget=forms.RadioSelect,
        help_text=_("Choose a period if you cannot replace the password everywhere at once."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        kwargs["initial"] = {"before": login_methods.get_password_set_at(user)} | kwargs.get("initial", {})
        super().__init__(*args, user=user, **kwargs)

    @property
    def overlap_until(self) -> datetime | None:
        """The moment until which the old password works, None if it stops now. Only for a valid form."""
        hours = self.cleaned_data["hours"]
        return timezone.now() + timedelta(hours=hours) if hours else None


def fill_password(form: BaseNewPasswordForm, password: str) -> None:
    for name in ("password", "password_again"):
        form.initial[name] = password
        cast(forms.PasswordInput, form.fields[name].widget).render_value = True


class _TenantChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name} ({obj.tenant_id})"


class _MicrosoftAccountForm(forms.Form):
    external_tenant = _TenantChoiceField(
        label=_("Azure AD Tenant ID"),
        queryset=ExternalTenant.objects.none(),
        help_text=_(
            "Your system administrator can find it at Microsoft, where Azure AD is now called Entra ID: Microsoft Entra"
            " admin center › Overview › Tenant ID."
        ),
        error_messages={"required": _("Choose a tenant.")},
    )
    external_user_id = MicrosoftIdField(
        label=_("Azure AD User ID"),
        help_text=_(
            "Your system administrator can find it in the Microsoft Entra admin center › Users › the user › Object ID."
        ),
        error_messages={"required": _("Enter the user's Object ID.")},
    )

    def __init__(self, *args: Any, provider: Provider, user: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        choice = cast(_TenantChoiceField, self.fields["external_tenant"])
        choice.queryset = ExternalTenant.objects.proved().filter(provider=provider).order_by("name", "id")
        if len(choice.queryset) == 1:
            choice.empty_label = None

    def clean(self) -> dict[str, Any]:
        super().clean()
        tenant, external_user_id = (self.cleaned_data.get(name) for name in ("external_tenant", "external_user_id"))
        if tenant and external_user_id:
            try:
                login_methods.require_free_microsoft_account(tenant, external_user_id, user=self.user)
            except ValidationError as error:
                self.add_error("external_user_id", error)
        return self.cleaned_data


class NewAzureUserForm(NewUserForm, _MicrosoftAccountForm):
    kind = LoginMethod.AZURE_AD


class ChangeToAzureForm(_MicrosoftAccountForm):
    """The Microsoft account of an existing user, and a username for a user without one."""

    username = _USERNAME_FIELD
    field_order = ["username"]

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "external_tenant": user.external_tenant_id,
            "external_user_id": user.external_user_id,
        } | kwargs.get("initial", {})
        super().__init__(*args, provider=user.office, user=user, **kwargs)
        if user.username is not None:
            del self.fields["username"]
