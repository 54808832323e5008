"""E-mails of invitations, in the words of the office or of who invites."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation

import outbox.actions
from accounts import email_texts
from accounts.email_kinds import build_invitation_title
from accounts.emails import build_values, get_product_text, list_placeholders
from accounts.models import Provider, User
from invitations.models import Invitation
from outbox import placeholders
from outbox.emails import EmailDraft, render_draft
from outbox.models import Message
from outbox.placeholders import EmailText
from permissions import checks

TEMPLATE = "invitation"


def get_office_text(provider: Provider) -> EmailText:
    """Return the text of invitations of this office: its own, else that of the product."""
    own_text = email_texts.find_texts(TEMPLATE, [provider.pk]).get(provider.pk)
    return own_text or get_product_text(TEMPLATE, provider.email_language)


def validate_text(text: EmailText) -> None:
    """Raises ValidationError, by field."""
    placeholders.validate_text(text, list_placeholders(TEMPLATE))


def build_invitation_email(
    invitation: Invitation, *, token: str, digits: str, scheduled_at: datetime | None
) -> Message:
    """Return the unsaved e-mail with the link, sent from `scheduled_at` until the invitation expires.

    `digits` are the last two of the mobile number.
    """
    user, sender = invitation.user, invitation.sent_by
    if invitation.body:
        text: EmailText | None = EmailText(invitation.subject, invitation.body)
    else:
        text = email_texts.find_texts(TEMPLATE, [user.office.pk]).get(user.office.pk)
    with translation.override(user.office.email_language):
        title = build_invitation_title(sender)
    reply_to = _get_reply_address(sender)
    draft = _render(
        user.office, link=settings.LOKET_URL + reverse("invitations:open_link", args=[token]), digits=digits,
        expires_at=invitation.expires_at, with_two_factor=checks.two_factor_rules(user).is_required_today,
        sender=sender, reply_to=reply_to,
    )  # fmt: skip
    return outbox.actions.build_email(
        kind="invitation",
        to=user.email,
        content=draft.fill(build_values(user), text),
        title=title,
        reply_to=reply_to,
        provider_id=user.provider_id,
        user_id=user.pk,
        sender_name=user.office_name,
        expires_at=invitation.expires_at,
        scheduled_at=scheduled_at,
    )


def render_preview(user: User, text: EmailText, *, link: str) -> EmailText:
    """Return `text` as `user`, who need not be stored, would get it if no team or right requires two-factor."""
    until = timezone.now() + timedelta(days=user.office.invitation_days)
    draft = _render(user.office, link=link, digits="••", expires_at=until, with_two_factor=user.two_factor_required)
    return draft.fill_text(build_values(user), text)


def _render(provider: Provider, **context: Any) -> EmailDraft:
    return render_draft(TEMPLATE, language=provider.email_language, office=provider.name, **context)


def _get_reply_address(sender: User | None) -> str:
    """Return the address of the sender of an invitation, or "" when they no longer work at the office."""
    return "" if sender is None or sender.is_denied_access else sender.email
