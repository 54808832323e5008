"""Page that creates an office."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from audit.actors import helping
from bulk import offices
from support.forms import NewOfficeForm
from support.recent import confirmed
from teams.access import OfficeRequest, for_support


@for_support
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@confirmed
def new_office(request: OfficeRequest) -> HttpResponse:
    """Create an office and invite its first administrator, as `manage.py create_provider` does."""
    form = NewOfficeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        by = helping(request, request.user, given["reason"])
        try:
            made = offices.set_up(
                given["office_name"], administrator=form.administrator, mobile_number=given["mobile_number"], by=by
            )
        except ValidationError as error:
            form.add_error("office_name" if error.code == "taken" else None, error)
        else:
            told = _("%(office)s has been created. An invitation is on its way to %(email)s.")
            messages.success(request, told % {"office": made.provider, "email": made.administrator.email})
            return redirect("admin:accounts_provider_change", made.provider.pk)
    return render(request, "support/new_office.html", {"form": form})
