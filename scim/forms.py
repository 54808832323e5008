"""Forms for a connection with a directory and for its tokens."""

from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import ExternalTenant, LoginMethod, Provider
from core import encryption
from core.forms import PLAIN_TEXT_VALIDATORS, VersionedForm
from invitations.forms.mobile_number import MobileNumberField
from permissions.models import Team
from scim.actions import ConnectionDetails
from scim.directory_groups import GroupMapping
from scim.models import NEW_USER_METHODS, DirectoryConnection, DirectoryGroup, EmailSource, MobileSource, NameSource


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

    email_source = forms.ChoiceField(label=_("E-mail address"), choices=EmailSource)
    name_source = forms.ChoiceField(label=_("Name"), choices=NameSource)
    mobile_source = forms.ChoiceField(label=_("Mobile number"), choices=MobileSource)
    max_blocked_count = forms.IntegerField(
        label=_("Hold above this many blocked users in an hour"),
        min_value=1,
        max_value=10_000,
        help_text=_("More is held until an administrator releases it. One user at a time is never held."),
    )
    max_blocked_percent = forms.IntegerField(
        label=_("Or above this percentage of the active users"), min_value=1, max_value=100
    )
    max_removed_percent = forms.IntegerField(
        label=_("Hold above this percentage of removed members of a team in an hour"), min_value=1, max_value=100
    )

    def __init__(
        self, *args: Any, provider: Provider, instance: DirectoryConnection | None = None, **kwargs: Any
    ) -> None:
        shown = instance or DirectoryConnection(login_method=LoginMethod.AZURE_AD, version=0)
        kwargs["initial"] = {name: getattr(shown, name) for name in ("version", *ConnectionDetails.__annotations__)}
        super().__init__(*args, **kwargs)
        tenants = ExternalTenant.objects.proved().filter(provider=provider).order_by("name_key")
        self.fields["tenant"].queryset = tenants  # type: ignore[attr-defined]

    def to_details(self) -> ConnectionDetails:
        values = self.cleaned_data
        return cast(ConnectionDetails, {name: values[name] for name in ConnectionDetails.__annotations__})


class GroupForm(VersionedForm):
    """Choose what a group of the directory does here."""

    team = forms.ModelChoiceField(
        label=_("Team"),
        queryset=Team.objects.none(),
        required=False,
        empty_label=_("none"),
        help_text=_("The members of the group become members of this team, and get its rights."),
    )
    allows_administrators = forms.BooleanField(
        label=_("The directory may make users administrator of the office through this team"), required=False
    )
    blocks_removed = forms.BooleanField(label=_("Block users whom this group loses"), required=False)

    def __init__(self, *args: Any, group: DirectoryGroup, **kwargs: Any) -> None:
        kwargs["initial"] = {name: getattr(group, name) for name in ("version", *GroupMapping._fields)}
        super().__init__(*args, **kwargs)
        teams = Team.objects.filter(provider=group.provider_id).order_by("sort_name")
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]

    def to_mapping(self) -> GroupMapping:
        return GroupMapping(**{name: self.cleaned_data[name] for name in GroupMapping._fields})


class HeldForm(forms.Form):
    """Names the newest of what the page showed as held."""

    until = forms.UUIDField(widget=forms.HiddenInput)


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
