"""Groups in the storage of the SCIM library."""

import re
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from scim2_models import NotFoundException, PatchOp, PreconditionFailedException, Resource
from scim2_models import ResponseParameters as ScimParameters
from scim2_models import SearchRequest as ScimSearch
from scim2_models.path import CompareOperator, Comparison, LogicalExpr, LogicalOperator
from scim2_server.storage import SearchPage

from audit.actors import Actor
from core.keys import compute_name_key
from scim import directory_groups
from scim.account_changes import parse_uuid
from scim.directory_groups import GroupRecord
from scim.models import MAX_ID_LENGTH, DirectoryConnection, DirectoryGroup, DirectoryGroupMember, DirectoryUser
from scim.resources import GROUP_SCHEMA, ScimGroup, serialize_group

_NO_ID = UUID(int=0)  # of no user
_MEMBER_NAMES = ("members", f"{GROUP_SCHEMA}:members".lower())
_MEMBER_PATTERN = re.compile(rf"({re.escape(GROUP_SCHEMA.lower())}:)?members\[value eq \"(?P<id>[^\"]*)\"\]")


def read_group(
    connection: DirectoryConnection,
    resource_id: str,
    parameters: ScimParameters[Any] | None = None,
    *,
    among: Collection[UUID] | None = None,
) -> Resource[Any]:
    """Return a group, with only the members `among` these, without any if the answer leaves them out.

    Raises NotFoundException.
    """
    group = _find_group(connection, resource_id)
    if parameters is not None and _leaves_members_out(parameters):
        return ScimGroup.model_validate(serialize_group(group, None))
    return _build_resource(group, among)


def paginate_groups(connection: DirectoryConnection, search_request: ScimSearch[Any]) -> SearchPage:
    """Return a page of all groups. At most three queries."""
    groups = directory_groups.list_directory_groups(connection).order_by("pk")
    total, start = groups.count(), search_request.start_index_0 or 0
    stop = total if search_request.count is None else min(start + search_request.count, total)
    found = list(groups[start:stop]) if start < stop else []
    return SearchPage(total, _build_resources(found, with_members=not _leaves_members_out(search_request)))


def find_groups(connection: DirectoryConnection, search_request: ScimSearch[Any]) -> list[Resource[Any]]:
    """Return the groups that may match. At most two queries."""
    groups, expression = directory_groups.list_directory_groups(connection), ""
    if search_request.filter is not None:
        groups, expression = _narrow(groups, search_request.filter.ast), str(search_request.filter).lower()
    with_members = not _leaves_members_out(search_request) or "members" in expression
    return _build_resources(list(groups), with_members=with_members)


def _build_resources(found: list[DirectoryGroup], *, with_members: bool) -> list[Resource[Any]]:
    if not with_members:
        return [ScimGroup.model_validate(serialize_group(group, None)) for group in found]
    members: dict[UUID, list[DirectoryUser]] = {group.pk: [] for group in found}
    for member in _list_members(found):
        members[member.group_id].append(member.row)
    return [ScimGroup.model_validate(serialize_group(group, members[group.pk])) for group in found]


def create_group(connection: DirectoryConnection, resource: Resource[Any], by: Actor) -> Resource[Any]:
    group = directory_groups.create_directory_group(connection, _build_record(resource), by=by)
    return _build_resource(group)


def update_group(
    connection: DirectoryConnection,
    resource: Resource[Any],
    expected_version: str | None,
    by: Actor,
    *,
    among: Collection[UUID] | None = None,
) -> Resource[Any]:
    """Store the group; with `among`, its members are those of the resource among these, and all others as before."""
    group = _require_version(connection, str(resource.id), expected_version)
    record = _build_record(resource)
    changed = directory_groups.update_directory_group(connection, group.pk, record, among=among, by=by)
    return _build_resource(changed, among)


def delete_group(connection: DirectoryConnection, resource_id: str, expected_version: str | None, by: Actor) -> None:
    group = _require_version(connection, resource_id, expected_version)
    directory_groups.end_directory_group(connection, group.pk, by=by)


def _find_group(connection: DirectoryConnection, resource_id: str) -> DirectoryGroup:
    pk = parse_uuid(resource_id)
    group = directory_groups.list_directory_groups(connection).filter(pk=pk).first() if pk else None
    if group is None:
        raise NotFoundException(detail="This group does not exist in this directory")
    return group


def _require_version(connection: DirectoryConnection, resource_id: str, expected: str | None) -> DirectoryGroup:
    group = _find_group(connection, resource_id)
    if expected is not None and serialize_group(group, None)["meta"]["version"] != expected:
        raise PreconditionFailedException
    return group


def _build_resource(group: DirectoryGroup, among: Collection[UUID] | None = None) -> Resource[Any]:
    members = _list_members([group])
    if among is not None:
        members = members.filter(row__in=among)
    return ScimGroup.model_validate(serialize_group(group, [member.row for member in members]))


def _list_members(groups: list[DirectoryGroup]) -> QuerySet[DirectoryGroupMember]:
    rows = DirectoryGroupMember.objects.filter(group__in=groups, row__ended_at=None)
    return rows.select_related("row").order_by("pk")


def _leaves_members_out(parameters: Any) -> bool:
    """Return whether the answer has no members, also if their list is not loaded."""
    wanted, unwanted = parameters.attributes, parameters.excluded_attributes
    if wanted:
        return not any("members" in str(path).lower() for path in wanted)
    return any(str(path).lower().rpartition(":")[2] == "members" for path in unwanted or ())


def _build_record(resource: Any) -> GroupRecord:
    """Return what the directory says; a member without an id is none of its users, and so refused."""
    members = {parse_uuid(member.value) or _NO_ID for member in resource.members or ()}
    return GroupRecord(str(resource.display_name), resource.external_id, frozenset(members))


def find_mentioned_members(patch: "PatchOp[Any]") -> frozenset[UUID] | None:
    """Return the members whom a PATCH adds or removes by their ids, on whom alone its effect on members depends.

    None if it depends on all members, as of a replacement.
    """
    found: set[UUID | None] = set()
    for operation in patch.operations or ():
        path, value = str(operation.path or ""), operation.value
        parts = {path: value} if path or not isinstance(value, dict) else value
        for name, part in parts.items():
            mentioned = _find_mentioned(operation.op, name.lower(), part)
            if mentioned is None:
                return None
            found |= mentioned
    return frozenset(pk for pk in found if pk is not None)


def _find_mentioned(op: str, name: str, value: Any) -> set[UUID | None] | None:
    """Return the ids of one operation on an attribute, none of an attribute other than members."""
    if "members" not in name:
        return set()
    selected = _MEMBER_PATTERN.fullmatch(name)
    if selected is not None and op == "remove":
        return {parse_uuid(selected["id"])}
    is_by_id = isinstance(value, list) and value and all(isinstance(one, dict) and [*one] == ["value"] for one in value)
    if name not in _MEMBER_NAMES or op == "replace" or not is_by_id:
        return None
    return {parse_uuid(str(one["value"])) for one in value}


def _narrow(groups: QuerySet[DirectoryGroup], node: Any) -> QuerySet[DirectoryGroup]:
    """Directories look groups up by name or id. The library then applies the filter itself."""
    if isinstance(node, LogicalExpr) and node.op is LogicalOperator.and_:
        for term in node.terms:
            groups = _narrow(groups, term)
        return groups
    if isinstance(node, Comparison) and node.op is CompareOperator.eq and isinstance(node.value, str):
        value = clean_value(node.value)
        match node.attr_path.attr.lower():
            case "displayname":
                return groups.filter(name_key=compute_name_key(value)[:MAX_ID_LENGTH])
            case "externalid":
                return groups.filter(external_id=value)
    return groups


def clean_value(value: str) -> str:
    """Return a value of a filter without what PostgreSQL cannot compare: NUL and half characters."""
    return value.replace("\0", "").encode("utf-8", "replace").decode()
