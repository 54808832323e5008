"""Pages of the office for invitations: invite in two steps, send again, revoke."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

import invitations.actions
from accounts.models import LoginMethod, User
from accounts.user_details import UserDetails
from audit.actors import build_page_actor
from core.access import ReauthenticationLevel, page
from core.confirmation import Confirmation, render_confirmation
from core.ids import parse_uuid
from core.paging import build_query_string
from core.throttle import Throttled
from invitations import drafts, email_text
from invitations.actions import InvitationNotOpen, get_office_text
from invitations.drafts import InvitationDraft
from invitations.email_text import EmailText
from invitations.models import Invitation
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import Right
from users.forms.initial_access import InitialAccessForm
from users.forms.invitations import InviteUserForm, MobileNumberForm, ResendInvitationForm, find_users_with_email
from users.views.initial_access import build_initial_access_callback, render_next_steps


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def invite_user(request: OfficeRequest) -> HttpResponse:
    """Step 1: ask for details and initial access; nothing is created yet. `?team=` preselects a team, if offered."""
    standard = get_office_text(request.user.office)
    draft = parse_uuid(request.POST.get("concept") or request.GET.get("concept", ""))
    kept = drafts.get_draft(request.session, draft)
    initial: dict[str, Any] = {"teams": [request.GET["team"]]} if "team" in request.GET else {}
    if kept is not None:
        text = {"subject": kept.text.subject, "body": kept.text.body} if kept.text else {}
        initial = dict(kept.details) | text | kept.chosen
    form = InviteUserForm(request.POST or None, standard=standard, initial=initial, requester=request.user)
    if request.method == "POST" and form.is_valid():
        filled = InvitationDraft(form.details, form.text, form.initial_values)
        draft = drafts.save_draft(request.session, draft if kept else None, filled)
        return redirect(reverse("users:send_invitation") + build_query_string(concept=str(draft)))
    context = {
        "form": form,
        "concept": draft if kept else None,
        "preview": _render_preview(request, UserDetails(), standard),
        "placeholders": email_text.PLACEHOLDERS,
    }
    return render(request, "invitations/new.html", context)


def _render_preview(request: OfficeRequest, details: UserDetails, text: EmailText) -> EmailText:
    """Return the e-mail as it will look, with example details where none are known yet."""
    example = UserDetails(initials="P.", prefix="de", last_name="Boer", email="p.deboer@example.nl")
    person = User(provider=request.user.office, **(details or example))
    until = timezone.now() + timedelta(days=request.user.office.invitation_days)
    asked = person.two_factor_required
    return email_text.render_text(text, person, link=_("[the personal link]"), expires_at=until, with_two_factor=asked)


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def send_invitation(request: OfficeRequest) -> HttpResponse:
    """Step 2: ask for the mobile number, create the user and send the invitation."""
    draft = parse_uuid(request.POST.get("concept") or request.GET.get("concept", ""))
    kept = drafts.get_draft(request.session, draft)
    if kept is None or draft is None:
        return _redirect_without_draft(request, draft)
    details, text, chosen = kept
    given = InitialAccessForm(chosen, requester=request.user, login_method=LoginMethod.WEBSITE_SSO) if chosen else None
    back = reverse("users:invite_user") + build_query_string(concept=str(draft))
    if given and not given.is_valid():
        messages.warning(request, _("Something you chose can no longer be granted. Review your choices and continue."))
        return redirect(back)
    form = MobileNumberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        number, by = form.cleaned_data["mobile_number"], build_page_actor(request, request.user)
        try:
            person = invitations.actions.invite_user(
                request.user.office, details=details, mobile_number=number, by=by, text=text, user_id=draft,
                assign_initial_access=build_initial_access_callback(given, by) if given else None,
            )  # fmt: skip
        except ValidationError as error:
            form.add_error(None, error)
        except Throttled as error:
            form.add_error(None, ValidationError(str(error), code="throttled"))
        else:
            drafts.delete_draft(request.session, draft)
            messages.success(request, _format_sent_message(person))
            return redirect("users:user_list")
    person = User(provider=request.user.office, **details)
    context = {
        "form": form,
        "concept": draft,
        "back": back,
        "given": given and {**given.initial_access, "signal_set": given.signals},
        "person": person,
        "namesakes": find_users_with_email(request.user.office, person.email),
        "preview": _render_preview(request, details, text or get_office_text(request.user.office)),
    }
    return render(request, "invitations/mobile_number.html", context, status=_get_status_code(form))


def _get_status_code(form: Form) -> int:
    return 429 if form.has_error(NON_FIELD_ERRORS, "throttled") else 200


def _redirect_without_draft(request: OfficeRequest, draft: UUID | None) -> HttpResponse:
    """Redirect after a duplicate submission, or when the draft is gone."""
    sent = User.objects.visible_to(request.user).filter(pk=draft).first() if draft else None
    if sent is not None:
        messages.success(request, _format_sent_message(sent))
        return redirect("users:user_list")
    messages.warning(request, _("This form was open too long. Nothing has been sent. Enter it again."))
    return redirect("users:invite_user")


def _format_sent_message(person: User) -> str:
    return format_html(
        "<strong>{}</strong> {}",
        _("The invitation for %(name)s is on its way.") % {"name": person.full_name},
        render_next_steps(person),
    )


def _get_invited_user(request: OfficeRequest, pk: UUID) -> User:
    """Return the invited user of the same office; raise PermissionDenied without authority."""
    people = User.objects.visible_to(request.user).select_related("provider", "invitation__message")
    person = get_object_or_404(people, pk=pk, invitation__isnull=False)
    checks.require_authority_over(build_page_actor(request, request.user), person)
    return person


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def resend_invitation(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Ask for the number and send the invitation with a new link and a full period."""
    person = _get_invited_user(request, pk)
    form = ResendInvitationForm(request.POST or None, user=person)
    if request.method == "POST" and form.is_valid():
        values, by = form.cleaned_data, build_page_actor(request, request.user)
        try:
            number, email, before = values["mobile_number"], values["email"], values["sent"]
            invitations.actions.resend_invitation(person, mobile_number=number, email=email, before=before, by=by)
        except ValidationError as error:
            form.add_error(None, error)
        except Throttled as error:
            form.add_error(None, ValidationError(str(error), code="throttled"))
        except InvitationNotOpen:
            return _redirect_if_closed(request, person)
        else:
            messages.success(request, _("The invitation for %(name)s is on its way.") % {"name": person.full_name})
            return redirect("users:user_detail", person.pk)
    if person.accepted_at is not None or person.invitation.state == Invitation.State.ACCEPTED:
        return _redirect_if_closed(request, person)
    return render(request, "invitations/resend.html", {"form": form, "person": person}, status=_get_status_code(form))


@page(Right.MANAGE_USERS)
def revoke_invitation(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Confirm and revoke the invitation."""
    person = _get_invited_user(request, pk)
    if request.method == "POST":
        try:
            invitations.actions.revoke_invitation(person, by=build_page_actor(request, request.user))
        except InvitationNotOpen:
            return _redirect_if_closed(request, person)
        messages.success(request, _("The invitation for %(name)s has been revoked.") % {"name": person.full_name})
        return redirect("users:user_detail", person.pk)
    values = {"name": person.full_name}
    confirmation = Confirmation(
        _("Revoke the invitation"),
        _("Revoke"),
        reverse("users:user_detail", args=[person.pk]),
        [
            _("The link in the e-mail stops working immediately. No e-mail is sent about this."),
            _("The mobile number is deleted."),
            _("%(name)s stays in the list, and you can resend the invitation later.") % values,
        ],
        heading=_("Revoke the invitation for %(name)s?") % values,
        breadcrumb="users/_breadcrumb.html",
    )
    return render_confirmation(request, confirmation, person=person)


def _redirect_if_closed(request: OfficeRequest, person: User) -> HttpResponse:
    person.invitation.refresh_from_db()
    if person.invitation.state == Invitation.State.ACCEPTED:
        text = _("%(name)s has accepted the invitation in the meantime. To end access, block the account.")
        messages.warning(request, text % {"name": person.full_name})
    else:
        messages.warning(request, _("The invitation had already been revoked."))
    return redirect("users:user_detail", person.pk)
