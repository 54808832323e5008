"""Notification sets: bundles of preferences that are copied to users (domain.md section 5)."""

from typing import NamedTuple
from uuid import UUID

from django.utils import timezone

from accounts.models import Provider, User
from audit.actions import record
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import Verb
from notifications import preferences
from notifications.catalog import NotificationType
from notifications.models import NotificationSet, NotificationSetApplication
from notifications.preferences import NotificationPreference, OverridesByType, PreferenceOverride, PreferencesByType
from notifications.settings_storage import replace_settings
from permissions.checks import Right
from permissions.sets import SetType


class PreferenceDifference(NamedTuple):
    type: NotificationType
    now: NotificationPreference
    desired: NotificationPreference

    @property
    def now_text(self) -> str:
        return preferences.describe_preference(self.type, self.now)

    @property
    def desired_text(self) -> str:
        return preferences.describe_preference(self.type, self.desired)


def get_set_differences(notification_set: NotificationSet, user: User) -> list[PreferenceDifference]:
    """Return what applying the set would change for `user`; types outside the set stay unchanged."""
    return _compare_preferences(
        preferences.get_set_preferences(notification_set), preferences.get_user_preferences(user)
    )


def _compare_preferences(contents: PreferencesByType, now: PreferencesByType) -> list[PreferenceDifference]:
    return [
        PreferenceDifference(type_, now[type_], preference)
        for type_, preference in contents.items()
        if now[type_] != preference
    ]


class SetUsage(NamedTuple):
    application: NotificationSetApplication
    difference: list[PreferenceDifference]


def get_set_usages(provider: Provider) -> dict[UUID, list[SetUsage]]:
    """Return for each set of the office the users that it was applied to, with their deviations. Four queries."""
    office = preferences.get_office_preferences(provider)
    rows = NotificationSetApplication.objects.filter(provider=provider).select_related("notification_set", "user")
    found: dict[UUID, list[SetUsage]] = {}
    for row in rows.prefetch_related("notification_set__settings", "user__notification_settings").order_by(
        "user__sort_name", "pk"
    ):
        now = preferences.apply_overrides(preferences.load_overrides(row.user.notification_settings.all()), office)
        use = SetUsage(row, _compare_preferences(preferences.get_set_preferences(row.notification_set), now))
        found.setdefault(row.notification_set_id, []).append(use)
    return found


def _replace_preferences(notification_set: NotificationSet, contents: PreferencesByType, _by: Actor) -> Changes:
    stored = preferences.get_set_preferences(notification_set)
    removed: OverridesByType = {type_: PreferenceOverride() for type_ in stored if type_ not in contents}
    return replace_settings(
        stored, {**removed, **contents}, provider_id=notification_set.provider_id, notification_set=notification_set
    )


_SETS = SetType(
    NotificationSet,
    Verb.NOTIFICATION_SET_CREATED,
    Verb.NOTIFICATION_SET_CHANGED,
    Verb.NOTIFICATION_SET_DELETED,
    _replace_preferences,
)


@action()
def create_set(provider: Provider, *, name: str, contents: PreferencesByType, by: Actor) -> NotificationSet:
    """Create a set, see `SetType`. Raises ValidationError for days outside 0 to 99."""
    return _SETS.create(provider, name, contents, by)


@action()
def update_set(
    notification_set: NotificationSet, *, name: str, contents: PreferencesByType, version: int, by: Actor
) -> None:
    """Update a set, see `SetType`. Raises ValidationError for days outside 0 to 99."""
    _SETS.update(notification_set, name, contents, version, by)


@action()
def delete_set(notification_set: NotificationSet, *, version: int, by: Actor) -> None:
    _SETS.delete(notification_set, version, by)


@action()
def apply_set(notification_set: NotificationSet, user: User, *, by: Actor) -> None:
    """Copy the set to a user once; types outside the set are left unchanged.

    Raises EditConflict when the set was deleted, PermissionDenied without manage_signals and for a user of another
    office.
    """
    stored = _SETS.lock_for(user, notification_set, Right.MANAGE_SIGNALS, by)
    own, contents = preferences.get_user_overrides(user), preferences.get_set_preferences(stored)
    changes: Changes = {stored.name: [None, "applied"]}
    changes |= replace_settings(own, contents, provider_id=user.provider_id, user=user)
    NotificationSetApplication.objects.update_or_create(
        provider_id=stored.provider_id, notification_set=stored, user=user, defaults={"applied_at": timezone.now()}
    )
    record(Verb.NOTIFICATION_SET_APPLIED, user, by=by, provider_id=user.provider_id, changes=changes)
