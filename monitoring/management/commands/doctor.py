"""`loket doctor`: what is wrong with the installation, and what to do about it."""

import json
import textwrap
from argparse import ArgumentTypeError
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from core.models import FailedJobItem
from monitoring.diagnosis import database, machine, services
from monitoring.diagnosis.findings import Finding, Level, run_database_checks, start_checks

_WIDTH = 80  # columns


class Command(BaseCommand):
    help = "Check the installation and say what to do; fail if there is a problem. Sends and changes nothing."
    requires_system_checks: list[str] = []  # it reports them itself

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")
        parser.add_argument("--clock", type=_parse_url, help="compare the clock with the Date of this address as well")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings. Raises CommandError when one is a problem."""
        others: dict[str, Any] = machine.CHECKS | services.CHECKS
        if options["clock"]:
            others["clock"] = services.build_clock_check(options["clock"])
        finish = start_checks(others)
        findings = [*database.report_components(), *run_database_checks(database.CHECKS), *finish()]
        if options["json"]:
            self.stdout.write(json.dumps([finding._asdict() for finding in findings], indent=1))
        else:
            self._print(findings)
        if wrong := dict.fromkeys(finding.name for finding in findings if finding.level == Level.PROBLEM):
            raise CommandError(f"Unhealthy: {', '.join(wrong)}.")

    def _print(self, findings: list[Finding]) -> None:
        for finding in findings:
            line = f"{finding.name}: {finding.level}{f', {finding.text}' if finding.text else ''}"
            self._write(line)
            if finding.advice and finding.level in (Level.WARNING, Level.PROBLEM):
                self._write(f"  → {finding.advice}")
            if finding.name == "jobs":
                self._print_failed_items()

    def _print_failed_items(self) -> None:
        try:
            for failed in FailedJobItem.objects.order_by("job", "since"):
                self.stdout.write(
                    f"  {failed.job}, {failed.item}: {failed.error}\n    failures: {failed.failures}, since"
                    f" {failed.since:%Y-%m-%dT%H:%M:%SZ}, next try {failed.retry_at:%Y-%m-%dT%H:%M:%SZ}"
                )
        except Error:
            pass  # reported already: the database does not answer

    def _write(self, text: str) -> None:
        self.stdout.write(textwrap.fill(text, _WIDTH, subsequent_indent="    ", break_on_hyphens=False))


def _parse_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ArgumentTypeError("Give an address such as https://www.example.com/.")
    return text
