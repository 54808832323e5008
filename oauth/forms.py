"""Forms for applications and their secrets."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from core import encryption
from core.forms import PLAIN_TEXT_VALIDATORS
from oauth import client_assertions, signing_keys
from oauth.applications import ApplicationDetails
from oauth.client_settings import MAX_URI_LENGTH, ClientAuthentication, validate_settings
from oauth.models import Application
from oauth.scopes import Scope

_MAX_URIS = 10
_TECHNICAL_FIELDS = (
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "public_keys",
    "origins",
    "resource",
    "pushed_requests_required",
    "pkce_optional",
)
PREVIOUS_SECRET_HOURS = [(0, _("no grace period")), (24, _("24 hours")), (7 * 24, _("7 days")), (30 * 24, _("30 days"))]


class RedirectUrisField(forms.CharField):
    """Redirect URIs, one per line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            widget=forms.Textarea(attrs={"rows": 3, "class": "short"}),
            max_length=_MAX_URIS * (MAX_URI_LENGTH + 2),
            **kwargs,
        )

    def clean(self, value: Any) -> Any:
        """Return the URIs as a list."""
        addresses = list(dict.fromkeys(super().clean(value).split()))
        if len(addresses) > _MAX_URIS:
            raise ValidationError(_("Enter at most 10 addresses."), code="many")
        return addresses


class ApplicationForm(forms.Form):
    """Edit an application. `version` is the version the form was opened with, 0 for a new one."""

    name = forms.CharField(
        label=_("Name"),
        max_length=50,
        validators=PLAIN_TEXT_VALIDATORS,
        help_text=_("Users see this name when the integration asks for their consent."),
        error_messages={"required": _("Enter a name.")},
    )
    redirect_uris = RedirectUrisField(
        label=_("Redirect URIs"),
        required=False,
        help_text=_("Where users are redirected, one address per line, exactly as the integration uses it."),
    )
    post_logout_redirect_uris = RedirectUrisField(
        label=_("Redirect URIs after logout"), required=False, help_text=_("One address per line.")
    )
    backchannel_logout_uri = forms.CharField(
        label=_("Address for logging out"),
        max_length=MAX_URI_LENGTH,
        required=False,
        help_text=_(
            "Loket sends a message to this address when the session of a user ends, for example because the user is"
            " blocked (back-channel logout). Ask the developer of the integration for it."
        ),
    )
    backchannel_logout_session_required = forms.BooleanField(
        label=_("The integration needs to know which session ended (sid)"), required=False
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=lambda: [(scope.value, f"{scope.label} ({scope.value})") for scope in Scope],
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "The maximum scope: each user must agree, or an administrator for the whole office; their own rights still"
            " apply."
        ),
        error_messages={"required": _("Choose at least one scope.")},
    )
    algorithm = forms.ChoiceField(
        label=_("Signature of ID tokens"),
        choices=[(name, name) for name in signing_keys.ALGORITHMS],
        required=False,
        help_text=_("Every library knows RS256. Choose ES256 if the developer of the integration asks for it."),
    )
    authentication = forms.ChoiceField(
        label=_("Authentication"),
        choices=ClientAuthentication.choices,
        widget=forms.RadioSelect,
        required=False,
        help_text=_("How the integration proves who it is. A change ends its secret and all its access."),
    )
    public_keys = forms.CharField(
        label=_("Public keys"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "class": "short"}),
        help_text=_(
            "Only for authentication with a key: a JWK Set. To replace a key, add the new one, and remove the old one"
            " once the integration signs with the new one."
        ),
    )
    origins = RedirectUrisField(
        label=_("Origins"),
        required=False,
        help_text=_("Only for an app in the browser: where it is served, such as https://app.example, one per line."),
    )
    resource = forms.CharField(
        label=_("Address as a resource server"),
        required=False,
        max_length=MAX_URI_LENGTH,
        help_text=_(
            "Only for a service that receives access tokens of other integrations, and asks Loket about them: its"
            " address, which they name in the parameter resource."
        ),
    )
    pushed_requests_required = forms.BooleanField(
        label=_("Only pushed authorization requests"),
        required=False,
        help_text=_("The integration sends every request to Loket first (PAR), so that nobody can change it."),
    )
    pkce_optional = forms.BooleanField(
        label=_("PKCE may be left out"),
        required=False,
        help_text=_("Only for a program on a server whose library does not know PKCE."),
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args: Any, instance: Application | None = None, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "version": 0,
            "scopes": [Scope.OPENID, Scope.PROFILE],
            "authentication": ClientAuthentication.SECRET,
        }
        if instance is not None:
            kwargs["initial"] = {
                "name": instance.name,
                "redirect_uris": "\n".join(instance.redirect_uris.split()),
                "post_logout_redirect_uris": "\n".join(instance.post_logout_redirect_uris.split()),
                "scopes": instance.scopes,
                "backchannel_logout_uri": instance.backchannel_logout_uri,
                "backchannel_logout_session_required": instance.backchannel_logout_session_required,
                "algorithm": instance.algorithm,
                "authentication": instance.authentication,
                "pkce_optional": instance.pkce_optional,
                "pushed_requests_required": instance.pushed_requests_required,
                "resource": instance.resource,
                "origins": "\n".join(instance.origins),
                "public_keys": json.dumps({"keys": instance.public_keys}, indent=2) if instance.public_keys else "",
                "version": instance.version,
            }
        super().__init__(*args, **kwargs)

    @property
    def technical_is_expanded(self) -> bool:
        """Whether the technical settings, which few integrations need, are shown at once."""
        return any(name in self.errors or self.initial.get(name) for name in _TECHNICAL_FIELDS)

    def clean_public_keys(self) -> list[dict[str, Any]]:
        text = self.cleaned_data["public_keys"]
        return client_assertions.parse_public_keys(text) if text else []

    def clean(self) -> dict[str, Any] | None:
        """Check the settings together, so that errors are shown at their fields."""
        cleaned = super().clean()
        if not self.errors:
            validate_settings(self.to_details())
        return cleaned

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
            authentication=values["authentication"] or self.initial["authentication"],
            pkce_optional=values["pkce_optional"],
            pushed_requests_required=values["pushed_requests_required"],
            resource=values["resource"],
            public_keys=values["public_keys"],
            origins=[origin.rstrip("/").lower() for origin in values["origins"]],
        )


class ClientSecretForm(forms.Form):
    """Choose how long the previous secret stays valid.

    The form carries the new secret, encrypted, so that submitting twice sets one secret.
    """

    hours = forms.TypedChoiceField(
        label=_("Grace period for the current secret"),
        choices=PREVIOUS_SECRET_HOURS,
        coerce=int,
        empty_value=0,  # type: ignore[arg-type]
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

    def clean_encrypted_secret(self) -> str:
        try:
            encrypted = bytes.fromhex(self.cleaned_data["encrypted_secret"])
            return encryption.decrypt(encrypted, context=self._context).decode()
        except (ValueError, encryption.DecryptionError) as error:
            raise ValidationError(_("Reopen this page."), code="expired") from error
