"""Deployment checks (`manage.py check --deploy`)."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security, deploy=True)
def check_delivery(**kwargs: Any) -> list[CheckMessage]:
    """Return an error for the demo, whose mailbox shows every message, or for SMS that go to the log."""
    if settings.LOKET_DEMO:
        return [Error("LOKET_DEMO shows every e-mail and SMS to every user of this machine.", id="outbox.E001")]
    if settings.SMS_URL == "console:":
        return [Error("SMS_URL is not set: codes and numbers are printed by the worker.", id="outbox.E002")]
    return []
