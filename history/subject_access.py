"""Subject access export: all data stored about a user (right of access, GDPR article 15).

Every table with a reference to users is included, so that a new table needs no change here. Secrets and technical
columns are left out; other users appear by name only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.template.defaultfilters import yesno
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.actions import record
from audit.actors import Actor, action
from audit.models import Event, Verb
from history.presenters import event_rows, labels
from outbox.models import Message
from permissions import checks
from permissions.checks import Right

# Secrets, values derived from them, versions and hashes without personal data, and other users.
EXCLUDED_FIELDS = frozenset({
    "password", "previous_password", "previous_password_until", "token", "token_hash", "token_checksum",
    "token_family", "code", "code_hash", "code_hashes", "id_token", "jti", "encrypted_phone", "encrypted_secret",
    "encrypted_response", "key_hash", "body_hash", "digest", "last_step", "public_key", "credential_id",
    "credential_id_sha256", "handle_hex", "sign_count",
    "throttling_failure_timestamp", "throttling_failure_count", "session", "session_id", "session_version", "sid",
    "version", "message", "message_id", "invited",
    "device_code", "user_code", "nonce", "claims", "code_challenge", "code_challenge_method", "source_refresh_token",
    "access_token", "email_key", "name_key", "username_key", "sort_name", "search_text", "provider", "user",
    "is_support", "of_support", "user_name_key",
})  # fmt: skip
# References to a user that the row is not about: who requested the address change of another user or started an access
# review is in the events, impersonating users belong to support, and that an invitation did not arrive is among the
# messages.
EXCLUDED_REFERENCES = frozenset({
    "accounts.EmailChange.asked_by", "accounts.OfficeEmailText.saved_by", "invitations.Invitation.sent_by",
    "notifications.Notification.invited", "permissions.DutyExemption.approved_by",
    "permissions.DutyExemption.requested_by", "oauth.OfficeAccess.consented_by", "reviews.Campaign.starter",
    "scim.DirectoryConnection.owner", "support.Impersonation.supporter",
})  # fmt: skip
_MESSAGE_FIELDS = ("channel", "kind", "state", "created_at", "sent_at", "attempts")


@action()
def export_personal_data(user: User, *, by: Actor) -> dict[str, Any]:
    """Return all data about `user` and record an audit event.

    Raises PermissionDenied without the right to manage the office, on oneself or without authority, as erasure does.
    """
    checks.require_office(by, user.provider_id)
    checks.require_right(by, Right.MANAGE_PROVIDER)
    checks.require_authority_over(by, user)
    record(Verb.PERSON_EXPORTED, user, by=by, provider_id=user.provider_id)
    about = {"at": timezone.now(), "office": user.office_name, "account": _serialize_row(user)}
    return about | {
        "tables": dict(_iter_tables(user)),
        "messages": _get_messages(user),
        "events": list(_iter_events(user)),
    }


def _iter_tables(user: User) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for model, field in iter_user_references():
        rows = model._default_manager.filter(**{field.name: user}).order_by("pk")
        if values := [_serialize_row(row) for row in rows.iterator()]:
            yield model._meta.label, values


def iter_user_references() -> Iterator[tuple[type[models.Model], models.Field[Any, Any]]]:
    """Yield each model that refers to users, with the field that points to the user a row is about."""
    for relation in User._meta.get_fields(include_hidden=True):  # many relations have no reverse accessor
        if not isinstance(relation, models.ForeignObjectRel):
            continue
        model, field = relation.related_model, relation.field
        if f"{model._meta.label}.{field.name}" not in EXCLUDED_REFERENCES:
            yield model, field


def get_exported_fields(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    fields = model._meta.concrete_fields
    return [
        field for field in fields if field.name not in EXCLUDED_FIELDS and not isinstance(field, models.BinaryField)
    ]


def _serialize_row(row: models.Model) -> dict[str, Any]:
    values = {field.name: getattr(row, field.name) for field in get_exported_fields(type(row))}
    return {name: str(value) if isinstance(value, models.Model) else value for name, value in values.items()}


def _get_messages(user: User) -> list[dict[str, Any]]:
    return list(Message.objects.filter(user_id=user.pk).order_by("pk").values(*_MESSAGE_FIELDS))


def _iter_events(user: User) -> Iterator[dict[str, Any]]:
    """Yield the events of the user, with changes if they are the target and the address if they are the actor."""
    events = Event.objects.filter(Q(target_id=user.pk) | Q(actor_id=user.pk), provider_id=user.provider_id)
    for row in event_rows.present_events(list(events.order_by("at", "id"))):
        event = row.event
        values = {"at": event.at, "sentence": row.sentence, "origin": event.get_origin_display()}
        if event.target_id == user.pk:
            values |= {"changes": [change._asdict() for change in row.changes], "reason": row.reason}
        if event.actor_id == user.pk:
            values |= {"address": event.address}
        yield values


def render_json(data: dict[str, Any]) -> str:
    return json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def render_html(data: dict[str, Any], user: User) -> str:
    """Return the export as a stand-alone HTML page."""
    tables = [(label.partition(".")[2], True, rows) for label, rows in data["tables"].items()]
    parts = [(_("Account"), False, [data["account"]]), *tables, (_("Messages"), False, data["messages"])]
    named = [(title, is_code, [_label_values(row) for row in rows]) for title, is_code, rows in parts if rows]
    return render_to_string("history/personal_data.html", {"colleague": user, "found": data, "parts": named})


class _Entry(NamedTuple):
    """A field and its value; untranslated text is marked as English for screen readers."""

    label: str
    value: Any
    has_english_label: bool
    has_english_value: bool


def _label_values(row: dict[str, Any]) -> list[_Entry]:
    """Return the fields of `row` that are set."""
    return [_entry(name, value) for name, value in row.items() if value not in (None, "", [])]


def _entry(name: str, value: Any) -> _Entry:
    label = labels.get_field_label(name)
    is_english = label.replace(" ", "_") == name
    is_code = is_english and isinstance(value, str) and " " not in value
    return _Entry(label, yesno(value) if isinstance(value, bool) else value, is_english, is_code)
