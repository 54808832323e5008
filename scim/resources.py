"""What a directory can read and write of a user (RFC 7643). The library takes a second to import: see `loket.urls`."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Annotated, Any

from pydantic import Field
from scim2_models import (
    URN,
    AnyExtension,
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    Returned,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)

from accounts.models import User
from scim.models import DirectoryGroup, DirectoryUser
from scim.names import build_attributes

MAX_RESULTS = 200
USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"


class Name(ComplexAttribute):
    formatted: str | None = None
    family_name: str | None = None
    given_name: str | None = None


class Email(ComplexAttribute):
    value: str | None = None
    type: str | None = None
    primary: bool | None = None


class PhoneNumber(ComplexAttribute):
    """Only that with the type "mobile" is used, once: for the code of the invitation."""

    value: str | None = None
    type: str | None = None
    primary: bool | None = None


class ScimUser(Resource[AnyExtension]):
    __schema__ = URN(USER_SCHEMA)

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    name: Name | None = None
    display_name: str | None = None
    active: Annotated[bool | None, Required.true] = None
    emails: list[Email] | None = None
    phone_numbers: Annotated[list[PhoneNumber] | None, Mutability.write_only, Returned.never] = None


class GroupMember(ComplexAttribute):
    value: str | None = None
    ref: Reference["User"] | None = Field(None, serialization_alias="$ref", validation_alias="$ref")
    type: Annotated[str | None, Mutability.read_only] = Field(None, examples=["User"])


class ScimGroup(Resource[AnyExtension]):
    __schema__ = URN(GROUP_SCHEMA)

    display_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    members: list[GroupMember] | None = None


USER_TYPE, GROUP_TYPE = ResourceType.from_resource(ScimUser), ResourceType.from_resource(ScimGroup)
# Entra removes members by value and adds an e-mail address by a filter without match; all send attributes of their own.
LENIENT = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


@cache
def get_provider() -> ScimProvider:
    config = ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MAX_RESULTS),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="Bearer token",
                description="A token that an administrator of the office created for the connection.",
                primary=True,
            )
        ],
    )
    return ScimProvider(
        models=[ScimUser, ScimGroup], resource_types=[USER_TYPE, GROUP_TYPE], config=config, policy=LENIENT
    )


def serialize_directory_user(row: DirectoryUser, *, as_wanted: bool = False, is_shadow: bool = False) -> dict[str, Any]:
    """Return a user of the directory with the values that it sent.

    `active` is whether the account is open, or will be of a shadow and of what is held; or `as_wanted` what the
    directory said, on which a change builds.
    """
    user, active = row.user, row.wants_active if as_wanted else row.active
    if user is not None and not as_wanted and not is_shadow and not row.is_held:
        active = user.blocked_at is None and not user.has_ended()
    version = f"{row.version}-{user.version if user else 0}"
    resource = _serialize_meta(str(row.pk), row.created_at, row.changed_at, version)
    resource["userName"] = row.user_name
    if row.external_id is not None:
        resource["externalId"] = row.external_id
    resource |= row.attributes
    resource["active"] = active
    return resource


def serialize_user(user: User, tenant_id: Any, *, as_wanted: bool = False) -> dict[str, Any]:
    """Return a user whom no directory manages yet; an Azure user of its own tenant has the object ID as externalId.

    `as_wanted` as above: that the access has ended is of the office, and no wish of the directory.
    """
    resource = _serialize_meta(str(user.pk), user.created_at, user.created_at, f"0-{user.version}")
    resource["userName"] = user.username or user.email
    if user.external_user_id is not None and user.external_tenant_id == tenant_id:
        resource["externalId"] = str(user.external_user_id)
    resource |= build_attributes(user)
    if as_wanted:
        resource["active"] = user.blocked_at is None
    return resource


def serialize_group(group: DirectoryGroup, members: Iterable[DirectoryUser] | None) -> dict[str, Any]:
    """Return a group as the directory wants it, without `members` if they are None."""
    version = f"{group.version}-0"
    resource = _serialize_meta(str(group.pk), group.created_at, group.changed_at, version, "Group")
    resource["displayName"] = group.name
    if group.external_id is not None:
        resource["externalId"] = group.external_id
    if members is not None:
        resource["members"] = [{"value": str(row.pk), "$ref": f"Users/{row.pk}", "type": "User"} for row in members]
    return resource


def _serialize_meta(
    pk: str, created: datetime, changed: datetime, version: str, resource_type: str = "User"
) -> dict[str, Any]:
    meta = {
        "resourceType": resource_type,
        "created": _format_moment(created),
        "lastModified": _format_moment(changed),
        "version": f'W/"{version}"',
    }
    return {"schemas": [GROUP_SCHEMA if resource_type == "Group" else USER_SCHEMA], "id": pk, "meta": meta}


def _format_moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
