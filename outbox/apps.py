"""What is connected at start: the checks, and the mail provider's reports of delivery."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """The outbox."""

    name = "outbox"

    def ready(self) -> None:
        """Connect."""
        from anymail.signals import tracking

        from outbox import bounces, sending
        from outbox import checks as checks

        sending.require_backend()
        tracking.connect(bounces.received, dispatch_uid="outbox")
