"""Declaration of operations: one line states the path, the ID, the content of the response, the scope and the right."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from django.http import HttpResponse
from ninja import Router

from api.auth import ApiRequest, OperationAuth, require_office
from api.filters import FilterField
from api.idempotency import idempotent
from api.listing import build_page_parameters
from api.schemas import EmptyContent, ErrorResponse, ItemResponse, ListResponse, PagedItemResponse
from oauth.scopes import Scope
from permissions.checks import Right

ViewT = TypeVar("ViewT", bound=Callable[..., HttpResponse])
_COMMON_STATUSES = (401, 403, 406, 429)
OPERATION_AUTHS: dict[str, OperationAuth] = {}  # by operation ID


class Operations:
    """The operations of one tag.

    Each requires the scope `read` or `write` by its method; reading an item can name another. Without a right an
    operation concerns the user of the token. An operation with `provider_id` in its path is a 404 for users of other
    offices. The OpenAPI document has the error statuses that the kind of operation implies.
    """

    def __init__(self, tag: str, *, read: Scope, write: Scope) -> None:
        self.router = Router(tags=[tag])
        self._read, self._write = read, write

    def get_list(
        self,
        path: str,
        operation_id: str,
        resource: Any,
        right: Right | None,
        *,
        fields: Mapping[str, FilterField],
        scope: Scope | None = None,
    ) -> Callable[[ViewT], ViewT]:
        """Declare a list of `resource`, which takes `ListQuery`, with the fields to filter and sort on."""
        return self._declare_get(path, operation_id, ListResponse[resource], right, scope, fields=fields)

    def get_whole_list(
        self, path: str, operation_id: str, resource: Any, right: Right | None, *, scope: Scope | None = None
    ) -> Callable[[ViewT], ViewT]:
        """Declare a short list of `resource`, which takes a page only."""
        return self._declare_get(path, operation_id, ListResponse[resource], right, scope, is_paged=True)

    def get_item(
        self, path: str, operation_id: str, resource: Any, right: Right | None, *, scope: Scope | None = None
    ) -> Callable[[ViewT], ViewT]:
        """Declare reading one `resource`."""
        return self._declare_get(path, operation_id, ItemResponse[resource], right, scope)

    def get_extended_list(
        self,
        path: str,
        operation_id: str,
        envelope: Any,
        right: Right | None,
        *,
        scope: Scope | None = None,
        is_paged: bool = True,
    ) -> Callable[[ViewT], ViewT]:
        """Declare a short list whose envelope has members of its own."""
        return self._declare_get(path, operation_id, envelope, right, scope, is_paged=is_paged)

    def get_paged_item(self, path: str, operation_id: str, resource: Any, right: Right) -> Callable[[ViewT], ViewT]:
        """Declare reading one `resource` in the envelope of a list."""
        return self._declare_get(path, operation_id, PagedItemResponse[resource], right, None)

    def post(self, path: str, operation_id: str, resource: Any, right: Right | None) -> Callable[[ViewT], ViewT]:
        """Declare creating a `resource`; a request with an Idempotency-Key is executed once."""
        responses = _list_responses(201, ItemResponse[resource], 400, 404, 415, 422)
        declare = self._declare("POST", path, operation_id, responses, right, self._write)
        return lambda view: declare(idempotent(view))

    def put(
        self, path: str, operation_id: str, resource: Any, right: Right | None, *statuses: int, success: int = 200
    ) -> Callable[[ViewT], ViewT]:
        """Declare replacing a `resource`, with additional error `statuses`."""
        return self._declare_update(
            "PUT", path, operation_id, ItemResponse[resource], right, *statuses, success=success
        )

    def patch(
        self, path: str, operation_id: str, resource: Any, right: Right, *, success: int = 200
    ) -> Callable[[ViewT], ViewT]:
        """Declare a change of a `resource`, or an action on it."""
        return self._declare_update("PATCH", path, operation_id, ItemResponse[resource], right, success=success)

    def patch_list(self, path: str, operation_id: str, resource: Any, right: Right) -> Callable[[ViewT], ViewT]:
        """Declare adding to a list of `resource` and removing from it."""
        return self._declare_update("PATCH", path, operation_id, ListResponse[resource], right)

    def delete(self, path: str, operation_id: str, right: Right) -> Callable[[ViewT], ViewT]:
        """Declare deleting something; the response has no content."""
        responses = _list_responses(200, ItemResponse[EmptyContent], 400, 404, 409, 412)
        return self._declare("DELETE", path, operation_id, responses, right, self._write)

    def _declare_get(
        self,
        path: str,
        operation_id: str,
        envelope: Any,
        right: Right | None,
        scope: Scope | None,
        *,
        fields: Mapping[str, FilterField] | None = None,
        is_paged: bool = False,
    ) -> Callable[[ViewT], ViewT]:
        responses = _list_responses(200, envelope, 400, *((404,) if "{" in path else ()))
        extra = {"parameters": build_page_parameters()} if is_paged else {}
        return self._declare("GET", path, operation_id, responses, right, scope or self._read, fields, **extra)

    def _declare_update(
        self,
        method: str,
        path: str,
        operation_id: str,
        content: Any,
        right: Right | None,
        *statuses: int,
        success: int = 200,
    ) -> Callable[[ViewT], ViewT]:
        responses = _list_responses(success, content, 400, 404, 409, 412, 415, *statuses)
        return self._declare(method, path, operation_id, responses, right, self._write)

    def _declare(
        self,
        method: str,
        path: str,
        operation_id: str,
        responses: dict[int, Any],
        right: Right | None,
        scope: Scope,
        fields: Mapping[str, FilterField] | None = None,
        **extra: Any,
    ) -> Callable[[ViewT], ViewT]:
        OPERATION_AUTHS[operation_id] = OperationAuth(scope, right)
        operation: Callable[[ViewT], ViewT] = self.router.api_operation(
            [method],
            path,
            auth=OPERATION_AUTHS[operation_id],
            operation_id=operation_id,
            response=responses,
            openapi_extra={
                "security": [{"token": [scope.value]}],
                "x-right": None if right is None else right.value,
                "x-fields": {name: field.type.value for name, field in (fields or {}).items()},
                **extra,
            },
        )
        return lambda view: operation(_require_own_office(view) if "provider_id" in path else view)


def _list_responses(status: int, content: Any, *others: int) -> dict[int, Any]:
    return {status: content} | dict.fromkeys(sorted({*_COMMON_STATUSES, *others}), ErrorResponse)


def _require_own_office(view: ViewT) -> ViewT:
    @wraps(view)
    def wrapper(request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        require_office(request, kwargs["provider_id"])
        return view(request, *args, **kwargs)

    return wrapper  # type: ignore[return-value]
