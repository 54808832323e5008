"""A form that was sent too late, kept in the session until the user has signed in or confirmed who they are.

It is encrypted and bound to its user. Secrets and files are never kept: the form says that they are to be given again.
"""

import json
import re
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import User
from loket import sealing
from signin.expiry import ENDED

MAX_BYTES, SECONDS = 256 * 1024, 1800
_KEY = "pending_form"
_NEVER_KEPT = re.compile(r"csrfmiddlewaretoken|.*password.*|code|mobile_number|number-.*")


def keep(request: HttpRequest, user_id: UUID) -> bool:
    """Keep what this user typed into the form of this POST; return False when it is too large or has a file."""
    fields = {name: values for name, values in request.POST.lists() if not _NEVER_KEPT.fullmatch(name)}
    text = json.dumps({"path": request.get_full_path(), "fields": fields}).encode()
    if request.FILES or len(text) > MAX_BYTES:
        request.session.pop(_KEY, None)
        return False
    request.session[_KEY] = [str(user_id), sealing.seal(text, context=_context(user_id)).hex(), int(time.time())]
    return True


def find(request: HttpRequest, user: User, path: str) -> dict[str, list[str]] | None:
    """Return the fields that `user` sent to `path` within the last half hour, None when there are none."""
    kept = request.session.get(_KEY)
    if not kept or kept[0] != str(user.pk) or not 0 <= time.time() - kept[2] < SECONDS:
        return None
    try:
        found: dict[str, Any] = json.loads(sealing.unseal(bytes.fromhex(kept[1]), context=_context(user.pk)))
    except sealing.Unreadable:  # its key was rotated away meanwhile
        return None
    return found["fields"] if found["path"] == path else None


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
