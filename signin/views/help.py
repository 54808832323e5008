"""Help with logging in, for whoever stands before the door or half way through it."""

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
    """Say what to do when logging in does not work; the same to everybody."""
    return render(request, "signin/help.html")
