"""Storage of the SCIM library: reads what a directory sees, and writes through the actions only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from scim2_models import NotFoundException, PreconditionFailedException, Resource, ResourceType
from scim2_models import ResponseParameters as ScimParameters
from scim2_models import SearchRequest as ScimSearch
from scim2_models.path import CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator, ValuePath
from scim2_server.memory import InMemoryStorage
from scim2_server.storage import ScimStorage, SearchPage

from accounts.locks import lock_provider
from accounts.models import User
from audit.actors import Actor
from core.errors import EditConflict
from core.keys import compute_email_key, compute_username_key
from invitations.phone_numbers import parse_mobile_number
from scim import directory_rows, directory_users, group_storage
from scim.account_changes import parse_uuid
from scim.directory_rows import DirectoryRecord
from scim.models import MAX_ID_LENGTH, DirectoryConnection, DirectoryUser, MobileSource
from scim.resources import ScimUser, serialize_directory_user, serialize_user

_ATTRIBUTES = ("name", "displayName", "active", "emails")
_LISTED = [
    *(field.name for field in DirectoryUser._meta.concrete_fields),
    *(f"user__{name}" for name in ("blocked_at", "access_until", "version")),
]


class DirectoryStorage(ScimStorage):
    """What one connection sees.

    `reload` is given if the request may change something: the office is then locked throughout, and it returns the
    connection and the actor as they are from then on.
    """

    def __init__(
        self,
        connection: DirectoryConnection,
        by: Actor,
        *,
        reload: Callable[[], tuple[DirectoryConnection, Actor]] | None = None,
    ) -> None:
        self._connection, self._by, self._reload, self._changes = connection, by, reload, reload is not None
        self.mentioned: frozenset[UUID] | None = None  # the only members of a group that are read and changed

    @contextmanager
    def operation(self) -> Iterator[None]:
        if self._reload is None:
            yield
            return
        with transaction.atomic():
            lock_provider(self._connection.provider_id)
            self._connection, self._by = self._reload()
            yield

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ScimParameters[Any] | None = None,
    ) -> Resource[Any]:
        """Return a user: for the first reading of a change as the directory wants it, else as it is."""
        if _is_group(resource_type):
            return group_storage.read_group(self._connection, resource_id, response_parameters, among=self.mentioned)
        as_wanted, self._changes = self._changes, False
        return ScimUser.model_validate(self._serialize(self._find(resource_id), as_wanted=as_wanted))

    def search(
        self, resource_types: list[ResourceType], search_request: ScimSearch[Any], *, position: Any = None
    ) -> SearchPage:
        """Return a page. Without filter, order or projection its users are dictionaries, for `DirectoryService`."""
        memory, is_plain = InMemoryStorage(), search_request.filter is None and search_request.sort_by is None
        if is_plain and all(_is_group(found) for found in resource_types):
            return group_storage.paginate_groups(self._connection, search_request)
        if any(_is_group(found) for found in resource_types):
            memory.resources = group_storage.find_groups(self._connection, search_request)
        if all(_is_group(found) for found in resource_types):
            return memory.search(resource_types, search_request)
        rows = directory_rows.list_directory_users(self._connection)
        others = directory_rows.list_other_users(self._connection)
        if is_plain and len(resource_types) == 1:
            return self._paginate(rows, others, search_request)
        if search_request.filter is not None:
            conditions = _narrow(search_request.filter.ast)
            rows, others = rows.filter(conditions[0]), others.filter(conditions[1])
        users: list[Resource[Any]] = [
            ScimUser.model_validate(self._serialize(row)) for found in (rows, others) for row in found
        ]
        memory.resources = [*memory.resources, *users]
        if not users and (name := _get_asked_name(search_request)):
            memory.resources = [*memory.resources, *self._find_by_address(name)]
        return memory.search(resource_types, search_request)

    def _find_by_address(self, asked: str) -> list[Resource[Any]]:
        """Return a website user whom a directory looks up by an address as userName, with that userName."""
        found = directory_rows.find_by_address(self._connection, asked)
        return [ScimUser.model_validate(self._serialize(found) | {"userName": asked})] if found is not None else []

    def _paginate(
        self, rows: QuerySet[DirectoryUser], others: QuerySet[User], search_request: ScimSearch[Any]
    ) -> SearchPage:
        start = search_request.start_index_0 or 0
        total, ids = directory_rows.find_page(rows, others, start, search_request.count)
        on_page = Q(pk__range=(ids[0], ids[-1])) if ids else Q(pk__in=[])
        found = {row.pk: self._serialize(row) for row in rows.filter(on_page).only(*_LISTED)}
        if missing := [pk for pk in ids if pk not in found]:
            found |= {user.pk: self._serialize(user) for user in others.filter(pk__in=missing)}
        resources: list[Any] = [found[pk] for pk in ids if pk in found]
        if search_request.attributes or search_request.excluded_attributes:
            resources = [ScimUser.model_validate(resource) for resource in resources]
        return SearchPage(total, resources)

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        if _is_group(resource_type):
            return group_storage.create_group(self._connection, resource, self._by)
        row = directory_users.create_directory_user(
            self._connection, _build_record(resource, self._connection.mobile_source), by=self._by
        )
        return ScimUser.model_validate(self._serialize(row))

    def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        if _is_group(resource_type):
            return group_storage.update_group(
                self._connection, resource, expected_version, self._by, among=self.mentioned
            )
        pk = self._require_version(str(resource.id), expected_version)
        row = directory_users.update_directory_user(
            self._connection, pk, _build_record(resource, self._connection.mobile_source), by=self._by
        )
        return ScimUser.model_validate(self._serialize(row))

    def delete(self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None) -> None:
        if _is_group(resource_type):
            group_storage.delete_group(self._connection, resource_id, expected_version, self._by)
            return
        pk = self._require_version(resource_id, expected_version)
        directory_users.end_directory_user(self._connection, pk, by=self._by)

    def repeat_block(self, resource_type: ResourceType, resource_id: str) -> None:
        """Block a user who is out for the directory and whose account is open, also if the call changed nothing."""
        found = None if _is_group(resource_type) or self._connection.is_shadow else self._find(resource_id)
        if isinstance(found, DirectoryUser) and found.lacks_block:
            directory_users.repeat_block(self._connection, found.pk, by=self._by)

    def _require_version(self, resource_id: str, expected: str | None) -> UUID:
        found = self._find(resource_id)
        if expected is not None and self._serialize(found)["meta"]["version"] != expected:
            raise PreconditionFailedException
        return found.pk

    def _find(self, resource_id: str) -> DirectoryUser | User:
        try:
            found = directory_rows.find_resource(self._connection, UUID(resource_id))
        except (ValueError, EditConflict):
            found = None
        if found is None:
            raise NotFoundException(detail="This user does not exist, or not in this directory")
        return found

    def _serialize(self, row: DirectoryUser | User, *, as_wanted: bool = False) -> dict[str, Any]:
        if isinstance(row, DirectoryUser):
            return serialize_directory_user(row, as_wanted=as_wanted, is_shadow=self._connection.is_shadow)
        return serialize_user(row, self._connection.tenant_id, as_wanted=as_wanted)


def _is_group(resource_type: ResourceType) -> bool:
    return resource_type.name == "Group"


def _build_record(resource: Resource[Any], mobile_source: str) -> DirectoryRecord:
    sent = resource.model_dump()
    return DirectoryRecord(
        user_name=sent["userName"],
        external_id=sent.get("externalId"),
        attributes={name: sent[name] for name in _ATTRIBUTES if name in sent},
        mobile_number=_find_mobile_number(resource, mobile_source),
    )


def _find_mobile_number(resource: Any, source: str) -> str:
    """Return the mobile number in E.164, "" if there is none that an invitation accepts."""
    for entry in resource.phone_numbers or () if source != MobileSource.NONE else ():
        if entry.value and (source == MobileSource.ANY or (entry.type or "").lower() == "mobile"):
            try:
                return parse_mobile_number(entry.value.removeprefix("tel:"), confirmed=True)
            except ValidationError:
                continue
    return ""


def _get_asked_name(search_request: ScimSearch[Any]) -> str:
    """Return the address that a filter on nothing but userName asks for, else ""."""
    node = search_request.filter.ast if search_request.filter is not None else None
    if not isinstance(node, Comparison) or node.op is not CompareOperator.eq or not isinstance(node.value, str):
        return ""
    if node.attr_path.sub_attr or node.attr_path.attr.lower() != "username":
        return ""
    value = group_storage.clean_value(node.value)
    return value if "@" in value else ""


def _narrow(node: FilterNode, parent: str = "") -> tuple[Q, Q]:
    """Return conditions that every match of a filter meets: one on users of the directory, one on other users.

    Directories look users up by name, id or address. The library then applies the filter itself. `parent` is the
    attribute whose entries the filter selects.
    """
    if isinstance(node, ValuePath):
        return _narrow(node.val_filter, node.attr_path.attr.lower())
    if isinstance(node, LogicalExpr) and node.op is LogicalOperator.and_:
        parts = [_narrow(term, parent) for term in node.terms]
        return (
            Q(*(rows for rows, _others in parts)),
            Q(*(others for _rows, others in parts)),
        )
    if not isinstance(node, Comparison) or node.op is not CompareOperator.eq or not isinstance(node.value, str):
        return Q(), Q()
    value, path = group_storage.clean_value(node.value), node.attr_path
    match (parent, path.attr.lower()) if parent else (path.attr.lower(), path.sub_attr):
        case "username", None:
            key = compute_username_key(value)
            return Q(user_name_key=key[:MAX_ID_LENGTH]), Q(username_key=key) | Q(
                username=None, email_key=compute_email_key(value)
            )
        case "externalid", None:
            object_id = parse_uuid(value)
            return Q(external_id=value), Q(external_user_id=object_id) if object_id else Q(pk__in=[])
        case "emails", "value" | None if value.isascii() and value.isprintable() and not set('"\\') & set(value):
            return Q(attributes__emails__icontains=value), Q(email_key=compute_email_key(value))
        case "id", None:
            pk = parse_uuid(value)
            return Q(pk=pk), Q(pk=pk)
    return Q(), Q()
