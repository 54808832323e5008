"""`Idempotency-Key` on POST: a repeated request is executed once, even if both arrive at the same time."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar, cast

from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from api.auth import ApiRequest
from api.errors import ApiError
from core import encryption
from oauth.models import IdempotentResponse

ViewT = TypeVar("ViewT", bound=Callable[..., HttpResponse])
RESPONSE_RETENTION = timedelta(hours=24)
KEY_PATTERN = re.compile(r"[!-~]{1,255}")
_STORED_HEADERS = ("ETag", "Location")


def idempotent(view: ViewT) -> ViewT:
    """Replay the response to a POST with the same key during 24 hours, without executing it again.

    Place it below the declaration of the operation. The key is stored before the change and in its transaction: a
    second request waits for the first, and a failed change leaves no key. Raises ApiError (422) if the body differs.
    """

    @wraps(view)
    def wrapper(request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return view(request, *args, **kwargs)
        if not KEY_PATTERN.fullmatch(key):
            text = _("A key consists of 1 to 255 letters, digits and symbols, without spaces.")
            raise ApiError(400, "idempotency_key", text, field="Idempotency-Key")
        IdempotentResponse.objects.filter(created_at__lte=timezone.now() - RESPONSE_RETENTION).delete()
        with transaction.atomic():
            stored = _get_or_create_record(request, key)
            if stored.encrypted_response:
                return _replay_response(request, stored)
            response = view(request, *args, **kwargs)
            _store_response(stored, response)
        return response

    return cast(ViewT, wrapper)


def _get_or_create_record(request: ApiRequest, key: str) -> IdempotentResponse:
    """Return the stored row of this key, or a new row without a response."""
    caller = request.caller
    identity = "\n".join([str(caller.application.pk), str(caller.user.pk), request.path, key])
    created = IdempotentResponse(
        provider=caller.user.office,
        user=caller.user,
        key_hash=encryption.hash_token(identity),
        body_hash=encryption.compute_keyed_hash(request.body.decode(errors="replace"), purpose="webservice body"),
        encrypted_response=b"",
    )
    try:
        with transaction.atomic():
            created.save(force_insert=True)
    except IntegrityError:
        return IdempotentResponse.objects.get(key_hash=created.key_hash)
    return created


def _replay_response(request: ApiRequest, stored: IdempotentResponse) -> HttpResponse:
    if not encryption.verify_keyed_hash(
        request.body.decode(errors="replace"), stored.body_hash, purpose="webservice body"
    ):
        text = _("This key was used for another request. Use a new key for every new request.")
        raise ApiError(422, "idempotency_key", text, field="Idempotency-Key")
    saved = json.loads(encryption.decrypt(bytes(stored.encrypted_response), context=stored.encryption_context))
    return HttpResponse(saved["body"], status=saved["status"], headers=saved["headers"])


def _store_response(stored: IdempotentResponse, response: HttpResponse) -> None:
    headers = {name: response[name] for name in (*_STORED_HEADERS, "Content-Type") if response.has_header(name)}
    saved = {"status": response.status_code, "headers": headers, "body": response.content.decode()}
    stored.encrypted_response = encryption.encrypt(json.dumps(saved).encode(), context=stored.encryption_context)
    stored.save(update_fields=["encrypted_response"])
