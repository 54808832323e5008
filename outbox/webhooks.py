"""Delivery reports of the e-mail provider, received through anymail's `tracking` signal."""

from typing import Any
from uuid import UUID

import structlog
from anymail.signals import AnymailTrackingEvent, EventType

import outbox.actions

# A complaint concerns an email that arrived, and a delay is not final.
_BOUNCE_EVENT_TYPES = {EventType.BOUNCED, EventType.REJECTED, EventType.FAILED}

log = structlog.get_logger("loket.outbox")


def handle_tracking_event(sender: Any, event: AnymailTrackingEvent, esp_name: str, **kwargs: Any) -> None:
    """Mark the e-mail of `event` as bounced if the event says that it did not arrive."""
    if event.event_type not in _BOUNCE_EVENT_TYPES:
        return
    parts = [event.event_type, event.reject_reason, event.mta_response or event.description]
    reason = " ".join(str(part) for part in parts if part)
    metadata = event.metadata if isinstance(event.metadata, dict) else {}
    name = _parse_uuid(metadata.get("message"))
    known = outbox.actions.mark_bounced(
        message_id=name, esp_id=str(event.message_id or "").replace("\x00", ""), reason=reason
    )
    log.info("report", id=str(name) if name else None, esp=esp_name, type=event.event_type, known=known)


def _parse_uuid(text: Any) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None
