"""Start and stop impersonation."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from audit.actors import build_support_actor
from authentication import sessions
from core.access import POST, Access, ReauthenticationLevel, page
from core.confirmation import Confirmation, render_confirmation
from permissions.access import OfficeRequest
from permissions.checks import SupportAction
from support import impersonation
from support.forms import SupportActionForm
from support.middleware import IMPERSONATION_KEY
from support.models import IMPERSONATION_MINUTES, Impersonation


@page(Access.SUPPORT, reauthentication=ReauthenticationLevel.FIVE_MINUTES, with_factor=True)
def start_impersonation(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = get_object_or_404(User.objects.filter(is_support=False).select_related("provider"), pk=pk)
    form = SupportActionForm(request.POST or None, support_action=SupportAction.IMPERSONATE, row=user)
    if form.is_valid():
        by = build_support_actor(request, request.user, form.cleaned_data["reason"])
        try:
            started = impersonation.start_impersonation(user, session=sessions.get_current_session_id(request), by=by)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            request.session[IMPERSONATION_KEY] = str(started.pk)
            return redirect("home")
    values = {"name": user.full_name, "office": user.provider, "minutes": IMPERSONATION_MINUTES}
    text = _(
        "You see the pages of %(office)s as %(name)s sees them, for at most %(minutes)s minutes. You cannot change"
        " anything, and secrets and exports are hidden."
    )
    warning = _(
        "Your name and reason are recorded in the history of %(office)s, and its administrators receive an e-mail when"
        " you stop."
    )
    confirmation = Confirmation(
        _("Impersonate %(name)s") % values,
        _("Impersonate"),
        reverse("admin:accounts_user_change", args=[user.pk]),
        parents=[(_("Support"), reverse("admin:index"))],
        introduction=[text % values],
        warning=warning % values,
    )
    return render_confirmation(request, confirmation, form=form)


@page(Access.SUPPORT, methods=POST)
def stop_impersonation(request: OfficeRequest) -> HttpResponse:
    key = request.session.pop(IMPERSONATION_KEY, None)
    current = Impersonation.objects.begun().filter(pk=key, supporter=request.user).first()
    if current is None:
        messages.info(request, _("Impersonation has ended."))
        return redirect("admin:index")
    impersonation.end_impersonation(current, by=build_support_actor(request, request.user, current.reason))
    messages.success(
        request, _("Impersonation has ended. The administrators of the office receive an e-mail about it.")
    )
    return redirect("admin:accounts_user_change", current.user_id)
