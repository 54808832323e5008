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

from signin import expiry, pending_forms
from signin.expiry import Ended


def send_to_login(request: HttpRequest) -> HttpResponse | None:
    """Return a redirect to the login page with a message, and keep the submitted form; None if no session ended."""
    if not explain(request):
        return None
    target, key = request.get_full_path(), ""
    if request.method != "GET":
        target, key = pending_forms.form_page(request), _keep(request)
        if key:
            target = f"{reverse('signin:go_on')}?{urlencode({'next': request.get_full_path()})}"
            messages.info(request, _("Your entries have been kept. Log in to continue."))
        elif request.method == "POST":
            messages.warning(request, _("Your entries could not be kept. Log in and enter them again."))
    response = HttpResponseRedirect(f"{reverse('signin:login')}?{urlencode({'next': target})}")
    return pending_forms.give(response, key)


def explain(request: HttpRequest) -> bool:
    """Add a message that says why the session of this browser ended; return False if none ended."""
    reason = _reason(request)
    if reason is not None:
        messages.warning(request, _words(reason))
    return reason is not None


def clear_browser(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Make the browser clear its cache and storage after logging out, such as pages behind its Back button.

    Not its cookies: the session cookie is already deleted, and those for the language and for trusted browsers
    (`signin.devices`) belong to the device. Not after a session expired: the page still holds what the user typed.
    """
    if request.is_secure():
        response["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _reason(request: HttpRequest) -> Ended | None:
    if (ended := request.session.get(expiry.ENDED)) is not None:
        return Ended(ended[1])
    is_gone = request.session.is_empty() or SESSION_KEY in request.session
    return Ended.OTHERWISE if is_gone and settings.SESSION_COOKIE_NAME in request.COOKIES else None


def _keep(request: HttpRequest) -> str:
    ended = request.session.get(expiry.ENDED)
    is_form = request.method == "POST" and request.content_type in pending_forms.CONTENT_TYPES
    return pending_forms.keep(request, UUID(ended[0])) if ended is not None and is_form else ""


def _words(reason: Ended) -> str:
    if reason is Ended.IDLE:
        return _("You were logged out after %(time)s without activity.") % {"time": _duration(expiry.idle())}
    if reason is Ended.LIFETIME:
        time = _duration(expiry.lifetime(by_sso=False))
        return _("You were logged out: a login is valid for at most %(time)s.") % {"time": time}
    if reason is Ended.SSO:
        time = _duration(expiry.lifetime(by_sso=True))
        return _("You were logged out: a login from a portal is valid for at most %(time)s.") % {"time": time}
    return _("You were logged out: on another device, by an administrator, or because your access changed.")


def _duration(time: timedelta) -> str:
    minutes = int(time.total_seconds()) // 60
    if minutes % 60:
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    return ngettext("%(count)d hour", "%(count)d hours", minutes // 60) % {"count": minutes // 60}
