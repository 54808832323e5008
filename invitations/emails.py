"""E-mails of invitations, in the words of the office."""

from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

import outbox.actions
from accounts.models import Provider, User
from invitations import email_text
from invitations.email_text import EmailText
from invitations.models import Invitation
from outbox.models import Message
from permissions import checks


def build_invitation_email(
    invitation: Invitation, text: EmailText, *, token: str, scheduled_at: datetime | None
) -> Message:
    """Return the unsaved e-mail with the link, sent from `scheduled_at` until the invitation expires."""
    user, link = invitation.user, settings.LOKET_URL + reverse("invitations:open_link", args=[token])
    two_factor = checks.two_factor_rules(user).is_required_today
    mail = email_text.render_text(text, user, link=link, expires_at=invitation.expires_at, with_two_factor=two_factor)
    return outbox.actions.build_email(
        kind="invitation",
        to=user.email,
        subject=mail.subject,
        text=mail.body,
        provider_id=user.provider_id,
        user_id=user.pk,
        sender_name=user.office_name,
        expires_at=invitation.expires_at,
        scheduled_at=scheduled_at,
    )


def build_test_email(text: EmailText, recipient: User, provider: Provider) -> Message:
    """Return the unsaved e-mail for an example user, with a link that does not work."""
    mail = email_text.render_example(text, email_text.build_example_user(), provider)
    return outbox.actions.build_email(
        kind="invitation_test",
        to=recipient.email,
        subject=mail.subject,
        text=mail.body,
        provider_id=provider.pk,
        user_id=recipient.pk,
        sender_name=provider.name,
        expires_at=timezone.now() + timedelta(hours=1),
    )
