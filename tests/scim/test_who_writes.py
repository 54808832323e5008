"""Calls write through actions only: those of other apps for what is theirs, and no row where the protocol is spoken."""

import ast
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts.models import User
from permissions.checks import Right
from permissions.models import TeamMember
from tests.scim.conftest import Directory
from tests.scim.test_groups import make_group, make_team, map_group, members_of, patch_group
from tests.scim.test_users import entra_user

APPS = {name for name in settings.INSTALLED_APPS if (settings.BASE_DIR / name).is_dir()}
PASSES_ON = {"models.py", "key_fields.py"}  # have a `save` that calls Django's for its caller
WRITE = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM) "(\w+)"')
METHODS = {"save", "update", "delete"} | {
    f"{prefix}{method}" for prefix in ("", "bulk_", "get_or_", "update_or_") for method in ("create", "update")
}
SPEAKS_THE_PROTOCOL = ["storage", "group_storage", "service", "resources", "endpoint", "plans"]


def find_writer() -> tuple[str, str]:
    """Return app and function of the product that asked Django for the statement that is executed."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(settings.BASE_DIR) and path.name not in PASSES_ON:
            app, *_rest = path.relative_to(settings.BASE_DIR).parts
            if app in APPS:
                return app, frame.f_code.co_name
        frame = frame.f_back
    return "", ""


class Writers:
    """Who wrote which table while this wraps the statements of the database."""

    def __init__(self) -> None:
        self.found: set[tuple[str, str, str]] = set()  # table, app, function

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if (written := WRITE.match(sql)) is not None:
            self.found.add((written[1], *find_writer()))
        return execute(sql, params, many, context)


@pytest.mark.django_db
def test_what_is_of_other_apps_is_written_by_their_actions(entra: Directory, alice: User, alice_client: Client) -> None:
    team, writers = make_team(alice.office, Right.VIEW_USERS, name="Lonen"), Writers()
    with connection.execute_wrapper(writers):
        eva = entra.call("POST", "/Users", entra_user(), 201)["id"]
        entra.patch(eva, {"op": "Replace", "path": "name.familyName", "value": "Smit"})
        group = make_group(entra, members=[{"value": eva}])
        map_group(alice_client, group, team)
        assert members_of(team) == {"Smit": "directory"}
        patch_group(entra, group, {"op": "Remove", "path": f'members[value eq "{eva}"]'})
        assert members_of(team) == {}
        patch_group(entra, group, {"op": "Add", "path": "members", "value": [{"value": eva}]})
        map_group(alice_client, group, None)
        assert members_of(team) == {"Smit": "manual"}
        for active in ("False", "True"):
            entra.patch(eva, {"op": "Replace", "path": "active", "value": active})
        entra.call("DELETE", f"/Groups/{group}", status=204)
        entra.call("DELETE", f"/Users/{eva}", status=204)
    own = {model._meta.db_table for model in apps.get_app_config("scim").get_models()}
    written = {table for table, _app, _function in writers.found}
    assert {User._meta.db_table, TeamMember._meta.db_table, "scim_directoryuser", "scim_directorygroup"} <= written
    wrong = {one for one in writers.found if one[0] not in own and one[1] in ("scim", "")}
    assert wrong == {(TeamMember._meta.db_table, "scim", "leave_to_office")}  # its own mark: who keeps a membership


@pytest.mark.django_db
def test_a_write_that_is_no_action_is_noticed(alice: User) -> None:
    with connection.execute_wrapper(writers := Writers()):
        alice.save()
    assert writers.found == {(User._meta.db_table, "", "")}


def find_writes(module: str) -> set[tuple[str, str]]:
    """Return which functions of the module call methods by which a model is written."""
    functions = ast.walk(ast.parse((settings.BASE_DIR / "scim" / f"{module}.py").read_text()))
    return {
        (function.name, call.func.attr)
        for function in functions
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in METHODS
    }


def test_what_speaks_the_protocol_or_shows_pages_writes_nothing() -> None:
    """Except when a token was used, and that the last administrator was to be blocked: no call changes these."""
    views = [f"views/{path.stem}" for path in (settings.BASE_DIR / "scim/views").glob("*.py")]
    assert len(views) > 3
    assert find_writes("actions") > {("create_token", "create")}
    found = {(module, *write) for module in [*SPEAKS_THE_PROTOCOL, *views] for write in find_writes(module)}
    assert found == {("endpoint", "endpoint", "update"), ("endpoint", "_note_use", "update")}
