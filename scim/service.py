"""The SCIM protocol of the library, with what directories send besides it and a quick list."""

import json
from http import HTTPStatus
from typing import Any, TypeVar, cast

from scim2_models import (
    BaseModel,
    Context,
    Error,
    InvalidFilterException,
    InvalidValueException,
    PatchOp,
    Resource,
    ResourceType,
    ResponseParameters,
)
from scim2_models import SearchRequest as ScimSearch
from scim2_server.conditions import Conditions
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService
from scim2_server.storage import SearchPage

from scim.group_storage import find_mentioned_members
from scim.resources import ScimUser, get_provider
from scim.storage import DirectoryStorage

ModelT = TypeVar("ModelT", bound=BaseModel)
_LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_MAX_FILTER_LENGTH = 2000  # characters, also of a path
_MAX_OPERATIONS = 200
_MAX_ENTRIES = 100  # addresses and phone numbers in a body


class DirectoryService(ScimService):
    """One request of a directory."""

    def __init__(self) -> None:
        super().__init__(get_provider())
        self._active_is_sent = True
        self._wanted_active: bool | None = None

    def read_body(self, model: type[ModelT], body: bytes, content_type: str | None, scim_ctx: Context) -> ModelT:
        """Validate a body. A new user without `active` is active; one that is replaced keeps what it was."""
        value = self.decode_body(body, content_type)
        if isinstance(value, dict):
            if scim_ctx is Context.RESOURCE_PATCH_REQUEST:
                value = spread_operations(value)
            _require_small(value)
            if scim_ctx in (Context.RESOURCE_CREATION_REQUEST, Context.RESOURCE_REPLACEMENT_REQUEST):
                self._active_is_sent = any(name.lower() == "active" for name in value)
                value = value if self._active_is_sent else {**value, "active": True}
        return super().read_body(model, json.dumps(value).encode(), content_type, scim_ctx)

    def apply_replacement(
        self, current: Resource[Any], replacement: Resource[Any], conditions: Conditions
    ) -> Resource[Any] | None:
        if not self._active_is_sent and isinstance(replacement, ScimUser):
            cast(Any, replacement).active = cast(Any, current).active
        return super().apply_replacement(current, replacement, conditions)

    def apply_patch(
        self, current: Resource[Any], patch_op: "PatchOp[Any]", conditions: Conditions
    ) -> Resource[Any] | None:
        patched = super().apply_patch(current, patch_op, conditions)
        self._wanted_active = getattr(current if patched is None else patched, "active", None)
        return patched

    def patch_response(
        self, base_url: str, resource: Resource[Any], response_parameters: ResponseParameters[Any]
    ) -> ScimResponse:
        """Return the user if the account is not as the directory wants it, such as blocked by an administrator."""
        if getattr(resource, "active", None) == self._wanted_active:
            return super().patch_response(base_url, resource, response_parameters)
        published = self.publish(base_url, resource)
        return self.resource_response(published, Context.RESOURCE_REPLACEMENT_RESPONSE, response_parameters)

    def read_search(self, resource_types: list[ResourceType], payload: Any) -> tuple[ScimSearch[Any], Any]:
        text = payload.get("filter") if isinstance(payload, dict) else ""
        if isinstance(text, str) and len(text) > _MAX_FILTER_LENGTH:
            raise InvalidFilterException(detail=f"A filter has at most {_MAX_FILTER_LENGTH} characters")
        return super().read_search(resource_types, payload)

    def search_response(
        self, base_url: str, resource_types: list[ResourceType], page: SearchPage, search_request: ScimSearch[Any]
    ) -> ScimResponse:
        """List the resources that the storage returns ready, without validating each of them twice."""
        found: list[Any] = page.resources
        if not all(isinstance(resource, dict) for resource in found):
            return super().search_response(base_url, resource_types, page, search_request)
        for resource in found:
            resource["meta"]["location"] = f"{base_url}/Users/{resource['id']}"
        body = {
            "schemas": [_LIST_SCHEMA],
            "totalResults": page.total,
            "startIndex": search_request.start_index or 1,
            "itemsPerPage": len(found),
            "Resources": found,
        }
        return ScimResponse(HTTPStatus.OK, body)

    @staticmethod
    def error_of(exception: Exception) -> Error:
        """Return the error, also of a filter or a body that is nested too deeply."""
        if isinstance(exception, RecursionError):
            return Error(status=400, detail="The request is nested too deeply")
        return ScimService.error_of(exception)


class DirectoryHandler(ScimHandler):
    storage: DirectoryStorage
    _answers_with_body = False

    def patch(self, request: ScimRequest) -> ScimResponse:
        self._answers_with_body = any(name.lower() in ("attributes", "excludedattributes") for name in request.query)
        return super().patch(request)

    def replace_resource(
        self, resource_type: ResourceType, current: Resource[Any], replacement: Resource[Any], conditions: Conditions
    ) -> Resource[Any]:
        """Replace a resource; one that does not change is returned as it is, not as the directory wants it."""
        super().replace_resource(resource_type, current, replacement, conditions)
        return self._finish(resource_type, str(current.id))

    def patch_resource(
        self, resource_type: ResourceType, resource_id: str, patch_op: "PatchOp[Any]", conditions: Conditions
    ) -> Resource[Any]:
        """Apply a PATCH to what the directory wants, and return the resource as it is.

        Of a group it reads only the members that the PATCH depends on, and the answer has none unless asked for.
        """
        if resource_type.name == "Group":
            self.storage.mentioned = find_mentioned_members(patch_op)
        super().patch_resource(resource_type, resource_id, patch_op, conditions)
        self.storage.mentioned = None if self._answers_with_body else frozenset()
        return self._finish(resource_type, resource_id)

    def _finish(self, resource_type: ResourceType, resource_id: str) -> Resource[Any]:
        self.storage.repeat_block(resource_type, resource_id)
        return self.storage.get(resource_type, resource_id)


def _require_small(body: dict[str, Any]) -> None:
    """Raise a SCIM error for what would keep the office locked, because its cost grows with the square."""
    sent = next((found for key, found in body.items() if key.lower() == "operations"), None)
    operations = [one for one in sent if isinstance(one, dict)] if isinstance(sent, list) else []
    pairs = [*body.items(), *((str(one.get("path") or ""), one.get("value")) for one in operations)]
    for one in operations:
        pairs += one["value"].items() if isinstance(one.get("value"), dict) else ()
    if len(operations) > _MAX_OPERATIONS or any(len(name) > _MAX_FILTER_LENGTH for name, _value in pairs):
        text = f"A PATCH has at most {_MAX_OPERATIONS} operations, with paths of {_MAX_FILTER_LENGTH} characters"
        raise InvalidValueException(detail=text)
    entries = [value for name, value in pairs if isinstance(value, list) and _is_listed(name)]
    if sum(map(len, entries)) > _MAX_ENTRIES:
        raise InvalidValueException(detail=f"Send at most {_MAX_ENTRIES} addresses and numbers in one call")


def _is_listed(path: str) -> bool:
    return path.lower().rpartition(":")[2] in ("emails", "phonenumbers")


def spread_operations(body: dict[str, Any]) -> dict[str, Any]:
    """Return a PATCH with paths in place of keys that select an entry, such as `emails[type eq "work"].value`.

    Entra sends these as keys of one value, and the boolean `active` as text or as a list with one value.
    """
    name = next((key for key in body if key.lower() == "operations"), "Operations")
    operations = body.get(name)
    if not isinstance(operations, list):
        return body
    return {**body, name: [part for operation in operations for part in _spread_operation(operation)]}


def _spread_operation(operation: Any) -> list[Any]:
    if not isinstance(operation, dict):
        return [operation]
    path, value = operation.get("path"), operation.get("value")
    if str(path).lower() == "active" and isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        return [{**operation, "value": value[0].get("value")}]
    if str(path).lower().rpartition(":")[2] == "members" and isinstance(value, list):
        return [{**operation, "value": [_reduce_member(member) for member in value]}]
    if isinstance(value, dict) and isinstance(value.get("members"), list):
        value = {**value, "members": [_reduce_member(member) for member in value["members"]]}
        operation = {**operation, "value": value}
    if path or not isinstance(value, dict) or not any("[" in key for key in value):
        return [operation]
    own = [{"op": operation.get("op"), "path": key, "value": part} for key, part in value.items() if "[" in key]
    rest = {key: part for key, part in value.items() if "[" not in key}
    return [*([{**operation, "value": rest}] if rest else []), *own]


def _reduce_member(member: Any) -> Any:
    """Return the id only: Entra sends `$ref` as null, and a member is removed whatever its name is by now."""
    return {"value": member["value"]} if isinstance(member, dict) and "value" in member else member
