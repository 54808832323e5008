"""`manage.py messages`: collect texts to translate and compile the translations. For development only."""

import shutil
from collections.abc import Iterator
from contextlib import chdir
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

try:
    from babel.messages.catalog import Catalog
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po
except ModuleNotFoundError as error:
    raise CommandError("Babel is not installed. Run `make messages`, which installs it.") from error

_PO_PATH = Path("locale/nl/LC_MESSAGES/django.po")
_UNTRANSLATED_DIRS = ["tests", "bench", "staticfiles"]
_IGNORED_PATTERNS = [".*", "__pycache__", *_UNTRANSLATED_DIRS]


class Command(BaseCommand):
    """Update the Dutch catalog, or check that it is complete."""

    help = "Update locale/nl from code and templates and compile it; --check only reports what is missing."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="make no changes; fail if something is missing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Update or check. Raises CommandError without GNU gettext, or when the check fails."""
        if not shutil.which("xgettext"):
            raise CommandError("GNU gettext is not installed. Install it to collect messages.")
        if not options["check"]:
            _collect_messages(settings.BASE_DIR)
            _get_po_path(settings.BASE_DIR).with_suffix(".mo").write_bytes(
                _compile_catalog(_read_catalog(settings.BASE_DIR))
            )
            return
        with TemporaryDirectory() as folder:
            copy = Path(folder, "copy")
            shutil.copytree(settings.BASE_DIR, copy, ignore=shutil.ignore_patterns(*_IGNORED_PATTERNS))
            _collect_messages(copy)
            faults = [*_iter_untranslated(_read_catalog(copy)), *_iter_outdated(settings.BASE_DIR, _read_catalog(copy))]
        if faults:
            raise CommandError("\n".join([*faults, "Run `make messages` and complete locale/nl."]))


def _get_po_path(root: Path) -> Path:
    return root / _PO_PATH


def _read_catalog(root: Path) -> Catalog:
    if not _get_po_path(root).exists():
        return Catalog(locale="nl")
    with _get_po_path(root).open("rb") as file:
        return read_po(file, locale="nl")


def _collect_messages(root: Path) -> None:
    """Update the catalog below `root` from its code and templates."""
    settings.LOCALE_PATHS = [root / "locale"]
    options = {"no_obsolete": True, "no_wrap": True, "add_location": "file"}
    with chdir(root):
        call_command("makemessages", locale=["nl"], ignore_patterns=_UNTRANSLATED_DIRS, verbosity=0, **options)


def _compile_catalog(catalog: Catalog) -> bytes:
    output = BytesIO()
    write_mo(output, catalog)
    return output.getvalue()


def _iter_untranslated(catalog: Catalog) -> Iterator[str]:
    for message in catalog:
        if not message.id:
            continue
        parts = message.string if isinstance(message.string, (list, tuple)) else [message.string]
        if message.fuzzy or not all(parts):
            yield f"Not translated: {message.id}"
        yield from (f"{error}: {message.id}" for error in message.check(catalog))


def _iter_outdated(root: Path, fresh: Catalog) -> Iterator[str]:
    """Yield unused messages, and a line if the compiled file does not match the catalog."""
    kept = _read_catalog(root)
    used = {(message.id if isinstance(message.id, str) else message.id[0], message.context) for message in fresh}
    for message in kept:
        key = (message.id if isinstance(message.id, str) else message.id[0], message.context)
        if key not in used:
            yield f"No longer used: {message.id}"
    compiled = _get_po_path(root).with_suffix(".mo")
    if not compiled.exists() or compiled.read_bytes() != _compile_catalog(kept):
        yield f"Out of date: {compiled}"
