"""Pages for the office's text of the invitation e-mail."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

import invitations.actions
from accounts.actions import Stale
from audit.actors import on_page
from invitations import texts
from invitations.forms.texts import TextForm
from signin.throttle import Throttled
from teams.access import OfficeRequest, requires
from teams.rights import Right


@requires(Right.MANAGE_PROVIDER)
@require_http_methods(["GET", "HEAD", "POST"])
def text(request: OfficeRequest) -> HttpResponse:
    provider = request.user.provider
    form = _form(request)
    if request.method == "POST" and form.is_valid() and not form.is_stale:
        try:
            invitations.actions.save_text(
                provider, text=form.text, before=form.standing, by=on_page(request, request.user)
            )
        except Stale:
            form.standing = invitations.actions.office_text(provider)
        else:
            messages.success(request, _("The text has been saved. It is used for new invitations."))
            return redirect("invitations:text")
    return _page(request, form)


@requires(Right.MANAGE_PROVIDER)
@require_http_methods(["GET", "HEAD", "POST"])
def text_preview(request: OfficeRequest) -> HttpResponse:
    """Preview the submitted text beside the form; nothing is saved."""
    return _page(request, _form(request)) if request.method == "POST" else redirect("invitations:text")


@requires(Right.MANAGE_PROVIDER)
@require_http_methods(["GET", "HEAD", "POST"])
def text_test(request: OfficeRequest) -> HttpResponse:
    """Send the submitted text as a test e-mail to the user; nothing is saved."""
    if request.method != "POST":
        return redirect("invitations:text")
    form = _form(request)
    if not form.is_valid():
        return _page(request, form)
    try:
        invitations.actions.send_test(request.user.provider, text=form.text, by=on_page(request, request.user))
    except Throttled as error:
        form.add_error(None, str(error))
        return _page(request, form, status=429)
    return _page(request, form, test_sent=True)


@requires(Right.MANAGE_PROVIDER)
@require_http_methods(["GET", "HEAD", "POST"])
def text_standard(request: OfficeRequest) -> HttpResponse:
    """Confirm and restore the standard text."""
    provider = request.user.provider
    if request.method == "POST":
        invitations.actions.restore_text(provider, by=on_page(request, request.user))
        messages.success(request, _("The default text is now used again."))
        return redirect("invitations:text")
    context = {"preview": texts.example(texts.STANDARD, texts.somebody(), provider)}
    return render(request, "invitations/reset_email_text.html", context)


def _form(request: OfficeRequest) -> TextForm:
    data = request.POST if request.method == "POST" else None
    return TextForm(data, standing=invitations.actions.office_text(request.user.provider))


def _page(request: OfficeRequest, form: TextForm, *, status: int = 200, **context: Any) -> HttpResponse:
    """Render the form with a preview of its text, or of the saved text when the form is invalid."""
    stale = form.is_stale
    shown = form.text if form.is_bound and form.is_valid() else form.standing
    if stale:
        form.accept_standing()
    context |= {
        "form": form,
        "standing": form.standing if stale else None,
        "is_standard": form.standing == texts.STANDARD,
        "preview": texts.example(shown, texts.somebody(), request.user.provider),
        "placeholders": [("{" + name + "}", meaning) for name, meaning in texts.PLACEHOLDERS.items()],
    }
    return render(request, "invitations/email_text.html", context, status=status)
