"""Copy the test database from a template, in a tenth of the time that the migrations take.

The real migrations create the template, again whenever anything that they depend on changes. `migrate` runs on each
copy as well, so that nothing can be missing.
"""

import hashlib
from collections.abc import Iterable
from modulefinder import ModuleFinder
from pathlib import Path
from unittest.mock import patch

import django
from django.apps import apps
from django.db import connection
from django.db.backends.utils import CursorWrapper

from oauth.models import SigningKey

ROOT = Path(__file__).parents[2]
PREFIX = "loket_template_"
UNFINISHED = f"{PREFIX}unfinished"
LOCK = 0x6C6F6B65740002  # "loket" and a number: an advisory lock of the database that owners connect to first
PROGRAMS = ("loket/settings.py", "loket/management/commands/migrate.py")


def find_sources(root: Path = ROOT) -> set[Path]:
    """Return the files of each migration and of `migrate`, and the project files that they import, also indirectly."""
    sources = {path for app in apps.get_app_configs() for path in Path(app.path).glob("migrations/*.py")}
    sources |= {root / name for name in PROGRAMS}
    finder = ModuleFinder(path=[str(root)])
    for path in sources:
        finder.load_file(str(path))
    files = (getattr(module, "__file__", None) for module in finder.modules.values())
    return sources | {Path(file) for file in files if file}


def compute_name(server_version: str, sources: Iterable[Path]) -> str:
    """Return the name of the template built from these sources, which changes with every file."""
    digest = hashlib.sha256(f"{server_version} {django.__version__}".encode())
    for path in sorted([*sources, ROOT / "requirements.txt"]):
        digest.update("/".join(path.parts[-3:]).encode() + hashlib.sha256(path.read_bytes()).digest())
    return PREFIX + digest.hexdigest()[:16]


def use_template() -> None:
    """Let Django copy the test database from the template, and create that first if needed.

    Call it as the owner of the tables. Another process that needs the template waits until it is there.
    """
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s), current_setting('server_version')", [LOCK])
        name = compute_name(cursor.fetchone()[1], find_sources())
        present = list_templates(cursor)
        if name not in present:
            _make_template()
            cursor.execute(f"ALTER DATABASE {UNFINISHED} RENAME TO {name}")
            for old in present - {UNFINISHED}:
                cursor.execute(f"DROP DATABASE {old}")
    connection.settings_dict["TEST"]["TEMPLATE"] = name


def list_templates(cursor: CursorWrapper) -> set[str]:
    """Return the names of the templates on the server, including unfinished ones."""
    cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
    return {name for (name,) in cursor.fetchall()}


def _make_template() -> None:
    """Run all migrations in a database that is renamed once it is complete."""
    settings = connection.settings_dict
    with patch.dict(settings), patch.dict(settings["TEST"], NAME=UNFINISHED, TEMPLATE=None):
        try:
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            SigningKey.objects.all().delete()  # encrypted with the keys of this process; each copy gets its own
        finally:
            connection.close()
            connection.close_pool()  # type: ignore[attr-defined]
