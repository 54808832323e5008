"""Exit codes, languages and arguments of management commands."""

from argparse import ArgumentTypeError
from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import translation

EXIT_DONE, EXIT_FAULTS, EXIT_REFUSED, EXIT_STOPPED = 0, 1, 2, 130


class EnglishCommand(BaseCommand):
    """Command that prints English, including the messages of forms and actions."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        with translation.override(options.get("language", "en")):
            return super().execute(*args, **options)


class LocalizedCommand(EnglishCommand):
    """Command that prints or writes what an office's administrator reads, in the language of `--language`."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--language",
            choices=[code for code, _name in settings.LANGUAGES],
            default=settings.LANGUAGE_CODE,
            help="language of plans, lists and files (default: %(default)s)",
        )


def parse_day(text: str) -> date:
    """Return the date of an argument such as 2027-03-31. Raises ArgumentTypeError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f'"{text}" is not a date. Write it as 2027-03-31.') from None


def parse_port(text: str) -> int:
    """Return the port of PORT or `--port`. Raises ArgumentTypeError."""
    return _parse_number(text, "The port (PORT)", 65535)


def parse_workers(text: str) -> int:
    """Return the processes of WEB_CONCURRENCY or `--workers`. Raises ArgumentTypeError."""
    return _parse_number(text, "The number of processes (WEB_CONCURRENCY)", 256)


def _parse_number(text: str, what: str, maximum: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) <= maximum):
        raise ArgumentTypeError(f'{what} is "{text[:20]}". Use a number from 1 to {maximum}.')
    return int(text)
