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
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

import invitations.actions
from accounts.actions import Details
from accounts.models import LoginMethod, User
from audit.actors import Proof, on_page
from invitations import drafts, texts
from invitations.actions import NotOpen, office_text
from invitations.drafts import Draft
from invitations.forms.office import InviteForm, MobileForm, ResendForm, namesakes
from invitations.models import Invitation
from invitations.texts import Text
from loket.paging import query
from signin.reauthentication import reauthenticated
from signin.throttle import Throttled
from teams import rights
from teams.access import OfficeRequest, requires
from teams.forms.newcomers import EquipmentForm
from teams.rights import Right
from teams.views.newcomers import equipping, what_next


@requires(Right.MANAGE_USERS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.HALF_HOUR)
def new(request: OfficeRequest) -> HttpResponse:
    """Step 1: ask for details and initial access; nothing is created yet. `?team=` preselects a team, if offered."""
    standard = office_text(request.user.provider)
    draft = drafts.named(request.POST.get("concept") or request.GET.get("concept", ""))
    kept = drafts.find(request.session, draft)
    initial: dict[str, Any] = {"teams": [request.GET["team"]]} if "team" in request.GET else {}
    if kept is not None:
        text = {"subject": kept.text.subject, "body": kept.text.body} if kept.text else {}
        initial = dict(kept.details) | text | kept.chosen
    form = InviteForm(request.POST or None, standard=standard, initial=initial, asker=request.user)
    if request.method == "POST" and form.is_valid():
        filled = Draft(form.details, form.text, form.chosen)
        draft = drafts.keep(request.session, draft if kept else None, filled)
        return redirect(reverse("invitations:mobile") + query(concept=str(draft)))
    context = {
        "form": form,
        "concept": draft if kept else None,
        "preview": _preview(request, Details(), standard),
        "placeholders": texts.PLACEHOLDERS,
    }
    return render(request, "invitations/new.html", context)


def _preview(request: OfficeRequest, details: Details, text: Text) -> Text:
    """Return the e-mail as it will look, with example details where none are known yet."""
    example = Details(initials="P.", prefix="de", last_name="Boer", email="p.deboer@example.nl")
    person = User(provider=request.user.provider, **(details or example))
    until = timezone.now() + timedelta(days=request.user.provider.invitation_days)
    asked = person.two_factor_required
    return texts.fill(text, person, link=_("[the personal link]"), expires_at=until, with_two_factor=asked)


@requires(Right.MANAGE_USERS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.HALF_HOUR)
def mobile(request: OfficeRequest) -> HttpResponse:
    """Step 2: ask for the mobile number, create the user and send the invitation."""
    draft = drafts.named(request.POST.get("concept") or request.GET.get("concept", ""))
    kept = drafts.find(request.session, draft)
    if kept is None or draft is None:
        return _nothing_kept(request, draft)
    details, text, chosen = kept
    given = EquipmentForm(chosen, asker=request.user, kind=LoginMethod.WEBSITE_SSO) if chosen else None
    back = reverse("invitations:new") + query(concept=str(draft))
    if given and not given.is_valid():
        messages.warning(request, _("Something you chose can no longer be granted. Review your choices and continue."))
        return redirect(back)
    form = MobileForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        number, by = form.cleaned_data["mobile_number"], on_page(request, request.user)
        try:
            person = invitations.actions.invite(
                request.user.provider, details=details, mobile_number=number, by=by, text=text, user_id=draft,
                equip=equipping(given, by) if given else None,
            )  # fmt: skip
        except ValidationError as error:
            form.add_error(None, error)
        except Throttled as error:
            form.add_error(None, ValidationError(str(error), code="throttled"))
        else:
            drafts.drop(request.session, draft)
            messages.success(request, _on_its_way(person))
            return redirect("accounts:list")
    person = User(provider=request.user.provider, **details)
    context = {
        "form": form,
        "concept": draft,
        "back": back,
        "given": given and {**given.equipment, "signal_set": given.signals},
        "person": person,
        "namesakes": namesakes(request.user.provider, person.email),
        "preview": _preview(request, details, text or office_text(request.user.provider)),
    }
    return render(request, "invitations/mobile_number.html", context, status=_status(form))


def _status(form: Form) -> int:
    return 429 if form.has_error(NON_FIELD_ERRORS, "throttled") else 200


def _nothing_kept(request: OfficeRequest, draft: UUID | None) -> HttpResponse:
    """Redirect after a duplicate submission, or when the draft is gone."""
    sent = User.objects.visible_to(request.user).filter(pk=draft).first() if draft else None
    if sent is not None:
        messages.success(request, _on_its_way(sent))
        return redirect("accounts:list")
    messages.warning(request, _("This form was open too long. Nothing has been sent. Enter it again."))
    return redirect("invitations:new")


def _on_its_way(person: User) -> str:
    return format_html(
        "<strong>{}</strong> {}",
        _("The invitation for %(name)s is on its way.") % {"name": person.full_name},
        what_next(person),
    )


def _invited(request: OfficeRequest, id: UUID) -> User:
    """Return the invited user of the same office; raise PermissionDenied without authority."""
    people = User.objects.visible_to(request.user).select_related("provider", "invitation__message")
    person = get_object_or_404(people, pk=id, invitation__isnull=False)
    rights.require_authority_over(on_page(request, request.user), person)
    return person


@requires(Right.MANAGE_USERS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.FIVE_MINUTES)
def resend(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Ask for the number and send the invitation with a new link and a full period."""
    person = _invited(request, id)
    form = ResendForm(request.POST or None, user=person)
    if request.method == "POST" and form.is_valid():
        values, by = form.cleaned_data, on_page(request, request.user)
        try:
            number, email, before = values["mobile_number"], values["email"], values["sent"]
            invitations.actions.resend(person, mobile_number=number, email=email, before=before, by=by)
        except ValidationError as error:
            form.add_error(None, error)
        except Throttled as error:
            form.add_error(None, ValidationError(str(error), code="throttled"))
        except NotOpen:
            return _accepted_already(request, person)
        else:
            messages.success(request, _("The invitation for %(name)s is on its way.") % {"name": person.full_name})
            return redirect("accounts:user", person.pk)
    if person.accepted_at is not None or person.invitation.state == Invitation.State.ACCEPTED:
        return _accepted_already(request, person)
    return render(request, "invitations/resend.html", {"form": form, "person": person}, status=_status(form))


@requires(Right.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Confirm and revoke the invitation."""
    person = _invited(request, id)
    if request.method == "POST":
        try:
            invitations.actions.revoke(person, by=on_page(request, request.user))
        except NotOpen:
            return _accepted_already(request, person)
        messages.success(request, _("The invitation for %(name)s has been revoked.") % {"name": person.full_name})
        return redirect("accounts:user", person.pk)
    return render(request, "invitations/revoke.html", {"person": person})


def _accepted_already(request: OfficeRequest, person: User) -> HttpResponse:
    person.invitation.refresh_from_db()
    if person.invitation.state == Invitation.State.ACCEPTED:
        text = _("%(name)s has accepted the invitation in the meantime. To end access, block the account.")
        messages.warning(request, text % {"name": person.full_name})
    else:
        messages.warning(request, _("The invitation had already been revoked."))
    return redirect("accounts:user", person.pk)
