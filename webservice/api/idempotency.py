"""`Idempotency-Key` on POST: a repeated request is executed once, also if both arrive at the same time."""

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

from loket import sealing
from webservice.api.door import ApiRequest
from webservice.api.faults import Fault
from webservice.models import KeptAnswer

View = TypeVar("View", bound=Callable[..., HttpResponse])
KEPT = timedelta(hours=24)
KEY = re.compile(r"[!-~]{1,255}")
_KEPT_HEADERS = ("ETag", "Location")


def once(view: View) -> View:
    """Replay the response to a POST with the same key during 24 hours, without executing it again.

    Place it below the declaration of the operation. The key is stored before the change and in its transaction: a
    second request waits for the first, and a failed change leaves no key. Raises Fault (422) if the body differs.
    """

    @wraps(view)
    def wrapper(request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return view(request, *args, **kwargs)
        if not KEY.fullmatch(key):
            text = _("A key consists of 1 to 255 letters, digits and symbols, without spaces.")
            raise Fault(400, "idempotency_key", text, field="Idempotency-Key")
        KeptAnswer.objects.filter(created_at__lte=timezone.now() - KEPT).delete()
        with transaction.atomic():
            kept = _kept(request, key)
            if kept.sealed_answer:
                return _again(request, kept)
            response = view(request, *args, **kwargs)
            _keep(kept, response)
        return response

    return cast(View, wrapper)


def _kept(request: ApiRequest, key: str) -> KeptAnswer:
    """Return the stored row of this key, or a new row without a response."""
    caller = request.caller
    whose = "\n".join([str(caller.application.pk), str(caller.user.pk), request.path, key])
    made = KeptAnswer(
        provider=caller.user.provider,
        user=caller.user,
        key_hash=sealing.token_hash(whose),
        body_hash=sealing.keyed_hash(request.body.decode(errors="replace"), purpose="webservice body"),
        sealed_answer=b"",
    )
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        return KeptAnswer.objects.get(key_hash=made.key_hash)
    return made


def _again(request: ApiRequest, kept: KeptAnswer) -> HttpResponse:
    if not sealing.keyed_hash_matches(request.body.decode(errors="replace"), kept.body_hash, purpose="webservice body"):
        text = _("This key was used for another request. Use a new key for every new request.")
        raise Fault(422, "idempotency_key", text, field="Idempotency-Key")
    answer = json.loads(sealing.unseal(bytes(kept.sealed_answer), context=kept.seal_context))
    return HttpResponse(answer["body"], status=answer["status"], headers=answer["headers"])


def _keep(kept: KeptAnswer, response: HttpResponse) -> None:
    headers = {name: response[name] for name in (*_KEPT_HEADERS, "Content-Type") if response.has_header(name)}
    answer = {"status": response.status_code, "headers": headers, "body": response.content.decode()}
    kept.sealed_answer = sealing.seal(json.dumps(answer).encode(), context=kept.seal_context)
    kept.save(update_fields=["sealed_answer"])
