"""Quick search, as a page and as the hits below the field of the dialog."""

from django.http import HttpResponse
from django.shortcuts import render

from core.access import SAFE, Access, page
from permissions.access import OfficeRequest
from teams.forms.teams import SearchForm
from users.quick_search import QuickSearch


@page(Access.OFFICE_USER, methods=SAFE)
def quick_search(request: OfficeRequest) -> HttpResponse:
    search = QuickSearch(request, SearchForm(request.GET, hint="").values()["q"])
    template = "users/_quick_search_hits.html" if "fragment" in request.GET else "users/quick_search.html"
    return render(request, template, {"search": search})
