"""Writes `.env.example` from the table of settings in docs/operating.md, which the tests compare with the settings."""

import re
from pathlib import Path
from textwrap import wrap

ROOT = Path(__file__).parents[2]
PATH = ROOT / ".env.example"
HEAD = """\
# Every setting, from the table in docs/operating.md: `make env-example` writes this file.
# `make dev` reads a copy of it, .env, and needs none of them. Units of systemd read the same form as
# /etc/loket/environment, and the containers of compose.yaml as settings.env.
"""
_ROW = re.compile(r"^\| `(?P<name>[A-Z_…]+)` \| (?P<default>.+?) \| (?P<meaning>.+) \| (?P<valid>.+?) \|$", re.M)


def list_settings() -> list[dict[str, str]]:
    """Return name, default, meaning and valid values of each row of the table."""
    operating = (ROOT / "docs" / "operating.md").read_text()
    table = operating.partition("\n## Settings\n")[2].partition("\n## ")[0]
    return [found.groupdict() for found in _ROW.finditer(table)]


def get_default(setting: dict[str, str]) -> str:
    """Return the value that a setting has by itself, or "" if that is no text to write down."""
    found = re.match(r"`([^`]+)`|(\d+)$", setting["default"])
    return (found[1] or found[2]) if found else ""


def render() -> str:
    """Return the text of the file: each setting commented out, with its default."""
    parts = [HEAD]
    for setting in list_settings():
        about = [setting["meaning"], f"valid: {setting['valid']}"]
        if not get_default(setting):
            about.append(f"default: {setting['default']}")
        lines = [line for text in about for line in wrap(_remove_markup(text), 118)]
        parts.append("".join(f"# {line}\n" for line in lines) + f"#{setting['name']}={get_default(setting)}\n")
    return "\n".join(parts)


def _remove_markup(text: str) -> str:
    return re.sub(r"\[(.+?)\]\(.+?\)|[`*]", r"\1", text)


if __name__ == "__main__":
    PATH.write_text(render())
