"""Pages for the office's text of the invitation e-mail."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

import invitations.actions
from core.access import page
from core.errors import EditConflict
from core.throttle import Throttled
from invitations import email_text
from invitations.forms.email_text import EmailTextForm
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import mark_as_throttled


@page(Right.MANAGE_PROVIDER)
def edit_text(request: OfficeRequest) -> HttpResponse:
    provider = request.user.office
    form = _build_form(request)
    if request.method == "POST" and form.is_valid() and not form.is_stale:
        try:
            invitations.actions.save_office_text(provider, text=form.text, before=form.stored, by=request.actor)
        except EditConflict:
            form.stored = invitations.actions.get_office_text(provider)
        else:
            messages.success(request, _("The text has been saved. It is used for new invitations."))
            return redirect("invitations:edit_text")
    return _render_text_page(request, form)


@page(Right.MANAGE_PROVIDER)
def preview_text(request: OfficeRequest) -> HttpResponse:
    if request.method != "POST":
        return redirect("invitations:edit_text")
    return _render_text_page(request, _build_form(request))


@page(Right.MANAGE_PROVIDER)
def send_test_email(request: OfficeRequest) -> HttpResponse:
    if request.method != "POST":
        return redirect("invitations:edit_text")
    form = _build_form(request)
    if not form.is_valid():
        return _render_text_page(request, form)
    try:
        invitations.actions.send_test_email(request.user.office, text=form.text, by=request.actor)
    except Throttled as error:
        form.add_error(None, str(error))
        return mark_as_throttled(_render_text_page(request, form), error)
    return _render_text_page(request, form, test_sent=True)


@page(Right.MANAGE_PROVIDER)
def restore_standard_text(request: OfficeRequest) -> HttpResponse:
    provider = request.user.office
    if request.method == "POST":
        invitations.actions.restore_standard_text(provider, by=request.actor)
        messages.success(request, _("The default text is now used again."))
        return redirect("invitations:edit_text")
    context = {
        "preview": email_text.render_example(email_text.STANDARD_TEXT, email_text.build_example_user(), provider)
    }
    return render(request, "invitations/reset_email_text.html", context)


def _build_form(request: OfficeRequest) -> EmailTextForm:
    data = request.POST if request.method == "POST" else None
    return EmailTextForm(data, stored=invitations.actions.get_office_text(request.user.office))


def _render_text_page(request: OfficeRequest, form: EmailTextForm, **context: Any) -> HttpResponse:
    """Render the form with a preview of its text, or of the saved text when the form is invalid."""
    stale = form.is_stale
    text = form.text if form.is_bound and form.is_valid() else form.stored
    if stale:
        form.accept_saved_text()
    context |= {
        "form": form,
        "standing": form.stored if stale else None,
        "is_standard": form.stored == email_text.STANDARD_TEXT,
        "preview": email_text.render_example(text, email_text.build_example_user(), request.user.office),
        "placeholders": [("{" + name + "}", meaning) for name, meaning in email_text.PLACEHOLDERS.items()],
    }
    return render(request, "invitations/email_text.html", context)
