"""`ETag` and `If-Match`: reject changes that are based on an outdated version."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.http import parse_etags
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import User
from api import errors
from api.auth import ApiRequest
from api.errors import ApiError
from permissions.models import Team

LockedModel = TypeVar("LockedModel", bound=User | Team)
_ETAG_PATTERN = r'(W/)?"[!#-~]{0,100}"'
IF_MATCH_PATTERN = re.compile(rf"\*|{_ETAG_PATTERN}([ \t]*,[ \t]*{_ETAG_PATTERN}){{0,20}}")


def hash_unordered(codes: Iterable[str]) -> str:
    """Return a hash of `codes`, independent of their order."""
    return hash_ordered(sorted(codes))


def hash_ordered(parts: Iterable[str]) -> str:
    """Return a hash of `parts`, in this order."""
    return hashlib.sha256(",".join(parts).encode()).hexdigest()[:32]


def require_etag_match(request: ApiRequest, etag: str) -> None:
    """Raise ApiError (412) unless `If-Match` names `etag`. Without the header, any version matches."""
    header = request.headers.get("If-Match", "*").strip()
    if not IF_MATCH_PATTERN.fullmatch(header):
        raise ApiError(400, "if_match", _("Send the ETag exactly as received, in double quotes."), field="If-Match")
    if not {"*", f'"{etag}"'} & set(parse_etags(header)):  # a weak tag matches nothing (RFC 9110 section 13.1.1)
        raise errors.build_edit_conflict_error()


def require_if_match_header(request: ApiRequest) -> None:
    """Raise ApiError (428, RFC 6585) unless `If-Match` names a version: the body may repeat an outdated value."""
    if request.headers.get("If-Match", "*").strip() == "*":
        text = _("This request removes data. Send the ETag you received in the If-Match header.")
        raise ApiError(428, "if_match_required", text, field="If-Match")


def get_version_etag(row: User | Team) -> str:
    return str(row.version)


@contextmanager
def lock_row(
    request: ApiRequest,
    rows: QuerySet[LockedModel, Any],
    pk: UUID,
    *,
    etag: Callable[[LockedModel], str] = get_version_etag,
) -> Iterator[LockedModel]:
    """Yield the row `pk`, locked against concurrent changes until the end, if `If-Match` matches.

    `etag` computes the ETag of the row. Raises ApiError: 404 if it does not exist, 412 on a concurrent change. Changes
    within one office are serialized.
    """
    with transaction.atomic():
        if rows.filter(pk=pk).exists():
            lock_provider(request.caller.user.provider_id)
        row = errors.get_or_404(rows, pk)
        require_etag_match(request, etag(row))
        yield row
