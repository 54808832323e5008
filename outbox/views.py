"""Webhook for delivery reports of e-mail providers."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.urls import resolve
from django.views.decorators.csrf import csrf_exempt

from core.access import Access, page


@page(Access.PUBLIC, methods=("POST", "HEAD"))
@csrf_exempt
def delivery_report(request: HttpRequest, esp: str) -> HttpResponse:
    """Pass a report to anymail, which requires WEBHOOK_SECRET as basic authentication.

    The URL exists only for the configured provider, and only if a secret is set.
    """
    backend = f"anymail.backends.{esp}.EmailBackend"
    if not settings.ANYMAIL.get("WEBHOOK_SECRET") or backend != settings.EMAIL_BACKEND:
        raise Http404
    view = resolve(f"/{esp}/tracking/", "anymail.urls").func
    try:
        answer: HttpResponse = view(request)
    except (ValueError, TypeError, LookupError, AttributeError):  # not a valid report from this e-mail provider
        return HttpResponseBadRequest()
    return answer
