"""Pages on which the office edits the text of its invitations."""

from django.http import HttpResponse
from django.views.decorators.http import require_http_methods, require_POST

from teams.access import OfficeRequest, requires
from teams.rights import Right


@requires(Right.MANAGE_PROVIDER)
@require_http_methods(["GET", "HEAD", "POST"])
def text(request: OfficeRequest) -> HttpResponse:
    return HttpResponse()


@requires(Right.MANAGE_PROVIDER)
@require_POST
def text_preview(request: OfficeRequest) -> HttpResponse:
    return HttpResponse()


@requires(Right.MANAGE_PROVIDER)
@require_POST
def text_test(request: OfficeRequest) -> HttpResponse:
    return HttpResponse()


@requires(Right.MANAGE_PROVIDER)
@require_http_methods(["GET", "HEAD", "POST"])
def text_standard(request: OfficeRequest) -> HttpResponse:
    return HttpResponse()
