"""E-mails to a user about the account: short, in the office's name, in Dutch. One function per e-mail."""

from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape
from django.utils.translation import gettext as _

import outbox.actions
from accounts.models import Provider, User
from audit.actors import Actor
from outbox.html import render_text_as_html
from outbox.models import Message

_NAME_PLACEHOLDER = "\ufffc"  # placeholder for the name in an e-mail rendered once for many users


def send_account_email(
    user: User,
    *,
    kind: str,
    subject: str,
    lines: list[str],
    to: str = "",
    expires_at: datetime | None = None,
    requester: Actor | None = None,
) -> Message:
    """Queue an e-mail to `user`, or to the address `to`; each of `lines` becomes a paragraph.

    Adds the greeting and the office's name. `requester` is the actor charged for it, see `outbox.message_limits`.
    """
    text = "\n\n".join([_("Dear %(name)s,") % {"name": user.full_name}, *lines, user.office_name]) + "\n"
    return outbox.actions.queue_email(
        kind=kind,
        to=to or user.email,
        subject=subject,
        text=text,
        html=render_text_as_html(text),
        provider_id=user.provider_id,
        user_id=user.pk,
        sender_name=user.office_name,
        expires_at=expires_at,
        requester=requester,
    )


def get_not_you_notice(user: User) -> str:
    """Return the line that tells what to do about a change that the user did not make."""
    url = {"url": settings.LOKET_URL + reverse("authentication:forgot_password")}
    if user.is_support:
        return _("If this was not you, tell your Loket operator immediately and choose a new password: %(url)s") % url
    return (
        _("If this was not you, tell an administrator of your office immediately and choose a new password: %(url)s")
        % url
    )


@translation.override(settings.LANGUAGE_CODE)
def send_account_blocked(user: User) -> None:
    lines = [
        _("Your Loket account at %(office)s has been blocked. You can no longer log in.")
        % {"office": user.office_name},
        _("If you think this is a mistake, contact an administrator of your office."),
    ]
    send_account_email(user, kind="blocked", subject=_("Your account has been blocked"), lines=lines)


@translation.override(settings.LANGUAGE_CODE)
def send_account_unblocked(user: User, *, requester: Actor) -> None:
    lines = [
        _("Your Loket account at %(office)s is no longer blocked. You can log in as before.")
        % {"office": user.office_name},
        settings.LOKET_URL + "/",
    ]
    send_account_email(
        user, kind="unblocked", subject=_("Your account is no longer blocked"), lines=lines, requester=requester
    )


@translation.override(settings.LANGUAGE_CODE)
def send_office_suspended(user: User, reason: str) -> None:
    """Tell an administrator that the office was suspended, and why."""
    lines = [
        _(
            "Loket for %(office)s has been suspended. No one at your office can log in, and no e-mails or"
            " notifications are sent."
        )
        % {"office": user.office_name},
        _("Reason: %(reason)s") % {"reason": reason},
        _("No data has been deleted. If you think this is a mistake, ask Loket support to reactivate your office."),
    ]
    send_account_email(user, kind="office_closed", subject=_("Your office has been suspended"), lines=lines)


@translation.override(settings.LANGUAGE_CODE)
def send_office_reactivated(user: User, reason: str) -> None:
    """Tell an administrator that the office is active again."""
    lines = [
        _("Loket for %(office)s has been reactivated. Everyone can log in as before.") % {"office": user.office_name},
        _("Reason: %(reason)s") % {"reason": reason},
        settings.LOKET_URL + "/",
    ]
    send_account_email(user, kind="office_reopened", subject=_("Your office has been reactivated"), lines=lines)


@translation.override(settings.LANGUAGE_CODE)
def send_microsoft_login(*users: User, requester: Actor) -> None:
    """Tell users that they sign in with Microsoft from now on; the e-mail holds no secret.

    The text is rendered once per office: for thousands of users only the name differs.
    """
    made: dict[Provider, tuple[str, str]] = {}
    mails = []
    for user in users:
        if user.office not in made:
            made[user.office] = _render_microsoft_login(user.office)
        text, html = made[user.office]
        mails.append(
            outbox.actions.build_email(
                kind="microsoft",
                to=user.email,
                subject=_("You now log in to Loket with Microsoft"),
                text=text.replace(_NAME_PLACEHOLDER, user.full_name),
                html=html.replace(_NAME_PLACEHOLDER, escape(user.full_name)),
                provider_id=user.provider_id,
                user_id=user.pk,
                sender_name=user.office.name,
            )
        )
    outbox.actions.queue_emails(mails, requester=requester)


def _render_microsoft_login(provider: Provider) -> tuple[str, str]:
    """Return the e-mail as text and as HTML, with `_NAME_PLACEHOLDER` in the place of the name."""
    lines = [
        _("Dear %(name)s,") % {"name": _NAME_PLACEHOLDER},
        _("You can now log in to Loket for %(office)s with Microsoft, using your work account.")
        % {"office": provider.name},
        _(
            "Choose “Log in with Microsoft” on this page. You do not need a Loket password; if you had one, it no"
            " longer works."
        ),
        settings.LOKET_URL + reverse("authentication:login"),
        provider.name,
    ]
    text = "\n\n".join(lines) + "\n"
    return text, render_text_as_html(text)


@translation.override(settings.LANGUAGE_CODE)
def send_username(user: User, *, requester: Actor) -> None:
    lines = [
        _("Your username for Loket at %(office)s is:") % {"office": user.office_name},
        user.username or "",
    ]
    if user.is_website_user:  # others do not choose a password
        text = _("Forgot your password? Request a new one: %(url)s")
        lines.append(text % {"url": settings.LOKET_URL + reverse("authentication:forgot_password")})
    send_account_email(user, kind="username", subject=_("Your username"), lines=lines, requester=requester)


@translation.override(settings.LANGUAGE_CODE)
def send_address_confirmation(user: User, address: str, *, token: str, expires_at: datetime, requester: Actor) -> None:
    """Ask the new address for confirmation."""
    lines = [
        _("This e-mail address was entered for your Loket account at %(office)s. If that is correct, confirm it here:")
        % {"office": user.office_name},
        settings.LOKET_URL + reverse("users:confirm_email", args=[token]),
        _("If this was not you, you can ignore this e-mail: nothing changes without confirmation."),
    ]
    subject = _("Confirm your new e-mail address")
    send_account_email(
        user,
        kind="confirm_address",
        subject=subject,
        lines=lines,
        to=address,
        expires_at=expires_at,
        requester=requester,
    )


@translation.override(settings.LANGUAGE_CODE)
def send_address_change_requested(user: User, *, requester: Actor) -> None:
    """Tell the current address that a different one was requested."""
    lines = [
        _("A different e-mail address was entered for your Loket account at %(office)s.")
        % {"office": user.office_name},
        _(
            "It takes effect once it has been confirmed from that address. If you did not expect this, tell an"
            " administrator of your office."
        ),
    ]
    send_account_email(
        user,
        kind="address_asked",
        subject=_("A different e-mail address was entered"),
        lines=lines,
        requester=requester,
    )


@translation.override(settings.LANGUAGE_CODE)
def send_address_changed(user: User, old: str) -> None:
    """Tell the old address that it is no longer in use."""
    lines = [
        _("The e-mail address of your Loket account at %(office)s has been changed. This address is no longer used.")
        % {"office": user.office_name},
        _("If you did not expect this, tell an administrator of your office immediately."),
    ]
    send_account_email(
        user, kind="address_changed", subject=_("Your e-mail address has been changed"), lines=lines, to=old
    )
