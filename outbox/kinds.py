"""Names of the kinds of messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

KIND_LABELS: dict[str, StrOrPromise] = {
    "invitation": _("Invitation"),
    "code": _("Code by SMS"),
    "invitation_refused": _("Invitation could not be accepted"),
    "email_test": _("Test of an e-mail text"),
    "username": pgettext_lazy("message", "Username"),
    "password_link": _("Link for a new password"),
    "password_changed": _("Password changed"),
    "confirm_address": _("Confirmation of a new address"),
    "address_asked": _("Change of address requested"),
    "address_changed": _("Address changed"),
    "microsoft": _("Login with Microsoft"),
    "blocked": _("Account blocked"),
    "unblocked": _("Account unblocked"),
    "factor_duty_ahead": _("Two-factor reminder"),
    "factor_added": _("Two-factor added"),
    "factor_removed": _("Two-factor removed"),
    "factors_reset": _("Two-factor was reset"),
    "recovery_codes_made": _("New recovery codes"),
    "recovery_code_used": _("Recovery code used"),
    "looked_along": _("Impersonation by support"),
    "signals": pgettext_lazy("told", "Notifications"),
    "hygiene": _("Dormant accounts"),
    "checkpoint": _("Checkpoint of the history"),
    "office_closed": _("Office suspended"),
    "office_reopened": _("Office reactivated"),
    "sender_stopped": _("Own sender stopped"),
    "sender_contested": _("Domain also proved by another office"),
}


def get_kind_label(kind: str) -> str:
    return str(KIND_LABELS.get(kind, kind))
