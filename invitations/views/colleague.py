"""Pages of the invited person: opening the link, proving the phone, choosing username and password."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from teams.access import public


@public
@require_safe
def enter(request: HttpRequest, token: str) -> HttpResponse:
    return HttpResponse(token)


@public
@require_safe
def welcome(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@public
@require_POST
def send_code(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@public
@require_POST
def code(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@public
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    return HttpResponse()
