"""E-mails to users about their accounts: short, in the office's name and language. Templates in `templates/emails/`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils import translation

import outbox.actions
from accounts import email_texts
from accounts.email_kinds import COMMON_PLACEHOLDERS, KINDS, build_example_context, build_invitation_title
from accounts.models import LoginMethod, Provider, User
from audit.actors import Actor
from outbox.emails import EmailContent, EmailDraft, render_draft
from outbox.placeholders import EmailText, Placeholder


def send(
    template: str,
    *users: User,
    kind: str,
    to: str = "",
    expires_at: datetime | None = None,
    requester: Actor | None = None,
    own_texts: Mapping[UUID, EmailText] | None = None,
    **context: Any,
) -> None:
    """Queue an e-mail to each of `users`, or to the address `to`, as `outbox.actions.queue_emails` does.

    The template is rendered once per office: for several users of an office only the name may differ. It gets
    `context`, the name of the office and, where there is one recipient, that `user`. Who sends many e-mails one by one
    gives their `own_texts`, which else take a query.
    """
    if own_texts is None:
        own_texts = email_texts.find_texts(template, {user.provider_id for user in users if user.provider_id})
    drafts: dict[UUID | None, EmailDraft] = {}
    messages = []
    for user in users:
        office = user.office_name
        if user.provider_id not in drafts:
            language = get_language(user.provider)
            drafts[user.provider_id] = render_draft(template, language=language, office=office, user=user, **context)
        own_text = own_texts.get(user.provider_id) if user.provider_id else None
        messages.append(
            outbox.actions.build_email(
                kind=kind,
                to=to or user.email,
                content=drafts[user.provider_id].fill(build_values(user), own_text),
                provider_id=user.provider_id,
                user_id=user.pk,
                sender_name=office,
                expires_at=expires_at,
            )
        )
    outbox.actions.queue_emails(messages, requester=requester)


def get_language(provider: Provider | None) -> str:
    """Return the language of the e-mails of an office, "" for the default language."""
    return provider.email_language if provider is not None else ""


def build_values(user: User) -> dict[str, str]:
    """Return the values of COMMON_PLACEHOLDERS for `user`, who need not be stored."""
    values = (user.office_name, user.initials, user.prefix, user.last_name)
    return dict(zip(COMMON_PLACEHOLDERS, values, strict=True))


class ExampleEmail(NamedTuple):
    """An e-mail about invented facts; `title` is the heading above it if that is not the subject."""

    content: EmailContent
    title: str
    reply_to: str


def fill_example(
    kind: str, user: User, *, language: str, sender: User | None, text: EmailText, with_two_factor: bool = False
) -> ExampleEmail:
    """Return `text` as `user`, who has an office, would get it; the links with a token in it do not work.

    `with_two_factor` says that an invitation tells that two-factor is required.
    """
    with translation.override(language):
        context = build_example_context(kind, user, sender, with_two_factor=with_two_factor)
        title = build_invitation_title(sender) if kind == "invitation" else ""
    draft = render_draft(kind, language=language, **context)
    return ExampleEmail(draft.fill(build_values(user), text), title, context["reply_to"])


def list_placeholders(kind: str) -> dict[str, Placeholder]:
    """Return the placeholders of the texts of `kind`, with their needs; their values are of no use."""
    common = COMMON_PLACEHOLDERS if KINDS[kind].has_recipient else COMMON_PLACEHOLDERS[:1]
    return dict.fromkeys(common, Placeholder("")) | _render_product_draft(kind, settings.LANGUAGE_CODE).placeholders


def get_product_text(kind: str, language: str) -> EmailText:
    """Return the text of the product, which offices without their own use."""
    return _render_product_draft(kind, language).text


def _render_product_draft(kind: str, language: str) -> EmailDraft:
    user = User(provider=Provider(), login_method=LoginMethod.WEBSITE_SSO)
    return render_draft(kind, language=language, **build_example_context(kind, user, None))
