"""Help page about logging in, open before and during login."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.access import SAFE, Access, page


@page(Access.PUBLIC, methods=SAFE, before_second_factor=True, during_enrollment=True)
def login_help(request: HttpRequest) -> HttpResponse:
    """Explain what to do when logging in fails; the same for all visitors."""
    return render(request, "authentication/help.html")
