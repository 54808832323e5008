"""What a directory called: its cycles in numbers, and its changes and refusals without personal data."""

import json
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.db import DatabaseError
from django.db import connection as database
from django.db.models import Count
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from core.ids import uuid7
from scim.account_changes import parse_uuid
from scim.models import AccessLoss, DirectoryCall, DirectoryConnection, DirectoryCycle

PAUSE = timedelta(minutes=10)  # without a call ends a cycle
KEPT = timedelta(days=30)
_LOSSES_KEPT = timedelta(days=1)
_MAX_CALLS = 20_000  # of a connection, for one that floods
_COUNTED_ONLY = (HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS)
_RESOURCES = {"users": "Users", "groups": "Groups"}
# One statement for every call. Its commit does not wait for the disk: what a crash loses is the log of a moment.
_STORE_SQL = """
WITH counted AS (
    UPDATE scim_directorycycle
    SET last_call_at = %(now)s, calls = calls + 1, changes = changes + %(changes)s, refused = refused + %(refused)s
    WHERE provider_id = %(provider)s AND connection_id = %(connection)s AND last_call_at > %(since)s
    RETURNING id
), begun AS (
    INSERT INTO scim_directorycycle
        (id, provider_id, connection_id, started_at, last_call_at, calls, changes, refused)
    SELECT %(cycle)s, %(provider)s, %(connection)s, %(now)s, %(now)s, 1, %(changes)s, %(refused)s
    WHERE NOT EXISTS (SELECT FROM counted)
), kept AS (
    INSERT INTO scim_directorycall
        (id, provider_id, connection_id, at, method, resource, resource_id, status, reason)
    SELECT %(call)s, %(provider)s, %(connection)s, %(now)s, %(method)s, %(resource)s, %(resource_id)s, %(status)s,
        %(reason)s
    WHERE %(is_kept)s
)
SELECT set_config('synchronous_commit', 'off', true)
"""


def note_call(connection: DirectoryConnection, method: str, path: str, response: HttpResponse) -> None:
    """Count a call, and store one that changed something or was refused. It never fails the call."""
    is_refused = response.status_code >= HTTPStatus.BAD_REQUEST
    parts = path.strip("/").split("/")
    is_change = not is_refused and method not in ("GET", "HEAD") and parts[-1].lower() != ".search"
    is_kept = is_change or (is_refused and response.status_code not in _COUNTED_ONLY)
    told = _read_answer(response) if is_kept else {}
    now = timezone.now()
    values = {
        "cycle": uuid7(),
        "call": uuid7(),
        "provider": connection.provider_id,
        "connection": connection.pk,
        "now": now,
        "since": now - PAUSE,
        "changes": int(is_change),
        "refused": int(is_refused),
        "is_kept": is_kept,
        "method": method[:10],
        "resource": _RESOURCES.get(parts[0].lower(), ""),
        "resource_id": parse_uuid(parts[1] if len(parts) > 1 else str(told.get("id"))),
        "status": response.status_code,
        "reason": str(told.get("scimType") or "")[:20] if is_refused else "",
    }
    with suppress(DatabaseError):
        _store(values)


def _store(values: dict[str, Any]) -> None:
    with database.cursor() as cursor:
        cursor.execute(_STORE_SQL, values)


def _read_answer(response: HttpResponse) -> dict[str, Any]:
    try:
        return dict(json.loads(response.content))
    except ValueError:
        return {}


def find_last_cycle(connection: DirectoryConnection) -> DirectoryCycle | None:
    """Return the last cycle that is over."""
    over = connection.cycles.filter(last_call_at__lte=timezone.now() - PAUSE)
    return over.order_by("-last_call_at").first()


def describe_refusal(call: DirectoryCall) -> str:
    """Return why a call was refused, without personal data."""
    texts = {
        400: _("The directory sent a value that cannot be used here."),
        403: _("The connection is off or has no owner, or its owner may not do this to the user or team."),
        409: _("It was the last administrator, or the user changed in the meantime."),
        412: _("The user or group changed since the directory read it."),
        413: _("The call was too large."),
        429: _("Too many calls at once; the directory tries again."),
    }
    if call.reason == "uniqueness":
        return _("A user or group with this name or id exists already, or a website user with this address.")
    return texts.get(call.status, _("Something went wrong."))


def remove_old_calls() -> int:
    """Remove calls and cycles after 30 days, calls beyond 20,000, and after a day what the brake counted."""
    now = timezone.now()
    counted = AccessLoss.objects.filter(state=AccessLoss.State.DONE, at__lt=now - _LOSSES_KEPT).delete()[0]
    calls = DirectoryCall.objects.filter(at__lt=now - KEPT).delete()[0]
    many = DirectoryCall.objects.values("connection").annotate(count=Count("pk")).filter(count__gt=_MAX_CALLS)
    for connection_id in many.values_list("connection", flat=True):
        rows = DirectoryCall.objects.filter(connection=connection_id).order_by("-pk")
        calls += rows.filter(pk__lte=rows[_MAX_CALLS].pk).delete()[0]
    return counted + calls + DirectoryCycle.objects.filter(last_call_at__lt=now - KEPT).delete()[0]
