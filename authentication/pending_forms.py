"""A form submitted too late, stored in the session until the user has signed in or re-authenticated.

It is encrypted and bound to its user, and by a cookie to the browser that sent it: an attacker with a stolen session
cookie must not make the user send a form of the attacker's. Secrets and files are never stored; the user enters them
again.
"""

import json
import re
import time
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import User
from authentication.session_timeouts import ENDED_KEY
from core import cookies, encryption

FORM_CONTENT_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
MAX_FORM_BYTES, FORM_LIFETIME_SECONDS = 256 * 1024, 1800
_SESSION_KEY = _COOKIE_NAME = "pending_form"
_COOKIE_SALT = "signin pending form"
_CSRF_FIELD = "csrfmiddlewaretoken"  # the name of a field
_EXCLUDED_FIELDS = re.compile(rf"{_CSRF_FIELD}|.*password.*|code|mobile_number.*|number-.*")


class PendingForm(NamedTuple):
    """Submitted values by field name; `lacks_secrets` says that a secret was submitted and not stored."""

    fields: dict[str, list[str]]
    lacks_secrets: bool


def get_typed_fields(request: HttpRequest) -> dict[str, list[str]]:
    """Return what was typed into the form of this POST, without secrets and files."""
    return {name: values for name, values in request.POST.lists() if not _EXCLUDED_FIELDS.fullmatch(name)}


def save_form(request: HttpRequest, user_id: UUID) -> str:
    """Store the form of this POST for the user; return the key for `set_form_cookie`.

    The key is "" if the form is too large or has a file; then nothing is stored.
    """
    fields = get_typed_fields(request)
    lacks = any(any(values) for name, values in request.POST.lists() if name not in fields and name != _CSRF_FIELD)
    text = json.dumps({"path": request.get_full_path(), "fields": fields, "lacks_secrets": lacks})
    if request.FILES or len(text.encode()) > MAX_FORM_BYTES:
        request.session.pop(_SESSION_KEY, None)
        return ""
    key = encryption.generate_token()
    encrypted = encryption.encrypt_text(text, context=_build_encryption_context(user_id))
    request.session[_SESSION_KEY] = [str(user_id), encrypted, int(time.time()), encryption.hash_token(key)]
    return key


def set_form_cookie(response: HttpResponse, key: str) -> HttpResponse:
    """Set the cookie that lets this browser, and no other with the same session, read the form."""
    if key:
        cookies.set_signed_cookie(response, _COOKIE_NAME, key, salt=_COOKIE_SALT, max_age=FORM_LIFETIME_SECONDS)
    return response


def get_pending_form(request: HttpRequest, user: User, path: str) -> PendingForm | None:
    """Return the form that `user` sent to `path` from this browser in the last 30 minutes, or None."""
    stored = request.session.get(_SESSION_KEY)
    if not stored or stored[0] != str(user.pk) or not 0 <= time.time() - stored[2] < FORM_LIFETIME_SECONDS:
        return None
    key = cookies.get_signed_cookie(request, _COOKIE_NAME, salt=_COOKIE_SALT, max_age=FORM_LIFETIME_SECONDS)
    if encryption.hash_token(key) != stored[3]:  # sent by another browser with the same session
        return None
    try:
        form = json.loads(encryption.decrypt_text(stored[1], context=_build_encryption_context(user.pk)))
    except encryption.DecryptionError:  # its key was retired in the meantime
        return None
    return PendingForm(form["fields"], form["lacks_secrets"]) if form["path"] == path else None


def delete_form(request: HttpRequest) -> None:
    request.session.pop(_SESSION_KEY, None)


def delete_resubmitted_form(request: HttpRequest, user: User) -> None:
    """Delete the stored form if `user` submits it now; re-authentication stores it again if needed."""
    if request.method == "POST" and get_pending_form(request, user, request.get_full_path()) is not None:
        delete_form(request)


def delete_form_of_other_user(request: HttpRequest, user: User) -> None:
    stored = request.session.get(_SESSION_KEY)
    if stored and stored[0] != str(user.pk):
        delete_form(request)


def flush_session_except_form(request: HttpRequest, user: User) -> None:
    """Flush the session except for the stored form of `user` and the record of an ended session."""
    delete_form_of_other_user(request, user)
    carried = {name: request.session[name] for name in (_SESSION_KEY, ENDED_KEY) if name in request.session}
    request.session.flush()
    request.session.update(carried)


def get_form_url(request: HttpRequest) -> str:
    """Return the page of this site that sent the form (from Referer), or the home page if unknown."""
    referer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referer, {request.get_host()}, require_https=request.is_secure()):
        return reverse("home")
    parts = urlsplit(referer)
    return f"{parts.path}?{parts.query}".rstrip("?") or reverse("home")


def _build_encryption_context(user_id: UUID) -> str:
    return f"pending form:{user_id}"
