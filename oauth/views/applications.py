"""Pages for the applications of the office."""

from contextlib import suppress
from urllib.parse import urljoin
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

import oauth.applications
from accounts.models import Provider
from audit.actors import Actor
from core import paging
from core.access import POST, SAFE, DuringImpersonation, ReauthenticationLevel, page
from core.confirmation import Confirmation, render_confirmation
from core.errors import EditConflict
from oauth import backchannel_logout
from oauth.client_settings import ClientAuthentication
from oauth.forms import ApplicationForm, ClientSecretForm
from oauth.models import Application
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import show_errors

_MAX_PARTNERS = 100  # shown at most
_EDIT_CONFLICT_MESSAGE = gettext_lazy("Another user changed this integration in the meantime. Open it again.")


@page(Right.MANAGE_INTEGRATIONS, methods=SAFE)
def application_list(request: OfficeRequest) -> HttpResponse:
    rows = Application.objects.visible_to(request.user)
    page = paging.paginate_queryset(rows, cursor=request.GET.get("page", ""), sorts={"name": F("name_key")})
    partners = Application.objects.serving(request.user.office).filter(provider=None, switched_off_at=None)
    context = {"rows": page.rows, "partners": partners.order_by("name_key", "pk")[:_MAX_PARTNERS]}
    return render(request, "oauth/applications.html", context | paging.build_pager_context(page))


@page(Right.MANAGE_INTEGRATIONS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def add_application(request: OfficeRequest) -> HttpResponse:
    form = ApplicationForm(request.POST or None)
    if form.is_valid() and (application := register_from_form(request, form, request.user.office, by=request.actor)):
        return redirect("oauth:application_detail", application.pk)
    return render(request, "oauth/add_application.html", {"form": form})


def register_from_form(
    request: OfficeRequest, form: ApplicationForm, provider: Provider | None, *, by: Actor
) -> Application | None:
    """Register the application of a valid `form`, else add the error to the form and return None."""
    with show_errors(form, "name"):
        application = oauth.applications.register_application(provider, details=form.to_details(), by=by)
        needs_secret = application.authentication == ClientAuthentication.SECRET
        done = _("%(name)s has been added. Now create its secret.") if needs_secret else _("%(name)s has been added.")
        messages.success(request, done % {"name": application})
        return application
    return None


@page(Right.MANAGE_INTEGRATIONS)
def application_detail(request: OfficeRequest, pk: UUID) -> HttpResponse:
    application = _get_application(request, pk)
    form = ApplicationForm(request.POST or None, instance=application)
    if form.is_valid() and update_from_form(request, form, application, by=request.actor):
        return redirect("oauth:application_detail", application.pk)
    discovery = urljoin(settings.LOKET_URL, reverse("oauth:openid_configuration"))
    context = {"form": form, "application": application, "discovery": discovery}
    context["logout_message"] = backchannel_logout.find_last_message(application)
    return render(request, "oauth/application.html", context)


def update_from_form(request: OfficeRequest, form: ApplicationForm, application: Application, *, by: Actor) -> bool:
    """Update the application from a valid `form`, else add the error to the form and return False."""
    values = form.cleaned_data
    try:
        oauth.applications.update_application(application, details=form.to_details(), version=values["version"], by=by)
    except EditConflict:
        form.add_error(None, ValidationError(_EDIT_CONFLICT_MESSAGE, code="stale"))
        return False
    except ValidationError as error:
        form.add_error(None if hasattr(error, "error_dict") else "name", error)
        return False
    messages.success(request, _("%(name)s has been saved.") % {"name": values["name"]})
    return True


@page(
    Right.MANAGE_INTEGRATIONS,
    impersonation=DuringImpersonation.FORBIDDEN,
    reauthentication=ReauthenticationLevel.FIVE_MINUTES,
)
def renew_client_secret(request: OfficeRequest, pk: UUID) -> HttpResponse:
    application = _get_application(request, pk)
    form = ClientSecretForm(request.POST or None, application=application)
    context = {
        "breadcrumb": "oauth/_application_breadcrumb.html",
        "back_url": reverse("oauth:application_detail", args=[pk]),
    }
    return render_secret_page(request, application, form, by=request.actor, **context)


def render_secret_page(
    request: OfficeRequest, application: Application, form: ClientSecretForm, *, by: Actor, **context: object
) -> HttpResponse:
    """Ask for the lifetime of the previous secret; once `form` is valid, set the new secret and show it once."""
    context |= {"application": application, "form": form}
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            oauth.applications.set_client_secret(
                application, secret=values["encrypted_secret"], hours=values["hours"], version=values["version"], by=by
            )
        except EditConflict:
            form.add_error(None, ValidationError(_EDIT_CONFLICT_MESSAGE, code="stale"))
        else:
            context["secret"] = values["encrypted_secret"]
    return render(request, "oauth/secret.html", context)


@page(Right.MANAGE_INTEGRATIONS, methods=POST)
def enable_application(request: OfficeRequest, pk: UUID) -> HttpResponse:
    return _set_enabled(request, _get_application(request, pk), enabled=True, done=_("%(name)s has been turned on."))


@page(Right.MANAGE_INTEGRATIONS)
def disable_application(request: OfficeRequest, pk: UUID) -> HttpResponse:
    application = _get_application(request, pk)
    if request.method == "POST":
        done = _("%(name)s has been turned off and no longer has access.")
        return _set_enabled(request, application, enabled=False, done=done)
    title, heading = _("Turn off integration"), _("Turn off %(application)s?")
    consequence = _("The integration loses access immediately, until it is turned on again.")
    return _ask_confirmation(request, application, title, heading, consequence, _("Turn off"))


def _set_enabled(request: OfficeRequest, application: Application, *, enabled: bool, done: str) -> HttpResponse:
    try:
        oauth.applications.set_application_enabled(application, enabled=enabled, by=request.actor)
    except EditConflict:
        messages.error(request, _EDIT_CONFLICT_MESSAGE)
        return redirect("oauth:application_list")
    messages.success(request, done % {"name": application})
    return redirect("oauth:application_detail", application.pk)


@page(Right.MANAGE_INTEGRATIONS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def delete_application(request: OfficeRequest, pk: UUID) -> HttpResponse:
    application = _get_application(request, pk)
    if request.method == "POST":
        with suppress(EditConflict):  # already deleted concurrently
            oauth.applications.delete_application(application, by=request.actor)
        messages.success(request, _("%(name)s has been removed.") % {"name": application})
        return redirect("oauth:application_list")
    title, heading = _("Remove integration"), _("Remove %(application)s?")
    consequence = _("The integration loses access immediately, and its client ID will never work again.")
    return _ask_confirmation(request, application, title, heading, consequence, _("Remove"))


def _ask_confirmation(
    request: OfficeRequest, application: Application, title: str, heading: str, consequence: str, button: str
) -> HttpResponse:
    count = application.consents.count()
    consents = ngettext(
        "%(count)s user allowed it to act on their behalf.", "%(count)s users allowed it to act on their behalf.", count
    )
    confirmation = Confirmation(
        title,
        button,
        reverse("oauth:application_detail", args=[application.pk]),
        [consequence, consents % {"count": count}],
        heading=heading % {"application": application},
        breadcrumb="oauth/_application_breadcrumb.html",
    )
    return render_confirmation(request, confirmation, application=application)


def _get_application(request: OfficeRequest, pk: UUID) -> Application:
    application: Application = get_object_or_404(Application.objects.visible_to(request.user), pk=pk)
    return application
