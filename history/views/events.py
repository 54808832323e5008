"""Pages and exports of the audit log."""

from tempfile import SpooledTemporaryFile
from typing import IO, Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

import audit.export
from accounts.models import User
from audit import checkpoints, verify
from audit.actions import SEARCH_TERM_MASK, record
from audit.actors import build_page_actor
from audit.models import Event, Verb, build_erased_name
from core import sheets
from core.access import GET, SAFE, DuringImpersonation, page
from core.paging import build_pager_context, build_query_string, paginate_queryset
from core.replica import allow_replica
from history import point_in_time
from history.forms import EventFilterForm, PointInTimeForm
from history.past_access import PastOffice
from history.presenters import event_rows, past_state
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.models import Team

Response = TypeVar("Response", bound=HttpResponseBase)
_COLUMN_WIDTHS = (20, 28, 28, 18, 14, 34, 34, 60, 40)
_SPOOL_BYTES = 1024 * 1024  # bytes of a workbook


@page(Right.VIEW_AUDIT, methods=SAFE)
@allow_replica
def event_list(request: OfficeRequest) -> HttpResponse:
    """Show the events of the office, newest first."""
    return _render_events(request, event_rows.get_office_events(request.user), "history/office_history.html", {})


@page(Right.VIEW_AUDIT, methods=SAFE)
@allow_replica
def user_event_list(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Show the events with a user as actor or target."""
    person = get_object_or_404(User.objects.visible_to(request.user), pk=pk)
    events = event_rows.filter_by_subject(event_rows.get_office_events(request.user), person.pk)
    may_export = Right.MANAGE_PROVIDER in request.rights and person.pk != request.user.pk
    context = {"person": person, "may_export": may_export}
    return _render_events(request, events, "history/user_history.html", context)


@page(Right.VIEW_AUDIT, methods=SAFE)
@allow_replica
def team_event_list(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Show the events of a team."""
    team = get_object_or_404(Team.objects.visible_to(request.user), pk=pk)
    events = event_rows.filter_by_subject(event_rows.get_office_events(request.user), team.pk)
    return _render_events(request, events, "history/team_history.html", {"team": team})


def _render_events(
    request: OfficeRequest, events: QuerySet[Event], template: str, context: dict[str, Any]
) -> HttpResponse:
    form = EventFilterForm(request.GET or None)
    values = form.values()
    found = event_rows.filter_events(events, user=request.user, **values)
    cursor = request.GET.get("page", "")
    page = paginate_queryset(found, sort="-at", sorts={"at": F("at")}, datetime_sorts=("at",), cursor=cursor)
    texts = {name: str(value) for name, value in values.items()}
    context |= {"form": form, "rows": event_rows.present_events(page.rows), "filtered": any(texts.values())}
    context |= {"export_query": build_query_string(**texts)} | build_pager_context(page, **texts)
    return render(request, template, context)


def _record_and_filter_export(request: OfficeRequest, form: str) -> QuerySet[Event]:
    """Record the export and return its events."""
    values, office = EventFilterForm(request.GET or None).values(), request.user.office
    what = {"history": [None, form]} | {name: [None, str(value)] for name, value in values.items() if value}
    if values["person"]:
        what["person"] = [None, SEARCH_TERM_MASK]  # the search term may name a user to be erased one day
    with transaction.atomic():
        record(Verb.EXPORTED, office, by=build_page_actor(request, request.user), provider_id=office.pk, changes=what)
    return event_rows.filter_events(event_rows.get_office_events(request.user), user=request.user, **values)


@page(Right.VIEW_AUDIT, methods=GET, impersonation=DuringImpersonation.FORBIDDEN)
def export_csv(request: OfficeRequest) -> StreamingHttpResponse:
    """Stream the events that match the filters as CSV."""
    lines = sheets.iter_csv_lines(event_rows.iter_table_rows(_record_and_filter_export(request, "csv")))
    return _send_attachment(StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8"), "historie.csv")


@page(Right.VIEW_AUDIT, methods=GET, impersonation=DuringImpersonation.FORBIDDEN)
def export_xlsx(request: OfficeRequest) -> FileResponse:
    """Send the events that match the filters as a workbook."""
    file: IO[bytes] = SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 (the response closes it)
    sheets.write_xlsx(
        file, _("History"), event_rows.iter_table_rows(_record_and_filter_export(request, "xlsx")), _COLUMN_WIDTHS
    )
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename="historie.xlsx", content_type=sheets.XLSX_CONTENT_TYPE)


@page(Right.VIEW_AUDIT, methods=GET, impersonation=DuringImpersonation.FORBIDDEN)
def export_jsonl(request: OfficeRequest) -> StreamingHttpResponse:
    """Stream the whole chain; the last event is that of the export."""
    export = audit.export.begin_export(request.user.office, by=build_page_actor(request, request.user))
    return _send_attachment(StreamingHttpResponse(export.lines(), content_type="application/jsonl"), "historie.jsonl")


@page(Right.VIEW_AUDIT, methods=SAFE, impersonation=DuringImpersonation.FORBIDDEN)
def download_checkpoint(request: OfficeRequest) -> HttpResponse:
    """Send a signed checkpoint of the current end of the chain."""
    signed = checkpoints.sign_current_head(request.user.provider_id)
    body = verify.encode_canonical_json(signed) + b"\n"
    return _send_attachment(HttpResponse(body, content_type="application/json"), "checkpoint.json")


@page(Right.VIEW_AUDIT, methods=SAFE)
def download_public_key(request: OfficeRequest) -> HttpResponse:
    """Send the public key that verifies signatures."""
    return _send_attachment(
        HttpResponse(checkpoints.get_public_key_pem(), content_type="application/x-pem-file"), "public.pem"
    )


def _send_attachment(response: Response, name: str) -> Response:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@page(Right.VIEW_AUDIT, methods=SAFE)
@allow_replica
def show_point_in_time(request: OfficeRequest) -> HttpResponse:
    """Show who could do what at a point in time: a user, a team, or all users of the office."""
    form = PointInTimeForm(request.GET or None)
    if not form.is_bound:
        form = PointInTimeForm(form.now())
    form.is_valid()
    person_id, team_id = form.subject()
    context: dict[str, Any] = {"form": form} | _get_subject_context(request, person_id, team_id)
    if not form.errors:
        people = [person_id] if person_id else None
        try:
            office = point_in_time.rebuild_office(request.user.office.pk, form.moment(), people=people)
        except point_in_time.EventsTrimmed as fault:
            context["kept_since"] = fault.since
        else:
            context |= {"office": office} | _build_answer_context(request, office, person_id, team_id)
    return render(request, "history/point_in_time.html", context)


def _get_subject_context(request: OfficeRequest, person_id: UUID | None, team_id: UUID | None) -> dict[str, Any]:
    """Return user and team as they are today, or None if they no longer exist."""
    user = request.user
    person = User.objects.visible_to(user).filter(pk=person_id).first() if person_id else None
    team = Team.objects.visible_to(user).filter(pk=team_id).first() if team_id else None
    return {"person": person, "team": team, "subject": "person" if person_id else "team" if team_id else "office"}


def _build_answer_context(
    request: OfficeRequest, office: PastOffice, person_id: UUID | None, team_id: UUID | None
) -> dict[str, Any]:
    asked = {name: str(value) for name, value in request.GET.items() if name in PointInTimeForm.base_fields}
    cursor, places_cursor = request.GET.get("page", ""), request.GET.get("places", "")
    if person_id is not None:
        past_person = office.users.get(person_id)
        found = past_state.present_user(office, past_person, cursor) if past_person else {}
        found |= {"past": past_person, "alias": build_erased_name(person_id) if person_id in office.unreadable else ""}
    elif team_id is not None:
        past_team = office.teams.get(team_id)
        found = past_state.present_team(office, past_team, cursor, places_cursor) if past_team else {}
        found |= {"past": past_team}
    else:
        found = {"part": past_state.present_office(office, cursor)}
    if "places" in found:
        found["places_pager"] = build_pager_context(found["places"], parameter="places", **asked)
    return found | (build_pager_context(found["part"], **asked) if "part" in found else {})
