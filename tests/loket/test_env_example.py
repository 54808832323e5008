"""`.env.example`, the table of settings and the settings agree."""

import ast
from io import StringIO

from dotenv import dotenv_values

from tests.tools.env_example import PATH, ROOT, get_default, list_settings, render


def settings_defaults() -> dict[str, set[str]]:
    """Return by variable the defaults that the settings give it as a literal."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse((ROOT / "loket" / "settings.py").read_text())):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="env")), args=[ast.Constant(str(name)), *rest]):
                values = [one.value for one in rest if isinstance(one, ast.Constant)]
                found.setdefault(name, set()).update(str(int(one) if one is False else one) for one in values)
    return found


def test_the_file_is_what_the_table_says() -> None:
    assert PATH.read_text() == render(), "make env-example"


def test_the_table_says_the_defaults_of_the_settings() -> None:
    stated = {one["name"]: get_default(one) for one in list_settings() if get_default(one)}
    defaults = settings_defaults()
    assert len(stated) > 15
    assert stated.keys() - defaults.keys() == {"PORT"}, "the demo's"
    relative = {"LOKET_DATA_DIR"}  # to the root of the tree
    assert {name for name, value in stated.items() if name in defaults and value not in defaults[name]} == relative


def test_every_setting_but_these_can_be_in_a_file() -> None:
    """As the page says: those that the settings read."""
    named = {one["name"] for one in list_settings()}
    assert named - settings_defaults().keys() == {"ANYMAIL_…", "OTEL_…", "PORT", "WEB_CONCURRENCY"}


def test_every_setting_is_commented_out_and_can_be_uncommented() -> None:
    text = PATH.read_text()
    assert dotenv_values(stream=StringIO(text)) == {}
    lines = [line for line in text.splitlines() if line.startswith("#") and not line.startswith("# ")]
    values = dotenv_values(stream=StringIO("\n".join(line.removeprefix("#") for line in lines)))
    assert values == {one["name"]: get_default(one) for one in list_settings()}
