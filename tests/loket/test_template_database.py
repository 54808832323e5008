"""The template of the test database is rebuilt when a migration or its dependencies change, and only then."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import pytest
from django.db import connection

from core import db_roles
from tests.helpers import template_database
from tests.helpers.template_database import ROOT, compute_name, find_sources, list_templates, use_template


def test_template_depends_on_migrations_and_on_what_they_import() -> None:
    sources = {"/".join(path.parts[-3:]) for path in find_sources()}
    assert {f"{path.parts[-3]}/migrations/{path.name}" for path in ROOT.glob("*/migrations/0*.py")} <= sources
    assert "oauth2_provider/migrations/0001_initial.py" in sources
    found = {str(path.relative_to(ROOT)) for path in find_sources() if path.is_relative_to(ROOT)}
    assert found >= {"audit/append_only.py", "core/composite_keys.py", "core/db_roles.py", "loket/settings.py"}
    assert "audit/actors.py" in found  # a migration imports audit.models, which imports this
    assert "invitations/emails.py" not in found


def test_import_inside_a_function_is_followed(tmp_path: Path) -> None:
    (tmp_path / "far.py").write_text("")
    (tmp_path / "near.py").write_text("def late():\n    import far\n")
    (tmp_path / "program.py").write_text("import near\n")
    with patch.object(template_database, "PROGRAMS", ("program.py",)):
        assert {tmp_path / "near.py", tmp_path / "far.py"} <= find_sources(tmp_path)


def test_its_name_changes_with_every_source(tmp_path: Path) -> None:
    one, other = tmp_path / "0001_one.py", tmp_path / "0002_other.py"
    one.write_text("1")
    other.write_text("2")
    names = [compute_name("18.1", [one]), compute_name("18.1", [one, other]), compute_name("18.2", [one])]
    assert compute_name("18.1", [other, one]) == names[1]
    one.write_text("changed")
    names.append(compute_name("18.1", [one]))
    one.rename(tmp_path / "0003_one.py")
    names.append(compute_name("18.1", [tmp_path / "0003_one.py"]))
    assert len(set(names)) == len(names)


@pytest.fixture
def make_template(transactional_db: None) -> Iterator[Mock]:
    """Create empty templates with names of their own."""

    def create() -> None:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {template_database.UNFINISHED}")

    names: dict[str, Any] = {"PREFIX": f"{connection.settings_dict['NAME']}_template_"}
    names["UNFINISHED"] = f"{names['PREFIX']}unfinished"
    with (
        db_roles.use_owner_role(),
        patch.multiple(template_database, **names),
        patch.dict(connection.settings_dict["TEST"]),
    ):
        with patch.object(template_database, "_make_template", side_effect=create) as made:
            yield made
        with connection._nodb_cursor() as cursor:
            for name in list_templates(cursor):
                cursor.execute(f"DROP DATABASE {name}")


@pytest.mark.slow
def test_template_is_created_once_and_replaces_the_one_before(make_template: Mock, tmp_path: Path) -> None:
    migration = tmp_path / "0001_initial.py"
    used = []
    with patch.object(template_database, "find_sources", return_value={migration}):
        for text in ("first", "first", "second", "second"):
            migration.write_text(text)
            use_template()
            used.append(connection.settings_dict["TEST"]["TEMPLATE"])
    assert used[0] == used[1] != used[2] == used[3]
    assert make_template.call_count == 2
    with connection._nodb_cursor() as cursor:
        assert list_templates(cursor) == {used[3]}


@pytest.mark.slow
def test_one_that_was_not_finished_is_not_used(make_template: Mock) -> None:
    make_template.side_effect = RuntimeError("a migration fails")
    with patch.dict(connection.settings_dict["TEST"], TEMPLATE=None):
        for _time in range(2):
            with pytest.raises(RuntimeError):
                use_template()
        assert connection.settings_dict["TEST"]["TEMPLATE"] is None
    assert make_template.call_count == 2
