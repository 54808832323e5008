"""Messages about an ended session, and the form that was submitted after its end."""

from datetime import timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from authentication import last_user, pending_forms, session_timeouts
from authentication.pending_forms import SavedForm
from authentication.rate_limits import LATE_FORM_LIMIT
from authentication.session_timeouts import SessionEndReason
from core import throttle
from core.access import SAFE
from core.ids import parse_uuid
from core.throttle import Throttled


def redirect_to_login(request: HttpRequest) -> HttpResponse | None:
    """Return a redirect to the login page with a message, and keep the submitted form.

    None if no session ended and no form is kept.
    """
    has_ended, target, saved = add_end_message(request), request.get_full_path(), None
    if request.method not in SAFE:
        target, saved = pending_forms.get_form_url(request), _save_late_form(request)
        if saved:
            target = saved.url
            messages.info(request, _("Your entries have been kept. Log in to continue."))
        elif request.method == "POST":
            messages.warning(request, _("Your entries could not be kept. Log in and enter them again."))
    if not has_ended and saved is None:
        return None
    response = HttpResponseRedirect(f"{reverse('authentication:login')}?{urlencode({'next': target})}")
    return pending_forms.set_form_cookie(response, saved)


def redirect_earlier_form(request: HttpRequest, user: User) -> HttpResponse | None:
    """Return a redirect that offers the form of a page that `user` opened before signing in in another tab, or None."""
    if not last_user.is_from_earlier_page(request):
        return None
    saved = pending_forms.save_form(request, user.pk)
    if saved is None:
        messages.warning(request, _("Your entries could not be kept. Enter them again."))
    response = HttpResponseRedirect(saved.url if saved else pending_forms.get_form_url(request))
    return pending_forms.set_form_cookie(response, saved)


def add_end_message(request: HttpRequest) -> bool:
    reason = _get_end_reason(request)
    if reason is not None:
        messages.warning(request, _format_end_message(reason))
    return reason is not None


def set_clear_site_data(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Make the browser clear its cache and storage after logging out, such as pages behind its Back button.

    Not its cookies: the session cookie is already deleted, and those for the language and for trusted browsers
    (`authentication.trusted_devices`) belong to the device. Not after a session expired: the page still holds what the
    user typed.
    """
    if request.is_secure():
        response["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _get_end_reason(request: HttpRequest) -> SessionEndReason | None:
    if (ended := request.session.get(session_timeouts.ENDED_KEY)) is not None:
        return SessionEndReason(ended[1])
    is_gone = request.session.is_empty() or SESSION_KEY in request.session
    return SessionEndReason.OTHERWISE if is_gone and settings.SESSION_COOKIE_NAME in request.COOKIES else None


def _save_late_form(request: HttpRequest) -> SavedForm | None:
    """Store the form for the user of the ended session, or else for the last user of this browser.

    None as well after too many: each makes a session, and nobody is signed in.
    """
    ended = request.session.get(session_timeouts.ENDED_KEY)
    user_id = parse_uuid(ended[0] if ended is not None else last_user.get_last_user_id(request))
    is_form = request.method == "POST" and request.content_type in pending_forms.FORM_CONTENT_TYPES
    if user_id is None or not is_form:
        return None
    try:
        throttle.consume_attempt(LATE_FORM_LIMIT, str(user_id))
    except Throttled:
        return None
    return pending_forms.save_form(request, user_id)


def _format_end_message(reason: SessionEndReason) -> str:
    if reason is SessionEndReason.IDLE:
        return _("You were logged out after %(time)s without activity.") % {
            "time": _format_duration(session_timeouts.get_idle_timeout())
        }
    if reason is SessionEndReason.LIFETIME:
        time = _format_duration(session_timeouts.get_absolute_timeout(by_sso=False))
        return _("You were logged out: a login is valid for at most %(time)s.") % {"time": time}
    if reason is SessionEndReason.SSO:
        time = _format_duration(session_timeouts.get_absolute_timeout(by_sso=True))
        return _("You were logged out: a login from a portal is valid for at most %(time)s.") % {"time": time}
    return _("You were logged out: on another device, by an administrator, or because your access changed.")


def _format_duration(time: timedelta) -> str:
    minutes = int(time.total_seconds()) // 60
    if minutes % 60:
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    return ngettext("%(count)d hour", "%(count)d hours", minutes // 60) % {"count": minutes // 60}
