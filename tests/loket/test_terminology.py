"""The texts on the screens: one term per concept, "je" in Dutch, and nothing that bypasses the translations."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from django.conf import LazySettings, settings

from tests.tools import catalog

# A rejected term, and the one to use instead.
DROPPED = {
    r"ondertussen|inmiddels": "intussen",
    r"hooguit|ten hoogste|maximaal": "hoogstens",
    r"ten minste|minimaal": "minstens",
    r"meteen|onmiddellijk": "direct",
    r"twee-factor|tweefactor\w*|2fa": "two-factor",
    r"naderhand": "later",
    r"(?:foutieve|verkeerde|onjuiste) codes?": "foute code",
    r"opnieuw (?:verzenden|sturen)|verzonden|verzenden": "opnieuw versturen",
    r"ongedaan": "terugdraaien",
    r"object id|client-id": "Object-id, Client ID",
    r"webservicegebruikers?|azure ad-gebruikers?": "gebruiker via SSO/Webservice, via Azure AD",
    r"accountants?": "auditor",
    r"genodigden?": "uitgenodigde gebruiker",
    r"medegebruikers?|teamgenoten|teamgenoot": "collega",
    r"u|uw|uzelf|gelieve|dient|dienen|middels|teneinde|tevens|reeds|indien": "je, and plain words",
}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}|%%")
TEMPLATES = sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))
# Words that are the same in every language, and examples of what is typed.
SAME = re.compile(r"Loket|Excel|Microsoft|JSON|XLSX|CSV|HTTP|GET|POST|OpenAPI|WebAuthn|[a-z_]+\.[a-z.]+|v2", re.I)


def texts() -> Iterator[tuple[Message, str, str]]:
    """Yield every message with each of its English forms and the Dutch one of it."""
    for message in catalog.read_catalog(settings.BASE_DIR):
        if message.id:
            ids = message.id if isinstance(message.id, tuple) else (message.id,)
            strings = message.string if isinstance(message.string, tuple) else (message.string,)
            yield from ((message, *pair) for pair in zip(ids, strings, strict=True))


@pytest.mark.parametrize("dropped", DROPPED)
def test_a_dropped_word_does_not_come_back(dropped: str) -> None:
    word = re.compile(rf"(?<![\w-])(?:{dropped})(?![\w-])", re.I)
    assert [dutch for _message, _english, dutch in texts() if word.search(PLACEHOLDER.sub("", dutch))] == []


def test_every_placeholder_is_in_the_translation() -> None:
    for message, english, dutch in texts():
        wanted, found = set(PLACEHOLDER.findall(english)), set(PLACEHOLDER.findall(dutch))
        if isinstance(message.id, tuple):  # "one" may do without the number
            wanted, found = wanted - found, found - set(PLACEHOLDER.findall("".join(message.id)))
        assert wanted == found, english


def test_signs_are_the_same_everywhere() -> None:
    for _message, english, dutch in texts():
        assert "..." not in english + dutch
        assert not re.search(r"\s$|^\s(?!at )|  ", english), english
        assert not re.search(r"[a-z]'[a-z]\b", dutch), dutch
        assert dutch.count("“") == dutch.count("”"), dutch
        assert not re.search(r"[„‘‚«»]", dutch + english), dutch


def test_a_sentence_ends_as_the_english_one() -> None:
    for _message, english, dutch in texts():
        if english.endswith(".") and len(english) > 3:
            assert dutch[-1] in ".?" or dutch.endswith("%(url)s"), dutch
        elif not english.endswith("?"):
            assert not dutch.endswith("."), dutch


def visible(text: str) -> Iterator[str]:
    """Yield the texts of a template, including those for screen readers, that bypass the translations."""
    for tag in ("comment", "blocktranslate", "block main_class", "block bodyclass"):
        text = re.sub(rf"{{% {tag}\b.*?{{% end{tag.split()[0]} %}}", "", text, flags=re.DOTALL)
    text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<(style|script|svg|code)\b.*?</\1>", "", text, flags=re.DOTALL)
    yield from re.findall(r'\b(?:aria-label|alt|title|placeholder|data-label)="([^"]*)"', text)
    yield from re.sub(r"<[^>]*>", "\n", text).splitlines()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_says_a_word_by_itself(path: Path) -> None:
    said = [SAME.sub("", unescape(line)) for line in visible(path.read_text())]
    assert [line.strip() for line in said if re.search(r"[A-Za-z]{3}", line)] == []


def test_the_check_sees_what_is_not_translated() -> None:
    assert list(visible('<p title="Close">{% translate "Yes" %} Hello {{ name }}</p>')) == ["Close", "", " Hello "]


def test_scripts_say_nothing_by_themselves(settings: LazySettings) -> None:
    words = re.compile(r"""["'`][A-Z][a-z]+(?: [a-z]+)+[.!?…]?["'`]""")
    scripts = list(Path(settings.BASE_DIR, "static").rglob("*.js"))
    assert len(scripts) > 0
    assert [script.name for script in scripts if words.search(script.read_text())] == []
