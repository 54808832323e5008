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
from django.views.decorators.http import require_GET, require_safe

import audit.export
from accounts.models import User
from audit import answers, checkpoints, past, reading, verify
from audit.actions import SEARCHED, record
from audit.actors import on_page
from audit.forms import HistoryForm, MomentForm
from audit.models import Event, Verb, erased_name
from loket import sheets
from loket.paging import neighbours, page_of, query
from loket.replica import from_replica
from teams.access import OfficeRequest, not_along, requires
from teams.models import Team
from teams.past import PastOffice
from teams.rights import Right

Response = TypeVar("Response", bound=HttpResponseBase)
_WIDTHS = (20, 28, 28, 18, 14, 34, 34, 60, 40)
_IN_MEMORY = 1024 * 1024  # bytes of a workbook


@requires(Right.VIEW_AUDIT)
@from_replica
@require_safe
def history(request: OfficeRequest) -> HttpResponse:
    """Show the events of the office, newest first."""
    return _page(request, reading.of_office(request.user), "history/office_history.html", {})


@requires(Right.VIEW_AUDIT)
@from_replica
@require_safe
def user_history(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show the events with a user as actor or target."""
    person = get_object_or_404(User.objects.visible_to(request.user), pk=id)
    events = reading.about(reading.of_office(request.user), person.pk)
    may_export = Right.MANAGE_PROVIDER in request.rights and person.pk != request.user.pk
    context = {"person": person, "may_export": may_export}
    return _page(request, events, "history/user_history.html", context)


@requires(Right.VIEW_AUDIT)
@from_replica
@require_safe
def team_history(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show the events of a team."""
    team = get_object_or_404(Team.objects.visible_to(request.user), pk=id)
    events = reading.about(reading.of_office(request.user), team.pk)
    return _page(request, events, "history/team_history.html", {"team": team})


def _page(request: OfficeRequest, events: QuerySet[Event], template: str, context: dict[str, Any]) -> HttpResponse:
    form = HistoryForm(request.GET or None)
    values = form.values()
    found = reading.matching(events, user=request.user, **values)
    cursor = request.GET.get("page", "")
    page = page_of(found, sort="-at", sorts={"at": F("at")}, moments=("at",), cursor=cursor)
    texts = {name: str(value) for name, value in values.items()}
    context |= {"form": form, "rows": reading.told(page.rows), "filtered": any(texts.values())}
    context |= {"export_query": query(**texts)} | neighbours(page, **texts)
    return render(request, template, context)


def _filtered(request: OfficeRequest, form: str) -> QuerySet[Event]:
    """Record the export and return its events."""
    values, office = HistoryForm(request.GET or None).values(), request.user.provider
    what = {"history": [None, form]} | {name: [None, str(value)] for name, value in values.items() if value}
    if values["person"]:
        what["person"] = [None, SEARCHED]  # the search term may name a user to be erased one day
    with transaction.atomic():
        record(Verb.EXPORTED, office, by=on_page(request, request.user), provider_id=office.pk, changes=what)
    return reading.matching(reading.of_office(request.user), user=request.user, **values)


@requires(Right.VIEW_AUDIT)
@not_along
@require_GET
def export_csv(request: OfficeRequest) -> StreamingHttpResponse:
    """Stream the events that match the filters as CSV."""
    lines = sheets.csv_lines(reading.table(_filtered(request, "csv")))
    return _attached(StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8"), "historie.csv")


@requires(Right.VIEW_AUDIT)
@not_along
@require_GET
def export_xlsx(request: OfficeRequest) -> FileResponse:
    """Send the events that match the filters as a workbook."""
    file: IO[bytes] = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (the response closes it)
    sheets.write_xlsx(file, _("History"), reading.table(_filtered(request, "xlsx")), _WIDTHS)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename="historie.xlsx", content_type=sheets.XLSX)


@requires(Right.VIEW_AUDIT)
@not_along
@require_GET
def export_jsonl(request: OfficeRequest) -> StreamingHttpResponse:
    """Stream the whole chain; the last event is that of the export."""
    export = audit.export.begin(request.user.provider, by=on_page(request, request.user))
    return _attached(StreamingHttpResponse(export.lines(), content_type="application/jsonl"), "historie.jsonl")


@requires(Right.VIEW_AUDIT)
@not_along
@require_safe
def checkpoint(request: OfficeRequest) -> HttpResponse:
    """Send a signed checkpoint of the current end of the chain."""
    signed = checkpoints.of_now(request.user.provider_id)
    body = verify.canonical(signed) + b"\n"
    return _attached(HttpResponse(body, content_type="application/json"), "checkpoint.json")


@requires(Right.VIEW_AUDIT)
@require_safe
def public_key(request: OfficeRequest) -> HttpResponse:
    """Send the public key that verifies signatures."""
    return _attached(HttpResponse(checkpoints.public_pem(), content_type="application/x-pem-file"), "public.pem")


def _attached(response: Response, name: str) -> Response:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@requires(Right.VIEW_AUDIT)
@from_replica
@require_safe
def at_moment(request: OfficeRequest) -> HttpResponse:
    """Show who could do what at a point in time: a user, a team, or all users of the office."""
    form = MomentForm(request.GET or None)
    if not form.is_bound:
        form = MomentForm(form.now())
    form.is_valid()
    person_id, team_id = form.subject()
    context: dict[str, Any] = {"form": form} | _names(request, person_id, team_id)
    if not form.errors:
        people = [person_id] if person_id else None
        try:
            office = past.office_at(request.user.provider.pk, form.moment(), people=people)
        except past.NotKept as fault:
            context["kept_since"] = fault.since
        else:
            context |= {"office": office} | _answer(request, office, person_id, team_id)
    return render(request, "history/point_in_time.html", context)


def _names(request: OfficeRequest, person_id: UUID | None, team_id: UUID | None) -> dict[str, Any]:
    """Return user and team as they are today, or None if they no longer exist."""
    user = request.user
    person = User.objects.visible_to(user).filter(pk=person_id).first() if person_id else None
    team = Team.objects.visible_to(user).filter(pk=team_id).first() if team_id else None
    return {"person": person, "team": team, "subject": "person" if person_id else "team" if team_id else "office"}


def _answer(request: OfficeRequest, office: PastOffice, person_id: UUID | None, team_id: UUID | None) -> dict[str, Any]:
    asked = {name: str(value) for name, value in request.GET.items() if name in MomentForm.base_fields}
    cursor, places_cursor = request.GET.get("page", ""), request.GET.get("places", "")
    if person_id is not None:
        past_person = office.people.get(person_id)
        found = answers.of_person(office, past_person, cursor) if past_person else {}
        found |= {"past": past_person, "alias": erased_name(person_id) if person_id in office.unreadable else ""}
    elif team_id is not None:
        past_team = office.teams.get(team_id)
        found = answers.of_team(office, past_team, cursor, places_cursor) if past_team else {}
        found |= {"past": past_team}
    else:
        found = {"part": answers.of_office(office, cursor)}
    if "places" in found:
        found["places_pager"] = neighbours(found["places"], cursor="places", **asked)
    return found | (neighbours(found["part"], **asked) if "part" in found else {})
