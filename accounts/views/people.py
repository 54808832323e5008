"""Pages of the users of an office."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import accounts.actions
from accounts import exports, passwords
from accounts.actions import Stale
from accounts.exports import Form
from accounts.forms.people import EditForm, ListForm
from accounts.listing import MOMENTS, SORTS, matching
from accounts.models import User
from accounts.status import Status, chip, two_factor_chip, with_status
from audit.actors import on_page
from invitations.senders import unvouched
from loket.paging import neighbours, page_of, query
from loket.replica import from_replica
from outbox.models import Message
from signin.throttle import Throttled
from teams import rights
from teams.access import OfficeRequest, not_along, requires
from teams.rights import LastAdministrator, Right


@requires(Right.VIEW_USERS)
@from_replica
@require_safe
def list_users(request: OfficeRequest) -> HttpResponse:
    """Show the users, a page at a time."""
    form = ListForm(request.GET or None)
    values = form.values() if form.is_bound else dict.fromkeys(form.fields, "")
    sort = values.pop("sort")
    users = matching(User.objects.visible_to(request.user), **values)
    page = page_of(users, sort=sort or "name", sorts=SORTS, moments=MOMENTS, cursor=request.GET.get("page", ""))
    may_begin = {Right.MANAGE_USERS, Right.MANAGE_TEAMS} <= request.rights
    refused = unvouched(page.rows)
    for person in page.rows:
        if person.pk in refused:
            person.status = Status.REFUSED  # type: ignore[attr-defined]
    context = {
        "form": form if form.is_bound else ListForm(),
        "rows": [(user, chip(user), two_factor_chip(user)) for user in page.rows],
        "filtered": any(values.values()),
        "alone": may_begin and [user.pk for user in page.rows] == [request.user.pk] and not any(values.values()),
        "columns": {
            name: _column(name, sort or "name", values) for name in ("name", "username", "email", "last_login")
        },
        "may_manage": Right.MANAGE_USERS in request.rights,
        "export_query": query(**values),
        "all_query": query(all="1", **values),
    } | neighbours(page, **values, sort=sort)
    return render(request, "users/list.html", context)


@requires(Right.VIEW_USERS)
@not_along
@require_safe
def export(request: OfficeRequest, form: Form) -> FileResponse:
    """Send the users that match the filters as a file; an event is recorded, also for HEAD requests."""
    values = ListForm(request.GET).values()
    del values["sort"]
    users = matching(User.objects.visible_to(request.user), **values)
    by = on_page(request, request.user)
    file = exports.export(request.user.provider, users, form=form, filters=values, by=by)
    name = f"gebruikers-{timezone.localdate().isoformat()}.{form}"
    return FileResponse(file, as_attachment=True, filename=name, content_type=exports.CONTENT_TYPES[form])


def _column(name: str, sort: str, values: dict[str, str]) -> dict[str, str]:
    """Return the URL and current direction of a sortable column heading."""
    rising = sort == name
    state = "ascending" if rising else "descending" if sort == f"-{name}" else ""
    return {"url": query(**values, sort=f"-{name}" if rising else name), "state": state}


def _one(request: OfficeRequest, id: UUID) -> User:
    """Return the user of the same office, annotated by `with_status`; raise Http404 otherwise."""
    return get_object_or_404(with_status(User.objects.visible_to(request.user).select_related("provider")), pk=id)


@requires(Right.VIEW_USERS)
@require_safe
def user(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show the details and status of a user."""
    person = _one(request, id)
    authority = rights.has_authority_over(on_page(request, request.user), person)
    manages = Right.MANAGE_USERS in request.rights
    invitation = getattr(person, "invitation", None) if person.accepted_at is None else None
    code = invitation and invitation.codes.select_related("message").order_by("-sent_at").first()
    context = {
        "person": person,
        "chip": chip(person),
        "two_factor": two_factor_chip(person),
        "invitation": invitation,
        "code": code,
        "email_change": getattr(person, "email_change", None),
        "password_is_old": person.is_webservice_user and passwords.is_old(person.password_changed_at),
        "holds_nothing": rights.holds_nothing(person),
        "two_factor_rules": rights.two_factor_rules(person),
        "has_integrations": person.consents.exists(),
        "may_act": manages and authority,
        "lacks_authority": manages and not authority,
        "is_self": person.pk == request.user.pk,
        "Status": Status,
        "MessageState": Message.State,
    }
    return render(request, "users/user.html", context)


@requires(Right.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Change the details of another user; own details are on the profile page."""
    person = _one(request, id)
    if person.pk == request.user.pk:
        return redirect("accounts:profile")
    rights.require_authority_over(on_page(request, request.user), person)
    form = EditForm(request.POST or None, user=person)
    if request.method == "POST" and form.is_valid():
        details = form.details
        email = details.pop("email", person.email)
        by = on_page(request, request.user)
        try:
            accounts.actions.edit(person, details=details, email=email, version=form.cleaned_data["version"], by=by)
        except Stale:
            form.now_based_on(person)
        except LastAdministrator as error:
            form.add_error(None, str(error))
        except Throttled as error:
            form.add_error("email", ValidationError(str(error), code="throttled"))
        else:
            messages.success(request, _("The details of %(name)s have been saved.") % {"name": person.full_name})
            if email != person.email:
                text = _("We sent an e-mail to %(email)s. The new address takes effect once it is confirmed there.")
                messages.info(request, text % {"email": email})
            return redirect("accounts:user", person.pk)
    status = 429 if form.has_error("email", "throttled") else 200
    return render(request, "users/edit.html", {"form": form, "person": person}, status=status)


@requires(Right.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
def block(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Confirm and block a user."""
    person = _one(request, id)
    by = on_page(request, request.user)
    rights.require_authority_over(by, person)
    error = ""
    if request.method == "POST":
        try:
            accounts.actions.block(person, by=by)
        except LastAdministrator as fault:
            error = str(fault)
        else:
            text = _("%(name)s has been blocked and can no longer log in. All sessions have ended.")
            messages.success(request, text % {"name": person.full_name})
            return redirect("accounts:user", person.pk)
    return render(request, "users/block.html", {"person": person, "error": error})


@requires(Right.MANAGE_USERS)
@require_POST
def unblock(request: OfficeRequest, id: UUID) -> HttpResponse:
    person = _one(request, id)
    accounts.actions.unblock(person, by=on_page(request, request.user))
    messages.success(request, _("%(name)s is no longer blocked.") % {"name": person.full_name})
    return redirect("accounts:user", person.pk)


@requires(Right.MANAGE_USERS)
@require_POST
def send_username(request: OfficeRequest, id: UUID) -> HttpResponse:
    person = _one(request, id)
    try:
        accounts.actions.send_username(person, by=on_page(request, request.user))
    except ValidationError as error:
        messages.error(request, error.message)
    else:
        text = _("The username is on its way to %(email)s.")
        messages.success(request, text % {"email": person.email})
    return redirect("accounts:user", person.pk)
