"""The bare view: one query and one table, no middleware, no sign-in, no translation, nothing of the product around."""

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from accounts.models import User
from accounts.status import with_status
from loket.paging import PAGE


def bare(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Show the first page of people with the query of the list page."""
    users = with_status(User.objects.filter(provider_id=provider_id)).annotate(sort_key=F("sort_name"))
    rows = list(users.order_by("sort_key", "pk")[: PAGE + 1])[:PAGE]
    return render(request, "bare.html", {"rows": rows})


def own_addresses(get_response):
    """Let the bare view have an address without adding it to the product."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.urlconf = "bench.bare"  # type: ignore[attr-defined]
        return get_response(request)

    return middleware


urlpatterns = [path("bare/<uuid:provider_id>/", bare), path("gebruikers/<uuid:id>/", bare, name="person")]
