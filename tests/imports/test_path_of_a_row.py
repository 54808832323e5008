"""How deep a row of a file goes on its way to the database: the fewer modules, the easier it is to follow."""

import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.db import connection

from accounts.models import Provider, User
from tests.helpers.import_files import SERVICE, command, file_of
from tests.loket.test_architecture import APPS, app

pytestmark = pytest.mark.django_db
MAX_MODULES = 12


def list_stack() -> list[str]:
    """Return the modules of the product on the stack, outermost first, without what decorates and locks."""
    frame: FrameType | None = sys._getframe()
    names = []
    while frame is not None:
        names.append(frame.f_globals.get("__name__", ""))
        frame = frame.f_back
    return [name for name in reversed(names) if app(name) in APPS and app(name) not in ("audit", "core", "loket")]


def test_a_row_goes_down_through_few_modules_and_leaves_the_folder_once(
    office: Provider, alice: User, tmp_path: Path
) -> None:
    path = tmp_path / "mensen.csv"
    path.write_bytes(file_of(SERVICE).getvalue())
    stacks = []

    def watch(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if sql.startswith('INSERT INTO "accounts_user"'):
            stacks.append(list_stack())
        return execute(sql, *arguments)

    with connection.execute_wrapper(watch):
        assert command("import_users", path, provider=office.name, apply=True)[0] == 0
    (stack,) = stacks
    assert len(set(stack)) <= MAX_MODULES, stack
    assert [folder for folder, _names in groupby(map(app, stack))] == ["imports", "users"]
