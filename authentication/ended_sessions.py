"""Messages about an ended session, and the form that was submitted after its end."""

from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from authentication import pending_forms, session_timeouts
from authentication.session_timeouts import SessionEndReason


def redirect_to_login(request: HttpRequest) -> HttpResponse | None:
    """Return a redirect to the login page with a message, and keep the submitted form; None if no session ended."""
    if not add_end_message(request):
        return None
    target, key = request.get_full_path(), ""
    if request.method != "GET":
        target, key = pending_forms.get_form_url(request), _save_late_form(request)
        if key:
            target = f"{reverse('authentication:resubmit_form')}?{urlencode({'next': request.get_full_path()})}"
            messages.info(request, _("Your entries have been kept. Log in to continue."))
        elif request.method == "POST":
            messages.warning(request, _("Your entries could not be kept. Log in and enter them again."))
    response = HttpResponseRedirect(f"{reverse('authentication:login')}?{urlencode({'next': target})}")
    return pending_forms.set_form_cookie(response, key)


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


def _save_late_form(request: HttpRequest) -> str:
    ended = request.session.get(session_timeouts.ENDED_KEY)
    is_form = request.method == "POST" and request.content_type in pending_forms.FORM_CONTENT_TYPES
    return pending_forms.save_form(request, UUID(ended[0])) if ended is not None and is_form else ""


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
