"""Pages of the office for invitations: invite in two steps, resend, revoke."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

import invitations.actions
from accounts.models import LoginMethod, User
from accounts.user_details import UserDetails
from core.access import ReauthenticationLevel, page
from core.confirmation import Confirmation, render_confirmation
from core.ids import parse_uuid
from core.paging import build_query_string
from invitations import drafts, email_text
from invitations.actions import InvitationNotOpen, get_office_text
from invitations.drafts import InvitationDraft
from invitations.email_text import EmailText
from invitations.models import Invitation
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import get_managed_user, render_form, show_errors
from users.forms.initial_access import InitialAccessForm
from users.forms.invitations import InviteUserForm, MobileNumberForm, ResendInvitationForm, find_users_with_email
from users.views.shared import build_initial_access_callback, render_created_message


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def invite_user(request: OfficeRequest) -> HttpResponse:
    """Step 1: ask for details and initial access; nothing is created yet. `?team=` preselects a team, if offered."""
    standard = get_office_text(request.user.office)
    draft_id = _get_draft_id(request)
    draft = drafts.get_draft(request.session, draft_id)
    initial: dict[str, Any] = {"teams": [request.GET["team"]]} if "team" in request.GET else {}
    if draft is not None:
        text = {"subject": draft.text.subject, "body": draft.text.body} if draft.text else {}
        initial = dict(draft.details) | text | draft.chosen
    form = InviteUserForm(request.POST or None, standard=standard, initial=initial, requester=request.user)
    if request.method == "POST" and form.is_valid():
        submitted = InvitationDraft(form.details, form.text, form.initial_values)
        draft_id = drafts.save_draft(request.session, draft_id if draft else None, submitted)
        return redirect(reverse("users:send_invitation") + build_query_string(concept=str(draft_id)))
    context = {
        "form": form,
        "concept": draft_id if draft else None,
        "preview": _render_preview(request, UserDetails(), standard),
        "placeholders": email_text.PLACEHOLDERS,
    }
    return render(request, "invitations/new.html", context)


def _get_draft_id(request: OfficeRequest) -> UUID | None:
    return parse_uuid(request.POST.get("concept") or request.GET.get("concept", ""))


def _render_preview(request: OfficeRequest, details: UserDetails, text: EmailText) -> EmailText:
    """Return a preview of the e-mail, with example details for those that are not known yet."""
    example = UserDetails(initials="P.", prefix="de", last_name="Boer", email="p.deboer@example.nl")
    user = User(provider=request.user.office, **(details or example))
    until = timezone.now() + timedelta(days=request.user.office.invitation_days)
    return email_text.render_text(
        text, user, link=_("[the personal link]"), expires_at=until, with_two_factor=user.two_factor_required
    )


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
        "preview": _render_preview(request, details, text or get_office_text(request.user.office)),
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
    return render_form(request, "invitations/resend.html", form, colleague=user)


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
