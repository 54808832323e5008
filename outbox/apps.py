"""What is connected at start: the checks, and the mail provider's reports of delivery."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """The outbox."""

    name = "outbox"

    def ready(self) -> None:
        """Connect."""
        from anymail.signals import tracking

        from outbox import checks as checks
        from outbox import reports, sending

        sending.require_backend()
        tracking.connect(reports.received, dispatch_uid="outbox")
