"""The check on translations finds what is missing."""

import shutil
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import write_po

from tests.tools import catalog as catalog_check
from tests.tools.catalog import PO_FILE, iter_not_compiled, iter_untranslated, iter_unused, read_catalog


def build_catalog(**texts: str) -> Catalog:
    catalog = Catalog(locale="nl")
    for name, text in texts.items():
        catalog.add(name, text)
    return catalog


def write_catalog(root: Path, catalog: Catalog) -> Path:
    path = root / PO_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog)
    return path


def test_texts_without_a_translation_are_found() -> None:
    catalog = build_catalog(Yes="Ja", No="")
    catalog.add("Maybe", "Misschien", flags=["fuzzy"])
    catalog.add(("%(n)s day", "%(n)s days"), ("%(n)s dag", ""))
    assert [fault.split(": ")[0] for fault in iter_untranslated(catalog)] == ["Not translated"] * 3


def test_a_lost_placeholder_is_found() -> None:
    catalog = Catalog(locale="nl")
    catalog.add("Dear %(name)s", "Beste %(naam)s", flags=["python-format"])
    assert len(list(iter_untranslated(catalog))) == 1


def test_unused_texts_are_found() -> None:
    both, one = build_catalog(Yes="Ja", No="Nee"), build_catalog(Yes="Ja")
    assert list(iter_unused(both, one)) == ["No longer used: No"]
    assert list(iter_unused(both, both)) == []


def test_a_compiled_file_of_other_texts_is_found(tmp_path: Path) -> None:
    path = write_catalog(tmp_path, build_catalog(Yes="Ja", No="Nee"))
    assert list(iter_not_compiled(tmp_path)) == [f"Not compiled: {PO_FILE}"]
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, read_catalog(tmp_path))
    assert list(iter_not_compiled(tmp_path)) == []
    write_catalog(tmp_path, build_catalog(Yes="Ja", No="Neen"))
    assert list(iter_not_compiled(tmp_path)) == [f"Out of date: {PO_FILE.with_suffix('.mo')}"]


def test_missing_gettext_is_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert catalog_check.main() == 2
    assert "gettext is not installed" in capsys.readouterr().out


def test_the_check_needs_a_catalog(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_catalog(tmp_path)
    assert list(iter_not_compiled(tmp_path)) != []
