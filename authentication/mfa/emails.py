"""E-mails about second factors; in Dutch, as all e-mails about accounts."""

from datetime import date, datetime, time

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.emails import get_not_you_notice, send_account_email
from accounts.models import User

REMINDER_KIND = "factor_duty_ahead"


@translation.override(settings.LANGUAGE_CODE)
def send_device_added(user: User, name: str) -> None:
    lines = [
        _("A two-factor device was added to your account for %(loket)s: %(device)s.")
        % {"loket": user.product_name_in_sentence, "device": name},
        get_not_you_notice(user),
    ]
    send_account_email(user, kind="factor_added", subject=_("A two-factor device was added"), lines=lines)


@translation.override(settings.LANGUAGE_CODE)
def send_device_removed(user: User, name: str) -> None:
    lines = [
        _("A two-factor device was removed from your account for %(loket)s: %(device)s.")
        % {"loket": user.product_name_in_sentence, "device": name},
        get_not_you_notice(user),
    ]
    send_account_email(user, kind="factor_removed", subject=_("A two-factor device was removed"), lines=lines)


@translation.override(settings.LANGUAGE_CODE)
def send_mfa_reset(user: User, *, by_support: bool) -> None:
    """Notify the user that an administrator, or support on request, removed all devices and recovery codes."""
    by_whom = (
        _("Loket support removed your two-factor devices and recovery codes for Loket at %(office)s.")
        if by_support
        else _("An administrator removed your two-factor devices and recovery codes for Loket at %(office)s.")
    )
    lines = [
        by_whom % {"office": user.office_name},
        _(
            "You have been logged out everywhere. Log in with your password. If two-factor is required, you set it up"
            " again."
        ),
        settings.LOKET_URL + reverse("authentication:login"),
        _("If you did not request this, tell an administrator of your office immediately."),
    ]
    send_account_email(user, kind="factors_reset", subject=_("Your two-factor has been reset"), lines=lines)


@translation.override(settings.LANGUAGE_CODE)
def send_recovery_codes_generated(user: User) -> None:
    lines = [
        _("New recovery codes were created for your account for %(loket)s. Older codes no longer work.")
        % {"loket": user.product_name_in_sentence},
        get_not_you_notice(user),
    ]
    send_account_email(user, kind="recovery_codes_made", subject=_("New recovery codes were created"), lines=lines)


@translation.override(settings.LANGUAGE_CODE)
def send_recovery_code_used(user: User, *, left: int) -> None:
    count = ngettext("You have %(left)d recovery code left.", "You have %(left)d recovery codes left.", left) % {
        "left": left
    }
    lines = [
        _("A recovery code was used to log in to your account for %(loket)s.")
        % {"loket": user.product_name_in_sentence},
        count,
        get_not_you_notice(user),
    ]
    send_account_email(user, kind="recovery_code_used", subject=_("A recovery code was used"), lines=lines)


@translation.override(settings.LANGUAGE_CODE)
def send_enrollment_reminder(user: User, due: date) -> None:
    """Announce the day from which a second factor is required; the message expires on that day."""
    day = date_format(due, "l j F Y")
    lines = [
        _("From %(day)s, two-factor is required for your Loket account at %(office)s. You have not set it up yet.")
        % {"day": day, "office": user.office.name},
        _("It takes a minute, with an app on your phone or a passkey:"),
        settings.LOKET_URL + reverse("authentication:device_list"),
        _("Otherwise you must set it up the next time you log in; until then, your rights are inactive."),
    ]
    subject = _("Set up two-factor before %(day)s") % {"day": date_format(due, "j F")}
    expires_at = timezone.make_aware(datetime.combine(due, time.min))
    send_account_email(user, kind=REMINDER_KIND, subject=subject, lines=lines, expires_at=expires_at)
