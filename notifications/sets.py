"""Notification sets: bundles of preferences that are copied to users (domain.md section 5)."""

from typing import NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Provider, User
from audit.actions import record
from audit.actors import Actor, requires_reauthentication
from audit.changes import Changes
from audit.models import Verb
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from notifications import preferences
from notifications.catalog import NotificationType
from notifications.models import NotificationSet, NotificationSetApplication
from notifications.preferences import NotificationPreference, OverridesByType, PreferenceOverride, PreferencesByType
from notifications.settings_storage import replace_settings
from permissions.action_helpers import lock_and_authorize, match_name
from permissions.checks import Right


class PreferenceDifference(NamedTuple):
    """The current preference of a user for one type, and that of the set."""

    type: NotificationType
    now: NotificationPreference
    wanted: NotificationPreference


def get_set_differences(notification_set: NotificationSet, user: User) -> list[PreferenceDifference]:
    """Return what applying the set would change for `user`; types outside the set stay as they are."""
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
    """A user that a set was applied to, and the current deviations from it."""

    application: NotificationSetApplication
    difference: list[PreferenceDifference]


def get_set_usages(provider: Provider) -> dict[UUID, list[SetUsage]]:
    """Return for each set of the office the users that it was applied to, with their deviations. Four queries."""
    office = preferences.get_office_preferences(provider)
    rows = NotificationSetApplication.objects.filter(provider=provider).select_related("notification_set", "user")
    found: dict[UUID, list[SetUsage]] = {}
    for row in rows.prefetch_related("notification_set__settings", "user__signal_settings").order_by(
        "user__sort_name", "pk"
    ):
        now = preferences.apply_overrides(preferences.load_overrides(row.user.signal_settings.all()), office)
        use = SetUsage(row, _compare_preferences(preferences.get_set_preferences(row.notification_set), now))
        found.setdefault(row.notification_set_id, []).append(use)
    return found


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def create_set(provider: Provider, *, name: str, contents: PreferencesByType, by: Actor) -> NotificationSet:
    """Create a set; no user's preferences change.

    Raises PermissionDenied without manage_sets, ValidationError (field name, code "taken"; days outside 0 to 99).
    """
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_SETS)
    made = NotificationSet(provider=provider, name=name)
    _require_free_name(made)
    made.save(force_insert=True)
    changes: Changes = {"name": [None, name]}
    changes |= replace_settings({}, contents, provider_id=provider.pk, notification_set=made)
    record(Verb.NOTIFICATION_SET_CREATED, made, by=by, provider_id=provider.pk, changes=changes)
    return made


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def change_set(
    notification_set: NotificationSet, *, name: str, contents: PreferencesByType, version: int, by: Actor
) -> None:
    """Change a set; users it was applied to keep their preferences. Raises as `create_set`, and EditConflict."""
    fresh = _lock_set(notification_set, by, version)
    changes: Changes = {} if fresh.name == name else {"name": [fresh.name, name]}
    before = preferences.get_set_preferences(fresh)
    left_out: OverridesByType = {type_: PreferenceOverride() for type_ in before if type_ not in contents}
    changes |= replace_settings(before, {**left_out, **contents}, provider_id=fresh.provider_id, notification_set=fresh)
    if not changes:
        return
    fresh.name = name
    _require_free_name(fresh)
    NotificationSet.objects.filter(pk=fresh.pk).update(name=name, version=F("version") + 1)
    record(Verb.NOTIFICATION_SET_CHANGED, fresh, by=by, provider_id=fresh.provider_id, changes=changes)


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def delete_set(notification_set: NotificationSet, *, version: int, by: Actor) -> None:
    """Delete a set; users it was applied to keep their preferences. Raises EditConflict, PermissionDenied."""
    fresh = _lock_set(notification_set, by, version)
    record(Verb.NOTIFICATION_SET_DELETED, fresh, by=by, provider_id=fresh.provider_id)
    fresh.delete()


def _lock_set(notification_set: NotificationSet, by: Actor, version: int) -> NotificationSet:
    lock_and_authorize(notification_set.provider_id, by, Right.MANAGE_SETS)
    fresh = NotificationSet.objects.filter(pk=notification_set.pk).first()
    if fresh is None or fresh.version != version:
        raise EditConflict
    return fresh


def _require_free_name(made: NotificationSet) -> None:
    others = NotificationSet.objects.filter(match_name(made.name), provider=made.provider_id).exclude(pk=made.pk)
    if others.exists():
        message = _("A set with this name already exists. Choose another name.")
        raise ValidationError({"name": ValidationError(message, code="taken")})


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def apply_set(notification_set: NotificationSet, user: User, *, by: Actor) -> None:
    """Copy the set to a user, once; types outside the set stay as they are.

    Raises EditConflict when the set was deleted, PermissionDenied without manage_signals and for a user of another
    office.
    """
    if notification_set.provider_id != user.provider_id:
        raise PermissionDenied(_("This is not your office."))
    lock_and_authorize(user.provider_id, by, Right.MANAGE_SIGNALS)
    fresh = NotificationSet.objects.filter(pk=notification_set.pk).first()
    if fresh is None:
        raise EditConflict
    changes: Changes = {fresh.name: [None, "applied"]}
    changes |= replace_settings(
        preferences.get_user_overrides(user),
        preferences.get_set_preferences(fresh),
        provider_id=user.provider_id,
        user=user,
    )
    NotificationSetApplication.objects.update_or_create(
        provider_id=user.provider_id, notification_set=fresh, user=user, defaults={"applied_at": timezone.now()}
    )
    record(Verb.NOTIFICATION_SET_APPLIED, user, by=by, provider_id=user.provider_id, changes=changes)
