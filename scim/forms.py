"""Forms for a connection with a directory and for its tokens."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import ExternalTenant, LoginMethod, Provider
from core import encryption
from core.forms import PLAIN_TEXT_VALIDATORS, VersionedForm
from invitations.forms.mobile_number import MobileNumberField
from scim.actions import ConnectionDetails
from scim.models import NEW_USER_METHODS, DirectoryConnection


class ConnectionForm(VersionedForm):
    """Add or change a connection. `version` is the version the form was opened with, 0 for a new one."""

    name = forms.CharField(
        label=_("Name"),
        max_length=50,
        validators=PLAIN_TEXT_VALIDATORS,
        help_text=_("The history names the directory in this way, such as Entra ID."),
        error_messages={"required": _("Enter a name.")},
    )
    login_method = forms.ChoiceField(
        label=_("Login method of new users"),
        choices=[(method.value, method.label) for method in NEW_USER_METHODS],
        widget=forms.RadioSelect,
        help_text=_("The login method of existing users never changes by the directory."),
        error_messages={"required": _("Choose a login method.")},
    )
    tenant = forms.ModelChoiceField(
        label=_("Azure AD tenant"),
        queryset=ExternalTenant.objects.none(),
        required=False,
        empty_label=_("none"),
        help_text=_("Required for users who log in via Azure AD only. A tenant can be chosen once it is confirmed."),
    )

    def __init__(
        self, *args: Any, provider: Provider, instance: DirectoryConnection | None = None, **kwargs: Any
    ) -> None:
        kwargs["initial"] = {"version": 0, "login_method": LoginMethod.AZURE_AD}
        if instance is not None:
            names = ("name", "login_method", "tenant", "version")
            kwargs["initial"] = {name: getattr(instance, name) for name in names}
        super().__init__(*args, **kwargs)
        tenants = ExternalTenant.objects.proved().filter(provider=provider).order_by("name_key")
        self.fields["tenant"].queryset = tenants  # type: ignore[attr-defined]

    def to_details(self) -> ConnectionDetails:
        values = self.cleaned_data
        return ConnectionDetails(name=values["name"], login_method=values["login_method"], tenant=values["tenant"])


class WaitingUserForm(forms.Form):
    mobile_number = MobileNumberField(label=_("Mobile number"))


class TokenForm(forms.Form):
    """Carries the new token, encrypted, so that submitting twice creates one."""

    encrypted_secret = forms.CharField(widget=forms.HiddenInput, max_length=500)

    def __init__(self, *args: Any, connection: DirectoryConnection, **kwargs: Any) -> None:
        self._context = f"new directory token:{connection.pk}"
        encrypted = encryption.encrypt_text(encryption.generate_token(), context=self._context)
        kwargs["initial"] = {"encrypted_secret": encrypted}
        super().__init__(*args, **kwargs)

    def clean_encrypted_secret(self) -> str:
        try:
            return encryption.decrypt_text(self.cleaned_data["encrypted_secret"], context=self._context)
        except encryption.DecryptionError as error:
            raise ValidationError(_("Reopen this page."), code="expired") from error
