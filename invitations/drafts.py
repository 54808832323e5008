"""Step 1 of an invitation while step 2 is asked: in the session, under the id that the new person will get.

The forms carry that id, so that two tabs hold two drafts, going back keeps what was typed, and sending the same draft
twice makes one person.
"""

from datetime import date
from typing import Any
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase

from accounts.actions import Details
from invitations.texts import Text
from loket.ids import uuid7

_KEY, _KEPT = "drafts", 10


def keep(session: SessionBase, draft: UUID | None, details: Details, text: Text | None) -> UUID:
    """Keep step 1 under `draft`, or under a new id; the ten youngest are kept. Return the id."""
    draft = draft or uuid7()
    drafts: dict[str, Any] = session.get(_KEY, {})
    drafts.pop(draft.hex, None)
    plain = {name: value.isoformat() if isinstance(value, date) else value for name, value in details.items()}
    drafts[draft.hex] = {"details": plain, "text": [text.subject, text.body] if text else None}
    session[_KEY] = dict(list(drafts.items())[-_KEPT:])
    return draft


def find(session: SessionBase, draft: UUID | None) -> tuple[Details, Text | None] | None:
    """Return what was kept under `draft`, None where there is nothing."""
    kept = session.get(_KEY, {}).get(draft.hex) if draft else None
    if kept is None:
        return None
    details: Details = kept["details"]
    until = kept["details"].get("access_until")
    details["access_until"] = date.fromisoformat(until) if until else None
    return details, Text(*kept["text"]) if kept["text"] else None


def drop(session: SessionBase, draft: UUID) -> None:
    """Forget what was kept under `draft`."""
    drafts = session.get(_KEY, {})
    if drafts.pop(draft.hex, None) is not None:
        session[_KEY] = drafts


def named(text: str) -> UUID | None:
    """Return the id that a form or an address carries, None where it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
