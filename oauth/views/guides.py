"""The guides for the developers of integrations."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control

from core.access import SAFE, Access, page
from core.guides import render_guide


@page(Access.PUBLIC, methods=SAFE, before_second_factor=True, during_enrollment=True)
@cache_control(public=True, max_age=300)
def guide(request: HttpRequest) -> HttpResponse:
    """Return the guide of OpenID Connect."""
    return render_guide("openid-connect")


@page(Access.PUBLIC, methods=SAFE, before_second_factor=True, during_enrollment=True)
@cache_control(public=True, max_age=300)
def client_settings(request: HttpRequest) -> HttpResponse:
    """Return the settings with which libraries sign users in here."""
    return render_guide("openid-clients")
