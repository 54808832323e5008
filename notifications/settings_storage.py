"""Storage of notification settings, and their changes as shown in an event."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from audit.changes import Changes
from notifications.catalog import MAX_OFFSET_DAYS, NotificationType
from notifications.models import NotificationSetting
from notifications.preferences import NotificationPreference, PreferenceOverride


def replace_settings(
    before: Mapping[NotificationType, NotificationPreference | PreferenceOverride],
    desired: Mapping[NotificationType, NotificationPreference | PreferenceOverride],
    **owner: Any,
) -> Changes:
    """Store `desired` as the settings of `owner` and return the changes for the event.

    `owner` holds the columns of NotificationSetting that identify the owner. Raises ValidationError for days outside 0
    to 99.
    """
    owner = {"user": None, "notification_set": None} | owner
    for type_, preference in desired.items():
        if preference.days is not None and not 0 <= preference.days <= MAX_OFFSET_DAYS:
            raise ValidationError(_("Enter a number of days from 0 to 99."), code="days")
        old = before.get(type_, PreferenceOverride())
        if old == preference:
            continue
        if preference:
            NotificationSetting.objects.update_or_create(type=type_, **owner, defaults=preference._asdict())
        else:
            NotificationSetting.objects.filter(type=type_, **owner).delete()
    return diff_preferences(before, desired)


def diff_preferences(
    before: Mapping[NotificationType, NotificationPreference | PreferenceOverride],
    desired: Mapping[NotificationType, NotificationPreference | PreferenceOverride],
) -> Changes:
    changes: Changes = {}
    for type_, preference in desired.items():
        old = before.get(type_, PreferenceOverride())
        for part in NotificationPreference._fields:
            if getattr(old, part) != getattr(preference, part):
                changes[f"{type_}.{part}"] = [getattr(old, part), getattr(preference, part)]
    return changes
