"""Forms of the support pages; each asks for a reason."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.user_details import UserDetails
from authentication.mfa.forms import ReasonForm
from core.forms import PLAIN_TEXT_VALIDATORS
from invitations.forms.mobile_number import MobileNumberField
from oauth.forms import ApplicationForm, ClientSecretForm
from permissions.checks import SupportAction
from users.forms.users import build_user_field

_OFFICE_REASON_EXAMPLE = _("For example: requested by the office, with the request number.")
_PARTNER_REASON_EXAMPLE = _("For example: requested by the partner, with the request number.")


class SupportActionForm(ReasonForm):
    """Reason for a support action, which the office reads in its history.

    Resending an invitation also asks for the mobile number: the stored one is encrypted with the token of the old link
    and cannot be read. Suspending an office also asks for its name.
    """

    mobile_number = MobileNumberField()
    office_name = forms.CharField(
        label=_("Office name"),
        max_length=100,
        help_text=_("Enter it to make sure you do not suspend the wrong office."),
        error_messages={"required": _("Enter the name of the office.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = ["office_name", "mobile_number", "reason"]

    def __init__(self, *args: Any, support_action: SupportAction, row: Model, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row = row
        if not isinstance(row, User):
            self.fields["reason"].help_text = _OFFICE_REASON_EXAMPLE
        if support_action != SupportAction.RESEND_INVITATION:
            del self.fields["mobile_number"]
        if support_action != SupportAction.SUSPEND_OFFICE:
            del self.fields["office_name"]

    def clean_office_name(self) -> str:
        name: str = self.cleaned_data["office_name"]
        if name != str(self.row).strip():
            raise ValidationError(_("This is not the name of the office you are about to suspend."), code="other")
        return name


class CreateOfficeForm(ReasonForm):
    example = _OFFICE_REASON_EXAMPLE
    office_name = forms.CharField(
        label=_("Office name"),
        max_length=100,
        validators=PLAIN_TEXT_VALIDATORS,
        error_messages={"required": _("Enter the name of the office.")},
    )
    initials = build_user_field("initials")
    prefix = build_user_field("prefix")
    last_name = build_user_field("last_name")
    email = build_user_field("email", help_text=_("We send the invitation to this address."))
    mobile_number = MobileNumberField()
    field_order = ["office_name", "initials", "prefix", "last_name", "email", "mobile_number", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("initials", "prefix", "last_name", "email"):
            self.fields[name].widget.attrs["autocomplete"] = "off"

    @property
    def administrator(self) -> UserDetails:
        given = self.cleaned_data
        return UserDetails(
            initials=given["initials"], prefix=given["prefix"], last_name=given["last_name"], email=given["email"]
        )


class PartnerForm(ApplicationForm, ReasonForm):
    example = _PARTNER_REASON_EXAMPLE
    field_order = [
        "name", "redirect_uris", "post_logout_redirect_uris", "backchannel_logout_uri",
        "backchannel_logout_session_required", "scopes", "algorithm", "reason",
    ]  # fmt: skip


class PartnerSecretForm(ClientSecretForm, ReasonForm):
    example = _PARTNER_REASON_EXAMPLE
    field_order = ["hours", "reason"]
