"""Mailbox of the demo."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from core.access import SAFE, Access, page
from demo import mailbox as demo_mailbox
from demo.access import require_demo


@page(Access.PUBLIC, methods=SAFE)
def mailbox_page(request: HttpRequest) -> HttpResponse:
    """Show all e-mails and SMS messages of the demo, newest first."""
    require_demo(request)
    delivered = [{**entry, "when": datetime.fromisoformat(entry["at"])} for entry in demo_mailbox.list_delivered()]
    return render(request, "demo/mailbox.html", {"delivered": delivered})


@page(Access.PUBLIC, methods=SAFE)
def mailbox_json(request: HttpRequest) -> HttpResponse:
    """Return all e-mails and SMS messages of the demo as JSON, newest first."""
    require_demo(request)
    return JsonResponse(demo_mailbox.list_delivered(), safe=False)
