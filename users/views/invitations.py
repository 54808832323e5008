"""Pages of the office for invitations: invite in two steps, resend, revoke."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

import invitations.actions
from accounts.emails import list_placeholders
from accounts.models import LoginMethod, User
from core.access import POST, ReauthenticationLevel, page
from core.confirmation import Confirmation, render_confirmation
from core.ids import parse_uuid
from core.paging import build_query_string
from core.pickers import wants_options
from invitations import drafts
from invitations.actions import InvitationNotOpen
from invitations.drafts import InvitationDraft
from invitations.emails import TEMPLATE, get_office_text
from invitations.models import Invitation
from outbox.placeholders import EmailText
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import get_managed_user, render_form, show_errors
from teams.forms.teams import SearchForm
from users import copied_access, invitation_preview
from users.forms.initial_access import InitialAccessForm, collect_initial_access
from users.forms.invitations import InviteUserForm, MobileNumberForm, ResendInvitationForm, find_users_with_email
from users.user_summary import get_last_code
from users.views.shared import build_initial_access_callback, render_created_message


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def invite_user(request: OfficeRequest) -> HttpResponse:
    """Step 1: ask for details and initial access; nothing is created yet.

    `?team=` preselects a team, `?zoals=` takes over what a colleague has, `?naam=` fills in a name or an address.
    """
    if wants_options(request):
        return render(request, "invitations/_colleagues.html", _find_colleagues(request))
    standard = get_office_text(request.user.office)
    draft_id = _get_draft_id(request)
    draft = drafts.get_draft(request.session, draft_id)
    copied = _get_copied_colleague(request)
    initial = copied_access.build_initial_values(copied) if copied else _read_initial_values(request)
    if draft is not None:
        text = {"subject": draft.text.subject, "body": draft.text.body} if draft.text else {}
        initial = dict(draft.details) | text | draft.chosen
    form = InviteUserForm(request.POST or None, standard=standard, initial=initial, requester=request.user)
    if request.method == "POST" and form.is_valid():
        submitted = InvitationDraft(form.details, form.text, form.initial_values)
        draft_id = drafts.save_draft(request.session, draft_id if draft else None, submitted)
        return redirect(reverse("users:send_invitation") + build_query_string(concept=str(draft_id)))
    context = _build_form_context(request, form) | {"concept": draft_id if draft else None, "copied": copied}
    context["left_out"] = copied and copied_access.list_left_out_teams(form, request.user, copied)
    return render(request, "invitations/new.html", context)


def _get_draft_id(request: OfficeRequest) -> UUID | None:
    return parse_uuid(request.POST.get("concept") or request.GET.get("concept", ""))


def _read_initial_values(request: OfficeRequest) -> dict[str, Any]:
    name = request.GET.get("naam", "").strip()
    typed: dict[str, Any] = {"email" if "@" in name else "last_name": name} if name else {}
    return typed | ({"teams": [request.GET["team"]]} if "team" in request.GET else {})


def _get_copied_colleague(request: OfficeRequest) -> User | None:
    """Return the colleague of `?zoals=`, if the user may see what colleagues have."""
    if "zoals" not in request.GET or Right.VIEW_USERS not in request.rights:
        return None
    return get_object_or_404(User.objects.visible_to(request.user), pk=parse_uuid(request.GET["zoals"]))


@page(Right.MANAGE_USERS, methods=POST)
def preview_invitation(request: OfficeRequest) -> HttpResponse:
    """Show what the form of step 1 comes to; nothing is kept. With `?fragment=1` only that part of the page."""
    standard = get_office_text(request.user.office)
    typed = InviteUserForm(request.POST, standard=standard, requester=request.user)
    values = {name: typed[name].value() for name in typed.fields}
    form = InviteUserForm(standard=standard, initial=values, requester=request.user)
    if "fragment" in request.GET:
        return render(request, "invitations/_preview.html", {"form": form, **_build_preview(request, form)})
    return render(request, "invitations/new.html", _build_form_context(request, form))


def _build_form_context(request: OfficeRequest, form: InviteUserForm) -> dict[str, Any]:
    context = {"form": form, "concept": _get_draft_id(request), "placeholders": list_placeholders(TEMPLATE)}
    return context | _find_colleagues(request) | _build_preview(request, form)


def _find_colleagues(request: OfficeRequest) -> dict[str, Any]:
    """Return the colleagues to invite like, who match `?q=`."""
    q, may_copy = SearchForm(request.GET, hint="").values()["q"], Right.VIEW_USERS in request.rights
    found = copied_access.list_matching_colleagues(request.user, q) if q and may_copy else []
    return {"may_copy": may_copy, "q": q, "colleagues": found}


def _build_preview(request: OfficeRequest, form: InviteUserForm) -> dict[str, Any]:
    values, office = form.read_valid_values(), request.user.office
    text = EmailText(values["subject"], values["body"]) if {"subject", "body"} <= values.keys() else form.standard
    access = collect_initial_access(values)
    return {
        "preview": invitation_preview.render_typed_preview(office, values, text),
        "access": invitation_preview.compute_access(office, LoginMethod.WEBSITE_SSO, access),
        "has_choice": any(access.values()),
        "notification_set": values.get("signal_set"),
    }


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def send_invitation(request: OfficeRequest) -> HttpResponse:
    """Step 2: ask for the mobile number, create the user and send the invitation."""
    draft_id = _get_draft_id(request)
    draft = drafts.get_draft(request.session, draft_id)
    if draft is None or draft_id is None:
        return _redirect_without_draft(request, draft_id)
    details, text, chosen = draft
    access = InitialAccessForm(chosen, requester=request.user, login_method=LoginMethod.WEBSITE_SSO) if chosen else None
    back = reverse("users:invite_user") + build_query_string(concept=str(draft_id))
    if access and not access.is_valid():
        messages.warning(request, _("Something you chose can no longer be granted. Review your choices and continue."))
        return redirect(back)
    form = MobileNumberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        number = form.cleaned_data["mobile_number"]
        with show_errors(form):
            user = invitations.actions.invite_user(
                request.user.office, details=details, mobile_number=number, text=text, by=request.actor,
                assign_initial_access=build_initial_access_callback(access, request.actor) if access else None,
                user_id=draft_id,
            )  # fmt: skip
            drafts.delete_draft(request.session, draft_id)
            messages.success(request, render_created_message(_("The invitation for %(name)s is on its way."), user))
            return redirect("users:user_list")
    user = User(provider=request.user.office, **details)
    context = {
        "concept": draft_id,
        "back": back,
        "given": access and access.summary,
        "colleague": user,
        "namesakes": find_users_with_email(request.user.office, user.email),
        "preview": invitation_preview.render_preview(
            request.user.office, details, text or get_office_text(request.user.office)
        ),
    }
    return render_form(request, "invitations/mobile_number.html", form, **context)


def _redirect_without_draft(request: OfficeRequest, draft_id: UUID | None) -> HttpResponse:
    sent = User.objects.visible_to(request.user).filter(pk=draft_id).first() if draft_id else None
    if sent is not None:
        messages.success(request, render_created_message(_("The invitation for %(name)s is on its way."), sent))
        return redirect("users:user_list")
    messages.warning(request, _("This form was open too long. Nothing has been sent. Fill it in again."))
    return redirect("users:invite_user")


def _get_invited_user(request: OfficeRequest, pk: UUID) -> User:
    invited = User.objects.filter(invitation__isnull=False)
    return get_managed_user(request, pk, invited.select_related("provider", "invitation__message"))


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def resend_invitation(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = _get_invited_user(request, pk)
    form = ResendInvitationForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        number, email, before = (form.cleaned_data[name] for name in ("mobile_number", "email", "sent"))
        try:
            with show_errors(form):
                invitations.actions.resend_invitation(
                    user, mobile_number=number, email=email, before=before, by=request.actor
                )
                messages.success(request, _("The invitation for %(name)s is on its way.") % {"name": user.full_name})
                return redirect("users:user_detail", user.pk)
        except InvitationNotOpen:
            return _redirect_if_closed(request, user)
    if user.accepted_at is not None or user.invitation.state == Invitation.State.ACCEPTED:
        return _redirect_if_closed(request, user)
    code = get_last_code(user.invitation)
    return render_form(request, "invitations/resend.html", form, colleague=user, code=code)


@page(Right.MANAGE_USERS)
def revoke_invitation(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = _get_invited_user(request, pk)
    if request.method == "POST":
        try:
            invitations.actions.revoke_invitation(user, by=request.actor)
        except InvitationNotOpen:
            return _redirect_if_closed(request, user)
        messages.success(request, _("The invitation for %(name)s has been revoked.") % {"name": user.full_name})
        return redirect("users:user_detail", user.pk)
    values = {"name": user.full_name}
    confirmation = Confirmation(
        _("Revoke the invitation"),
        _("Revoke"),
        reverse("users:user_detail", args=[user.pk]),
        [
            _("The link in the e-mail stops working immediately. No e-mail is sent about this."),
            _("The mobile number is deleted."),
            _("%(name)s stays in the list, and you can resend the invitation later.") % values,
        ],
        heading=_("Revoke the invitation for %(name)s?") % values,
        breadcrumb="users/_breadcrumb.html",
    )
    return render_confirmation(request, confirmation, colleague=user)


def _redirect_if_closed(request: OfficeRequest, user: User) -> HttpResponse:
    user.invitation.refresh_from_db()
    if user.invitation.state == Invitation.State.ACCEPTED:
        text = _("%(name)s has accepted the invitation in the meantime. To end access, block the account.")
        messages.warning(request, text % {"name": user.full_name})
    else:
        messages.warning(request, _("The invitation had already been revoked."))
    return redirect("users:user_detail", user.pk)
