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
    user, link = invitation.user, email_text.build_link(token)
    two_factor = checks.two_factor_rules(user).is_required_today
    mail = email_text.render_text(text, user, link=link, expires_at=invitation.expires_at, with_two_factor=two_factor)
    title = _build_title(invitation.sent_by)
    return outbox.actions.build_email(
        kind="invitation",
        to=user.email,
        content=_build_content(mail, link, title=title, digits=digits, office=user.office_name),
        title=title,
        provider_id=user.provider_id,
        user_id=user.pk,
        sender_name=user.office_name,
        expires_at=invitation.expires_at,
        scheduled_at=scheduled_at,
    )


def build_test_email(text: EmailText, recipient: User, provider: Provider) -> Message:
    """Return the unsaved e-mail for an example user, with a link that does not work."""
    mail = email_text.render_example(text, email_text.build_example_user(), provider)
    title, link = _build_title(recipient), email_text.build_link(email_text.EXAMPLE_TOKEN)
    return outbox.actions.build_email(
        kind="invitation_test",
        to=recipient.email,
        content=_build_content(mail, link, title=title, digits=_EXAMPLE_DIGITS, office=provider.name),
        title=title,
        provider_id=provider.pk,
        user_id=recipient.pk,
        sender_name=provider.name,
        expires_at=timezone.now() + timedelta(hours=1),
    )


def _build_title(sender: User | None) -> str:
    with translation.override(settings.LANGUAGE_CODE):
        return _("%(name)s invites you to Loket") % {"name": sender.full_name} if sender else ""


def _build_content(mail: EmailText, link: str, *, title: str, digits: str, office: str) -> EmailContent:
    """Return the text of the office with, after the paragraph of the link, where the code will arrive."""
    end = mail.body.find("\n\n", mail.body.index(link))
    opening, rest = (mail.body[:end], mail.body[end:]) if end >= 0 else (mail.body, "")
    return render_email(
        "invitation", subject=mail.subject, opening=opening.strip(), rest=rest.strip(), digits=digits, office=office,
        invited_by=title,
    )  # fmt: skip
