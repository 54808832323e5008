"""E-mails of invitations, in the words of the office."""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _

import outbox.actions
from accounts.models import Provider, User
from invitations import email_text
from invitations.email_text import EmailText
from invitations.models import Invitation
from outbox.emails import EmailContent, render_email
from outbox.models import Message
from permissions import checks

_EXAMPLE_DIGITS = "78"


def build_invitation_email(
    invitation: Invitation, text: EmailText, *, token: str, digits: str, scheduled_at: datetime | None
) -> Message:
    """Return the unsaved e-mail with the link, sent from `scheduled_at` until the invitation expires.

    `digits` are the last two of the mobile number.
    """
    user, sender, link = invitation.user, invitation.sent_by, email_text.build_link(token)
    two_factor = checks.two_factor_rules(user).is_required_today
    mail = email_text.render_text(text, user, link=link, expires_at=invitation.expires_at, with_two_factor=two_factor)
    title = _build_title(sender)
    return outbox.actions.build_email(
        kind="invitation",
        to=user.email,
        content=_build_content(mail, link, sender=sender, digits=digits, office=user.office_name),
        title=title,
        reply_to=_get_reply_address(sender),
        provider_id=user.provider_id,
        user_id=user.pk,
        sender_name=user.office_name,
        expires_at=invitation.expires_at,
        scheduled_at=scheduled_at,
    )


def build_test_email(text: EmailText, recipient: User, provider: Provider) -> Message:
    """Return the unsaved e-mail for an example user, with a link that does not work."""
    mail = email_text.render_example(text, email_text.build_example_user(), provider)
    link = email_text.build_link(email_text.EXAMPLE_TOKEN)
    return outbox.actions.build_email(
        kind="invitation_test",
        to=recipient.email,
        content=_build_content(mail, link, sender=recipient, digits=_EXAMPLE_DIGITS, office=provider.name),
        title=_build_title(recipient),
        reply_to=recipient.email,
        provider_id=provider.pk,
        user_id=recipient.pk,
        sender_name=provider.name,
        expires_at=timezone.now() + timedelta(hours=1),
    )


def _get_reply_address(sender: User | None) -> str:
    """Return the address of the sender of an invitation, or "" when they no longer work at the office."""
    return "" if sender is None or sender.is_denied_access else sender.email


def _build_title(sender: User | None) -> str:
    with translation.override(settings.LANGUAGE_CODE):
        return _("%(name)s invites you to Loket") % {"name": sender.full_name} if sender else ""


def _build_content(mail: EmailText, link: str, *, sender: User | None, digits: str, office: str) -> EmailContent:
    """Return the text of the office with, after the paragraph of the link, where the code will arrive."""
    end = mail.body.find("\n\n", mail.body.index(link))
    opening, rest = (mail.body[:end], mail.body[end:]) if end >= 0 else (mail.body, "")
    return render_email(
        "invitation", subject=mail.subject, opening=opening.strip(), rest=rest.strip(), digits=digits, office=office,
        sender=sender, reply_to=_get_reply_address(sender),
    )  # fmt: skip
