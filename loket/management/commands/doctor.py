"""`manage.py doctor`: which part of the installation does not do its work, and what fails in it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from loket import health
from outbox.models import FailedItem


class Command(BaseCommand):
    """Say what `/readyz` says, and name what fails."""

    help = "Say which part of the installation does not do its work; fail when there is one."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it. Raises CommandError when a part does not do its work."""
        parts = health.parts()
        for name, state in parts.items():
            self.stdout.write(f"{name}: {state}")
        try:
            for failed in FailedItem.objects.order_by("job", "since"):
                self.stdout.write(
                    f"  {failed.job} fails at {failed.item}: {failed.error}, {failed.failures} times since"
                    f" {failed.since:%Y-%m-%dT%H:%M:%SZ}, again at {failed.retry_at:%Y-%m-%dT%H:%M:%SZ}"
                )
        except Error:
            pass  # the lines above say that the database does not answer
        if wrong := [name for name, state in parts.items() if state != health.OK]:
            raise CommandError(f"Not right: {', '.join(wrong)}.")
