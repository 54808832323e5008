"""E-mails about second factors."""

from datetime import date, datetime, time

from django.utils import timezone

from accounts import emails
from accounts.models import User

REMINDER_KIND = "factor_duty_ahead"


def send_device_added(user: User, name: str) -> None:
    emails.send("device_added", user, kind="factor_added", device=name)


def send_device_removed(user: User, name: str) -> None:
    emails.send("device_removed", user, kind="factor_removed", device=name)


def send_mfa_reset(user: User, *, by_support: bool) -> None:
    """Notify the user that an administrator, or support on request, removed all devices and recovery codes."""
    emails.send("two_factor_reset", user, kind="factors_reset", by_support=by_support)


def send_recovery_codes_generated(user: User) -> None:
    emails.send("recovery_codes_generated", user, kind="recovery_codes_made")


def send_recovery_code_used(user: User, *, left: int) -> None:
    emails.send("recovery_code_used", user, kind="recovery_code_used", left=left)


def send_enrollment_reminder(user: User, due: date) -> None:
    """Announce the day from which a second factor is required; the message expires on that day."""
    expires_at = timezone.make_aware(datetime.combine(due, time.min))
    emails.send("two_factor_reminder", user, kind=REMINDER_KIND, expires_at=expires_at, due=due)
