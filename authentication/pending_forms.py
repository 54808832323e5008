"""Forms submitted too late, stored in the session until the user has signed in or re-authenticated.

They are encrypted and bound to their user, and by a cookie to the browser that sent them: an attacker with a stolen
session cookie must not make the user send a form of the attacker's. Secrets and files are never stored; the user enters
them again.
"""

import json
import re
import time
from itertools import accumulate
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import User
from authentication.next_url import LONG_URLS_KEY
from authentication.session_timeouts import ENDED_KEY
from core import clock_skew, cookies, encryption
from core.ids import uuid7

FORM_CONTENT_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
MAX_FORM_BYTES, FORM_LIFETIME_SECONDS = 256 * 1024, 1800
MAX_FORMS, _MAX_STORED_CHARACTERS = 5, 512 * 1024  # of all tabs together; the oldest are removed first
_SESSION_KEY, _COOKIE_NAME = "pending_forms", "pending_form"
_COOKIE_SALT = "signin pending form"
_CSRF_FIELD = "csrfmiddlewaretoken"  # the name of a field
_EXCLUDED_FIELDS = re.compile(rf"{_CSRF_FIELD}|.*password.*|code|mobile_number.*|number-.*")


class PendingForm(NamedTuple):
    """Submitted values by field name; `lacks_secrets` says that a secret was submitted and not stored."""

    fields: dict[str, list[str]]
    lacks_secrets: bool


class SavedForm(NamedTuple):
    """The page that offers to resubmit a stored form, and the key for `set_form_cookie`."""

    url: str
    key: str


class _StoredForm(NamedTuple):
    user_id: str
    encrypted: str
    saved_at: int  # seconds since 1970
    key_hash: str


def get_typed_fields(request: HttpRequest) -> dict[str, list[str]]:
    """Return what was typed into the form of this POST, without secrets and files."""
    return {name: values for name, values in request.POST.lists() if not _EXCLUDED_FIELDS.fullmatch(name)}


def save_form(request: HttpRequest, user_id: UUID) -> SavedForm | None:
    """Store the form of this POST for the user, beside those of other tabs; None if it is too large or has a file."""
    fields = get_typed_fields(request)
    lacks = any(any(values) for name, values in request.POST.lists() if name not in fields and name != _CSRF_FIELD)
    text = json.dumps({"path": request.get_full_path(), "fields": fields, "lacks_secrets": lacks})
    if request.FILES or len(text.encode()) > MAX_FORM_BYTES:
        return None
    form_id, key = uuid7().hex, _get_browser_key(request) or encryption.generate_token()
    encrypted = encryption.encrypt_text(text, context=_build_encryption_context(user_id))
    stored = _StoredForm(str(user_id), encrypted, int(time.time()), encryption.hash_token(key))
    newest_first = [(form_id, stored), *reversed(_load_forms(request).items())][:MAX_FORMS]
    sizes = accumulate(len(form.encrypted) for _id, form in newest_first)
    kept = [pair for pair, size in zip(newest_first, sizes, strict=True) if size <= _MAX_STORED_CHARACTERS]
    request.session[_SESSION_KEY] = dict(reversed(kept))
    query = urlencode({"next": request.get_full_path(), "form": form_id})
    return SavedForm(f"{reverse('authentication:resubmit_form')}?{query}", key)


def set_form_cookie(response: HttpResponse, saved: SavedForm | None) -> HttpResponse:
    """Set the cookie that lets this browser, and no other with the same session, read its forms."""
    if saved:
        cookies.set_signed_cookie(response, _COOKIE_NAME, saved.key, salt=_COOKIE_SALT, max_age=FORM_LIFETIME_SECONDS)
    return response


def get_pending_form(request: HttpRequest, user: User, form_id: str, path: str) -> PendingForm | None:
    """Return the form that `user` sent to `path` from this browser in the last 30 minutes, or None."""
    stored = _load_forms(request).get(form_id)
    if not stored or stored.user_id != str(user.pk):
        return None
    if not clock_skew.is_recent(stored.saved_at, within=FORM_LIFETIME_SECONDS):
        return None
    key = _get_browser_key(request)
    if encryption.hash_token(key) != stored.key_hash:  # sent by another browser with the same session
        return None
    try:
        form = json.loads(encryption.decrypt_text(stored.encrypted, context=_build_encryption_context(user.pk)))
    except encryption.DecryptionError:  # its key was retired in the meantime
        return None
    return PendingForm(form["fields"], form["lacks_secrets"]) if form["path"] == path else None


def delete_resubmitted_form(request: HttpRequest, user: User) -> None:
    """Delete the stored form if `user` submits it now; re-authentication stores it again if needed."""
    if request.method != "POST":
        return
    for form_id in _load_forms(request):
        form = get_pending_form(request, user, form_id, request.get_full_path())
        if form is not None and form.fields == get_typed_fields(request):
            del request.session[_SESSION_KEY][form_id]
            request.session.modified = True


def delete_forms_of_other_users(request: HttpRequest, user: User) -> None:
    forms = _load_forms(request)
    own = {form_id: form for form_id, form in forms.items() if form.user_id == str(user.pk)}
    if own != forms:
        request.session[_SESSION_KEY] = own


def flush_session_except_forms(request: HttpRequest, user: User) -> None:
    """Flush the session except for the stored forms of `user`, the record of an ended session and long addresses."""
    delete_forms_of_other_users(request, user)
    names = (_SESSION_KEY, ENDED_KEY, LONG_URLS_KEY)
    carried = {name: request.session[name] for name in names if name in request.session}
    request.session.flush()
    request.session.update(carried)


def get_form_url(request: HttpRequest) -> str:
    """Return the page of this site that sent the form (from Referer), or the home page if unknown."""
    referer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referer, {request.get_host()}, require_https=request.is_secure()):
        return reverse("home")
    parts = urlsplit(referer)
    return f"{parts.path}?{parts.query}".rstrip("?") or reverse("home")


def _load_forms(request: HttpRequest) -> dict[str, _StoredForm]:
    """Return the stored forms by ID, the oldest first."""
    return {form_id: _StoredForm(*form) for form_id, form in request.session.get(_SESSION_KEY, {}).items()}


def _get_browser_key(request: HttpRequest) -> str:
    return cookies.get_signed_cookie(request, _COOKIE_NAME, salt=_COOKIE_SALT, max_age=FORM_LIFETIME_SECONDS)


def _build_encryption_context(user_id: UUID) -> str:
    return f"pending form:{user_id}"
