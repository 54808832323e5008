"""Mailbox of the demo, with the codes that the phones of its accounts would show."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from core.access import SAFE, Access, page
from demo import authenticator
from demo import mailbox as demo_mailbox
from demo.access import require_demo


@page(Access.PUBLIC, methods=SAFE)
def mailbox_page(request: HttpRequest) -> HttpResponse:
    """Show the present two-factor codes, and all e-mails and SMS messages of the demo, newest first."""
    require_demo(request)
    delivered = [{**entry, "when": datetime.fromisoformat(entry["at"])} for entry in demo_mailbox.list_delivered()]
    context = {"delivered": delivered, "codes": authenticator.list_codes(), "seconds": authenticator.get_seconds_left()}
    return render(request, "demo/mailbox.html", context)


@page(Access.PUBLIC, methods=SAFE)
def mailbox_json(request: HttpRequest) -> HttpResponse:
    """Return all e-mails and SMS messages of the demo as JSON, newest first."""
    require_demo(request)
    return JsonResponse(demo_mailbox.list_delivered(), safe=False)
