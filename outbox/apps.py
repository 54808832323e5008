"""App configuration: registers the checks and the handler of delivery reports."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "outbox"

    def ready(self) -> None:
        from anymail.signals import tracking

        from outbox import checks as checks
        from outbox import sending, webhooks

        sending.require_email_backend()
        tracking.connect(webhooks.handle_tracking_event, dispatch_uid="outbox")
