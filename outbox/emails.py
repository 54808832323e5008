"""Texts of e-mails: rendering of `templates/emails/`, and both parts of an e-mail, which are laid out from one text."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from zlib import crc32

from django.conf import settings
from django.template import Context, Engine
from django.utils import translation
from django.utils.text import Truncator

from outbox.placeholders import EmailText, Placeholder, fill_text, is_link_name

_FOOTER_RULE = "\n-- \n"  # RFC 3676, 4.3
_LINE_LENGTH = 72  # characters of the text part
_PREVIEW_LENGTH = 140  # characters
_PREVIEW_END = "\u034f\u200c\u00a0" * 90  # keeps what follows out of the preview: clients show some 200 characters
_LINK_IN_LINE = re.compile(r"[ \t]*(?<!\S)(https?://\S+)[ \t]*")
_MARK_COLORS = ("#7a3a1d", "#0b5394", "#5b2c83", "#1c6640", "#8a1c4a", "#3d4f66")  # under white letters
LOGO_CONTENT_ID = "office-logo"


class EmailContent(NamedTuple):
    """The text of an e-mail; `button` is the label of its `link`.

    Without `link` that is the first one to this installation. `language` is that of all words around the text, the
    default language if empty.
    """

    subject: str
    text: str
    button: str = ""
    link: str = ""
    language: str = ""


class EmailDraft(NamedTuple):
    """A rendered template: its text, in which the placeholders still have to be filled in."""

    text: EmailText
    placeholders: dict[str, Placeholder]
    button: str
    link: str
    footer: str
    language: str

    def fill_text(self, values: Mapping[str, str], own_text: EmailText | None = None) -> EmailText:
        """Return subject and body with `values` as further placeholders, in the words of `own_text` if there is one."""
        more = {name: Placeholder(value) for name, value in values.items()}
        return fill_text(own_text or self.text, self.placeholders | more)

    def fill(self, values: Mapping[str, str], own_text: EmailText | None = None) -> EmailContent:
        """Return the e-mail, see `fill_text`."""
        subject, body = self.fill_text(values, own_text)
        text = f"{body}\n{_FOOTER_RULE}{self.footer}\n"
        return EmailContent(subject, text, self.button, self.link, self.language)


class Logo(NamedTuple):
    """The logo of an office as attached to its e-mails."""

    png: bytes
    width: int
    height: int


class _Part(NamedTuple):
    """A paragraph, or the button; a note is what the reader must know after pressing it."""

    text: str
    link: str = ""
    is_note: bool = False

    @property
    def items(self) -> list[str]:
        """Texts of the items when every line is one."""
        lines = self.text.split("\n")
        return [line[2:] for line in lines] if all(line.startswith("- ") for line in lines) else []

    @property
    def host(self) -> str:
        return urlsplit(self.link).netloc


def render_draft(template: str, *, language: str = "", **context: Any) -> EmailDraft:
    """Render `templates/emails/<template>.txt` in `language`, or else the default language.

    Its first line is the subject, its second the label of the button, if any; a line `-- ` begins the footer. `site`
    in the context is the address of this installation, without a slash at the end. What differs between two e-mails of
    a kind stands in the tag `placeholder`, so that an office can write the rest, except the footer, in its own words.
    """
    placeholders: dict[str, Placeholder] = {}
    language = language or settings.LANGUAGE_CODE
    with translation.override(language):
        values = Context({"site": settings.LOKET_URL, "placeholders": placeholders, **context}, autoescape=False)
        rendered = Engine.get_default().get_template(f"emails/{template}.txt").render(values)
    subject, button, content = rendered.split("\n", 2)
    body, _rule, footer = content.rpartition(_FOOTER_RULE)
    text = EmailText(subject.strip(), re.sub(r"\n{3,}", "\n\n", body.strip()))
    return EmailDraft(text, placeholders, button.strip(), _find_link(placeholders), footer.strip(), language)


def _find_link(placeholders: Mapping[str, Placeholder]) -> str:
    """Return the link of the button: that of the template, whatever other links an office put in its text."""
    by_name = sorted(placeholders, key=lambda name: not is_link_name(name))
    found = (_find_own_link(placeholders[name].value) for name in by_name)
    return next((link[0] for link in found if link), "")


def render_text(content: EmailContent, *, title: str = "") -> str:
    """Lay out `content` as plain text under `title`: lines of at most 72 characters, and a line for each link.

    Words without a space, such as links and signatures, are not broken.
    """
    parts, footer = _split_content(content)
    shown = [title] if title else []
    for part in parts:
        if not part.link:
            shown.append(_wrap_lines(part.text))
        elif not any(part.link in text for text in shown):  # it may be in the sentence before
            label = "" if shown and shown[-1].endswith(":") else f"{content.button}:\n"
            shown.append(label + part.link)
    text = "\n\n".join(shown)
    return f"{text}\n{_FOOTER_RULE}{_wrap_lines(footer)}\n" if footer else f"{text}\n"


def render_html(content: EmailContent, *, title: str, office: str, logo: Logo | None) -> str:
    """Lay out `content` as an HTML page with inline styles, for e-mail clients; all text is escaped.

    E-mails are in the language of the office, whatever language the recipient chose for the screens. Without `title`,
    the subject is the heading. The page shows `logo` from the attachment LOGO_CONTENT_ID.
    """
    parts, footer = _split_content(content)
    language = content.language or settings.LANGUAGE_CODE
    values = {
        "language": language,
        "subject": content.subject,
        "preview": _build_preview(parts),
        "title": title or content.subject,
        "button": content.button,
        "parts": parts,
        "footer": footer,
        "office": office or "Loket",
        "letters": build_letters(office or "Loket"),
        "color": _MARK_COLORS[crc32(office.encode()) % len(_MARK_COLORS)],
        "logo": logo,
        "logo_id": LOGO_CONTENT_ID,
    }
    with translation.override(language):
        page = Engine.get_default().get_template("emails/layout.html").render(Context(values))
    return _get_inliner().inline(page)  # type: ignore[no-any-return]


def build_letters(name: str) -> str:
    """Return the two letters that stand for an office: the initials of the last two words of its name."""
    words = re.findall(r"[^\W_]+", name)
    return ("".join(word[0] for word in words[-2:]) if len(words) > 1 else "".join(words)[:2]).upper()


def _split_content(content: EmailContent) -> tuple[list[_Part], str]:
    """Return the parts of the text and its footer, if any."""
    text, rule, footer = content.text.strip().rpartition(_FOOTER_RULE)
    if not rule:
        text, footer = footer, ""
    return list(_split_text(text.strip(), content)), footer


def _split_text(text: str, content: EmailContent) -> Iterator[_Part]:
    """Yield the paragraphs, with the button where its link is.

    The button takes the place of a link that has a line of its own, or that ends one after a colon.
    """
    link, was_button = "", False
    for paragraph in text.split("\n\n"):
        found = None if link or not content.button else _find_own_link(paragraph, content.link)
        if found is None:
            yield _Part(paragraph, is_note=was_button)
            was_button = False
            continue
        link, was_button = found[0], True
        before, after = paragraph[: found.start()].rstrip(" \t"), paragraph[found.end() :]
        is_apart = before[-1:] in ("", "\n", ":") and after[:1] in ("", "\n")
        if before := (before if is_apart else paragraph).strip():
            yield _Part(before)
        yield _Part("", link)
        if is_apart and after:
            yield _Part(after.strip(), is_note=True)
            was_button = False


def _find_own_link(paragraph: str, link: str = "") -> re.Match[str] | None:
    """Return where `link` is in a paragraph, or else the first link to this installation."""
    if paragraph.startswith("- "):
        return None  # items may hold texts from elsewhere
    pattern = re.escape(link) if link else rf"{re.escape(settings.LOKET_URL)}/\S*?"
    return re.search(rf"{pattern}(?=[.,;:!?)]*(?:\s|$))", paragraph)


def _wrap_lines(text: str) -> str:
    """Give each link a line of its own, and break other lines that are too long between words."""
    wrapper = textwrap.TextWrapper(_LINE_LENGTH, break_long_words=False, break_on_hyphens=False)
    lines = []
    for line in text.split("\n"):
        wrapper.subsequent_indent = "  " if line.startswith("- ") else ""
        for piece in _LINK_IN_LINE.sub(r"\n\1\n", line).strip("\n").split("\n"):
            lines += wrapper.wrap(piece) or [""]
    return "\n".join(lines)


def _build_preview(parts: list[_Part]) -> str:
    """Return what lists of e-mails show beside the subject: how the text begins after the salutation."""
    texts = [part.text for part in parts if not part.text.endswith(",")]
    words = _LINK_IN_LINE.sub(" ", " ".join(texts)).split()
    return Truncator(" ".join(words)).chars(_PREVIEW_LENGTH) + _PREVIEW_END


@cache
def _get_inliner() -> Any:
    from css_inline import CSSInliner  # needed by the worker only

    return CSSInliner(keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False)
