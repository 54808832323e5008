"""E-mails to users about their accounts: short, in the office's name, in Dutch. Templates in `templates/emails/`."""

from datetime import datetime
from typing import Any
from uuid import UUID

import outbox.actions
from accounts.models import User
from audit.actors import Actor
from outbox.emails import EmailContent, render_email

_NAME_PLACEHOLDER = "\ufffc"  # stands for the name of the recipient in an e-mail that is rendered once for many users


def send(
    template: str,
    *users: User,
    kind: str,
    to: str = "",
    expires_at: datetime | None = None,
    requester: Actor | None = None,
    **context: Any,
) -> None:
    """Queue an e-mail to each of `users`, or to the address `to`, as `outbox.actions.queue_emails` does.

    The template is rendered once per office: for several users of an office only the name may differ. It gets
    `context`, the name of the office and, where there is one recipient, that `user`.
    """
    contents: dict[UUID | None, EmailContent] = {}
    messages = []
    for user in users:
        office = user.office_name
        if user.provider_id not in contents:
            contents[user.provider_id] = render_email(
                template, name=_NAME_PLACEHOLDER, office=office, user=user, **context
            )
        content = contents[user.provider_id]
        messages.append(
            outbox.actions.build_email(
                kind=kind,
                to=to or user.email,
                content=content._replace(text=content.text.replace(_NAME_PLACEHOLDER, user.full_name)),
                provider_id=user.provider_id,
                user_id=user.pk,
                sender_name=office,
                expires_at=expires_at,
            )
        )
    outbox.actions.queue_emails(messages, requester=requester)
