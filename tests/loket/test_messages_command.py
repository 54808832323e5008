"""The check on translations finds what is missing."""

import shutil
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from django.core.management import CommandError, call_command

from loket.management.commands import messages


def catalog(**texts: str) -> Catalog:
    made = Catalog(locale="nl")
    for name, text in texts.items():
        made.add(name, text)
    return made


def stored(root: Path, texts: Catalog) -> Path:
    path = messages._get_po_path(root)
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_po(file, texts)
    return path


def test_it_finds_what_is_not_translated() -> None:
    texts = catalog(Yes="Ja", No="")
    texts.add("Maybe", "Misschien", flags=["fuzzy"])
    texts.add(("%(n)s day", "%(n)s days"), ("%(n)s dag", ""))
    assert [fault.split(": ")[0] for fault in messages._iter_untranslated(texts)] == ["Not translated"] * 3


def test_it_finds_a_lost_placeholder() -> None:
    texts = Catalog(locale="nl")
    texts.add("Dear %(name)s", "Beste %(naam)s", flags=["python-format"])
    assert len(list(messages._iter_untranslated(texts))) == 1


def test_it_finds_what_is_out_of_date(tmp_path: Path) -> None:
    path = stored(tmp_path, catalog(Yes="Ja", No="Nee"))
    fresh = catalog(Yes="Ja")
    assert [fault.split(":")[0] for fault in messages._iter_outdated(tmp_path, fresh)] == [
        "No longer used",
        "Out of date",
    ]
    path.with_suffix(".mo").write_bytes(messages._compile_catalog(messages._read_catalog(tmp_path)))
    assert list(messages._iter_outdated(tmp_path, catalog(Yes="Ja", No="Nee"))) == []


def test_it_says_that_gettext_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(CommandError, match="gettext"):
        call_command("messages", "--check")


def test_the_check_on_nothing_finds_everything(tmp_path: Path) -> None:
    assert messages._read_catalog(tmp_path).num_plurals == 2
    assert list(messages._iter_outdated(tmp_path, catalog())) != []
