"""Help page about logging in, open before and during login."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from signin.middleware import opens_before_factor, opens_while_enrolling
from teams.access import public


@public
@opens_before_factor
@opens_while_enrolling
@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """Explain what to do when logging in fails; the same for all visitors."""
    return render(request, "authentication/help.html")
