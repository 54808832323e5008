"""Notification overrides of a user as text in files: parsing and formatting."""

import re
from collections.abc import Iterable
from functools import cache

from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.keys import compute_label_key
from notifications.catalog import MAX_OFFSET_DAYS, NotificationType, filter_known_types
from notifications.preferences import OverridesByType, PreferenceOverride

_DAYS_PATTERN = re.compile(r"(\d{1,5})(?: ?(?:dag|dagen|day|days|d))?", re.I)


def format_overrides(owns: OverridesByType) -> list[str]:
    """Return each of `owns` in the active language: 'Appraisal: on, 30 days, mail'. Values of None are left out."""
    return [f"{type_.label}: {', '.join(_format_parts(own))}" for type_, own in owns.items()]


def serialize_overrides(owns: OverridesByType) -> list[str]:
    """Return `owns` as text for programs and plans, in catalog order: 'appraisal: on, 30 days, mail'."""
    with translation.override("en"):
        return [f"{type_}: {', '.join(_format_parts(owns[type_]))}" for type_ in filter_known_types(owns)]


def _format_parts(own: PreferenceOverride) -> list[str]:
    parts = []
    if own.is_on is not None:
        parts.append(_("on") if own.is_on else _("off"))
    if own.days is not None:
        parts.append(ngettext("%(count)d day", "%(count)d days", own.days) % {"count": own.days})
    if own.mail is not None:
        parts.append(_("mail") if own.mail else _("no mail"))
    return parts


def parse_overrides(entries: Iterable[str]) -> OverridesByType:
    """Parse items of `format_overrides` or `serialize_overrides`, or typed ones. Raises ValidationError."""
    found: OverridesByType = {}
    for entry in entries:
        name, _colon, rest = entry.partition(":")
        type_ = _get_types_by_name().get(compute_label_key(name))
        if type_ is None:
            raise ValidationError(_("Notification “%(name)s” does not exist.") % {"name": name.strip()})
        if type_ in found:
            raise ValidationError(_("The notification “%(name)s” appears twice.") % {"name": type_.label})
        found[type_] = _parse_override(rest, entry)
    return {type_: found[type_] for type_ in filter_known_types(found)}


@cache
def _get_types_by_name() -> dict[str, NotificationType]:
    found = {compute_label_key(type_.value): type_ for type_ in NotificationType}
    for language in ("en", "nl"):
        with translation.override(language):
            found |= {compute_label_key(str(type_.label)): type_ for type_ in NotificationType}
    return found


_KEYWORDS = {
    "aan": ("is_on", True), "on": ("is_on", True), "uit": ("is_on", False), "off": ("is_on", False),
    "mail": ("mail", True), "geenmail": ("mail", False), "nomail": ("mail", False),
}  # fmt: skip


def _parse_override(text: str, entry: str) -> PreferenceOverride:
    """Return the override after the name of a type; an empty one means on."""
    parts: dict[str, int | bool] = {}
    for part in filter(None, map(str.strip, re.split("[,:]", text))):
        days = _DAYS_PATTERN.fullmatch(part)
        name, value = ("days", int(days[1])) if days else _KEYWORDS.get(compute_label_key(part), ("", False))
        if not name or name in parts:
            message = _("“%(entry)s” is not clear. Write, for example, “Performance review: on, 30 days, mail”.")
            raise ValidationError(message % {"entry": entry.strip()})
        parts[name] = value
    if parts.get("days", 0) > MAX_OFFSET_DAYS:
        raise ValidationError(_("Enter a number of days from 0 to 99."))
    return PreferenceOverride(**parts) if parts else PreferenceOverride(is_on=True)  # type: ignore[arg-type]
