"""Notification overrides of a user as text in files: parsing and formatting."""

import re
from collections.abc import Iterable
from functools import cache

from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loket.text import squeezed
from notifications.catalogue import MAX_DAYS, SignalType, known
from notifications.wishes import Own, Owns

_DAYS = re.compile(r"(\d{1,5})(?: ?(?:dag|dagen|day|days|d))?", re.I)


def written(owns: Owns) -> list[str]:
    """Return each of `owns` in the active language: 'Appraisal: on, 30 days, mail'. Values of None are left out."""
    return [f"{type_.label}: {', '.join(_parts(own))}" for type_, own in owns.items()]


def coded(owns: Owns) -> list[str]:
    """Return `owns` as text for programs and plans, in catalog order: 'appraisal: on, 30 days, mail'."""
    with translation.override("en"):
        return [f"{type_}: {', '.join(_parts(owns[type_]))}" for type_ in known(owns)]


def _parts(own: Own) -> list[str]:
    said = []
    if own.is_on is not None:
        said.append(_("on") if own.is_on else _("off"))
    if own.days is not None:
        said.append(ngettext("%(count)d day", "%(count)d days", own.days) % {"count": own.days})
    if own.mail is not None:
        said.append(_("mail") if own.mail else _("no mail"))
    return said


def read(entries: Iterable[str]) -> Owns:
    """Return the overrides in `entries`, as formatted by `written` or `coded` or typed by a user. Raises
    ValidationError.
    """
    found: Owns = {}
    for entry in entries:
        name, _colon, rest = entry.partition(":")
        type_ = _names().get(squeezed(name))
        if type_ is None:
            raise ValidationError(_("Notification “%(name)s” does not exist.") % {"name": name.strip()})
        if type_ in found:
            raise ValidationError(_("The notification “%(name)s” appears twice.") % {"name": type_.label})
        found[type_] = _own(rest, entry)
    return {type_: found[type_] for type_ in known(found)}


@cache
def _names() -> dict[str, SignalType]:
    found = {squeezed(type_.value): type_ for type_ in SignalType}
    for language in ("en", "nl"):
        with translation.override(language):
            found |= {squeezed(str(type_.label)): type_ for type_ in SignalType}
    return found


_WORDS = {
    "aan": ("is_on", True), "on": ("is_on", True), "uit": ("is_on", False), "off": ("is_on", False),
    "mail": ("mail", True), "geenmail": ("mail", False), "nomail": ("mail", False),
}  # fmt: skip


def _own(text: str, entry: str) -> Own:
    """Return the override after the name of a type; an empty one means on."""
    said: dict[str, int | bool] = {}
    for part in filter(None, map(str.strip, re.split("[,:]", text))):
        days = _DAYS.fullmatch(part)
        name, value = ("days", int(days[1])) if days else _WORDS.get(squeezed(part), ("", False))
        if not name or name in said:
            message = _("“%(entry)s” is not clear. Write, for example, “Performance review: on, 30 days, mail”.")
            raise ValidationError(message % {"entry": entry.strip()})
        said[name] = value
    if said.get("days", 0) > MAX_DAYS:
        raise ValidationError(_("Enter a number of days from 0 to 99."))
    return Own(**said) if said else Own(is_on=True)  # type: ignore[arg-type]
