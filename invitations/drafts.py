"""Step 1 of an invitation, kept in the session during step 2 under the id that the new user will get.

The forms carry that id, so that two tabs hold two drafts, going back keeps the input, and submitting a draft twice
creates one user.
"""

from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase

from accounts.user_details import UserDetails
from core.ids import uuid7
from outbox.placeholders import EmailText

_SESSION_KEY, _MAX_DRAFTS = "drafts", 10


class InvitationDraft(NamedTuple):
    """The input of step 1; `chosen` holds the initial access as in `InitialAccessForm.initial_values`."""

    details: UserDetails
    text: EmailText | None
    chosen: dict[str, Any]


def save_draft(session: SessionBase, draft_id: UUID | None, draft: InvitationDraft) -> UUID:
    """Store step 1 under `draft_id`, or under a new id, and return the id. The ten newest drafts are kept."""
    draft_id = draft_id or uuid7()
    drafts: dict[str, Any] = session.get(_SESSION_KEY, {})
    drafts.pop(draft_id.hex, None)
    details, text, chosen = draft
    plain = {name: value.isoformat() if isinstance(value, date) else value for name, value in details.items()}
    drafts[draft_id.hex] = {"details": plain, "text": [text.subject, text.body] if text else None, "chosen": chosen}
    session[_SESSION_KEY] = dict(list(drafts.items())[-_MAX_DRAFTS:])
    return draft_id


def get_draft(session: SessionBase, draft_id: UUID | None) -> InvitationDraft | None:
    stored = session.get(_SESSION_KEY, {}).get(draft_id.hex) if draft_id else None
    if stored is None:
        return None
    details: UserDetails = stored["details"]
    until = stored["details"].get("access_until")
    details["access_until"] = date.fromisoformat(until) if until else None
    return InvitationDraft(details, EmailText(*stored["text"]) if stored["text"] else None, stored["chosen"])


def delete_draft(session: SessionBase, draft_id: UUID) -> None:
    drafts = session.get(_SESSION_KEY, {})
    if drafts.pop(draft_id.hex, None) is not None:
        session[_SESSION_KEY] = drafts
