"""Forms for applications and their secrets."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from core import encryption
from core.forms import PLAIN_TEXT_VALIDATORS
from core.public_addresses import LOOPBACK_HOSTS, may_be_public_host
from oauth import signing_keys
from oauth.applications import ApplicationDetails
from oauth.models import MAX_URI_LENGTH, Application
from oauth.scopes import Scope

_MAX_URIS = 10
PREVIOUS_SECRET_HOURS = [(0, _("no grace period")), (24, _("24 hours")), (7 * 24, _("7 days")), (30 * 24, _("30 days"))]


def validate_redirect_uri(address: str) -> None:
    """Raise ValidationError unless `address` is a valid redirect URI: absolute, exact and with TLS.

    Plain http is accepted for loopback addresses only (RFC 8252 section 7.3).
    """
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    plain = address.isascii() and address.isprintable() and not set(address) & set(' "<>\\^`{|}*#')
    safe = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK_HOSTS)
    if not (plain and safe and host and "@" not in parts.netloc and len(address) <= MAX_URI_LENGTH):
        message = _("This is not a complete address starting with https://: %(address)s")
        raise ValidationError(message, code="address", params={"address": address[:MAX_URI_LENGTH]})


def validate_backchannel_logout_uri(address: str) -> None:
    """Raise ValidationError unless `address` is valid as a redirect URI, and not known to be in a private network."""
    validate_redirect_uri(address)
    if not may_be_public_host(urlsplit(address).hostname or ""):
        raise ValidationError(_("This address is not on the internet. Choose one that is public."), code="private")


class RedirectUrisField(forms.CharField):
    """Redirect URIs, one per line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            widget=forms.Textarea(attrs={"rows": 3, "class": "short"}),
            max_length=_MAX_URIS * (MAX_URI_LENGTH + 2),
            **kwargs,
        )

    def clean(self, value: Any) -> Any:
        """Return the URIs as a list. Raises ValidationError at the first invalid one."""
        addresses = list(dict.fromkeys(super().clean(value).split()))
        if len(addresses) > _MAX_URIS:
            raise ValidationError(_("Enter at most 10 addresses."), code="many")
        for address in addresses:
            validate_redirect_uri(address)
        return addresses


class ApplicationForm(forms.Form):
    """Edit an application. `version` is the version the form was opened with, 0 for a new one."""

    name = forms.CharField(
        label=_("Name"),
        max_length=50,
        validators=PLAIN_TEXT_VALIDATORS,
        help_text=_("Users see this name when the integration asks for their permission."),
        error_messages={"required": _("Enter a name.")},
    )
    redirect_uris = RedirectUrisField(
        label=_("Redirect URIs"),
        help_text=_("Where users are redirected, one address per line, exactly as the integration uses it."),
        error_messages={"required": _("Enter at least one address.")},
    )
    post_logout_redirect_uris = RedirectUrisField(
        label=_("Redirect URIs after logout"), required=False, help_text=_("One address per line.")
    )
    backchannel_logout_uri = forms.CharField(
        label=_("Address for logging out"),
        required=False,
        validators=[validate_backchannel_logout_uri],
        help_text=_(
            "Loket tells this address when the session of a user ends, for example because the user is blocked"
            " (back-channel logout). Ask the developer of the integration for it."
        ),
    )
    backchannel_logout_session_required = forms.BooleanField(
        label=_("The integration needs to know which session ended (sid)"), required=False
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("The maximum scope: each user must agree individually, and the user's own rights still apply."),
        error_messages={"required": _("Choose at least one scope.")},
    )
    algorithm = forms.ChoiceField(
        label=_("Signature of ID tokens"),
        choices=[(name, name) for name in signing_keys.ALGORITHMS],
        required=False,
        help_text=_("Every library knows RS256. Choose ES256 if the developer of the integration asks for it."),
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args: Any, instance: Application | None = None, **kwargs: Any) -> None:
        kwargs["initial"] = {"version": 0, "scopes": [Scope.OPENID, Scope.PROFILE]}
        if instance is not None:
            kwargs["initial"] = {
                "name": instance.name,
                "redirect_uris": "\n".join(instance.redirect_uris.split()),
                "post_logout_redirect_uris": "\n".join(instance.post_logout_redirect_uris.split()),
                "scopes": instance.scopes,
                "backchannel_logout_uri": instance.backchannel_logout_uri,
                "backchannel_logout_session_required": instance.backchannel_logout_session_required,
                "algorithm": instance.algorithm,
                "version": instance.version,
            }
        super().__init__(*args, **kwargs)
        scopes = [(scope.value, f"{scope.label} ({scope.value})") for scope in Scope]
        self.fields["scopes"].choices = scopes  # type: ignore[attr-defined]

    def to_details(self) -> ApplicationDetails:
        values = self.cleaned_data
        return ApplicationDetails(
            name=values["name"],
            redirect_uris=values["redirect_uris"],
            post_logout_redirect_uris=values["post_logout_redirect_uris"],
            backchannel_logout_uri=values["backchannel_logout_uri"],
            backchannel_logout_session_required=values["backchannel_logout_session_required"],
            scopes=[scope for scope in Scope.values if scope in values["scopes"]],
            algorithm=values["algorithm"] or signing_keys.ALGORITHMS[0],
        )


class ClientSecretForm(forms.Form):
    """Choose how long the previous secret stays valid.

    The form carries the new secret, encrypted, so that submitting twice sets one secret.
    """

    hours = forms.TypedChoiceField(
        label=_("Grace period for the current secret"),
        choices=PREVIOUS_SECRET_HOURS,
        coerce=int,
        initial=24,
        widget=forms.RadioSelect,
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    encrypted_secret = forms.CharField(widget=forms.HiddenInput, max_length=500)

    def __init__(self, *args: Any, application: Application, **kwargs: Any) -> None:
        self._context = f"new secret:{application.pk}"
        encrypted = encryption.encrypt(encryption.generate_token().encode(), context=self._context).hex()
        kwargs["initial"] = {"version": application.version, "encrypted_secret": encrypted, "hours": 24}
        super().__init__(*args, **kwargs)
        if not application.client_secret:
            self.fields["hours"].widget, self.fields["hours"].required = forms.HiddenInput(), False
            self.fields["hours"].empty_value = 0  # type: ignore[attr-defined]

    def clean_encrypted_secret(self) -> str:
        """Return the decrypted new secret."""
        try:
            encrypted = bytes.fromhex(self.cleaned_data["encrypted_secret"])
            return encryption.decrypt(encrypted, context=self._context).decode()
        except (ValueError, encryption.DecryptionError) as error:
            raise ValidationError(_("Reopen this page."), code="expired") from error
