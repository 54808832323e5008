"""Mailbox of the demo, and webhook for delivery reports of email providers."""

from datetime import datetime

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import render
from django.urls import resolve
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from loket.local import require_demo
from outbox import mailbox as demo_mailbox
from teams.access import public


@public
@never_cache
@require_safe
def mailbox(request: HttpRequest) -> HttpResponse:
    """Show all emails and SMS of the demo, newest first."""
    require_demo(request)
    delivered = [{**entry, "when": datetime.fromisoformat(entry["at"])} for entry in demo_mailbox.delivered()]
    return render(request, "demo/mailbox.html", {"delivered": delivered})


@public
@never_cache
@require_safe
def mailbox_json(request: HttpRequest) -> HttpResponse:
    """Return all emails and SMS of the demo as JSON, newest first."""
    require_demo(request)
    return JsonResponse(demo_mailbox.delivered(), safe=False)


@public
@csrf_exempt
@require_http_methods(["POST", "HEAD"])
def report(request: HttpRequest, esp: str) -> HttpResponse:
    """Pass a report to anymail, which requires WEBHOOK_SECRET as basic authentication.

    The URL exists only for the configured provider, and only if a secret is set.
    """
    backend = f"anymail.backends.{esp}.EmailBackend"
    if not settings.ANYMAIL.get("WEBHOOK_SECRET") or backend != settings.EMAIL_BACKEND:
        raise Http404
    view = resolve(f"/{esp}/tracking/", "anymail.urls").func
    try:
        answer: HttpResponse = view(request)
    except (ValueError, TypeError, LookupError, AttributeError):  # not a valid report of this provider
        return HttpResponseBadRequest()
    return answer
