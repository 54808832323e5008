"""Catalog of the kinds of e-mails, named after their templates, and of the placeholders in their texts."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

EXAMPLE_TOKEN = "dit-is-een-voorbeeld"  # noqa: S105 in the place of the token of a real link


class EmailCategory(models.TextChoices):
    ACCESS = "access", _("Access")
    SECURITY = "security", _("Security")
    NOTIFICATIONS = "notifications", _("Notifications and tasks")
    OFFICE = "office", _("Office and support")


class EmailKind(NamedTuple):
    """A kind of e-mail; `has_recipient` is False if it goes to an address that is not of a user."""

    category: EmailCategory
    title: "StrOrPromise"
    has_recipient: bool = True


KINDS: Mapping[str, EmailKind] = {
    "invitation": EmailKind(EmailCategory.ACCESS, _("User invitation")),
    "invitation_refused": EmailKind(EmailCategory.ACCESS, _("Invitation denied")),
    "microsoft_login": EmailKind(EmailCategory.ACCESS, _("Log in with Microsoft")),
    "username": EmailKind(EmailCategory.ACCESS, _("Username")),
    "password_link": EmailKind(EmailCategory.ACCESS, _("Forgotten password")),
    "account_blocked": EmailKind(EmailCategory.ACCESS, _("Account blocked")),
    "account_unblocked": EmailKind(EmailCategory.ACCESS, _("Account unblocked")),
    "password_changed": EmailKind(EmailCategory.SECURITY, _("Password changed")),
    "confirm_email": EmailKind(EmailCategory.SECURITY, _("Confirm a new e-mail address")),
    "email_change_requested": EmailKind(EmailCategory.SECURITY, _("Other e-mail address entered")),
    "email_changed": EmailKind(EmailCategory.SECURITY, _("E-mail address changed")),
    "two_factor_request": EmailKind(EmailCategory.SECURITY, _("Request to set up two-factor")),
    "two_factor_reminder": EmailKind(EmailCategory.SECURITY, _("Two-factor becomes required")),
    "two_factor_reset": EmailKind(EmailCategory.SECURITY, _("Two-factor reset")),
    "device_added": EmailKind(EmailCategory.SECURITY, _("Two-factor device added")),
    "device_removed": EmailKind(EmailCategory.SECURITY, _("Two-factor device removed")),
    "recovery_codes_generated": EmailKind(EmailCategory.SECURITY, _("Recovery codes created")),
    "recovery_code_used": EmailKind(EmailCategory.SECURITY, _("Recovery code used")),
    "notifications": EmailKind(EmailCategory.NOTIFICATIONS, _("Daily notifications")),
    "dormant_accounts": EmailKind(EmailCategory.NOTIFICATIONS, _("Dormant accounts to review")),
    "review_open": EmailKind(EmailCategory.NOTIFICATIONS, _("Access to review")),
    "review_ended": EmailKind(EmailCategory.NOTIFICATIONS, _("Access review ended")),
    "review_waiting": EmailKind(EmailCategory.NOTIFICATIONS, _("Access review not started")),
    "checkpoint": EmailKind(EmailCategory.NOTIFICATIONS, _("History checkpoint"), has_recipient=False),
    "office_suspended": EmailKind(EmailCategory.OFFICE, _("Office suspended")),
    "office_reactivated": EmailKind(EmailCategory.OFFICE, _("Office reactivated")),
    "impersonation_ended": EmailKind(EmailCategory.OFFICE, _("Impersonation by support")),
    "sender_stopped": EmailKind(EmailCategory.OFFICE, _("Own sender stopped")),
    "sender_contested": EmailKind(EmailCategory.OFFICE, _("Domain also proved by another office")),
    "directory_held": EmailKind(EmailCategory.OFFICE, _("Changes of a directory are held")),
    "directory_stopped": EmailKind(EmailCategory.OFFICE, _("A directory is refused")),
}

# Placeholders of every e-mail to a user, filled in by `accounts.emails`; the first one also without a user.
COMMON_PLACEHOLDERS = ("ProviderNaam", "GebruikerVoorletters", "GebruikerVoorvoegsel", "GebruikerAchternaam")
PLACEHOLDER_MEANINGS: Mapping[str, "StrOrPromise"] = {
    "ProviderNaam": _("name of your office"),
    "GebruikerVoorletters": _("initials of the recipient"),
    "GebruikerVoorvoegsel": _("last name prefix, such as “de”"),
    "GebruikerAchternaam": _("last name"),
    "Melding": _("what happened, in the words of Loket"),
    "NietJijTekst": _("what to do if the recipient did not expect this"),
    "UitnodigingLink": _("the link of the invitation"),
    "CodeTekst": _("to which number the code is sent"),
    "GeldigTot": _("date and time until which the link is valid"),
    "TwoFactorTekst": _("paragraph about two-factor, included only if required"),
    "GebruikerLink": _("the link to the invited user"),
    "NaamGenodigde": _("name of the invited user"),
    "InlogLink": _("the link to log in"),
    "BevestigLink": _("the link that confirms the address"),
    "WachtwoordLink": _("the link to choose a password"),
    "GeldigMinuten": _("how many minutes the link is valid"),
    "GeldigUren": _("how many hours the link is valid"),
    "Gebruikersnaam": _("the username"),
    "WachtwoordVergetenTekst": _("paragraph about a forgotten password, for those who have one"),
    "TwoFactorLink": _("the link to set up two-factor"),
    "Dag": _("the day from which two-factor is required"),
    "AantalSignalen": _("how many notifications, such as “2 new notifications”"),
    "Signalen": _("the notifications, one per line"),
    "SignalenLink": _("the link to the notifications"),
    "Lijst": _("how many accounts per reason, one per line"),
    "OverzichtLink": _("the link to the accounts"),
    "Nummer": _("number of the last event"),
    "Controlepunt": _("the signed checkpoint"),
    "HistorieLink": _("the link to the history"),
    "InstellingenLink": _("the link to the office settings"),
    "DnsRecords": _("the DNS records that do not hold, one per line"),
    "AfzenderLink": _("the link to the office's own sender"),
    "BeoordelingNaam": _("the name of the access review"),
    "BeoordelingAantal": _("how many decisions are open, and how long they take"),
    "BeoordelingReden": _("why the access review did not start, and what to do"),
    "BeoordelingLink": _("the link to the access review"),
    "DirectoryLink": _("the link to the directory"),
}


def build_invitation_title(sender: Any) -> str:
    """Return who invites, in the active language; the operator has no name."""
    return gettext("%(name)s invites you to Loket") % {"name": sender.full_name} if sender else ""


def build_example_context(kind: str, user: Any, sender: Any, *, with_two_factor: bool = False) -> dict[str, Any]:
    """Return what the template of `kind` gets, in the active language, with invented facts about `user`.

    Links with a token do not work. `sender` sends the invitation, and `with_two_factor` says so in it.
    """
    now, path = timezone.now(), reverse("invitations:open_link", args=[EXAMPLE_TOKEN])
    event = {"event_date": date(now.year, 12, 1), "employer": {"name": "Bakkerij Jansen"}, "label": gettext("Birthday")}
    return {
        "user": user, "office": user.office_name, "token": EXAMPLE_TOKEN, "link": settings.LOKET_URL + path,
        "expires_at": now + timedelta(days=user.office.invitation_days), "digits": "78",
        "with_two_factor": with_two_factor, "invited": user, "minutes": 60, "left": 7, "by_support": False,
        "device": gettext("Phone"), "reason": gettext("At the request of the office"), "due": date(now.year + 1, 1, 1),
        "count": 1, "more": 0, "events": [event], "lists": [(gettext("Not logged in for 90 days"), 2)],
        "number": 1234, "signed": '{"sequence":1234}', "impersonation": _build_example_impersonation(user, now),
        "hours": 48, "domain": "kantoor.example", "address": "loket@kantoor.example", "records": ["DKIM", "DMARC"],
        "review": {"name": gettext("Autumn"), "deadline": date(now.year, 12, 1)}, "review_url": "/beoordelingen/",
        "undecided": 3, "revoked": 2, "is_empty": False, "directory": "Entra ID", "connection": UUID(int=0),
        "sender": sender, "reply_to": sender.email if sender and kind == "invitation" else "",
    }  # fmt: skip


def _build_example_impersonation(user: Any, now: datetime) -> dict[str, Any]:
    return {
        "supporter": {"full_name": "S. Smit"},
        "user": user,
        "started_at": now - timedelta(minutes=12),
        "ended_at": now,
        "reason": gettext("Question from the office"),
    }
