"""Actions on the office's own texts of e-mails: save a version, send a test, and choose the language."""

from datetime import timedelta

from django.utils import timezone, translation
from django.utils.translation import gettext as _

import outbox.actions
from accounts import email_texts, emails
from accounts.email_texts import OfficeEmailText
from accounts.emails import ExampleEmail
from accounts.models import Provider, User
from audit.actions import record
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import Verb
from core.errors import EditConflict
from outbox.placeholders import EmailText, Need, Placeholder, validate_text
from permissions import checks
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right
from permissions.models import Team
from users.actions import change_office

_TWO_FACTOR = "TwoFactorTekst"


def list_placeholders(provider: Provider, kind: str) -> dict[str, Placeholder]:
    """Return the placeholders of `kind` as this office needs them: that of two-factor only while it is required."""
    found = emails.list_placeholders(kind)
    if _TWO_FACTOR in found and not _requires_two_factor(provider):
        found[_TWO_FACTOR] = Placeholder("", Need.OPTIONAL)
    return found


def fill_example(kind: str, user: User, *, language: str, sender: User, text: EmailText) -> ExampleEmail:
    """Return `text` as `user` would get it today, from `sender` if it is an invitation."""
    with_two_factor = checks.two_factor_rules(user).is_required_today
    return emails.fill_example(kind, user, language=language, sender=sender, text=text, with_two_factor=with_two_factor)


def _requires_two_factor(provider: Provider) -> bool:
    rules = (provider.two_factor_managers, provider.two_factor_from, provider.two_factor_days)
    return any(rules) or any(
        model.objects.filter(provider=provider, two_factor_required=True).exists() for model in (User, Team)
    )


@action()
def change_email_language(provider: Provider, *, email_language: str, by: Actor) -> None:
    """Raises PermissionDenied without manage_provider. E-mails that are queued already keep their language."""
    change_office(provider, by, email_language=email_language)


@action()
def save_email_text(
    provider: Provider, *, kind: str, language: str, text: EmailText, version_number: int, by: Actor
) -> None:
    """Use `text` for e-mails of `kind` that are queued from now on; the text of the product ends the office's own.

    `version_number` is that of the version when the form was opened, 0 without one. Raises EditConflict when another
    was saved since, PermissionDenied without the right to manage the office, ValidationError for an invalid text.
    """
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_PROVIDER)
    validate_text(text, emails.list_placeholders(kind))
    versions = OfficeEmailText.objects.filter(provider=provider, kind=kind, language=language)
    newest = versions.order_by("-number").first()
    if version_number != (newest.number if newest else 0):
        raise EditConflict
    product_text = emails.get_product_text(kind, language)
    before = (newest and newest.text) or product_text
    if text == before:
        return
    own_text = EmailText("", "") if text == product_text else text
    number = version_number + 1
    versions.create(
        provider=provider, kind=kind, language=language, number=number, saved_by=by.user, **own_text._asdict()
    )
    versions.filter(number__lte=number - email_texts.KEPT_VERSIONS).delete()
    changes: Changes = {"email_kind": [None, kind], "language": [None, language]}
    pairs = zip(EmailText._fields, before, text, strict=True)
    changes |= {field: [old, new] for field, old, new in pairs if old != new}
    record(Verb.TEXT_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)


@action()
def send_test_email(provider: Provider, *, kind: str, language: str, text: EmailText, by: Actor) -> None:
    """E-mail `text` to the actor, about invented facts and with links that do not work.

    Raises PermissionDenied without the right to manage the office, ValidationError for an invalid text,
    MessageLimitReached.
    """
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_PROVIDER)
    validate_text(text, emails.list_placeholders(kind))
    if by.user is None:
        return
    example = fill_example(kind, by.user, language=language, sender=by.user, text=text)
    with translation.override(language):
        subject = _("Test: %(subject)s") % {"subject": example.content.subject}
    message = outbox.actions.build_email(
        kind="email_test",
        to=by.user.email,
        content=example.content._replace(subject=subject),
        title=example.title,
        reply_to=example.reply_to,
        provider_id=provider.pk,
        user_id=by.user.pk,
        sender_name=provider.name,
        expires_at=timezone.now() + timedelta(hours=1),
    )
    outbox.actions.queue_emails([message], requester=by)
