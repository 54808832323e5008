"""Pages of the invited user: open the link, prove the phone, choose username and password."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import wraps

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

import signin.sessions
from accounts.models import User
from audit.actors import Actor, on_page
from invitations import accepting, visits
from invitations.accepting import NotVouchedFor, Paused
from invitations.actions import NotOpen
from invitations.forms.colleague import AccountForm, CodeForm, InvitationForm
from invitations.models import Invitation
from invitations.visits import Visit
from loket.middleware import client_address
from signin import devices, throttle
from signin.factors import must_enrol
from signin.throttle import Limit, Throttled
from teams.access import public

# Generous: a whole office may share one network address. Each invitation also has limits of its own.
UNKNOWN_LINKS = Limit("unknown invitation link", burst=60, every=timedelta(minutes=1))
CODES_SENT = Limit("invitation code sent", burst=200, every=timedelta(seconds=30))
CODES_TRIED = Limit("invitation code tried", burst=300, every=timedelta(seconds=20))
ACCOUNTS_TRIED = Limit("invitation account tried", burst=30, every=timedelta(minutes=1))  # by invitation

Page = Callable[[HttpRequest, Visit], HttpResponse]


@public
@never_cache
@require_safe
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Move the token from the URL to a cookie; changes nothing, however often it is called."""
    if visits.find(token) is None:
        try:
            throttle.charge(UNKNOWN_LINKS, throttle.network(client_address(request)))
        except Throttled as error:
            return _too_often(request, error)
    response = redirect("invitations:welcome")
    response["Referrer-Policy"] = "no-referrer"
    visits.remember(response, request, token)
    return response


def with_invitation(page: Page) -> Callable[[HttpRequest], HttpResponse]:
    """Pass the invitation opened in this browser to the page, or show why it cannot be used.

    A form must name that invitation: another tab may have opened a different one.
    """

    @wraps(page)
    def checked(request: HttpRequest) -> HttpResponse:
        visit = visits.of(request)
        if visit is None or not visit.invitation.admits():
            return _closed(request, visit)
        if request.method == "POST" and InvitationForm(request.POST, invitation=visit.invitation).names_another:
            context = {"reason": "other", "office_name": visit.invitation.user.office_name}
            return render(request, "invitations/unavailable.html", context, status=409)
        try:
            return page(request, visit)
        except NotOpen:
            return _closed(request, visits.of(request))
        except NotVouchedFor:
            context = {"reason": "not_vouched_for", "office_name": visit.invitation.user.office_name}
            return render(request, "invitations/unavailable.html", context, status=403)
        except Throttled as error:
            return _too_often(request, error, visit.invitation)

    return checked


def _closed(request: HttpRequest, visit: Visit | None) -> HttpResponse:
    """Show why the invitation cannot be used, and what to do."""
    if visit is None:
        return render(request, "invitations/unavailable.html", {"reason": "unknown"}, status=404)
    invitation = visit.invitation
    user = invitation.user
    if invitation.state == Invitation.State.ACCEPTED and request.user == user:
        return redirect("home")
    reason = "expired" if invitation.state == Invitation.State.OPEN else str(invitation.state)
    if invitation.is_open():
        reason = "no_access"
    context = {"reason": reason, "invitation": invitation, "office_name": user.office_name}
    return render(request, "invitations/unavailable.html", context, status=410)


def _too_often(request: HttpRequest, error: Throttled, invitation: Invitation | None = None) -> HttpResponse:
    office_name = invitation.user.office_name if invitation else ""
    context = {"reason": "throttled", "error": error, "office_name": office_name}
    return render(request, "invitations/unavailable.html", context, status=429)


def _by(request: HttpRequest, visit: Visit) -> Actor:
    return on_page(request, visit.invitation.user)


def _charge_address(request: HttpRequest, limit: Limit) -> None:
    throttle.charge(limit, throttle.network(client_address(request)))


def _context(request: HttpRequest, visit: Visit) -> dict[str, object]:
    """Return the template context of the invitation."""
    invitation = visit.invitation
    wait = invitation.code_pause()
    last = accepting.code_of(invitation, browser=visit.browser)
    return {
        "invitation": invitation,
        "office_name": invitation.user.office_name,
        "ending": accepting.phone_ending(invitation, token=visit.token),
        "last": last,
        "paused": wait is not None,
        "paused_until": timezone.now() + wait if wait is not None and wait != timedelta.max else None,
        "two_factor": must_enrol(invitation.user),
        "signed_in": request.user if isinstance(request.user, User) else None,
    }


@public
@never_cache
@require_safe
@with_invitation
def welcome(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Show the office and announce the code, or redirect to the step that this browser has reached."""
    if accepting.has_proved_phone(visit.invitation, browser=visit.browser):
        return redirect("invitations:account")
    last = accepting.code_of(visit.invitation, browser=visit.browser)
    if last is not None and last.is_usable():
        return redirect("invitations:code")
    return render(request, "invitations/welcome.html", _context(request, visit))


@public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@with_invitation
def send_code(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Send a code; when no code can be sent yet, the next page says until when."""
    if request.method == "POST":
        _charge_address(request, CODES_SENT)
        after = request.POST.get("after")
        with suppress(Paused):  # the next page shows it
            accepting.send_code(
                visit.invitation, token=visit.token, browser=visit.browser, by=_by(request, visit), after=after
            )
    return redirect("invitations:welcome")


@public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@with_invitation
def code(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Ask for the code sent to this browser."""
    invitation, browser = visit.invitation, visit.browser
    last = accepting.code_of(invitation, browser=browser)
    if accepting.has_proved_phone(invitation, browser=browser) or last is None or not last.is_usable():
        return redirect("invitations:welcome")
    form = CodeForm(request.POST or None, invitation=invitation)
    if request.method == "POST" and form.is_valid():
        _charge_address(request, CODES_TRIED)
        if accepting.try_code(invitation, code=form.cleaned_data["code"], browser=browser, by=_by(request, visit)):
            return redirect("invitations:account")
        last.refresh_from_db()
        if not last.is_usable() or last.verified_at is not None:
            return redirect("invitations:welcome")
        form.add_error("code", ValidationError(_wrong_code(last.tries_left), code="wrong"))
    return render(request, "invitations/code.html", _context(request, visit) | {"form": form})


def _wrong_code(left: int) -> str:
    text = ngettext(
        "This code is incorrect. You have %(left)d more attempt.",
        "This code is incorrect. You have %(left)d more attempts.",
        left,
    )
    return text % {"left": left}


@public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@with_invitation
def account(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Ask for a username and password, accept, and sign in."""
    invitation, browser = visit.invitation, visit.browser
    if not accepting.has_proved_phone(invitation, browser=browser):
        return redirect("invitations:welcome")
    form = AccountForm(request.POST or None, invitation=invitation)
    if request.method == "POST":
        throttle.charge(ACCOUNTS_TRIED, str(invitation.pk))
        if form.is_valid() and (user := _accepted(form, visit, _by(request, visit))):
            request.session.flush()  # drop the session of another user signed in here
            signin.sessions.start(request, user)
            messages.success(request, _("Welcome, %(name)s. Your account is ready.") % {"name": user.full_name})
            response = redirect("home")
            visits.forget(response)
            devices.remember(response, user)
            return response
    return render(request, "invitations/account.html", _context(request, visit) | {"form": form})


def _accepted(form: AccountForm, visit: Visit, by: Actor) -> User | None:
    """Accept with the values of the form; on a validation error add it to the form and return None."""
    username, password = form.cleaned_data["username"], form.cleaned_data["password"]
    try:
        return accepting.accept(visit.invitation, browser=visit.browser, username=username, password=password, by=by)
    except ValidationError as error:
        form.add_error("username" if getattr(error, "code", "") == "taken" else "password", error)
        return None
