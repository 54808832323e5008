"""Mailbox of the demo, with the codes that the phones of its accounts would show."""

from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from core.access import SAFE, Access, page
from demo import authenticator
from demo import mailbox as demo_mailbox
from demo.access import require_demo

# As strict as e-mail clients are: the styles of the elements only, no scripts, nothing from elsewhere.
_EMAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


@page(Access.PUBLIC, methods=SAFE)
def mailbox_page(request: HttpRequest) -> HttpResponse:
    """Show the present two-factor codes, and all e-mails and SMS messages of the demo, newest first."""
    require_demo(request)
    messages = demo_mailbox.list_delivered()
    delivered = [
        {**entry, "number": len(messages) - index, "when": datetime.fromisoformat(entry["at"])}
        for index, entry in enumerate(messages)
    ]
    context = {"delivered": delivered, "codes": authenticator.list_codes(), "seconds": authenticator.get_seconds_left()}
    return render(request, "demo/mailbox.html", context)


@page(Access.PUBLIC, methods=SAFE)
def mailbox_email(request: HttpRequest, number: int) -> HttpResponse:
    """Show the HTML part of a message, of which the oldest is number 1; its links open in another tab."""
    require_demo(request)
    messages = demo_mailbox.list_delivered()
    html = messages[-number]["html"] if 0 < number <= len(messages) else ""
    if not html:
        raise Http404
    page = html.replace("<head>", '<head><base target="_blank">', 1)
    return HttpResponse(page, headers={"Content-Security-Policy": _EMAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"})


@page(Access.PUBLIC, methods=SAFE)
def mailbox_json(request: HttpRequest) -> HttpResponse:
    """Return all e-mails and SMS messages of the demo as JSON, newest first."""
    require_demo(request)
    return JsonResponse(demo_mailbox.list_delivered(), safe=False)
