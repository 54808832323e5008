"""Start and stop impersonation."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from audit.actors import helping
from signin import sessions
from support import looking
from support.forms import HelpForm
from support.middleware import KEY
from support.models import MINUTES, Look
from support.recent import confirmed
from teams.access import OfficeRequest, for_support
from teams.rights import Help


@for_support
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@confirmed
def look_along(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Ask for a reason and start to impersonate a user."""
    person = get_object_or_404(User.objects.filter(is_support=False).select_related("provider"), pk=id)
    form = HelpForm(request.POST or None, help=Help.LOOK_ALONG, row=person)
    if form.is_valid():
        by = helping(request, request.user, form.cleaned_data["reason"])
        try:
            look = looking.start(person, session=sessions.current(request), by=by)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            request.session[KEY] = str(look.pk)
            return redirect("home")
    context = {"form": form, "person": person, "minutes": MINUTES}
    return render(request, "support/start_impersonation.html", context)


@for_support
@require_POST
def stop_looking(request: OfficeRequest) -> HttpResponse:
    """Stop impersonation and return to the page of the user."""
    key = request.session.pop(KEY, None)
    look = Look.objects.begun().filter(pk=key, helper=request.user).first()
    if look is None:
        messages.info(request, _("Impersonation has ended."))
        return redirect("admin:index")
    looking.end(look, by=helping(request, request.user, look.reason))
    messages.success(
        request, _("Impersonation has ended. The administrators of the office receive an e-mail about it.")
    )
    return redirect("admin:accounts_user_change", look.person_id)
