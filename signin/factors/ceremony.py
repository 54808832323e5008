"""The library's ceremonies with what is ours: whose passkey it is, and that no attestation is kept."""

from typing import Any

from django_otp_webauthn.helpers import WebAuthnHelper
from webauthn.helpers.structs import PublicKeyCredentialUserEntity

from accounts.models import User
from signin.models import Passkey


class Helper(WebAuthnHelper):  # type: ignore[misc]
    """What the library asks of an application."""

    def get_user_entity(self, user: User) -> PublicKeyCredentialUserEntity:
        """Return whose passkey it will be: the handle says nothing about the person (WebAuthn, 14.6.1)."""
        return PublicKeyCredentialUserEntity(id=user.pk.bytes, name=user.username or "", display_name=user.full_name)

    def create_credential(self, user: User, *rest: Any) -> Passkey:
        """Return the passkey, not yet stored, in the office of `user`."""
        passkey: Passkey = super().create_credential(user, *rest)
        passkey.provider = user.provider
        return passkey

    def create_attestation(self, *args: Any) -> None:
        """Keep nothing: we ask for no attestation, so that what comes proves nothing."""
