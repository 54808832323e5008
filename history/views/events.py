"""Pages and exports of the audit log."""

from collections.abc import Iterable, Mapping
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

import audit.export
from accounts.models import User
from audit import checkpoints, verify
from audit.actions import SEARCH_TERM_MASK, record
from audit.models import Event, Verb, build_erased_name
from core import sheets
from core.access import SAFE, DuringImpersonation, page
from core.export_files import attach
from core.filter_pills import build_pills
from core.paging import (
    build_counted_pager_context,
    build_page_range,
    build_pager_context,
    build_query_string,
    paginate_newest_first,
)
from core.replica import allow_replica
from history import point_in_time
from history.act_search import ActSearch
from history.daily_counts import count_events_by_day
from history.event_search import EventSearch, build_event_search
from history.forms import EventFilterForm, PointInTimeForm
from history.past_access import PastOffice
from history.presenters import act_rows, event_rows, past_state
from history.presenters.day_chart import build_day_chart
from imports.models import ImportJob
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.models import Employer, Team
from permissions.shortcuts import render_list
from teams import undo
from teams.queries import annotate_counts

_COLUMN_WIDTHS = (20, 28, 28, 18, 14, 34, 34, 60, 40)
_RESULTS = "history/_results.html"
_PILLS = {
    "period": (gettext_lazy("Period"), ["since", "until"]),
    "what": (pgettext_lazy("filter", "What"), ["kind", "verb"]),
    "origin": (gettext_lazy("Origin"), ["origin"]),
}
_LINES_VIEW = "lines"  # value of the parameter that shows every event
_SPOOL_BYTES = 1024 * 1024  # bytes of a workbook


@page(Right.VIEW_AUDIT, methods=SAFE)
@allow_replica
def event_list(request: OfficeRequest) -> HttpResponse:
    values = EventFilterForm(request.GET or None).values()
    chosen = values["since"] if values["since"] == values["until"] else None
    counts = count_events_by_day(request.user.office.pk, timezone.localdate())
    context: dict[str, Any] = {"chart": build_day_chart(counts, chosen), "day_counts": counts}
    context["may_package"] = Right.VIEW_USERS in request.rights
    return _render_events(request, "history/office_history.html", **context)


@page(Right.VIEW_AUDIT, methods=SAFE)
@allow_replica
def user_event_list(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = get_object_or_404(User.objects.visible_to(request.user), pk=pk)
    may_export = Right.MANAGE_PROVIDER in request.rights and user.pk != request.user.pk
    context = {"colleague": user, "may_export": may_export, "undoable": _list_undoable(request, user.pk)}
    return _render_events(request, "history/user_history.html", user.pk, **context)


@page(Right.VIEW_AUDIT, methods=SAFE)
@allow_replica
def team_event_list(request: OfficeRequest, pk: UUID) -> HttpResponse:
    team = get_object_or_404(annotate_counts(Team.objects.visible_to(request.user)), pk=pk)
    undoable = _list_undoable(request, team.pk)
    return _render_events(request, "history/team_history.html", team.pk, team=team, undoable=undoable)


def _list_undoable(request: OfficeRequest, target_id: UUID) -> list[event_rows.EventRow]:
    """Return the changes that can be undone, if the user may change such a target."""
    events = undo.list_undoable_events(request.user.provider_id, target_id, request.rights)
    return event_rows.present_events(events)


@page(Right.VIEW_AUDIT, methods=SAFE)
@allow_replica
def act_event_list(request: OfficeRequest, correlation_id: str) -> HttpResponse:
    """Show all events of one request or job."""
    search = EventSearch(request.user.office.pk, correlation_id=correlation_id)
    acts = ActSearch(search)
    newest = acts.fetch(None, True, 1)
    if not newest:
        raise Http404
    page = paginate_newest_first(search.fetch, cursor=request.GET.get("page", ""))
    (act,) = act_rows.present_acts(newest, acts, _list_revertible_jobs(request.user, newest))
    span = build_page_range(page, total=act.events, at=request.GET.get("at", ""))
    context = {"act": act, "rows": event_rows.present_events(page.rows), **build_counted_pager_context(page, span, {})}
    return render(request, "history/act.html", context)


def _render_events(request: OfficeRequest, template: str, subject: UUID | None = None, **context: Any) -> HttpResponse:
    form = EventFilterForm(request.GET or None)
    values = form.values()
    texts = {name: str(value) for name, value in values.items()}
    search = build_event_search(request.user, subject=subject, **values)
    is_folded = request.GET.get("view") != _LINES_VIEW and ActSearch(search).is_affordable
    view = {} if is_folded else {"view": _LINES_VIEW}
    context |= _fold_events(request, search, texts) if is_folded else _list_events(request, search, texts | view)
    context |= {"form": form, "filtered": any(texts.values()), "is_folded": is_folded}
    context |= {"export_query": build_query_string(**texts), "folded_query": build_query_string(**texts) or "?"}
    context |= {"lines_query": build_query_string(**texts, view=_LINES_VIEW)}
    context["results"] = _RESULTS
    context["pills"] = build_pills(form, values, _PILLS, **view)
    return render_list(request, template, context, texts | view, parts="history/_list_parts.html")


def _list_events(request: OfficeRequest, search: EventSearch, query: Mapping[str, str]) -> dict[str, Any]:
    page = paginate_newest_first(search.fetch, cursor=request.GET.get("page", ""))
    span = build_page_range(page, total=search.count(), at=request.GET.get("at", ""))
    return {"rows": event_rows.present_events(page.rows)} | build_counted_pager_context(page, span, query)


def _fold_events(request: OfficeRequest, search: EventSearch, query: Mapping[str, str]) -> dict[str, Any]:
    acts = ActSearch(search)
    page = paginate_newest_first(acts.fetch, cursor=request.GET.get("page", ""))
    rows = act_rows.present_acts(page.rows, acts, _list_revertible_jobs(request.user, page.rows))
    undoable = undo.filter_undoable_events((row.event for row in rows if row.events == 1), request.rights)
    found = {"rows": rows, "days": act_rows.group_by_day(rows), "undoable_ids": {event.pk for event in undoable}}
    return found | build_pager_context(page, **query)


def _list_revertible_jobs(user: User, events: Iterable[Event]) -> list[ImportJob]:
    """Return the imports and bulk actions of `user` among the acts of `events` that were not reverted."""
    correlation_ids = {event.correlation_id for event in events} - {""}
    done = ImportJob.objects.visible_to(user).filter(correlation_id__in=correlation_ids, state=ImportJob.State.DONE)
    reverts = ImportJob.objects.filter(undoes=OuterRef("pk"), state=ImportJob.State.DONE)
    return list(done.filter(~Exists(reverts), undoes=None).defer("encrypted_summary"))


def _record_and_search_export(request: OfficeRequest, form: str) -> EventSearch:
    """Record the export and return the search for its events."""
    values, office = EventFilterForm(request.GET or None).values(), request.user.office
    changes = {"history": [None, form]} | {name: [None, str(value)] for name, value in values.items() if value}
    if values["person"]:
        changes["person"] = [None, SEARCH_TERM_MASK]  # the search term may name a user to be erased one day
    with transaction.atomic():
        record(Verb.EXPORTED, office, by=request.actor, provider_id=office.pk, changes=changes)
    return build_event_search(request.user, **values)


@page(Right.VIEW_AUDIT, methods=SAFE, impersonation=DuringImpersonation.FORBIDDEN)
def export_csv(request: OfficeRequest) -> StreamingHttpResponse:
    lines = sheets.iter_csv_lines(event_rows.iter_table_rows(_record_and_search_export(request, "csv")))
    return attach(StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8"), "historie.csv")


@page(Right.VIEW_AUDIT, methods=SAFE, impersonation=DuringImpersonation.FORBIDDEN)
def export_xlsx(request: OfficeRequest) -> FileResponse:
    file: IO[bytes] = SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 (the response closes it)
    sheets.write_xlsx(
        file, _("History"), event_rows.iter_table_rows(_record_and_search_export(request, "xlsx")), _COLUMN_WIDTHS
    )
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename="historie.xlsx", content_type=sheets.XLSX_CONTENT_TYPE)


@page(Right.VIEW_AUDIT, methods=SAFE, impersonation=DuringImpersonation.FORBIDDEN)
def export_jsonl(request: OfficeRequest) -> StreamingHttpResponse:
    """Stream the whole chain; the last event is that of the export."""
    export = audit.export.begin_export(request.user.office, by=request.actor)
    return attach(StreamingHttpResponse(export.lines(), content_type="application/jsonl"), "historie.jsonl")


@page(Right.VIEW_AUDIT, methods=SAFE, impersonation=DuringImpersonation.FORBIDDEN)
def download_checkpoint(request: OfficeRequest) -> HttpResponse:
    signed = checkpoints.sign_current_head(request.user.provider_id)
    body = verify.encode_canonical_json(signed) + b"\n"
    return attach(HttpResponse(body, content_type="application/json"), "checkpoint.json")


@page(Right.VIEW_AUDIT, methods=SAFE)
def download_public_key(request: OfficeRequest) -> HttpResponse:
    return attach(HttpResponse(checkpoints.get_public_key_pem(), content_type="application/x-pem-file"), "public.pem")


@page(Right.VIEW_AUDIT, methods=SAFE)
@allow_replica
def show_point_in_time(request: OfficeRequest) -> HttpResponse:
    """Show who could do what at a point in time: a user, a team, at an employer, or all users of the office."""
    form = PointInTimeForm(request.GET or None)
    if not form.is_bound:
        form = PointInTimeForm(form.now())
    form.is_valid()
    subject, pk = form.subject()
    context: dict[str, Any] = {"form": form, "subject": subject, "now": _find_subject(request, subject, pk)}
    if not form.errors:
        users = [pk] if subject == "user" and pk else None
        try:
            office = point_in_time.rebuild_office(request.user.office.pk, form.moment(), users=users)
        except point_in_time.EventsTrimmed as error:
            context["kept_since"] = error.since
        else:
            context |= {"office": office} | _build_answer_context(request, office, subject, pk)
    return render(request, "history/point_in_time.html", context)


def _find_subject(request: OfficeRequest, subject: str, pk: UUID | None) -> User | Team | Employer | None:
    """Return the user, team or employer as it is today, or None if it no longer exists."""
    models: dict[str, type[User | Team | Employer]] = {"user": User, "team": Team, "employer": Employer}
    return models[subject].objects.visible_to(request.user).filter(pk=pk).first() if pk else None


def _build_answer_context(request: OfficeRequest, office: PastOffice, subject: str, pk: UUID | None) -> dict[str, Any]:
    query = {name: str(value) for name, value in request.GET.items() if name in PointInTimeForm.base_fields}
    cursor, places_cursor = request.GET.get("page", ""), request.GET.get("places", "")
    if pk is None:
        context: dict[str, Any] = {"part": past_state.present_office(office, cursor)}
    elif subject == "user":
        user = office.users.get(pk)
        context = past_state.present_user(office, user, cursor) if user else {}
        context |= {"past": user, "alias": build_erased_name(pk) if pk in office.unreadable else ""}
    elif subject == "team":
        team = office.teams.get(pk)
        context = past_state.present_team(office, team, cursor, places_cursor) if team else {}
        context["past"] = team
    else:
        employer = office.employers.get(pk)
        context = past_state.present_employer(office, employer, cursor) if employer else {}
        context["past"] = employer
    if "places" in context:
        context["places_pager"] = build_pager_context(context["places"], parameter="places", **query)
    return context | (build_pager_context(context["part"], **query) if "part" in context else {})
