"""A form that was sent too late, kept in the session until the user has signed in or confirmed who they are.

It is encrypted and bound to its user, and by a cookie to the browser that sent it: whoever stole the session's cookie
must not have its user send a form of theirs. Secrets and files are never kept: the form says that they are to be given
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
    """What a user typed, by the names of the fields; `lacks_secrets` says that something was typed and not kept."""

    fields: dict[str, list[str]]
    lacks_secrets: bool


def typed_fields(request: HttpRequest) -> dict[str, list[str]]:
    """Return what was typed into the form of this POST, without secrets and files."""
    return {name: values for name, values in request.POST.lists() if not _NEVER_KEPT.fullmatch(name)}


def keep(request: HttpRequest, user_id: UUID) -> str:
    """Keep what this user typed into the form of this POST; return the key for `give`.

    The key is "" when nothing is kept: the form is too large or has a file.
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
    """Let this browser, and no other with the same session, go on with the form that was kept under `key`."""
    if key:
        cookies.put(response, _COOKIE, key, salt=_SALT, max_age=SECONDS)
    return response


def find(request: HttpRequest, user: User, path: str) -> Kept | None:
    """Return what `user` sent to `path` from this browser within the last half hour, None when there is nothing."""
    kept = request.session.get(_KEY)
    if not kept or kept[0] != str(user.pk) or not 0 <= time.time() - kept[2] < SECONDS:
        return None
    key = cookies.read(request, _COOKIE, salt=_SALT, max_age=SECONDS)
    if sealing.token_hash(key) != kept[3]:  # somebody else with the same session sent it
        return None
    try:
        found = json.loads(sealing.unseal(bytes.fromhex(kept[1]), context=_context(user.pk)))
    except sealing.Unreadable:  # its key was rotated away meanwhile
        return None
    return Kept(found["fields"], found.get("lacks_secrets", False)) if found["path"] == path else None


def forget(request: HttpRequest) -> None:
    """Keep nothing any longer."""
    request.session.pop(_KEY, None)


def forget_sent(request: HttpRequest, user: User) -> None:
    """Keep no longer the form that `user` sends now: it is kept anew where the page asks once more."""
    if request.method == "POST" and find(request, user, request.get_full_path()) is not None:
        forget(request)


def forget_others(request: HttpRequest, user: User) -> None:
    """Keep no longer what another user than `user` typed in this browser."""
    kept = request.session.get(_KEY)
    if kept and kept[0] != str(user.pk):
        forget(request)


def flush_session(request: HttpRequest, user: User) -> None:
    """Begin an empty session in which only what `user` typed is still kept, and whose session ended here."""
    forget_others(request, user)
    carried = {name: request.session[name] for name in (_KEY, ENDED) if name in request.session}
    request.session.flush()
    request.session.update(carried)


def form_page(request: HttpRequest) -> str:
    """Return the page of ours from which the form of this POST was sent, the home page when that is not known."""
    referer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referer, {request.get_host()}, require_https=request.is_secure()):
        return reverse("home")
    parts = urlsplit(referer)
    return f"{parts.path}?{parts.query}".rstrip("?") or reverse("home")


def _context(user_id: UUID) -> str:
    return f"pending form:{user_id}"
