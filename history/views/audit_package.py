"""The page that makes an audit package."""

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from audit.export import ExportTooLarge
from core.access import DuringImpersonation, ReauthenticationLevel, page
from core.export_files import attach
from core.throttle import Throttled
from history.audit_package import MAX_PACKAGE_EVENTS, create_package
from history.forms import AuditPackageForm, get_package_periods
from history.point_in_time import EventsTrimmed
from history.presenters.act_sentences import format_count
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import mark_as_throttled


@page(
    Right.VIEW_AUDIT,
    reauthentication=ReauthenticationLevel.HALF_HOUR,
    impersonation=DuringImpersonation.FORBIDDEN,
)
def audit_package(request: OfficeRequest) -> HttpResponseBase:
    checks.require_right(request.actor, Right.VIEW_USERS)
    form = AuditPackageForm(request.POST or None, initial=request.GET.dict())
    if request.method == "POST" and form.is_valid():
        since, until = form.cleaned_data["since"], form.cleaned_data["until"]
        try:
            content = create_package(request.user.office, since, until, by=request.actor)
        except Throttled as error:
            form.add_error(None, str(error))
            return mark_as_throttled(_render_form(request, form), error)
        except EventsTrimmed as error:
            text = _("The history before %(day)s was removed when its retention period ended.")
            form.add_error("since", text % {"day": date_format(error.since, "j F Y")})
        except ExportTooLarge as error:
            text = _(
                "Since this day there are %(count)s events; a package holds at most %(most)s. Choose a later day, or"
                " download the full history."
            )
            numbers = {"count": format_count(error.events), "most": format_count(MAX_PACKAGE_EVENTS)}
            form.add_error("since", text % numbers)
        else:
            name = f"auditpakket-{since.isoformat()}-{until.isoformat()}.zip"
            return attach(StreamingHttpResponse(content, content_type="application/zip"), name)
    return _render_form(request, form)


def _render_form(request: OfficeRequest, form: AuditPackageForm) -> HttpResponse:
    return render(request, "history/audit_package.html", {"form": form, "periods": get_package_periods()})
