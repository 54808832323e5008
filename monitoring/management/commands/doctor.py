"""`manage.py doctor`: the health of each component, and failing items of periodic jobs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from core.models import FailedJobItem
from monitoring import health


class Command(BaseCommand):
    help = "Report the health of each component; fail if one is unhealthy."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the report. Raises CommandError when a component is unhealthy."""
        parts = health.check_components()
        for name, state in parts.items():
            self.stdout.write(f"{name}: {state}")
        try:
            for failed in FailedJobItem.objects.order_by("job", "since"):
                self.stdout.write(
                    f"  {failed.job}, {failed.item}: {failed.error}\n    failures: {failed.failures}, since"
                    f" {failed.since:%Y-%m-%dT%H:%M:%SZ}, next try {failed.retry_at:%Y-%m-%dT%H:%M:%SZ}"
                )
        except Error:
            pass  # reported above: the database does not answer
        if wrong := [name for name, state in parts.items() if state != health.STATUS_OK]:
            raise CommandError(f"Unhealthy: {', '.join(wrong)}.")
