"""Actions on notifications: change preferences, raise a notification event, mark as read."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import Provider, User
from audit.actions import record, record_many
from audit.actors import Actor, action
from audit.models import Verb
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from core.text import validate_no_control_characters, validate_no_direction_marks
from notifications import delivery, preferences, sets
from notifications.catalog import NotificationType
from notifications.models import (
    MAX_TEXT_LENGTH,
    DailyRun,
    Notification,
    NotificationEvent,
    NotificationSet,
    NotificationSetting,
)
from notifications.preferences import OverridesByType, PreferenceOverride, PreferencesByType
from notifications.settings_storage import diff_preferences, replace_settings
from permissions import checks
from permissions.action_helpers import lock_and_authorize, require_same_office
from permissions.checks import Right
from permissions.models import Employer


@action()
def set_office_preferences(provider: Provider, desired: PreferencesByType, *, seen: str, by: Actor) -> None:
    """Set the office's preferences; types that are not in `desired` keep theirs.

    `seen` is the fingerprint of the preferences shown on the page. Raises PermissionDenied without manage_signals,
    EditConflict, ValidationError for days outside 0 to 99.
    """
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_SIGNALS)
    before = preferences.get_office_preferences(provider)
    if preferences.fingerprint_preferences(before) != seen:
        raise EditConflict
    changes = replace_settings(before, desired, provider_id=provider.pk)
    if changes:
        record(Verb.NOTIFICATIONS_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)


@action()
def set_user_overrides(user: User, desired: OverridesByType, *, seen: str, by: Actor) -> None:
    """Replace the overrides of `user` by `desired`. Raises as `set_office_preferences`."""
    lock_and_authorize(user.provider_id, by, Right.MANAGE_SIGNALS)
    _replace_overrides(user, desired, seen, by)


@action()
def set_overrides_for_users(users: Sequence[User], desired: OverridesByType, *, by: Actor) -> None:
    """Set overrides for users of one office who have none yet. Raises as `set_office_preferences`."""
    if not users:
        return
    provider = lock_and_authorize(users[0].provider_id, by, Right.MANAGE_SIGNALS)
    require_same_office(provider, users)
    rows = (
        NotificationSetting(provider=provider, user=user, type=type_, **own._asdict())
        for user in users
        for type_, own in desired.items()
    )
    NotificationSetting.objects.bulk_create(rows, batch_size=1000)
    same = diff_preferences({}, desired)
    record_many(Verb.NOTIFICATIONS_CHANGED, ((user, same) for user in users), by=by, provider_id=provider.pk)


@action()
def clear_user_overrides(user: User, *, by: Actor) -> bool:
    """Return False when there were none. Raises PermissionDenied without manage_signals."""
    lock_and_authorize(user.provider_id, by, Right.MANAGE_SIGNALS)
    before = preferences.get_user_overrides(user)
    _replace_overrides(user, {}, preferences.fingerprint_preferences(before), by)
    return bool(before)


@action(ReauthenticationLevel.NONE)
def set_own_email_preferences(user: User, mail: Mapping[NotificationType, bool], *, by: Actor) -> None:
    """Set which types are e-mailed to the actor. Raises PermissionDenied for another user."""
    checks.require_self(by, user.pk)
    lock_provider(user.provider_id)
    own, now = preferences.get_user_overrides(user), preferences.get_user_preferences(user)
    changed = {
        type_: own.get(type_, PreferenceOverride())._replace(mail=desired)
        for type_, desired in mail.items()
        if desired != now[type_].mail
    }
    _replace_overrides(user, own | changed, preferences.fingerprint_preferences(own), by)


def _replace_overrides(user: User, desired: OverridesByType, seen: str, by: Actor) -> None:
    before = preferences.get_user_overrides(user)
    if preferences.fingerprint_preferences(before) != seen:
        raise EditConflict
    gone = {type_: PreferenceOverride() for type_ in before}
    changes = replace_settings(before, gone | desired, provider_id=user.provider_id, user=user)
    if changes:
        record(Verb.NOTIFICATIONS_CHANGED, user, by=by, provider_id=user.provider_id, changes=changes)


@action()
def apply_initial_set(user: User, *, notification_set: NotificationSet | None, by: Actor) -> None:
    """Apply a set to a user who is being created; without one, no right is needed. Raises as `sets.apply_set`."""
    if notification_set is not None:
        sets.apply_set(notification_set, user, by=by)


@action()
def raise_notification_event(
    provider: Provider,
    employer: Employer,
    notification_type: NotificationType,
    event_date: date,
    *,
    text: str = "",
    reference: str = "",
    by: Actor,
) -> NotificationEvent:
    """Raise an event about `employer` on `event_date`: shown at once where due, otherwise on each user's day.

    `text` is shown in addition to the type ("30 jaar"); `reference` distinguishes events of one type, employer and day,
    and defaults to the text. Raising an event again returns the existing one. Recipients and e-mail are determined on
    the day itself, see `notifications.delivery`. Raises PermissionDenied for another office's employer and without
    manage_employer_signals there, ValidationError for a text or reference of more than 150 characters or with control
    characters, ValueError for an unknown type.
    """
    checks.require_office(by, provider.pk)
    require_same_office(provider, [employer])
    _require_may_raise(by, employer)
    reference = reference or text
    for value in (text, reference):
        _validate_text(value)
    event, is_new = NotificationEvent.objects.get_or_create(
        provider=provider,
        employer=employer,
        type=NotificationType(notification_type),
        event_date=event_date,
        reference=reference,
        defaults={"text": text},
    )
    if is_new:
        today = timezone.localdate()
        delivery.create_notifications(provider.pk, today=today, event=event)
        _schedule_daily_run(provider, today)
        changes = {"type": [None, event.type], "event_date": [None, event_date.isoformat()]}
        record(Verb.NOTIFICATION_RAISED, employer, by=by, provider_id=provider.pk, changes=changes)
    return event


def _require_may_raise(by: Actor, employer: Employer) -> None:
    right = Right.MANAGE_EMPLOYER_SIGNALS
    if not by.is_operator and not (by.user and checks.has_right(by.user, right, employer)):
        raise PermissionDenied(_("You do not have the right “%(right)s”.") % {"right": right.label})


def _validate_text(value: str) -> None:
    if len(value) > MAX_TEXT_LENGTH:
        raise ValidationError(
            _("Use at most %(count)s characters."), code="max_length", params={"count": MAX_TEXT_LENGTH}
        )
    validate_no_control_characters(value)
    validate_no_direction_marks(value)


def _schedule_daily_run(provider: Provider, day: date) -> None:
    """Have the worker process the office on `day` at the latest."""
    DailyRun.objects.bulk_create([DailyRun(provider=provider, due_on=day)], ignore_conflicts=True)
    DailyRun.objects.filter(provider=provider, due_on__gt=day).update(due_on=day)


@action(ReauthenticationLevel.NONE)
def mark_notification_read(notice: Notification, *, by: Actor) -> bool:
    """Return False when it was already read. Raises PermissionDenied for another user's notification."""
    user = checks.require_self(by, notice.user_id)
    return _mark_notifications(Notification.objects.filter(pk=notice.pk), user, by) == 1


@action(ReauthenticationLevel.NONE)
def mark_all_notifications_read(user: User, *, until: UUID, by: Actor) -> int:
    """Mark the notifications of `user` up to and including `until` as read; return their number.

    Newer ones, shown after the page was rendered, stay unread. Raises PermissionDenied for another user.
    """
    checks.require_self(by, user.pk)
    shown = Notification.objects.visible_to(user)
    last = shown.filter(pk=until).first()
    return _mark_notifications(shown.filter(shown_at__lte=last.shown_at), user, by) if last else 0


def _mark_notifications(notices: "models.QuerySet[Notification]", user: User, by: Actor) -> int:
    marked = notices.filter(read_at=None).update(read_at=timezone.now())
    if marked:
        record(Verb.NOTIFICATIONS_READ, user, by=by, provider_id=user.provider_id, changes={"signals": [None, marked]})
    return marked
