"""Page that creates an office."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from audit.actors import build_support_actor
from core.access import Access, ReauthenticationLevel, page
from permissions.access import OfficeRequest
from support.forms import CreateOfficeForm
from users import office_setup


@page(Access.SUPPORT, reauthentication=ReauthenticationLevel.FIVE_MINUTES, with_factor=True)
def create_office(request: OfficeRequest) -> HttpResponse:
    form = CreateOfficeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        by = build_support_actor(request, request.user, given["reason"])
        try:
            made = office_setup.set_up_office(
                given["office_name"], administrator=form.administrator, mobile_number=given["mobile_number"], by=by
            )
        except ValidationError as error:
            form.add_error("office_name" if error.code == "taken" else None, error)
        else:
            told = _("%(office)s has been created. An invitation is on its way to %(email)s.")
            messages.success(request, told % {"office": made.provider, "email": made.administrator.email})
            return redirect("admin:accounts_provider_change", made.provider.pk)
    return render(request, "support/new_office.html", {"form": form})
