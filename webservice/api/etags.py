"""`ETag` and `If-Match`: reject changes that are based on an outdated version."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import User
from teams.models import Team
from webservice.api import faults
from webservice.api.door import ApiRequest
from webservice.api.faults import Fault

Row = TypeVar("Row", User, Team)
IF_MATCH = re.compile(r'\*|"[!#-~]{1,100}"')


def of(codes: Iterable[str]) -> str:
    """Return a hash of `codes`, independent of their order."""
    return digest(sorted(codes))


def digest(parts: Iterable[str]) -> str:
    """Return a hash of `parts`, in this order."""
    return hashlib.sha256(",".join(parts).encode()).hexdigest()[:32]


def require_match(request: ApiRequest, etag: str) -> None:
    """Raise Fault (412) unless `If-Match` names `etag`. Without the header, any version matches."""
    header = request.headers.get("If-Match", "*")
    if not IF_MATCH.fullmatch(header):
        raise Fault(400, "if_match", _("Send the ETag as received, in double quotes."), field="If-Match")
    if header not in ("*", f'"{etag}"'):
        raise faults.stale()


def require_given(request: ApiRequest) -> None:
    """Raise Fault (428, RFC 6585) unless `If-Match` names a version: the body may repeat an outdated value."""
    if request.headers.get("If-Match", "*") == "*":
        text = _("This request removes data. Send the ETag as received in If-Match.")
        raise Fault(428, "if_match_required", text, field="If-Match")


def version(row: User | Team) -> str:
    return str(row.version)


@contextmanager
def locked(
    request: ApiRequest, rows: QuerySet[Row], id: UUID, *, etag: Callable[[Row], str] = version
) -> Iterator[Row]:
    """Yield the row `id`, locked against concurrent changes until the end, if `If-Match` matches.

    `etag` computes the ETag of the row. Raises Fault: 404 if it does not exist, 412 on a concurrent change. Changes
    within one office are serialized.
    """
    with transaction.atomic():
        if rows.filter(pk=id).exists():
            lock_provider(request.caller.user.provider_id)
        row = rows.filter(pk=id).first()
        if row is None:
            raise faults.not_found()
        require_match(request, etag(row))
        yield row
