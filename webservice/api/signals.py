"""Notification sets of the office, and notification settings of a user."""

from uuid import UUID

from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router
from typing_extensions import TypedDict

import notifications.actions
from accounts.models import User
from notifications import wishes
from notifications.catalogue import SignalType
from notifications.models import SignalSet
from notifications.wishes import Own, Owns, Wish
from teams.rights import Right
from webservice.api import etags, faults, people
from webservice.api.door import ApiRequest, needs, require_office
from webservice.api.envelopes import Answer, Listed, Metadata, answer
from webservice.api.faults import Fault
from webservice.api.filters import Field, Kind
from webservice.api.inputs import SignalChanges
from webservice.api.listing import ListQuery, listed
from webservice.api.responses import changes, reads
from webservice.scopes import Scope

router = Router(tags=["signals"])
FIELDS = {"id": Field("id", Kind.ID), "description": Field("name")}
_PARTS = {
    "is_on": "isEnabled",
    "days": "createNumberOfDaysBeforeEvent",
    "mail": "sendMailWhenNotificationIsCreated",
}


class SignalResource(TypedDict):
    """Settings of one notification type. For some types the days count after the event."""

    notificationType: Metadata
    isEnabled: bool
    createNumberOfDaysBeforeEvent: int
    daysCountAfterEvent: bool
    sendMailWhenNotificationIsCreated: bool


class SignalSetResource(TypedDict):
    """A named set of notification settings. Applying it leaves types outside the set unchanged."""

    id: UUID
    description: str
    notificationSettings: list[SignalResource]
    numberOfLinkedUsers: int


class UserSignal(SignalResource):
    """Settings of one notification type for a user; `deviations` are the fields that differ from the office."""

    deviations: list[str]


class UserSignals(TypedDict):
    """All notification settings of a user."""

    notificationSettings: list[UserSignal]


def _signal(type_: SignalType, wish: Wish) -> SignalResource:
    return SignalResource(
        notificationType=Metadata(key=type_.value, value=str(type_.label)),
        isEnabled=wish.is_on,
        createNumberOfDaysBeforeEvent=wish.days,
        daysCountAfterEvent=type_.after,
        sendMailWhenNotificationIsCreated=wish.mail,
    )


def _set(found: SignalSet) -> SignalSetResource:
    return SignalSetResource(
        id=found.pk,
        description=found.name,
        notificationSettings=[_signal(type_, wish) for type_, wish in wishes.contents(found).items()],
        numberOfLinkedUsers=found.linked,  # type: ignore[attr-defined]
    )


def _sets(request: ApiRequest) -> "QuerySet[SignalSet]":
    sets = SignalSet.objects.visible_to(request.caller.user)
    return sets.annotate(linked=Count("applications")).prefetch_related("settings")


@router.get(
    "/providers/{uuid:provider_id}/notificationsets",
    operation_id="GetNotificationSetsByProviderId",
    response=reads(Listed[SignalSetResource], 400, 404),
    **needs(Scope.USERS_READ, Right.VIEW_USERS),
)
def list_sets(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the notification sets of the office."""
    require_office(request, provider_id)
    return listed(request, _sets(request), query, fields=FIELDS, order=("name",), shown=_set)


@router.get(
    "/providers/notificationsets/{uuid:notification_set_id}",
    operation_id="GetNotificationSetById",
    response=reads(Answer[SignalSetResource], 404),
    **needs(Scope.USERS_READ, Right.VIEW_USERS),
)
def get_set(request: ApiRequest, notification_set_id: UUID) -> HttpResponse:
    """Return a notification set."""
    found = _sets(request).filter(pk=notification_set_id).first()
    if found is None:
        raise faults.not_found()
    shown = _set(found)
    return answer(request, shown, etag=etags.of([str(found.version), str(shown["numberOfLinkedUsers"])]))


@router.get(
    "/providers/users/{uuid:user_id}/notificationsettings",
    operation_id="GetNotificationSettingsByUserId",
    response=reads(Answer[UserSignals], 404),
    **needs(Scope.USERS_READ, Right.VIEW_USERS),
)
def get_signals(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """Return the notification settings of a user: those of the office, with the user's deviations."""
    return _of(request, people.one(request, user_id))


def _of(request: ApiRequest, person: User) -> HttpResponse:
    own, office = wishes.own_wishes(person), wishes.office_wishes(person.provider)
    signals = [
        UserSignal(**_signal(type_, wish), deviations=_deviations(own.get(type_, Own())))
        for type_, wish in wishes.over(own, office).items()
    ]
    return answer(request, UserSignals(notificationSettings=signals), etag=_etag(person))


def _deviations(own: Own) -> list[str]:
    return [name for part, name in _PARTS.items() if getattr(own, part) is not None]


def _etag(person: User) -> str:
    return etags.of([wishes.stamp(wishes.own_wishes(person)), wishes.stamp(wishes.office_wishes(person.provider))])


@router.patch(
    "/providers/users/{uuid:user_id}/notificationsettings",
    operation_id="PatchNotificationSettingsByUserId",
    response=changes(Answer[UserSignals]),
    **needs(Scope.USERS_WRITE, Right.MANAGE_SIGNALS),
)
def patch_signals(request: ApiRequest, user_id: UUID, body: SignalChanges) -> HttpResponse:
    """Change notification settings of a user. Omitted fields are left unchanged; null follows the office again."""
    rows = User.objects.visible_to(request.caller.user).select_related("provider")
    with etags.locked(request, rows, user_id, etag=_etag) as person:
        own = wishes.own_wishes(person)
        notifications.actions.set_own(person, _changed(own, body), seen=wishes.stamp(own), by=request.by)
    return _of(request, person)


def _changed(own: Owns, body: SignalChanges) -> Owns:
    """Return `own` with the changes applied. Raises Fault (400) for an unknown notification type."""
    found = dict(own)
    for number, sent in enumerate(body.notificationSettings):
        key = sent.notificationType.key
        if key not in set(SignalType):
            text = _("Notification “%(key)s” does not exist.") % {"key": key}
            raise Fault(400, "signal", text, field=f"notificationSettings.{number}.notificationType.key")
        type_ = SignalType(key)
        parts = {part: getattr(sent, name) for part, name in _PARTS.items() if name in sent.model_fields_set}
        found[type_] = found.get(type_, Own())._replace(**parts)
    return found
