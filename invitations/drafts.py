"""Step 1 of an invitation while step 2 is asked: in the session, under the id that the new person will get.

The forms carry that id, so that two tabs hold two drafts, going back keeps what was typed, and sending the same draft
twice makes one person.
"""

from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase

from accounts.actions import Details
from invitations.texts import Text
from loket.ids import uuid7

_KEY, _KEPT = "drafts", 10


class Draft(NamedTuple):
    """Step 1 as it was filled in; `chosen` is what the person is to get, as `EquipmentForm.chosen` has it."""

    details: Details
    text: Text | None
    chosen: dict[str, Any]


def keep(session: SessionBase, id: UUID | None, draft: Draft) -> UUID:
    """Keep step 1 under `id`, or under a new one; the ten youngest are kept. Return the id."""
    id = id or uuid7()
    drafts: dict[str, Any] = session.get(_KEY, {})
    drafts.pop(id.hex, None)
    details, text, chosen = draft
    plain = {name: value.isoformat() if isinstance(value, date) else value for name, value in details.items()}
    drafts[id.hex] = {"details": plain, "text": [text.subject, text.body] if text else None, "chosen": chosen}
    session[_KEY] = dict(list(drafts.items())[-_KEPT:])
    return id


def find(session: SessionBase, id: UUID | None) -> Draft | None:
    """Return what was kept under `id`, None where there is nothing."""
    kept = session.get(_KEY, {}).get(id.hex) if id else None
    if kept is None:
        return None
    details: Details = kept["details"]
    until = kept["details"].get("access_until")
    details["access_until"] = date.fromisoformat(until) if until else None
    return Draft(details, Text(*kept["text"]) if kept["text"] else None, kept["chosen"])


def drop(session: SessionBase, id: UUID) -> None:
    """Forget what was kept under `id`."""
    drafts = session.get(_KEY, {})
    if drafts.pop(id.hex, None) is not None:
        session[_KEY] = drafts


def named(text: str) -> UUID | None:
    """Return the id that a form or an address carries, None where it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
