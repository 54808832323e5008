"""Webhooks for delivery reports of e-mail providers and SMS gateways."""

from http import HTTPStatus

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.urls import resolve
from django.views.decorators.csrf import csrf_exempt

from core.access import POST, Access, page
from outbox import sms_receipts
from outbox.sms_receipts import MAX_RECEIPT_BYTES, ReceiptResult

_RECEIPT_STATUSES = {
    ReceiptResult.ACCEPTED: HTTPStatus.NO_CONTENT,
    ReceiptResult.UNSIGNED: HTTPStatus.NOT_FOUND,
    ReceiptResult.TOO_EARLY: HTTPStatus.SERVICE_UNAVAILABLE,  # gateways try again
}


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


@page(Access.PUBLIC, methods=POST)
@csrf_exempt
def sms_receipt(request: HttpRequest, reference: str = "") -> HttpResponse:
    """Record a receipt of the SMS gateway. The URL exists only if the gateway is given references."""
    if "{reference}" not in settings.SMS_URL:
        raise Http404
    body = request.read(MAX_RECEIPT_BYTES)
    result = sms_receipts.receive_receipt(reference, request.content_type or "", body)
    return HttpResponse(status=_RECEIPT_STATUSES[result])
