"""Where the product's files are: beside manage.py in a working copy, inside the package `loket` in a wheel."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
_WHEEL_RESOURCES_DIR = BASE_DIR / "loket" / "resources"  # pyproject.toml puts them there
IS_WHEEL = _WHEEL_RESOURCES_DIR.is_dir()
RESOURCES_DIR = _WHEEL_RESOURCES_DIR if IS_WHEEL else BASE_DIR  # templates, static files, translations, reference


def get_default_data_dir() -> str:
    """Return the default of LOKET_DATA_DIR, which is never among installed packages: an upgrade replaces those."""
    if not IS_WHEEL:
        return str(BASE_DIR / ".loket")
    home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return str(Path(home) / "loket")
