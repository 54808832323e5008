"""`manage.py doctor`: the health of each component, and failing items of periodic jobs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from loket import health
from outbox.models import FailedItem


class Command(BaseCommand):
    help = "Say which part of the installation does not do its work; fail when there is one."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the report. Raises CommandError when a component is unhealthy."""
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
            pass  # reported above: the database does not answer
        if wrong := [name for name, state in parts.items() if state != health.OK]:
            raise CommandError(f"Not right: {', '.join(wrong)}.")
