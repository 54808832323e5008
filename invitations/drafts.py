"""Step 1 of an invitation, kept in the session during step 2 under the id that the new user will get.

The forms carry that id, so that two tabs hold two drafts, going back keeps the input, and submitting a draft twice
creates one user.
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
    """The input of step 1; `chosen` holds the initial access as in `EquipmentForm.chosen`."""

    details: Details
    text: Text | None
    chosen: dict[str, Any]


def keep(session: SessionBase, id: UUID | None, draft: Draft) -> UUID:
    """Store step 1 under `id`, or under a new id, and return the id. The ten newest drafts are kept."""
    id = id or uuid7()
    drafts: dict[str, Any] = session.get(_KEY, {})
    drafts.pop(id.hex, None)
    details, text, chosen = draft
    plain = {name: value.isoformat() if isinstance(value, date) else value for name, value in details.items()}
    drafts[id.hex] = {"details": plain, "text": [text.subject, text.body] if text else None, "chosen": chosen}
    session[_KEY] = dict(list(drafts.items())[-_KEPT:])
    return id


def find(session: SessionBase, id: UUID | None) -> Draft | None:
    """Return the draft stored under `id`, or None."""
    kept = session.get(_KEY, {}).get(id.hex) if id else None
    if kept is None:
        return None
    details: Details = kept["details"]
    until = kept["details"].get("access_until")
    details["access_until"] = date.fromisoformat(until) if until else None
    return Draft(details, Text(*kept["text"]) if kept["text"] else None, kept["chosen"])


def drop(session: SessionBase, id: UUID) -> None:
    drafts = session.get(_KEY, {})
    if drafts.pop(id.hex, None) is not None:
        session[_KEY] = drafts


def named(text: str) -> UUID | None:
    """Return `text` as an id, or None when it is invalid."""
    try:
        return UUID(text)
    except ValueError:
        return None
