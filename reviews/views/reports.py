"""The report of a campaign: a page for paper, a workbook, and the file that the auditor verifies."""

from io import BytesIO
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render

from core import sheets
from core.access import SAFE, DuringImpersonation, ReauthenticationLevel, page
from core.export_files import attach
from permissions.access import OfficeRequest
from permissions.checks import Right
from reviews import reports
from reviews.campaign_models import Campaign
from reviews.views.campaigns import get_campaign_or_404


def _get_started(request: OfficeRequest, pk: UUID) -> Campaign:
    campaign = get_campaign_or_404(request, pk)
    if campaign.is_draft:
        raise Http404
    return campaign


@page(Right.REVIEW_ACCESS, methods=SAFE)
def report(request: OfficeRequest, pk: UUID) -> HttpResponse:
    campaign = _get_started(request, pk)
    context: dict[str, Any] = {"campaign": campaign, "report": reports.build_report(campaign)}
    return render(request, "reviews/report.html", context)


@page(
    Right.REVIEW_ACCESS,
    methods=SAFE,
    impersonation=DuringImpersonation.FORBIDDEN,
    reauthentication=ReauthenticationLevel.HALF_HOUR,
)
def workbook(request: OfficeRequest, pk: UUID) -> HttpResponse:
    campaign = _get_started(request, pk)
    file = BytesIO()
    sheets.write_sheets(file, reports.export_sheets(campaign, by=request.actor))
    return attach(HttpResponse(file.getvalue(), content_type=sheets.XLSX_CONTENT_TYPE), "beoordeling.xlsx")


@page(
    Right.REVIEW_ACCESS,
    methods=SAFE,
    impersonation=DuringImpersonation.FORBIDDEN,
    reauthentication=ReauthenticationLevel.HALF_HOUR,
)
def review_file(request: OfficeRequest, pk: UUID) -> HttpResponse:
    campaign = _get_started(request, pk)
    content = reports.export_review_file(campaign, by=request.actor)
    return attach(HttpResponse(content, content_type="application/json"), "review.json")
