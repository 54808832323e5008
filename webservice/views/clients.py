"""Pages for the applications of the office."""

from contextlib import suppress
from urllib.parse import urljoin
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import webservice.clients
from accounts.actions import Stale
from audit.actors import Proof, on_page
from loket import paging
from signin.reauthentication import reauthenticated
from teams.access import OfficeRequest, not_along, requires
from teams.rights import Right
from webservice.forms import ClientForm, SecretForm
from webservice.models import Application

_show_and_send = require_http_methods(["GET", "HEAD", "POST"])
_STALE = gettext_lazy("Another user changed this integration in the meantime. Open it again.")


@requires(Right.MANAGE_INTEGRATIONS)
@require_safe
def clients(request: OfficeRequest) -> HttpResponse:
    rows = Application.objects.visible_to(request.user)
    page = paging.page_of(rows, cursor=request.GET.get("page", ""), sorts={"name": Lower("name")})
    return render(request, "oauth/applications.html", {"rows": page.rows, **paging.neighbours(page)})


@requires(Right.MANAGE_INTEGRATIONS)
@_show_and_send
@reauthenticated(Proof.FIVE_MINUTES)
def add_client(request: OfficeRequest) -> HttpResponse:
    form = ClientForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        by = on_page(request, request.user)
        try:
            application = webservice.clients.register(request.user.provider, details=form.details(), by=by)
        except ValidationError as error:
            form.add_error("name", error)
        else:
            messages.success(request, _("%(name)s has been added. Now create its secret.") % {"name": application})
            return redirect("webservice:client", application.pk)
    return render(request, "oauth/add_application.html", {"form": form})


@requires(Right.MANAGE_INTEGRATIONS)
@_show_and_send
def client(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show an application and edit it."""
    application = _one(request, id)
    form = ClientForm(request.POST or None, changed=application)
    if request.method == "POST" and form.is_valid():
        version, by = form.cleaned_data["version"], on_page(request, request.user)
        try:
            webservice.clients.change(application, details=form.details(), version=version, by=by)
        except Stale:
            form.add_error(None, ValidationError(_STALE, code="stale"))
        except ValidationError as error:
            form.add_error("name", error)
        else:
            messages.success(request, _("%(name)s has been saved.") % {"name": form.cleaned_data["name"]})
            return redirect("webservice:client", application.pk)
    discovery = urljoin(settings.LOKET_URL, reverse("webservice:configuration"))
    context = {"form": form, "application": application, "discovery": discovery}
    return render(request, "oauth/application.html", context)


@requires(Right.MANAGE_INTEGRATIONS)
@not_along
@reauthenticated(Proof.FIVE_MINUTES)
@_show_and_send
@never_cache
def new_secret(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Generate a client secret and show it once."""
    application = _one(request, id)
    form = SecretForm(request.POST or None, application=application)
    if request.method == "POST" and form.is_valid():
        given, by = form.cleaned_data, on_page(request, request.user)
        try:
            webservice.clients.set_secret(
                application, secret=given["sealed"], hours=given["hours"], version=given["version"], by=by
            )
        except Stale:
            form.add_error(None, ValidationError(_STALE, code="stale"))
        else:
            return render(request, "oauth/secret_created.html", {"application": application, "secret": given["sealed"]})
    return render(request, "oauth/new_secret.html", {"form": form, "application": application})


@requires(Right.MANAGE_INTEGRATIONS)
@require_POST
def switch_on(request: OfficeRequest, id: UUID) -> HttpResponse:
    return _switch(request, id, on=True, done=_("%(name)s has been turned on."))


@requires(Right.MANAGE_INTEGRATIONS)
@_show_and_send
def switch_off(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Ask for confirmation and disable an application."""
    if request.method != "POST":
        application = _one(request, id)
        context = {"application": application, "people": application.consents.count()}
        return render(request, "oauth/switch_off.html", context)
    return _switch(request, id, on=False, done=_("%(name)s has been turned off and no longer has access."))


def _switch(request: OfficeRequest, id: UUID, *, on: bool, done: str) -> HttpResponse:
    application = _one(request, id)
    try:
        webservice.clients.switch(application, on=on, by=on_page(request, request.user))
    except Stale:
        messages.error(request, _STALE)
        return redirect("webservice:clients")
    messages.success(request, done % {"name": application})
    return redirect("webservice:client", application.pk)


@requires(Right.MANAGE_INTEGRATIONS)
@_show_and_send
@reauthenticated(Proof.FIVE_MINUTES)
def remove_client(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Ask for confirmation and delete an application."""
    application = _one(request, id)
    if request.method == "POST":
        with suppress(Stale):  # already deleted concurrently
            webservice.clients.remove(application, by=on_page(request, request.user))
        messages.success(request, _("%(name)s has been removed.") % {"name": application})
        return redirect("webservice:clients")
    context = {"application": application, "people": application.consents.count()}
    return render(request, "oauth/remove_application.html", context)


def _one(request: OfficeRequest, id: UUID) -> Application:
    application: Application = get_object_or_404(Application.objects.visible_to(request.user), pk=id)
    return application
