"""Forms for the office's settings and its Microsoft tenants."""

import re
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from accounts.logos import MAX_UPLOAD_BYTES, OfficeLogo, build_logo
from accounts.models import ExternalTenant, Provider
from accounts.validators import validate_email_domain
from core.forms import PLAIN_TEXT_VALIDATORS, VersionedForm
from core.keys import compute_email_key

# The tenant of all personal Microsoft accounts, which belong to no office.
_PERSONAL_ACCOUNTS_TENANT = UUID("9188040d-6c67-4c5b-b112-36a304b66dad")
_MULTI_TENANT_NAMES = {"common", "organizations", "organisations", "consumers"}
_UUID_PATTERN = re.compile(
    r"(?:urn:uuid:)?(\{)?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})(?(1)\})", re.I | re.A
)


class MicrosoftIdField(forms.CharField):
    """A Microsoft id in any usual spelling of a UUID; the value is that UUID."""

    default_error_messages = {
        "invalid": _("This is not a valid Microsoft ID. Example: 6f1d7a52-38c4-4f0e-9b57-2a6f0c1f8e11.")
    }

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"})
        super().__init__(widget=widget, **options)

    def clean(self, value: Any) -> Any:
        text: str = super().clean(value)
        found = _UUID_PATTERN.fullmatch(text)
        if found is None or not UUID(found[2]).int:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return UUID(found[2])


class OfficeSettingsForm(VersionedForm):
    name = forms.CharField(
        label=_("Office name"),
        max_length=100,
        validators=PLAIN_TEXT_VALIDATORS,
        error_messages={"required": _("Enter the name of the office.")},
    )
    invitation_days = forms.IntegerField(
        label=_("Invitation validity in days"),
        min_value=1,
        max_value=30,
        error_messages={"required": _("Enter a number from 1 to 30.")},
    )
    support_may_look = forms.BooleanField(
        label=Provider._meta.get_field("support_may_look").verbose_name,
        required=False,
        help_text=_(
            "To help you, support can view pages as one of your users sees them, read-only, for at most 30 minutes."
            " Each session is recorded in the history and you are notified by e-mail."
        ),
    )

    def __init__(self, *args: Any, provider: Provider, **kwargs: Any) -> None:
        names = ("name", "invitation_days", "support_may_look", "version")
        kwargs["initial"] = {name: getattr(provider, name) for name in names}
        super().__init__(*args, **kwargs)
        self.fields["invitation_days"].widget.attrs["class"] = "short"


class LogoForm(forms.Form):
    """Its `logo` is the OfficeLogo to store, None to remove the present one."""

    logo = forms.FileField(
        label=_("Logo"),
        help_text=_("PNG, JPEG or WebP, at most 2 MB. It is shown at most 240 pixels wide and 80 high."),
        error_messages={"required": _("Choose a file."), "empty": _("This file is empty.")},
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )

    def clean_logo(self) -> OfficeLogo:
        file = self.cleaned_data["logo"]
        if file.size > MAX_UPLOAD_BYTES:
            raise ValidationError(_("This file is larger than 2 MB. Upload a smaller image."), code="size")
        return build_logo(file)


class RetentionForm(forms.Form):
    erase_after_months = forms.IntegerField(
        label=_("Months to keep former users' accounts"),
        min_value=0,
        max_value=120,
        help_text=_("After that, an administrator can permanently erase the account."),
        error_messages={"required": _("Enter a number from 0 to 120.")},
    )
    checkpoint_addresses = forms.CharField(
        label=_("Checkpoint recipients"),
        required=False,
        max_length=1300,
        help_text=_(
            "One e-mail address per line, at most five. Each receives a signed checkpoint of the history, at most"
            " once an hour."
        ),
        widget=forms.Textarea({"rows": 5}),
    )

    def clean_checkpoint_addresses(self) -> str:
        addresses: dict[str, str] = {}
        for address in self.cleaned_data["checkpoint_addresses"].split():
            addresses.setdefault(compute_email_key(address), address)
        if len(addresses) > 5:
            raise ValidationError(_("Enter at most five addresses."), code="many")
        for address in addresses.values():
            validate_email(address)
            validate_email_domain(address)
        return "\n".join(addresses.values())


class RenameTenantForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=28,
        validators=PLAIN_TEXT_VALIDATORS,
        help_text=_("A name of your choice, such as the name of the organization. At most 28 characters."),
        error_messages={"required": _("Enter a name.")},
    )


class _TenantIdField(MicrosoftIdField):
    def clean(self, value: Any) -> Any:
        if str(value or "").strip().lower() in _MULTI_TENANT_NAMES:
            raise ValidationError(
                _("This value stands for many tenants. Enter the tenant ID of your office."), code="word"
            )
        tenant_id = super().clean(value)
        if tenant_id == _PERSONAL_ACCOUNTS_TENANT:
            raise ValidationError(
                _("This tenant is for personal Microsoft accounts. Enter the tenant ID of your office."),
                code="personal",
            )
        return tenant_id


class AddTenantForm(RenameTenantForm):
    tenant_id = _TenantIdField(
        label=ExternalTenant._meta.get_field("tenant_id").verbose_name,
        help_text=_(
            "Your system administrator can find it at Microsoft, where Azure AD is now called Entra ID: Microsoft Entra"
            " admin center › Overview › Tenant ID."
        ),
        error_messages={"required": _("Enter the tenant ID.")},
    )
