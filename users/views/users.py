"""Pages of one user of an office."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

import users.actions
from accounts import passwords
from accounts.models import User
from core.access import POST, SAFE, page
from core.confirmation import Confirmation, render_confirmation
from core.keys import compute_email_key
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import LastAdministrator, Right
from permissions.duties import list_user_conflicts
from permissions.shortcuts import render_form, show_errors
from users.forms.users import EditUserForm
from users.status import UserWithStatuses, annotate_statuses, build_status_chip, build_two_factor_chip
from users.user_summary import build_invitation_progress, find_next_step, get_last_code


def _get_user(request: OfficeRequest, pk: UUID) -> UserWithStatuses:
    found = User.objects.visible_to(request.user).select_related("provider", "invitation__sent_by", "email_change")
    return get_object_or_404(annotate_statuses(found), pk=pk)


@page(Right.VIEW_USERS, methods=SAFE)
def user_detail(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = _get_user(request, pk)
    authority = checks.has_authority_over(request.actor, user)
    manages = Right.MANAGE_USERS in request.rights
    may_act = manages and authority
    is_old = user.is_webservice_user and passwords.is_password_old(user.password_changed_at)
    holds_nothing = checks.has_no_rights(user)
    context = {
        "colleague": user,
        "chip": build_status_chip(user),
        "two_factor": build_two_factor_chip(user),
        "email_change": getattr(user, "email_change", None),
        "password_is_old": is_old,
        "holds_nothing": holds_nothing,
        "two_factor_rules": checks.two_factor_rules(user),
        "has_integrations": user.consents.exists(),
        "may_act": may_act,
        "lacks_authority": manages and not authority,
        "is_self": user.pk == request.user.pk,
        "duty_conflicts": list_user_conflicts(user),
    }
    if may_act:
        context["next_step"] = find_next_step(
            user,
            has_old_password=is_old,
            holds_nothing=holds_nothing,
            may_manage_teams=Right.MANAGE_TEAMS in request.rights,
        )
    if invitation := getattr(user, "invitation", None):
        code = get_last_code(invitation)
        context |= {"invitation": invitation, "code": code}
        context["progress"] = build_invitation_progress(user, invitation, code)
    return render(request, "users/user.html", context)


@page(Right.MANAGE_USERS)
def edit_user(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = _get_user(request, pk)
    if user.pk == request.user.pk:
        return redirect("users:profile")
    checks.require_authority_over(request.actor, user)
    form = EditUserForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        details, version = form.details, form.cleaned_data["version"]
        email = details.pop("email", user.email)
        with show_errors(form, "email", saved=user):
            users.actions.edit_user(user, details=details, email=email, version=version, by=request.actor)
            messages.success(request, _("The details of %(name)s have been saved.") % {"name": user.full_name})
            if compute_email_key(email) != user.email_key:
                text = _("We sent an e-mail to %(email)s. The new address takes effect once it is confirmed there.")
                messages.info(request, text % {"email": email})
            return redirect("users:user_detail", user.pk)
    return render_form(request, "users/edit.html", form, colleague=user)


@page(Right.MANAGE_USERS)
def block_user(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = _get_user(request, pk)
    checks.require_authority_over(request.actor, user)
    error = ""
    if request.method == "POST":
        try:
            users.actions.block_user(user, by=request.actor)
        except LastAdministrator as fault:
            error = str(fault)
        else:
            text = _("%(name)s has been blocked and can no longer log in. All sessions have ended.")
            messages.success(request, text % {"name": user.full_name})
            return redirect("users:user_detail", user.pk)
    values = {"name": user.full_name, "email": user.email}
    directories = ", ".join(user.directory_connections.order_by("name_key").values_list("name", flat=True))
    text = _("These directories are refused from then on, until a colleague becomes their owner: %(names)s.")
    confirmation = Confirmation(
        _("Block %(name)s") % values,
        _("Block"),
        reverse("users:user_detail", args=[user.pk]),
        [
            _("All sessions end immediately, on every device."),
            _("%(name)s can no longer log in with any method.") % values,
            _("Rights are kept but are inactive."),
            _("%(name)s receives an e-mail about this at %(email)s.") % values,
        ],
        heading=_("Block %(name)s?") % values,
        breadcrumb="users/_breadcrumb.html",
        note=_("You can unblock the account at any time."),
        warning=text % {"names": directories} if directories else "",
        error=error,
    )
    return render_confirmation(request, confirmation, colleague=user)


@page(Right.MANAGE_USERS, methods=POST)
def unblock_user(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = _get_user(request, pk)
    users.actions.unblock_user(user, by=request.actor)
    messages.success(request, _("%(name)s is no longer blocked.") % {"name": user.full_name})
    return redirect("users:user_detail", user.pk)


@page(Right.MANAGE_USERS, methods=POST)
def send_username(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = _get_user(request, pk)
    try:
        users.actions.send_username(user, by=request.actor)
    except ValidationError as error:
        messages.error(request, error.message)
    else:
        text = _("The username is on its way to %(email)s.")
        messages.success(request, text % {"email": user.email})
    return redirect("users:user_detail", user.pk)


@page(Right.MANAGE_USERS, methods=POST)
def remind_of_two_factor(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = _get_user(request, pk)
    try:
        users.actions.remind_of_two_factor(user, by=request.actor)
    except ValidationError as error:
        messages.error(request, error.message)
    else:
        text = _("The reminder is on its way to %(email)s.")
        messages.success(request, text % {"email": user.email})
    return redirect("users:user_detail", user.pk)
