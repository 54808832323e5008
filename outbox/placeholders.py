"""Texts of e-mails with placeholders such as {ProviderNaam}: filled in once, as data, never as template code."""

import re
from collections.abc import Collection, Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MAX_SUBJECT_LENGTH, MAX_BODY_LENGTH = 512, 6_000  # characters
_LINK_SUFFIX = "Link"
_PATTERN = re.compile(r"\{([^{}\s]*)\}( ?)")


class Need(IntEnum):
    """What happens to a text without the placeholder."""

    OPTIONAL = 0
    ADVISED = 1  # its value is added below the link
    REQUIRED = 2  # the text is refused; in one that is stored already, the value is added below the link


class Placeholder(NamedTuple):
    """The value that a placeholder stands for in one e-mail; an empty one leaves no gap."""

    value: str
    need: Need = Need.OPTIONAL


class EmailText(NamedTuple):
    """Subject and body of an e-mail with placeholders."""

    subject: str
    body: str


def format_name(name: str) -> str:
    """Return the placeholder as it stands in a text."""
    return "{" + name + "}"


def is_link_name(name: str) -> bool:
    """Return whether a placeholder stands for nothing but a link."""
    return name.endswith(_LINK_SUFFIX)


def fill_text(text: EmailText, placeholders: Mapping[str, Placeholder]) -> EmailText:
    """Return `text` with each placeholder replaced by its value; a value that looks like a placeholder stays as it is.

    What the e-mail cannot do without is added where `text` lacks it. Never fails: unknown placeholders stay. A link
    never continues what stands before it, such as the address of another site, which would get its token.
    """
    needed = [name for name, (value, need) in placeholders.items() if need and value]
    body = _add_paragraphs(text.body, [format_name(name) for name in find_missing_names(text.body, needed)])

    def replace(found: re.Match[str]) -> str:
        if found[1] not in placeholders:
            return found[0]
        value = placeholders[found[1]].value
        if is_link_name(found[1]) and not _stands_apart(found):
            value = f" {value}"
        return value + found[2] if value else ""

    lines = [line.rstrip(" ") for line in _PATTERN.sub(replace, body).splitlines()]
    subject = " ".join(_PATTERN.sub(replace, text.subject).split())
    return EmailText(subject, re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip())


def _stands_apart(found: re.Match[str]) -> bool:
    """Return whether white space stays before a placeholder: an empty one takes the space after it along."""
    before = found.string[max(found.start() - 2, 0) : found.start()]
    return not before or before[-1] == "\n" or (before[-1] == " " and before != "} ")


def find_missing_names(body: str, names: Collection[str]) -> list[str]:
    """Return those of `names` whose placeholder is not in `body`."""
    found = {match[1] for match in _PATTERN.finditer(body)}
    return [name for name in names if name not in found]


def _add_paragraphs(body: str, added: list[str]) -> str:
    """Return `body` with `added` below the paragraph of its first link, or at its end."""
    if not added:
        return body
    link = re.search(rf"\{{[^{{}}\s]*{_LINK_SUFFIX}\}}", body)
    end = body.find("\n\n", link.end()) if link else -1
    head, tail = (body, "") if end < 0 else (body[:end], body[end:])
    return "\n\n".join([head, *added]) + tail


def validate_text(text: EmailText, placeholders: Mapping[str, Placeholder]) -> None:
    """Raise ValidationError, by field, for an unknown placeholder, a missing one that is required, or a bad subject."""
    faults = {"subject": list(_list_subject_faults(text.subject)), "body": list[ValidationError]()}
    for field, value in (("subject", text.subject), ("body", text.body)):
        if unknown := sorted({match[1] for match in _PATTERN.finditer(value)} - placeholders.keys()):
            message = _("Unknown placeholder %(names)s. Use one from the list.") % {"names": _join_names(unknown)}
            faults[field].append(ValidationError(message, code="placeholder"))
    required = [name for name, placeholder in placeholders.items() if placeholder.need == Need.REQUIRED]
    if missing := find_missing_names(text.body, required):
        message = _("Put %(names)s in the text. Without it, this e-mail is of no use.") % {
            "names": _join_names(missing)
        }
        faults["body"].append(ValidationError(message, code="missing"))
    if any(faults.values()):
        raise ValidationError({field: found for field, found in faults.items() if found})


def _list_subject_faults(subject: str) -> Iterator[ValidationError]:
    if any(is_link_name(match[1]) for match in _PATTERN.finditer(subject)):
        yield ValidationError(_("The link belongs in the text, not the subject."), code="link_in_subject")
    if len(subject.splitlines()) > 1:
        yield ValidationError(_("The subject must be a single line."), code="one_line")


def _join_names(names: Collection[str]) -> str:
    return ", ".join(format_name(name) for name in names)
