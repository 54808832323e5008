"""Metadata values: integer keys as in the published API, each beside our own code. Keys are never reused."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Case, CharField, IntegerField, Value, When

from accounts.models import LoginMethod
from api.inputs import MetadataInput
from api.schemas import MetadataField, MetadataOption, MetadataValue
from notifications.catalog import NotificationType
from users.status import AccountStatus

MemberT = TypeVar("MemberT", bound=Any)  # a member of an enumeration with a label

LOGIN_METHOD_KEYS = {LoginMethod.WEBSITE_SSO: 1, LoginMethod.AZURE_AD: 2, LoginMethod.SSO_WEBSERVICE: 3}
ACCESS_STATUS_KEYS = {
    AccountStatus.ENDED: 1,
    AccountStatus.BLOCKED: 2,
    AccountStatus.ACTIVE: 3,
    AccountStatus.INVITED: 5,
    AccountStatus.UNDELIVERED: 6,
    AccountStatus.REVOKED: 7,
    AccountStatus.EXPIRED: 8,
    AccountStatus.OPENED: 9,
    AccountStatus.SENDING: 10,
    AccountStatus.LOCKED: 11,
    AccountStatus.REFUSED: 12,
}
# The coarser statuses of the original API (domain.md section 6.1).
ACCESS_STATUS_NAMES = {
    AccountStatus.BLOCKED: "UserIsBlocked",
    AccountStatus.ENDED: "NoAccessToClient",
    AccountStatus.ACTIVE: "HasAccessToClient",
    AccountStatus.REVOKED: "InviteCancelled",
    AccountStatus.LOCKED: "InviteFailed",
    AccountStatus.EXPIRED: "InviteExpired",
    AccountStatus.REFUSED: "InviteFailed",
    AccountStatus.UNDELIVERED: "InviteFailed",
    AccountStatus.OPENED: "InvitePending",
    AccountStatus.SENDING: "InvitePending",
    AccountStatus.INVITED: "InvitePending",
}
NOTIFICATION_TYPE_KEYS = {
    NotificationType.BIRTHDAY: 1,
    NotificationType.MILESTONE_BIRTHDAY: 2,
    NotificationType.EMPLOYMENT_START: 3,
    NotificationType.STATE_PENSION_AGE: 4,
    NotificationType.WEDDING_ANNIVERSARY: 5,
    NotificationType.PROBATION_END: 6,
    NotificationType.FIXED_TERM_END: 7,
    NotificationType.EMPLOYMENT_END: 8,
    NotificationType.SERVICE_ANNIVERSARY: 9,
    NotificationType.APPRAISAL: 10,
    NotificationType.CERTIFICATE_EXPIRES: 11,
    NotificationType.GARNISHMENT_END: 12,
    NotificationType.IDENTITY_EXPIRES: 13,
    NotificationType.RESIDENCE_EXPIRES: 14,
    NotificationType.LICENCE_EXPIRES: 15,
    NotificationType.SICKNESS: 16,
    NotificationType.SICKNESS_MILESTONE: 17,
    NotificationType.DOCUMENT_ADDED: 18,
    NotificationType.OWN: 19,
}


def serialize_metadata(keys: Mapping[MemberT, int], member: MemberT) -> MetadataValue:
    return MetadataValue(key=keys[member], value=str(member.label), code=member.value)


def list_options(field: str, keys: Mapping[MemberT, int]) -> MetadataField:
    """Return the metadata field with all members of `keys`."""
    options = [
        MetadataOption(key=key, value=str(member.label), code=member.value)
        for member, key in sorted(keys.items(), key=lambda item: item[1])
    ]
    return MetadataField(field=field, options=options)


def find_member(keys: Mapping[MemberT, int], sent: MetadataInput) -> MemberT | None:
    """Return the member that `sent` names by its key or code, None if there is none."""
    wanted = sent.code if sent.key is None else sent.key
    return next((member for member, key in keys.items() if wanted in (key, member.value)), None)


def build_key_case(column: str, keys: Mapping[Any, int]) -> Case:
    """Return the key of the code in `column`, for filters."""
    whens = [When(**{column: member.value}, then=Value(key)) for member, key in keys.items()]
    return Case(*whens, output_field=IntegerField())


def build_status_name_case() -> Case:
    """Return the published word for the annotated account status, for filters."""
    whens = [When(status=status.value, then=Value(name)) for status, name in ACCESS_STATUS_NAMES.items()]
    return Case(*whens, output_field=CharField())
