"""Pages for the office's texts of e-mails: the kinds, and for each language a text with its versions."""

from typing import Any

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

import users.email_texts
from accounts import email_texts, emails
from accounts.email_kinds import KINDS, PLACEHOLDER_MEANINGS, EmailKind
from accounts.email_texts import OfficeEmailText
from accounts.logos import OfficeLogo, load_email_logo
from accounts.models import User
from core.access import POST, page
from core.errors import EditConflict
from core.ids import parse_uuid
from outbox.emails import LOGO_CONTENT_ID, render_html
from outbox.placeholders import EmailText, Need, format_name
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import render_form, show_errors
from users.forms.email_texts import EmailLanguageForm, EmailTextForm

_PRODUCT = "loket"  # in place of the number of a version
# The preview is a page with the styles of an e-mail, in a frame of the page with the form.
_PREVIEW_POLICY = {
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],
    "img-src": [SELF],
    "form-action": [NONE],
    "frame-ancestors": [SELF],
}


@page(Right.MANAGE_PROVIDER)
def list_email_texts(request: OfficeRequest) -> HttpResponse:
    """List the kinds with whose text is used in `?language=`; change the language of the e-mails of the office."""
    office = request.user.office
    form = EmailLanguageForm(request.POST or None, initial={"email_language": office.email_language})
    if request.method == "POST" and form.is_valid():
        users.email_texts.change_email_language(office, **form.cleaned_data, by=request.actor)
        messages.success(request, _("The language has been saved. It is used for new e-mails."))
        return redirect("users:email_texts")
    language = request.GET.get("language", office.email_language)
    if language not in dict(settings.LANGUAGES):
        raise Http404
    in_use = email_texts.list_versions_in_use(office, language)
    rows = [(name, kind, in_use.get(name)) for name, kind in KINDS.items()]
    context = {"rows": rows, "language": language, "languages": settings.LANGUAGES}
    return render_form(request, "users/email_texts.html", form, **context)


@page(Right.MANAGE_PROVIDER)
def edit_email_text(request: OfficeRequest, kind: str, language: str) -> HttpResponse:
    """Edit the text in use; `?version=` starts from an earlier version, or with "loket" from that of the product."""
    _get_kind(kind, language)
    form, versions = _build_form(request, kind, language)
    if request.method == "POST" and form.is_valid():
        try:
            users.email_texts.save_email_text(
                request.user.office, kind=kind, language=language, text=form.text,
                version_number=form.cleaned_data["version_number"], by=request.actor,
            )  # fmt: skip
        except EditConflict:
            versions = email_texts.list_versions(request.user.office, kind, language)
            form.report_conflict(versions[0].number if versions else 0)
            return _render_text_page(
                request, kind, language, form, versions, standing=_get_text(versions, kind, language)
            )
        messages.success(request, _("The text has been saved. It is used for new e-mails."))
        return redirect("users:edit_email_text", kind, language)
    return _render_text_page(request, kind, language, form, versions)


@page(Right.MANAGE_PROVIDER)
@csp_replace(_PREVIEW_POLICY)  # type: ignore[arg-type]
def preview_email_text(request: OfficeRequest, kind: str, language: str) -> HttpResponse:
    """Return the HTML part of the e-mail, with the text as it is typed, for the user who was chosen."""
    _get_kind(kind, language)
    form, _versions = _build_form(request, kind, language)
    colleagues = User.objects.visible_to(request.user).select_related("provider")
    user = get_object_or_404(colleagues, pk=parse_uuid(str(form["person"].value() or request.user.pk)))
    example = users.email_texts.fill_example(kind, user, language=language, sender=request.user, text=form.shown_text)
    office = request.user.office
    logo = load_email_logo(office.pk)
    html = render_html(example.content, title=example.title, office=office.name, logo=logo)
    if logo is not None:  # it is attached to the e-mail
        address = OfficeLogo.objects.only("digest").get(provider=office).get_absolute_url()
        html = html.replace(f"cid:{LOGO_CONTENT_ID}", address)
    return HttpResponse(html, headers={"X-Frame-Options": "SAMEORIGIN"})


@page(Right.MANAGE_PROVIDER, methods=POST)
def send_test_email(request: OfficeRequest, kind: str, language: str) -> HttpResponse:
    _get_kind(kind, language)
    form, versions = _build_form(request, kind, language)
    if not form.is_valid() and form.errors.keys() - {"accepted"}:
        return _render_text_page(request, kind, language, form, versions)
    with show_errors(form):
        users.email_texts.send_test_email(
            request.user.office, kind=kind, language=language, text=form.text, by=request.actor
        )
        return _render_text_page(request, kind, language, form, versions, test_sent=True)
    return _render_text_page(request, kind, language, form, versions)


def _get_kind(kind: str, language: str) -> EmailKind:
    if kind not in KINDS or language not in dict(settings.LANGUAGES):
        raise Http404
    return KINDS[kind]


def _build_form(request: OfficeRequest, kind: str, language: str) -> tuple[EmailTextForm, list[OfficeEmailText]]:
    """Return the form, and the versions of the text with the one in use first."""
    office = request.user.office
    versions = email_texts.list_versions(office, kind, language)
    form = EmailTextForm(
        request.POST if request.method == "POST" else None,
        user=request.user,
        placeholders=users.email_texts.list_placeholders(office, kind),
        text=_get_text(versions, kind, language, request.GET.get("version")),
        number=versions[0].number if versions else 0,
    )
    return form, versions


def _get_text(versions: list[OfficeEmailText], kind: str, language: str, chosen: str | None = None) -> EmailText:
    """Return the text in use, or that of the version `chosen`. Raises Http404."""
    if chosen not in (None, _PRODUCT):
        versions = [version for version in versions if str(version.number) == chosen]
        if not versions:
            raise Http404
    own_text = versions[0].text if versions and chosen != _PRODUCT else None
    return own_text or emails.get_product_text(kind, language)


def _render_text_page(
    request: OfficeRequest, kind: str, language: str, form: EmailTextForm, versions: list[OfficeEmailText], **more: Any
) -> HttpResponse:
    context = {
        "kind": kind,
        "email_kind": KINDS[kind],
        "language": language,
        "languages": settings.LANGUAGES,
        "versions": versions,
        "is_own": bool(versions) and versions[0].is_own,
        "chosen": request.GET.get("version", ""),
        "placeholders": _list_explained(form),
        "is_sent_language": language == request.user.office.email_language,
    }
    return render_form(request, "users/email_text.html", form, **context, **more)


def _list_explained(form: EmailTextForm) -> list[tuple[str, str, str]]:
    """Return each placeholder as it is typed, its meaning, and what it is when a text lacks it."""
    needs = {Need.REQUIRED: _("required"), Need.ADVISED: _("recommended"), Need.OPTIONAL: ""}
    found = form.placeholders.items()
    return [(format_name(name), str(PLACEHOLDER_MEANINGS[name]), needs[need]) for name, (_value, need) in found]
