"""Check that the Dutch catalog is complete: `python -m tests.tools.catalog`, which `make check` runs.

`make messages` updates and compiles the catalog, with Django's own commands. Both need GNU gettext.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
PO_FILE = Path("locale/nl/LC_MESSAGES/django.po")
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "tests", "bench", "staticfiles", "node_modules", "screenshots")
OPTIONS = ["--locale=nl", "--no-obsolete", "--no-wrap", "--add-location=file", "--verbosity=0"]


def read_catalog(root: Path) -> Catalog:
    with (root / PO_FILE).open("rb") as file:
        return read_po(file, locale="nl")


def iter_untranslated(catalog: Catalog) -> Iterator[str]:
    """Yield a line for each message without its translation, or with another placeholder in it."""
    for message in catalog:
        if not message.id:
            continue
        parts = message.string if isinstance(message.string, (list, tuple)) else [message.string]
        if message.fuzzy or not all(parts):
            yield f"Not translated: {message.id}"
        yield from (f"{error}: {message.id}" for error in message.check(catalog))


def iter_unused(stored: Catalog, collected: Catalog) -> Iterator[str]:
    used = set(map(get_key, collected))
    yield from (f"No longer used: {message.id}" for message in stored if get_key(message) not in used)


def iter_not_compiled(root: Path) -> Iterator[str]:
    """Yield a line if the compiled file does not have the texts of the catalog."""
    compiled = (root / PO_FILE).with_suffix(".mo")
    if not compiled.exists():
        yield f"Not compiled: {PO_FILE}"
        return
    expected = BytesIO()
    write_mo(expected, read_catalog(root))
    if read_texts(expected.getvalue()) != read_texts(compiled.read_bytes()):
        yield f"Out of date: {compiled.relative_to(root)}"


def read_texts(compiled: bytes) -> dict[tuple[str, str | None], object]:
    return {get_key(message): message.string for message in read_mo(BytesIO(compiled)) if message.id}


def get_key(message: Message) -> tuple[str, str | None]:
    return message.id if isinstance(message.id, str) else message.id[0], message.context


def collect_messages() -> Catalog:
    """Return the catalog as `make messages` would leave it."""
    with TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        subprocess.run([sys.executable, "manage.py", "makemessages", *OPTIONS], cwd=copy, check=True)
        return read_catalog(copy)


def main() -> int:
    """Print what is wrong; return the exit code."""
    if not shutil.which("xgettext"):
        print("GNU gettext is not installed. Install it to check the translations.")
        return 2
    collected = collect_messages()
    faults = [*iter_untranslated(collected), *iter_unused(read_catalog(ROOT), collected), *iter_not_compiled(ROOT)]
    if faults:
        print("\n".join([*faults, "Run `make messages` and complete locale/nl."]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
