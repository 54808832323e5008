"""The audit package: everything about a period that an auditor asks for, in one archive that can be verified alone."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

from django.template.loader import render_to_string
from django.utils import timezone

import audit.export
from accounts.models import Provider
from audit import checkpoints, verify, verify_access, verify_review
from audit.actors import Actor, requires_reauthentication
from audit.changes import Changes
from audit.export import ChainExport, ExportTooLarge
from audit.models import Verb
from core import sheets, throttle
from core.access import ReauthenticationLevel
from core.dates import get_day_start
from core.throttle import RateLimit
from core.zip_stream import ZipEntry, iter_zip
from history import access_tables, point_in_time
from history.event_search import EventSearch
from history.past_access import PastOffice
from history.presenters import event_rows
from permissions import checks
from permissions.checks import Right

MAX_PACKAGE_EVENTS = 250_000  # from the begin of the period until now
# By app, what others add about an office and a period; they register it when they are ready. It is listed before the
# export of the history, which then has everything that it says.
EXTRA_ENTRIES: dict[str, Callable[[Provider, datetime, datetime], Iterator[ZipEntry]]] = {}
PACKAGES_PER_USER = RateLimit("audit packages of a user", burst=5, every=timedelta(minutes=5))


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
def create_package(provider: Provider, first_day: date, last_day: date, *, by: Actor) -> Iterator[bytes]:
    """Record the export and return the archive of the days `first_day` to `last_day`, made while it is read.

    Raises PermissionDenied, Throttled, EventsTrimmed, ExportTooLarge. Call this outside a transaction.
    """
    checks.require_office(by, provider.pk)
    checks.require_right(by, Right.VIEW_AUDIT)
    checks.require_right(by, Right.VIEW_USERS)
    begin = get_day_start(first_day)
    point_in_time.require_kept(provider.pk, begin)
    throttle.consume_attempt(PACKAGES_PER_USER, str(by.user.pk if by.user else ""))
    period = {"since": first_day.isoformat(), "until": last_day.isoformat()}
    end = get_day_start(last_day + timedelta(days=1))
    extra = [entry for list_entries in EXTRA_ENTRIES.values() for entry in list_entries(provider, begin, end)]
    # What other apps add is compared with the history from the begin of the office.
    starts = [None, begin] if extra else [begin]
    export = _begin_export(provider, starts, {"audit_package": [None, period]}, by)
    entries = _iter_entries(provider, export, begin, min(end, timezone.now()), last_day)
    return iter_zip(chain(entries, extra))


def _begin_export(provider: Provider, starts: Sequence[datetime | None], changes: Changes, by: Actor) -> ChainExport:
    """Export the history from the first of `starts` from which there is not too much. Raises ExportTooLarge."""
    try:
        return audit.export.begin_export(
            provider, by=by, since=starts[0], max_events=MAX_PACKAGE_EVENTS, changes=changes
        )
    except ExportTooLarge:
        if not starts[1:]:
            raise
        return _begin_export(provider, starts[1:], changes, by)


def _iter_entries(
    office: Provider, export: ChainExport, begin: datetime, end: datetime, last_day: date
) -> Iterator[ZipEntry]:
    public = checkpoints.get_public_key_pem()
    context: dict[str, Any] = {"office": office, "begin": begin, "until": last_day, "created_at": timezone.now()}
    context |= {"first": export.first.sequence + 1, "last": export.last.sequence}
    context["fingerprint"] = hashlib.sha256(public).hexdigest()
    readme = render_to_string("history/audit_package_readme.html", context)
    yield "LEESMIJ.html", [readme.encode()]
    for folder, moment in (("begin", begin), ("einde", end)):
        yield from _iter_state_entries(folder, point_in_time.rebuild_office(office.pk, moment))
    period = EventSearch(office.pk, since=begin, before=end)
    yield "wijzigingen.csv", sheets.iter_csv_lines(event_rows.iter_table_rows(period))
    yield "exports.csv", sheets.iter_csv_lines(_iter_export_rows(office.pk, begin, end))
    head = checkpoints.sign_head(office.pk, export.last)
    yield "controle/historie.jsonl", export.lines()
    yield "controle/checkpoint.json", [verify.encode_canonical_json(head) + b"\n"]
    yield "controle/public.pem", [public]
    for module in (verify, verify_access, verify_review):
        source = Path(str(module.__file__))
        yield f"controle/{source.name}", [source.read_bytes()]


def _iter_state_entries(folder: str, office: PastOffice) -> Iterator[ZipEntry]:
    for name, rows in (
        ("autorisatiematrix", access_tables.iter_matrix_rows(office)),
        ("gebruikers", access_tables.iter_user_rows(office)),
        ("teams", access_tables.iter_team_rows(office)),
    ):
        yield f"{folder}/{name}.csv", sheets.iter_csv_lines(rows)


def _iter_export_rows(provider_id: UUID, begin: datetime, end: datetime) -> Iterator[list[str]]:
    """Yield the events of files that were made in the period, below one heading."""
    for number, verb in enumerate((Verb.EXPORTED, Verb.PERSON_EXPORTED)):
        rows = event_rows.iter_table_rows(EventSearch(provider_id, facets={"verb": verb}, since=begin, before=end))
        headings = next(rows)
        yield from ([headings] if not number else [])
        yield from rows
