"""The screens use the terms of docs/glossary.md, in English and in Dutch, and none that it rejects."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings

from tests.tools.catalog import read_catalog

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "glossary.md"
GLOSSARY = PAGE.read_text()
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}|<[^>]*>")
COLUMNS = ["concept", "code", "English", "Dutch", "not"]


class Entry(NamedTuple):
    """One concept, with the terms of each column."""

    concept: str
    code: str
    english: list[str]
    dutch: list[str]
    rejected: list[str]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def words(cell: str) -> list[str]:
    return [word.strip() for word in cell.split(";") if word.strip()]


def entries() -> Iterator[Entry]:
    """Yield every row of the tables."""
    for line in GLOSSARY.splitlines():
        if line.startswith("|") and not line.startswith("|---") and cells(line) != COLUMNS:
            concept, code, english, dutch, rejected = cells(line)
            yield Entry(concept, code, words(english), words(dutch), words(rejected))


ENTRIES = list(entries())
ENGLISH = [word for entry in ENTRIES for word in entry.english]
DUTCH = [word for entry in ENTRIES for word in entry.dutch]
REJECTED = sorted({word for entry in ENTRIES for word in entry.rejected})


def catalog() -> Iterator[tuple[str, str]]:
    """Yield every msgid with its Dutch translation, without placeholders."""
    for message in read_catalog(settings.BASE_DIR):
        if message.id:
            ids = message.id if isinstance(message.id, tuple) else (message.id,)
            strings = message.string if isinstance(message.string, tuple) else (message.string,)
            for pair in zip(ids, strings, strict=True):
                yield PLACEHOLDER.sub(" ", pair[0]), PLACEHOLDER.sub(" ", pair[1])


def containing(word: str, texts: list[str]) -> list[str]:
    """Return the texts that have `word` as a whole word, regardless of case."""
    whole = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])", re.I)
    return [text for text in texts if whole.search(text)]


@pytest.fixture(scope="module")
def msgids() -> list[str]:
    return [english for english, _dutch in catalog()]


@pytest.fixture(scope="module")
def translations() -> list[str]:
    return [dutch for _english, dutch in catalog()]


def test_every_concept_has_its_words() -> None:
    assert len(ENTRIES) > 30
    assert [entry.concept for entry in ENTRIES if not (entry.code and entry.english and entry.dutch)] == []
    concepts = [entry.concept for entry in ENTRIES]
    assert sorted(set(concepts)) == sorted(concepts)
    assert [word for word in ENGLISH if ENGLISH.count(word) > 1] == []
    assert set(REJECTED) & set(ENGLISH) == set()


@pytest.mark.parametrize("word", ENGLISH)
def test_an_english_word_is_on_the_screens(word: str, msgids: list[str]) -> None:
    assert containing(word, msgids) != []


@pytest.mark.parametrize("word", DUTCH)
def test_a_dutch_word_is_on_the_screens(word: str, translations: list[str]) -> None:
    assert containing(word, translations) != []


@pytest.mark.parametrize("word", REJECTED)
def test_a_rejected_word_is_not_on_the_screens(word: str, msgids: list[str]) -> None:
    assert containing(word, msgids) == []


def test_whole_words_are_found_in_any_case() -> None:
    assert containing("rest", ["Rest now.", "restore", "the-rest", "interest"]) == ["Rest now."]


def test_code_and_docs_name_users_and_not_a_gender() -> None:
    pronoun = re.compile(r"\b(?:he|him|his|himself|somebody|whoever)\b", re.I)
    folders = [*(path.parent for path in ROOT.glob("*/__init__.py")), *(ROOT / name for name in ("docs", "templates"))]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".md", ".html")]
    assert len(files) > 1000
    found = {path for path in [*files, *ROOT.glob("*.md")] if pronoun.search(path.read_text())}
    assert found == {PAGE, Path(__file__)}
