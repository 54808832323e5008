"""Files that are sent in the browser: kept sealed with their plan, applied, forgotten."""

import json
from io import BytesIO
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.actors import Actor
from bulk import applying, results, showing, users
from bulk.models import Upload
from bulk.plan import Plan
from loket import sealing

MOST_BYTES = 5 * 2**20
SHOWN = 200  # people and faults on the page


def keep(user: User, content: bytes, *, name: str, invite: bool, by: Actor) -> Upload:
    """Plan what a file would change and keep both, sealed, for an hour. Raises Unreadable."""
    upload = Upload(provider=user.provider, user=user, name=name[-100:], invite=invite)
    upload.sealed_file = sealing.seal(content, context=upload.seal_context("file"))
    _plan(upload, by)
    upload.save(force_insert=True)
    return upload


def plan_again(upload: Upload, *, by: Actor) -> None:
    """Plan once more, as the office is now. Raises Unreadable."""
    if not upload.is_applied:
        _plan(upload, by)
        upload.save(update_fields=["sealed_plan", "digest"])


def _plan(upload: Upload, by: Actor) -> None:
    plan = users.plan(upload.provider, _file(upload), by=by, invite=upload.invite, most=MOST_BYTES)
    _keep_plan(upload, plan)


def _keep_plan(upload: Upload, plan: Plan) -> None:
    shown = {
        "totals": showing.totals(plan),
        "items": [
            {"title": showing.title(item), "details": showing.details(item), "takes": bool(item.get("takes"))}
            for item in islice(showing.in_order(plan), SHOWN)
        ],
        "faults": list(islice(plan.faults, SHOWN)),
        "counts": {"items": len(plan.items), "faults": len(plan.faults)},
        "refusal": plan.refusal,
    }
    upload.digest = plan.digest
    upload.sealed_plan = sealing.seal(json.dumps(shown).encode(), context=upload.seal_context("plan"))


def _file(upload: Upload) -> BytesIO:
    return BytesIO(sealing.unseal(bytes(upload.sealed_file or b""), context=upload.seal_context("file")))


def shown_plan(upload: Upload) -> dict[str, Any]:
    """Return what the page shows of the plan: totals, the first people and faults, and how many there are."""
    sealed = sealing.unseal(bytes(upload.sealed_plan), context=upload.seal_context("plan"))
    found: dict[str, Any] = json.loads(sealed)
    return found


@transaction.atomic
def apply(upload: Upload, *, by: Actor) -> bool:
    """Do what the plan says, all or nothing; the file is gone then. Return False when there are faults.

    Applied twice, as by a double click, it is done once. Raises Refused.
    """
    upload = Upload.objects.select_for_update(of=("self",)).select_related("provider").get(pk=upload.pk)
    if upload.is_applied:
        return True
    plan, done = applying.apply_file(
        upload.provider, _file(upload), by=by, invite=upload.invite, digest=upload.digest, most=MOST_BYTES
    )
    if len(plan.faults):
        return False
    content = b"".join(results.result_lines(done))
    upload.sealed_file, upload.sealed_result = None, sealing.seal(content, context=upload.seal_context("result"))
    upload.save(update_fields=["sealed_file", "sealed_result"])
    return True


def result(upload: Upload) -> bytes:
    """Return the file that says what was done."""
    return sealing.unseal(bytes(upload.sealed_result or b""), context=upload.seal_context("result"))


def faulty_rows(upload: Upload, *, by: Actor) -> bytes:
    """Return a CSV file with the rows that are to be mended."""
    file = _file(upload)
    plan = users.plan(upload.provider, file, by=by, invite=upload.invite, most=MOST_BYTES)
    return b"".join(results.faulty_lines(plan, file, most=MOST_BYTES))


def forget(upload: Upload) -> None:
    """Throw the file and its plan away."""
    upload.delete()


def sweep() -> int:
    """Throw away what was kept for an hour; return how many. A periodic job of the worker."""
    return Upload.objects.filter(expires_at__lte=timezone.now()).delete()[0]
