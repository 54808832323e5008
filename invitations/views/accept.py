"""Pages of the invited user: open the link, verify the phone number, choose username and password."""

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

import authentication.sessions
from accounts.logos import build_office_context
from accounts.models import User
from audit.actors import Actor, build_page_actor
from authentication import trusted_devices
from authentication.mfa import must_enroll
from core import throttle
from core.access import SAFE, Access, page
from core.client_address import get_client_address
from core.throttle import RateLimit, Throttled
from invitations import acceptance, cookies
from invitations.acceptance import CodeLimitReached, SenderNotAuthorized
from invitations.actions import InvitationNotOpen
from invitations.cookies import InvitationSession
from invitations.forms.accept import AccountForm, InvitationCodeForm, InvitationForm
from invitations.models import Invitation
from permissions.shortcuts import mark_as_throttled

# Generous: a whole office may share one network address. Each invitation also has limits of its own.
UNKNOWN_LINK_LIMIT = RateLimit("unknown invitation link", burst=60, every=timedelta(minutes=1))
SENT_CODE_LIMIT = RateLimit("invitation code sent", burst=200, every=timedelta(seconds=30))
CHECKED_CODE_LIMIT = RateLimit("invitation code tried", burst=300, every=timedelta(seconds=20))
ACCOUNT_LIMIT = RateLimit("invitation account tried", burst=30, every=timedelta(minutes=1))  # by invitation

InvitationView = Callable[[HttpRequest, InvitationSession], HttpResponse]


@page(Access.PUBLIC, methods=SAFE)
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Move the token from the URL to a cookie; changes nothing, no matter how often it is called."""
    if cookies.find_invitation(token) is None:
        try:
            throttle.consume_attempt(UNKNOWN_LINK_LIMIT, throttle.build_network_key(get_client_address(request)))
        except Throttled as error:
            return _render_throttled(request, error)
    response = redirect("invitations:welcome")
    response["Referrer-Policy"] = "no-referrer"
    cookies.set_invitation_cookie(response, request, token)
    return response


def require_invitation(page: InvitationView) -> Callable[[HttpRequest], HttpResponse]:
    """Pass the invitation opened in this browser to the page, or show why it cannot be used.

    A form must name that invitation: another tab may have opened a different one.
    """

    @wraps(page)
    def wrapper(request: HttpRequest) -> HttpResponse:
        session = cookies.get_invitation_session(request)
        if session is None or not session.invitation.can_be_accepted():
            return _render_closed(request, session)
        if (
            request.method == "POST"
            and InvitationForm(request.POST, invitation=session.invitation).names_other_invitation
        ):
            context = {"reason": "other", **build_office_context(session.invitation.user)}
            return render(request, "invitations/unavailable.html", context, status=409)
        try:
            response = page(request, session)
            cookies.promote_invitation(response, request, session.token)
            return response
        except InvitationNotOpen:
            return _render_closed(request, cookies.get_invitation_session(request))
        except SenderNotAuthorized:
            context = {"reason": "not_vouched_for", **build_office_context(session.invitation.user)}
            return render(request, "invitations/unavailable.html", context, status=403)
        except Throttled as error:
            return _render_throttled(request, error, session.invitation)

    return wrapper


def _render_closed(request: HttpRequest, session: InvitationSession | None) -> HttpResponse:
    if session is None and isinstance(request.user, User) and not cookies.has_link(request):
        return redirect("home")  # Back, after accepting
    if session is None:
        return render(request, "invitations/unavailable.html", {"reason": "unknown"}, status=404)
    invitation = session.invitation
    user = invitation.user
    if invitation.state == Invitation.State.ACCEPTED and request.user == user:
        return redirect("home")
    reason = "expired" if invitation.state == Invitation.State.OPEN else str(invitation.state)
    if invitation.is_open():
        reason = "no_access"
    context = {"reason": reason, "invitation": invitation, **build_office_context(user)}
    return render(request, "invitations/unavailable.html", context, status=410)


def _render_throttled(request: HttpRequest, error: Throttled, invitation: Invitation | None = None) -> HttpResponse:
    office = build_office_context(invitation.user) if invitation else {}
    context = {"reason": "throttled", "error": error, **office}
    return mark_as_throttled(render(request, "invitations/unavailable.html", context), error)


def _get_actor(request: HttpRequest, session: InvitationSession) -> Actor:
    return build_page_actor(request, session.invitation.user)


def _charge_network(request: HttpRequest, limit: RateLimit) -> None:
    throttle.consume_attempt(limit, throttle.build_network_key(get_client_address(request)))


def _build_context(request: HttpRequest, session: InvitationSession) -> dict[str, object]:
    invitation = session.invitation
    sent, left, wait = invitation.get_code_quota()
    last = acceptance.get_last_code(invitation, browser=session.browser)
    return {
        "invitation": invitation,
        **build_office_context(invitation.user),
        "ending": acceptance.get_phone_ending(invitation, token=session.token),
        "last": last,
        "codes_sent": sent,
        "codes_left": left,
        "paused": wait is not None,
        "paused_until": timezone.now() + wait if wait is not None and wait != timedelta.max else None,
        "two_factor": must_enroll(invitation.user),
        "signed_in": request.user if isinstance(request.user, User) else None,
    }


@page(Access.PUBLIC, methods=SAFE)
@require_invitation
def welcome(request: HttpRequest, session: InvitationSession) -> HttpResponse:
    """Show the office and announce the code, or redirect to the step that this browser has reached."""
    if acceptance.has_proved_phone(session.invitation, browser=session.browser):
        return redirect("invitations:create_account")
    last = acceptance.get_last_code(session.invitation, browser=session.browser)
    if last is not None and last.is_usable():
        return redirect("invitations:enter_code")
    return render(request, "invitations/welcome.html", _build_context(request, session))


@page(Access.PUBLIC)
@require_invitation
def send_code(request: HttpRequest, session: InvitationSession) -> HttpResponse:
    if request.method == "POST":
        _charge_network(request, SENT_CODE_LIMIT)
        after = request.POST.get("after")
        with suppress(CodeLimitReached):  # the next page shows it
            acceptance.send_code(
                session.invitation,
                token=session.token,
                browser=session.browser,
                by=_get_actor(request, session),
                after=after,
            )
    return redirect("invitations:welcome")


@page(Access.PUBLIC)
@require_invitation
def enter_code(request: HttpRequest, session: InvitationSession) -> HttpResponse:
    invitation, browser = session.invitation, session.browser
    last = acceptance.get_last_code(invitation, browser=browser)
    if acceptance.has_proved_phone(invitation, browser=browser) or last is None or not last.is_usable():
        return redirect("invitations:welcome")
    form = InvitationCodeForm(request.POST or None, invitation=invitation)
    if request.method == "POST" and form.is_valid():
        _charge_network(request, CHECKED_CODE_LIMIT)
        if acceptance.check_code(
            invitation, code=form.cleaned_data["code"], browser=browser, by=_get_actor(request, session)
        ):
            return redirect("invitations:create_account")
        last.refresh_from_db()
        if not last.is_usable() or last.verified_at is not None:
            return redirect("invitations:welcome")
        form.add_error("code", ValidationError(_get_wrong_code_message(last.tries_left), code="wrong"))
    return render(request, "invitations/code.html", _build_context(request, session) | {"form": form})


def _get_wrong_code_message(left: int) -> str:
    text = ngettext(
        "This code is incorrect. You have %(left)d attempt left.",
        "This code is incorrect. You have %(left)d attempts left.",
        left,
    )
    return text % {"left": left}


@page(Access.PUBLIC)
@require_invitation
def create_account(request: HttpRequest, session: InvitationSession) -> HttpResponse:
    invitation, browser = session.invitation, session.browser
    if not acceptance.has_proved_phone(invitation, browser=browser):
        return redirect("invitations:welcome")
    form = AccountForm(request.POST or None, invitation=invitation)
    if request.method == "POST":
        throttle.consume_attempt(ACCOUNT_LIMIT, str(invitation.pk))
        if form.is_valid() and (user := _accept_or_add_error(form, session, _get_actor(request, session))):
            request.session.flush()  # drop the session of another user signed in here
            authentication.sessions.start_session(request, user)
            messages.success(request, _("Welcome, %(name)s. Your account is ready.") % {"name": user.full_name})
            response = redirect("home")
            cookies.delete_from_invitation_cookie(response, request, session.token)
            trusted_devices.trust_device(request, response, user)
            return response
    return render(request, "invitations/account.html", _build_context(request, session) | {"form": form})


def _accept_or_add_error(form: AccountForm, session: InvitationSession, by: Actor) -> User | None:
    """Accept with the values of the form; on a validation error add it to the form and return None."""
    username, password = form.cleaned_data["username"], form.cleaned_data["password"]
    try:
        return acceptance.accept_invitation(
            session.invitation, browser=session.browser, username=username, password=password, by=by
        )
    except ValidationError as error:
        form.add_error("username" if getattr(error, "code", "") == "taken" else "password", error)
        return None
