"""Storage of notification settings, and their changes as shown in an event."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from notifications.catalogue import MAX_DAYS, SignalType
from notifications.models import SignalSetting
from notifications.wishes import Own, Wish


def replace(
    before: Mapping[SignalType, Wish | Own], wanted: Mapping[SignalType, Wish | Own], **owner: Any
) -> dict[str, list[Any]]:
    """Store `wanted` as the settings of `owner` and return the changes for the event.

    `owner` holds the columns of SignalSetting that identify the owner. Raises ValidationError for days outside 0 to 99.
    """
    owner = {"user": None, "signal_set": None} | owner
    for type_, wish in wanted.items():
        if wish.days is not None and not 0 <= wish.days <= MAX_DAYS:
            raise ValidationError(_("Enter a number of days from 0 to 99."), code="days")
        old = before.get(type_, Own())
        if old == wish:
            continue
        if wish:
            SignalSetting.objects.update_or_create(type=type_, **owner, defaults=wish._asdict())
        else:
            SignalSetting.objects.filter(type=type_, **owner).delete()
    return changed(before, wanted)


def changed(before: Mapping[SignalType, Wish | Own], wanted: Mapping[SignalType, Wish | Own]) -> dict[str, list[Any]]:
    """Return the differences of `wanted` from `before` as changes for an event."""
    changes: dict[str, list[Any]] = {}
    for type_, wish in wanted.items():
        old = before.get(type_, Own())
        for part in Wish._fields:
            if getattr(old, part) != getattr(wish, part):
                changes[f"{type_}.{part}"] = [getattr(old, part), getattr(wish, part)]
    return changes
