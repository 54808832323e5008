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
from loket import cookies, sealing
from signin.expiry import ENDED

CONTENT_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
MAX_BYTES, SECONDS = 256 * 1024, 1800
_KEY = _COOKIE = "pending_form"
_SALT = "signin pending form"
_TOKEN = "csrfmiddlewaretoken"  # noqa: S105  # the name of a field
_NEVER_KEPT = re.compile(rf"{_TOKEN}|.*password.*|code|mobile_number|number-.*")


class Kept(NamedTuple):
    """Submitted values by field name; `lacks_secrets` says that a secret was submitted and not stored."""

    fields: dict[str, list[str]]
    lacks_secrets: bool


def typed_fields(request: HttpRequest) -> dict[str, list[str]]:
    """Return what was typed into the form of this POST, without secrets and files."""
    return {name: values for name, values in request.POST.lists() if not _NEVER_KEPT.fullmatch(name)}


def keep(request: HttpRequest, user_id: UUID) -> str:
    """Store the form of this POST for the user; return the key for `give`.

    The key is "" if the form is too large or has a file; then nothing is stored.
    """
    fields = typed_fields(request)
    lacks = any(any(values) for name, values in request.POST.lists() if name not in fields and name != _TOKEN)
    text = json.dumps({"path": request.get_full_path(), "fields": fields, "lacks_secrets": lacks}).encode()
    if request.FILES or len(text) > MAX_BYTES:
        request.session.pop(_KEY, None)
        return ""
    key, sealed = sealing.new_token(), sealing.seal(text, context=_context(user_id))
    request.session[_KEY] = [str(user_id), sealed.hex(), int(time.time()), sealing.token_hash(key)]
    return key


def give(response: HttpResponse, key: str) -> HttpResponse:
    """Set the cookie that lets this browser, and no other with the same session, read the form."""
    if key:
        cookies.put(response, _COOKIE, key, salt=_SALT, max_age=SECONDS)
    return response


def find(request: HttpRequest, user: User, path: str) -> Kept | None:
    """Return the form that `user` sent to `path` from this browser in the last 30 minutes, or None."""
    kept = request.session.get(_KEY)
    if not kept or kept[0] != str(user.pk) or not 0 <= time.time() - kept[2] < SECONDS:
        return None
    key = cookies.read(request, _COOKIE, salt=_SALT, max_age=SECONDS)
    if sealing.token_hash(key) != kept[3]:  # sent by another browser with the same session
        return None
    try:
        found = json.loads(sealing.unseal(bytes.fromhex(kept[1]), context=_context(user.pk)))
    except sealing.Unreadable:  # its key was retired in the meantime
        return None
    return Kept(found["fields"], found.get("lacks_secrets", False)) if found["path"] == path else None


def forget(request: HttpRequest) -> None:
    request.session.pop(_KEY, None)


def forget_sent(request: HttpRequest, user: User) -> None:
    """Delete the stored form if `user` submits it now; re-authentication stores it again if needed."""
    if request.method == "POST" and find(request, user, request.get_full_path()) is not None:
        forget(request)


def forget_others(request: HttpRequest, user: User) -> None:
    """Delete the stored form of any other user in this browser."""
    kept = request.session.get(_KEY)
    if kept and kept[0] != str(user.pk):
        forget(request)


def flush_session(request: HttpRequest, user: User) -> None:
    """Flush the session except for the stored form of `user` and the record of an ended session."""
    forget_others(request, user)
    carried = {name: request.session[name] for name in (_KEY, ENDED) if name in request.session}
    request.session.flush()
    request.session.update(carried)


def form_page(request: HttpRequest) -> str:
    """Return the page of this site that sent the form (from Referer), or the home page if unknown."""
    referer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referer, {request.get_host()}, require_https=request.is_secure()):
        return reverse("home")
    parts = urlsplit(referer)
    return f"{parts.path}?{parts.query}".rstrip("?") or reverse("home")


def _context(user_id: UUID) -> str:
    return f"pending form:{user_id}"
