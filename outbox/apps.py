"""App configuration: registers the checks and the handler of delivery reports."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "outbox"

    def ready(self) -> None:
        from anymail.signals import tracking

        from outbox import bounces, sending
        from outbox import checks as checks

        sending.require_backend()
        tracking.connect(bounces.received, dispatch_uid="outbox")
