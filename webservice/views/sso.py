"""Coming in from a portal."""

from django.http import Http404, HttpRequest, HttpResponse

from teams.access import public


@public
def sso(request: HttpRequest, ticket: str) -> HttpResponse:
    """Let somebody in."""
    raise Http404
