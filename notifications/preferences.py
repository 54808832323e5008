"""Notification preferences: defaults of the office, and overrides of each user. Queries only."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Provider, User
from notifications.catalog import NotificationType, filter_known_types
from notifications.models import NotificationSet, NotificationSetting


class NotificationPreference(NamedTuple):
    is_on: bool
    days: int
    mail: bool


class PreferenceOverride(NamedTuple):
    """Override of the office's preference for one type; values of None follow the office."""

    is_on: bool | None = None
    days: int | None = None
    mail: bool | None = None

    def __bool__(self) -> bool:
        return self != (None, None, None)

    def apply_to(self, office: NotificationPreference) -> NotificationPreference:
        return NotificationPreference(
            office.is_on if self.is_on is None else self.is_on,
            office.days if self.days is None else self.days,
            office.mail if self.mail is None else self.mail,
        )


PreferencesByType = dict[NotificationType, NotificationPreference]
OverridesByType = dict[NotificationType, PreferenceOverride]
DEFAULT_PREFERENCES: PreferencesByType = {
    type_: NotificationPreference(True, type_.days, False) for type_ in NotificationType
}


def load_overrides(rows: Iterable[NotificationSetting]) -> OverridesByType:
    parts = {row.type: PreferenceOverride(row.is_on, row.days, row.mail) for row in rows}
    return {type_: parts[type_] for type_ in filter_known_types(parts)}


def apply_overrides(owns: OverridesByType, office: PreferencesByType) -> PreferencesByType:
    return {type_: owns.get(type_, PreferenceOverride()).apply_to(preference) for type_, preference in office.items()}


def get_office_preferences(provider: Provider | UUID) -> PreferencesByType:
    return apply_overrides(
        load_overrides(NotificationSetting.objects.filter(provider=provider, user=None, notification_set=None)),
        DEFAULT_PREFERENCES,
    )


def get_user_overrides(user: User) -> OverridesByType:
    return load_overrides(NotificationSetting.objects.filter(provider=user.provider_id, user=user))


def get_user_preferences(user: User) -> PreferencesByType:
    return apply_overrides(get_user_overrides(user), get_office_preferences(user.office))


def get_set_preferences(notification_set: NotificationSet) -> PreferencesByType:
    """Return the preferences in a set, by type. One query, none when the settings are prefetched."""
    return {
        type_: own.apply_to(DEFAULT_PREFERENCES[type_])
        for type_, own in load_overrides(notification_set.settings.all()).items()
    }


def fingerprint_preferences(held: Mapping[NotificationType, NotificationPreference | PreferenceOverride]) -> str:
    plain = {None: "", True: "y", False: "n"}
    parts = [
        (type_, plain[own.is_on], "" if own.days is None else own.days, plain[own.mail])
        for type_, own in held.items()
        if own
    ]
    return ",".join(":".join(map(str, part)) for part in parts)


def describe_preference(type_: NotificationType, preference: NotificationPreference) -> str:
    if not preference.is_on:
        return _("off")
    if not preference.days:
        when = _("on the day")
    elif type_.after:
        when = ngettext("%(count)s day after", "%(count)s days after", preference.days) % {"count": preference.days}
    else:
        when = ngettext("%(count)s day before", "%(count)s days before", preference.days) % {"count": preference.days}
    return _("%(when)s, also by e-mail") % {"when": when} if preference.mail else when
