"""Names of the kinds of messages; an e-mail has the name that its text has in `accounts.email_kinds`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

KIND_LABELS: dict[str, StrOrPromise] = {
    "invitation": _("Invitation"),
    "code": _("Code by SMS"),
    "invitation_refused": _("Invitation denied"),
    "email_test": _("Test of an e-mail text"),
    "username": pgettext_lazy("message", "Username"),
    "password_link": _("Forgotten password"),
    "password_changed": _("Password changed"),
    "confirm_address": _("Confirm a new e-mail address"),
    "address_asked": _("Other e-mail address entered"),
    "address_changed": _("E-mail address changed"),
    "microsoft": _("Log in with Microsoft"),
    "blocked": _("Account blocked"),
    "unblocked": _("Account unblocked"),
    "factor_duty_ahead": _("Two-factor reminder"),
    "factor_added": _("Two-factor device added"),
    "factor_removed": _("Two-factor device removed"),
    "factors_reset": _("Two-factor reset"),
    "recovery_codes_made": _("Recovery codes created"),
    "recovery_code_used": _("Recovery code used"),
    "looked_along": _("Impersonation by support"),
    "signals": _("Daily notifications"),
    "hygiene": _("Dormant accounts to review"),
    "review_open": _("Access to review"),
    "review_ended": _("Access review ended"),
    "review_waiting": _("Access review not started"),
    "checkpoint": _("History checkpoint"),
    "office_closed": _("Office suspended"),
    "office_reopened": _("Office reactivated"),
    "sender_stopped": _("Own sender stopped"),
    "sender_contested": _("Domain also proved by another office"),
    "directory_held": _("Changes of a directory are held"),
    "directory_stopped": _("A directory is refused"),
}


def get_kind_label(kind: str) -> str:
    return str(KIND_LABELS.get(kind, kind))
