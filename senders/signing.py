"""Signing of e-mails with the DKIM key of an office (RFC 6376), and which sender an e-mail gets."""

import base64
from functools import partial
from uuid import UUID

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

from accounts.models import Provider
from core import encryption
from outbox.senders import Sender
from senders.models import DkimKey, OfficeSender

KEY_BITS = 2048  # RFC 8301, 3.2; larger ones do not fit the answers of many name servers
# Each twice, so that a signature does not hold with a second one, or with one that was not there.
_SIGNED_FIELDS = (b"from", b"reply-to", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type") * 2


def is_signed_by_provider() -> bool:
    """Return whether an e-mail provider sends and signs the e-mails, instead of a mail server of the operator."""
    return str(settings.EMAIL_BACKEND).startswith("anymail.")


def get_mail_provider_name() -> str:
    """Return the name of the e-mail provider as in the setting, such as "Mailgun"."""
    return str(settings.EMAIL_BACKEND).split(".")[2].replace("_", " ").capitalize()


def generate_key(provider: Provider) -> DkimKey:
    """Return an unsaved key pair, with a selector of its own. Takes a tenth of a second."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = DkimKey(provider=provider, public_key=base64.b64encode(public).decode())
    key.selector = f"loket-{key.pk.hex[-8:]}"
    key.encrypted_private_key = encryption.encrypt(pem, context=key.encryption_context)
    return key


def load_sender(provider_id: UUID) -> Sender | None:
    """Return the sender of an office, or None if it has none of which the domain is proved."""
    chosen = OfficeSender.objects.filter(provider=provider_id, proved_at__isnull=False).first()
    if chosen is None:
        return None
    only_reply = Sender(reply_to=chosen.reply_to)
    if not chosen.is_in_use:
        return only_reply
    if is_signed_by_provider():
        return only_reply._replace(address=chosen.address) if chosen.provider_selector else only_reply
    key = DkimKey.objects.current().filter(provider=provider_id, seen_at__isnull=False).first()
    try:
        private_key = key.decrypt_private_key() if key else b""
    except encryption.DecryptionError:
        return only_reply
    if key is None:
        return only_reply
    sign = partial(sign_email, domain=chosen.domain, selector=key.selector, private_key=private_key)
    return Sender(chosen.address, chosen.reply_to, sign)


def sign_email(content: bytes, *, domain: str, selector: str, private_key: bytes) -> bytes:
    """Return the DKIM-Signature header of an e-mail, with its line ending."""
    import dkim  # needed by the worker only

    header: bytes = dkim.sign(
        content,
        selector.encode(),
        domain.encode(),
        private_key,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=list(_SIGNED_FIELDS),
    )
    return header
