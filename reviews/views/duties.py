"""The page *Segregation of duties*."""

from django.http import HttpResponse
from django.shortcuts import render

from core.access import SAFE, page
from permissions.access import OfficeRequest
from permissions.checks import Right


@page(Right.REVIEW_ACCESS, methods=SAFE)
def duty_list(request: OfficeRequest) -> HttpResponse:
    return render(request, "reviews/duties.html")
