"""Signing in at Microsoft."""

from django.conf import settings


def is_configured() -> bool:
    """Return whether this installation can send people to Microsoft; the demo has a stand-in."""
    return settings.LOKET_DEMO or bool(settings.LOKET_ENTRA_CLIENT_ID and settings.LOKET_ENTRA_CLIENT_SECRET)
