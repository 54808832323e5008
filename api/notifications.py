"""Notification sets of the office, and notification settings of a user."""

from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query
from typing_extensions import TypedDict

import notifications.actions
from accounts.models import User
from api import errors, etags, metadata, user_schemas
from api.auth import ApiRequest
from api.errors import ApiError
from api.filters import FieldType, FilterField
from api.inputs import NotificationSettingsUpdate
from api.listing import ListQuery, render_list, render_whole_list
from api.operations import Operations
from api.schemas import MetadataValue, ResourceReference, render_item, render_paged_item
from core.keys import compute_name_key
from notifications import preferences
from notifications.catalog import NotificationType
from notifications.models import NotificationSet
from notifications.preferences import NotificationPreference, OverridesByType, PreferenceOverride
from oauth.scopes import Scope
from permissions.checks import Right

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

operations = Operations("signals", read=Scope.USERS_READ, write=Scope.USERS_WRITE)
FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "description": FilterField("name", key=compute_name_key),
    "numberOfLinkedEmployerUsers": FilterField("linked", FieldType.NUMBER),
    "numberOfLinkedUsers": FilterField("linked", FieldType.NUMBER),
}
_SETTING_FIELDS = {
    "is_on": "isEnabled",
    "days": "createNumberOfDaysBeforeEvent",
    "mail": "sendMailWhenNotificationIsCreated",
}


class NotificationSettingResource(TypedDict):
    """Settings of one notification type. For some types the days count after the event.

    `receiveDepartmentSignalsOnly` is always false, because departments are of an employer.
    """

    notificationType: MetadataValue
    isEnabled: bool
    createNumberOfDaysBeforeEvent: int
    daysCountAfterEvent: bool
    receiveDepartmentSignalsOnly: bool
    sendMailWhenNotificationIsCreated: bool


class NotificationSetResource(TypedDict):
    """A named set of notification settings. Applying it leaves types outside the set unchanged."""

    id: UUID
    description: str
    notifications: list[NotificationSettingResource]
    numberOfLinkedEmployerUsers: int
    numberOfLinkedUsers: int


class UserNotificationSetting(NotificationSettingResource):
    """Settings of one notification type for a user; `deviations` are the fields that differ from the office."""

    deviations: list[str]


class UserNotificationSettings(TypedDict):
    """All notification settings of a user, and the set that they came from if it was named."""

    notificationSet: ResourceReference | None
    notifications: list[UserNotificationSetting]


def _serialize_setting(type_: NotificationType, preference: NotificationPreference) -> NotificationSettingResource:
    return NotificationSettingResource(
        notificationType=metadata.serialize_metadata(metadata.NOTIFICATION_TYPE_KEYS, type_),
        isEnabled=preference.is_on,
        createNumberOfDaysBeforeEvent=preference.days,
        daysCountAfterEvent=type_.after,
        receiveDepartmentSignalsOnly=False,
        sendMailWhenNotificationIsCreated=preference.mail,
    )


class _LinkedUserCount(TypedDict):
    """The number of users that a set was applied to."""

    linked: int


_LinkedSet: TypeAlias = "WithAnnotations[NotificationSet, _LinkedUserCount]"


def _serialize_set(found: _LinkedSet) -> NotificationSetResource:
    return NotificationSetResource(
        id=found.pk,
        description=found.name,
        notifications=[
            _serialize_setting(type_, preference)
            for type_, preference in preferences.get_set_preferences(found).items()
        ],
        numberOfLinkedEmployerUsers=found.linked,
        numberOfLinkedUsers=found.linked,
    )


def _get_visible_sets(request: ApiRequest) -> QuerySet[_LinkedSet]:
    sets = NotificationSet.objects.visible_to(request.caller.user)
    return sets.annotate(linked=Count("applications")).prefetch_related("settings")


@operations.get_list(
    "/providers/{uuid:provider_id}/notificationsets",
    "GetNotificationSetsByProviderId",
    NotificationSetResource,
    Right.VIEW_USERS,
    fields=FILTER_FIELDS,
)
def list_notification_sets(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the notification sets of the office."""
    return render_list(request, _get_visible_sets(request), query, FILTER_FIELDS, _serialize_set)


@operations.get_item(
    "/providers/notificationsets/{uuid:notification_set_id}",
    "GetNotificationSetByNotificationSetId",
    NotificationSetResource,
    Right.VIEW_USERS,
)
def get_notification_set(request: ApiRequest, notification_set_id: UUID) -> HttpResponse:
    """Return a notification set."""
    found = errors.get_or_404(_get_visible_sets(request), notification_set_id)
    shown = _serialize_set(found)
    return render_item(
        request, shown, etag=etags.hash_unordered([str(found.version), str(shown["numberOfLinkedUsers"])])
    )


@operations.get_whole_list(
    "/providers/users/{uuid:user_id}/notificationsettings",
    "GetNotificationSettingsByUserId",
    UserNotificationSetting,
    Right.VIEW_USERS,
)
def get_notification_settings(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """List the notification settings of a user: those of the office, with the user's deviations."""
    user = user_schemas.get_user_or_404(request, user_id)
    response = render_whole_list(request, list(_serialize_settings(user)))
    response["ETag"] = f'"{_compute_etag(user)}"'
    return response


@operations.get_paged_item(
    "/providers/users/{uuid:user_id}/notificationset",
    "GetNotificationSetByUserId",
    ResourceReference | None,
    Right.VIEW_USERS,
)
def get_applied_notification_set(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """Return the notification set that was applied to a user last, null if none was."""
    user = user_schemas.get_user_or_404(request, user_id)
    found = user.applied_notification_sets.select_related("notification_set").order_by("-applied_at").first()
    if found is None:
        return render_paged_item(request, None)
    applied = found.notification_set
    return render_paged_item(request, ResourceReference(id=applied.pk, description=applied.name))


def _serialize_settings(user: User) -> list[UserNotificationSetting]:
    own, office = preferences.get_user_overrides(user), preferences.get_office_preferences(user.office)
    return [
        UserNotificationSetting(
            **_serialize_setting(type_, preference), deviations=_list_deviations(own.get(type_, PreferenceOverride()))
        )
        for type_, preference in preferences.apply_overrides(own, office).items()
    ]


def _list_deviations(own: PreferenceOverride) -> list[str]:
    return [name for part, name in _SETTING_FIELDS.items() if getattr(own, part) is not None]


def _compute_etag(user: User) -> str:
    return etags.hash_unordered(
        [
            preferences.fingerprint_preferences(preferences.get_user_overrides(user)),
            preferences.fingerprint_preferences(preferences.get_office_preferences(user.office)),
        ]
    )


@operations.patch(
    "/providers/users/{uuid:user_id}/notificationsettings",
    "PatchNotificationSettingsByUserId",
    UserNotificationSettings,
    Right.MANAGE_SIGNALS,
)
def patch_notification_settings(request: ApiRequest, user_id: UUID, body: NotificationSettingsUpdate) -> HttpResponse:
    """Change notification settings of a user. Omitted fields are left unchanged; null follows the office again."""
    user_schemas.get_user_or_404(request, user_id)
    named = _parse_set(request, body)
    rows = User.objects.visible_to(request.caller.user).select_related("provider")
    with etags.lock_row(request, rows, user_id, etag=_compute_etag) as user:
        own = preferences.get_user_overrides(user)
        notifications.actions.set_user_overrides(
            user, _merge_changes(own, body), seen=preferences.fingerprint_preferences(own), by=request.by
        )
    content = UserNotificationSettings(notificationSet=named, notifications=_serialize_settings(user))
    return render_item(request, content, etag=_compute_etag(user))


def _parse_set(request: ApiRequest, sent: NotificationSettingsUpdate) -> ResourceReference | None:
    """Return the set that the settings came from. Raises ApiError (400) if it does not exist in the office."""
    if sent.notificationSet is None:
        return None
    rows = NotificationSet.objects.visible_to(request.caller.user)
    found = errors.get_or_400(rows, sent.notificationSet.id, "signal", "notificationSet.id")
    return ResourceReference(id=found.pk, description=found.name)


def _merge_changes(own: OverridesByType, body: NotificationSettingsUpdate) -> OverridesByType:
    """Return `own` with the changes applied. Raises ApiError (400) for an unknown notification type."""
    found = dict(own)
    for number, sent in enumerate(body.notifications):
        type_ = metadata.find_member(metadata.NOTIFICATION_TYPE_KEYS, sent.notificationType)
        if type_ is None:
            key = sent.notificationType.code if sent.notificationType.key is None else sent.notificationType.key
            text = _("Notification “%(key)s” does not exist.") % {"key": key}
            raise ApiError(400, "signal", text, field=f"notifications.{number}.notificationType.key")
        parts = {part: getattr(sent, name) for part, name in _SETTING_FIELDS.items() if name in sent.model_fields_set}
        found[type_] = found.get(type_, PreferenceOverride())._replace(**parts)
    return found
