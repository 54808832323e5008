"""Kinds of OAuth clients: how an integration authenticates, and which of its settings fit together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.public_addresses import LOOPBACK_HOSTS, may_be_public_host

MAX_URI_LENGTH = 250
# A reversed domain name, so that no other app has the same (RFC 8252 section 7.1).
_PRIVATE_SCHEME_PATTERN = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:/.*")


class ClientAuthentication(models.TextChoices):
    """The method at the token endpoint; the values are stored."""

    SECRET = "client_secret", _("With a secret, on a server")
    PRIVATE_KEY = "private_key_jwt", _("With a key of its own, on a server (private_key_jwt)")
    NONE = "none", _("Not: an app on a device or in the browser, which cannot keep a secret (public client)")


class ClientSettings(models.Model):
    """The settings of an application that depend on the kind of client that it is."""

    authentication = models.CharField(
        _("Authentication"),
        max_length=20,
        choices=ClientAuthentication.choices,
        default=ClientAuthentication.SECRET,
    )
    pkce_optional = models.BooleanField(_("PKCE may be left out"), default=False)

    origins = ArrayField(models.CharField(max_length=MAX_URI_LENGTH), verbose_name=_("Origins"), default=list)

    public_keys = models.JSONField(_("Public keys"), default=list)  # JWK, with which it signs instead of a secret

    pushed_requests_required = models.BooleanField(_("Only pushed authorization requests"), default=False)
    resource = models.CharField(_("Address as a resource server"), max_length=MAX_URI_LENGTH, default="", blank=True)

    class Meta:
        abstract = True

    @property
    def is_public(self) -> bool:
        """Whether the client cannot prove who it is (RFC 6749 section 2.1)."""
        return self.authentication == ClientAuthentication.NONE

    def is_reached_at(self, redirect_uri: str) -> bool:
        """Return whether a response to `redirect_uri` reaches no other program.

        Any app on a device can claim a private-use scheme or a port, and a public client proves nothing afterwards
        (RFC 8252 section 8.6).
        """
        return not self.is_public or redirect_uri.startswith("https://")


CLIENT_INDEXES: list[models.Index] = [GinIndex(fields=["origins"], name="application_by_origin")]
CLIENT_CONSTRAINTS: list[models.BaseConstraint] = [
    models.CheckConstraint(
        condition=Q(authentication="client_secret") | Q(client_secret="", previous_secret=""),
        name="application_one_proof",
    ),
    models.CheckConstraint(
        condition=~Q(authentication="none") | Q(pkce_optional=False), name="application_public_pkce"
    ),
    models.UniqueConstraint(
        fields=["provider", "resource"],
        name="application_resource_once",
        nulls_distinct=False,
        condition=~Q(resource=""),
    ),
    models.CheckConstraint(
        condition=Q(authentication="private_key_jwt") ^ Q(public_keys=[]), name="application_has_keys"
    ),
    models.CheckConstraint(condition=Q(authentication="none") | Q(origins=[]), name="application_public_origins"),
]


def validate_settings(values: Mapping[str, Any]) -> None:
    """Raise ValidationError, with a dictionary of fields, unless the settings are valid and fit together."""
    authentication = ClientAuthentication(values["authentication"])
    is_public = authentication == ClientAuthentication.NONE
    errors = _find_uri_errors(values, is_public=is_public) | _find_key_errors(values, authentication)
    if is_public and values["pkce_optional"]:
        message = _("A public client always needs PKCE: turn this off.")
        errors["pkce_optional"] = ValidationError(message, code="public")
    if values["resource"] and (error := _find_resource_error(values["resource"], is_public=is_public)):
        errors["resource"] = error
    if errors:
        raise ValidationError(errors)


def _find_uri_errors(values: Mapping[str, Any], *, is_public: bool) -> dict[str, Any]:
    errors: dict[str, Any] = {}
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        for address in values[name]:
            try:
                validate_redirect_uri(address, is_public=is_public)
            except ValidationError as error:
                errors.setdefault(name, error)
    if values["backchannel_logout_uri"]:
        try:
            validate_backchannel_logout_uri(values["backchannel_logout_uri"])
        except ValidationError as error:
            errors["backchannel_logout_uri"] = error
    if not values["redirect_uris"] and not values["resource"]:
        errors["redirect_uris"] = ValidationError(_("Enter at least one address."), code="required")
    if values["origins"] and not is_public:
        message = _("Only a public client runs in the browser: choose that authentication, or leave this empty.")
        errors["origins"] = ValidationError(message, code="not_public")
    elif wrong := [origin for origin in values["origins"] if not _is_origin(origin)]:
        message = _("This is not an origin, such as https://app.example: %(address)s")
        errors["origins"] = ValidationError(message, code="origin", params={"address": wrong[0][:MAX_URI_LENGTH]})
    return errors


def _find_key_errors(values: Mapping[str, Any], authentication: ClientAuthentication) -> dict[str, Any]:
    has_key = authentication == ClientAuthentication.PRIVATE_KEY
    if has_key and not values["public_keys"]:
        return {"public_keys": ValidationError(_("Paste the public key with which it signs."), code="required")}
    if values["public_keys"] and not has_key:
        message = _("Public keys belong to the authentication with a key: choose that, or leave them out.")
        return {"public_keys": ValidationError(message, code="no_key")}
    return {}


def validate_redirect_uri(address: str, *, is_public: bool = False) -> None:
    """Raise ValidationError unless `address` is a valid redirect URI: absolute, exact and with TLS.

    Plain http is accepted for loopback addresses only (RFC 8252 section 7.3), and a private-use scheme for public
    clients only (section 7.1).
    """
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    plain = address.isascii() and address.isprintable() and not set(address) & set(' "<>\\^`{|}*#')
    safe = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK_HOSTS)
    private = is_public and bool(_PRIVATE_SCHEME_PATTERN.fullmatch(address))
    if not (plain and ((safe and host) or private) and "@" not in parts.netloc and len(address) <= MAX_URI_LENGTH):
        message = (
            _(
                "This is not an address that starts with https://, or one of the app, such as"
                " nl.example.app:/back: %(address)s"
            )
            if is_public
            else _("This is not a complete address starting with https://: %(address)s")
        )
        raise ValidationError(message, code="address", params={"address": address[:MAX_URI_LENGTH]})


def validate_backchannel_logout_uri(address: str) -> None:
    """Raise ValidationError unless `address` is valid as a redirect URI, and not known to be in a private network."""
    validate_redirect_uri(address)
    if not may_be_public_host(urlsplit(address).hostname or ""):
        raise ValidationError(_("This address is not on the internet. Choose one that is public."), code="private")


def _is_origin(text: str) -> bool:
    """Return whether `text` is an origin as browsers send it (RFC 6454 section 6.2), with TLS except on loopback."""
    try:
        validate_redirect_uri(text)
    except ValidationError:
        return False
    parts = urlsplit(text)
    is_default_port = (parts.scheme, parts.port) in (("https", 443), ("http", 80))
    return text == f"{parts.scheme}://{parts.netloc}".lower() and not is_default_port


def _find_resource_error(address: str, *, is_public: bool) -> ValidationError | None:
    """Return what is wrong with the address of a resource server: RFC 8707 section 2, and not this site."""
    if is_public:
        return ValidationError(_("A public client cannot introspect tokens: choose another authentication."), "public")
    if f"{address}/".startswith(f"{settings.LOKET_URL}/"):
        return ValidationError(_("This is the address of Loket itself: enter that of the service."), "own")
    try:
        validate_redirect_uri(address)
    except ValidationError as error:
        return error
    return None
