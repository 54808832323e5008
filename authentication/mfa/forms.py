"""Forms for second factors and for the office's policy about them."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Provider, User
from authentication.forms import CurrentPasswordForm
from authentication.mfa.office_policy import MfaPolicy
from authentication.totp import TotpEnrollment
from core.forms import PLAIN_TEXT_VALIDATORS, OneTimeCodeField, VersionedForm

_MAX_NAME_LENGTH = 50


def _build_name_field(**options: Any) -> forms.CharField:
    return forms.CharField(
        label=_("Device name"),
        max_length=_MAX_NAME_LENGTH,
        error_messages={"required": _("Give the device a name.")},
        validators=PLAIN_TEXT_VALIDATORS,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        **options,
    )


class TotpCodeForm(forms.Form):
    code = OneTimeCodeField(label=_("Code from the app"), required_message=_("Enter the code shown in the app."))


class PasswordAndTotpCodeForm(TotpCodeForm, CurrentPasswordForm):
    field_order = ["current_password", "code"]


class RecoveryCodeForm(forms.Form):
    code = forms.CharField(
        label=_("Recovery code"),
        error_messages={"required": _("Enter one of your recovery codes.")},
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )


class DeviceNameForm(forms.Form):
    name = _build_name_field()


class AuthenticatorAppForm(TotpCodeForm):
    """Code that proves that the app has the secret, which the form carries encrypted."""

    offer = forms.CharField(max_length=300, required=False, widget=forms.HiddenInput)
    name = _build_name_field(initial=_("Authenticator app"))

    field_order = ["code", "name"]

    def __init__(self, data: Any = None, *, user: User) -> None:
        decrypted = TotpEnrollment.decrypt_for(data.get("offer", ""), user) if data else None
        self.enrollment = decrypted or TotpEnrollment.generate()
        encrypted = self.enrollment.encrypt_for(user)
        self.has_expired = data is not None and decrypted is None
        if self.has_expired:
            data = data.copy()
            data["offer"] = encrypted
        super().__init__(data, initial={"offer": encrypted})

    def clean(self) -> dict[str, Any]:
        """Raise ValidationError (code "expired") if the page was open too long or belongs to another account."""
        if self.has_expired:
            raise ValidationError(
                _("This page was open too long. Scan the new QR code and enter the code."), code="expired"
            )
        return self.cleaned_data


class ReasonForm(forms.Form):
    example = _("For example: lost phone, requested at the help desk.")
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        error_messages={"required": _("Enter a reason, for future reference.")},
        validators=PLAIN_TEXT_VALIDATORS,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = self.example


class MfaPolicyForm(VersionedForm):
    two_factor_managers = forms.BooleanField(
        label=Provider._meta.get_field("two_factor_managers").verbose_name,
        required=False,
        help_text=_("Users with the right Office administration: immediately and always."),
    )
    two_factor_from = forms.DateField(
        label=Provider._meta.get_field("two_factor_from").verbose_name,
        required=False,
        help_text=_("From that day on, including users who join later. Leave empty if not required."),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    two_factor_days = forms.IntegerField(
        label=Provider._meta.get_field("two_factor_days").verbose_name,
        required=False,
        min_value=1,
        max_value=90,
        help_text=_(
            "From 1 to 90. Existing users get the same number of days from the day you set this. Leave empty if not"
            " required."
        ),
        widget=forms.NumberInput(attrs={"class": "short"}),
    )

    def __init__(self, data: Any = None, *, provider: Provider) -> None:
        names = ("two_factor_managers", "two_factor_from", "two_factor_days", "version")
        super().__init__(data, initial={name: getattr(provider, name) for name in names})

    def clean_two_factor_from(self) -> Any:
        """Raise ValidationError (code "past") for a day in the past, unless it is the stored one."""
        day = self.cleaned_data["two_factor_from"]
        if day and day < timezone.localdate() and day != self.initial["two_factor_from"]:
            raise ValidationError(_("This date is in the past. Choose today or a later date."), code="past")
        return day

    @property
    def policy(self) -> MfaPolicy:
        values = self.cleaned_data
        return MfaPolicy(values["two_factor_managers"], values["two_factor_from"], values["two_factor_days"])
