"""WebAuthn helper of django-otp-webauthn, adapted: it sets the owner of a passkey and requests no attestation."""

from typing import Any

from django_otp_webauthn.helpers import WebAuthnHelper
from webauthn.helpers.structs import PublicKeyCredentialUserEntity

from accounts.models import User
from authentication.models import Passkey


class PasskeyHelper(WebAuthnHelper):  # type: ignore[misc]
    def get_user_entity(self, user: User) -> PublicKeyCredentialUserEntity:
        """Return the owner of the new passkey; the user handle reveals nothing about the user (WebAuthn, 14.6.1)."""
        return PublicKeyCredentialUserEntity(id=user.pk.bytes, name=user.username or "", display_name=user.full_name)

    def create_credential(self, user: User, *rest: Any) -> Passkey:
        passkey: Passkey = super().create_credential(user, *rest)
        passkey.provider = user.provider
        return passkey

    def create_attestation(self, *args: Any) -> None:
        """Store nothing: no attestation is requested, so it would prove nothing."""
