"""Screen labels for the fields, values and reasons of events."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.email_kinds import KINDS
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.actors import EventOrigin
from audit.models import Event, Verb
from authentication.mfa.status import TwoFactorStatus
from notifications.catalog import NotificationType
from permissions.catalog import Right
from permissions.models import DutyRule
from permissions.products import Product
from users.status import AccountStatus

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# Fields without a verbose name in Provider or User.
_FIELD_LABELS: Mapping[str, "StrOrPromise"] = {
    "members": _("Members"),
    "employers": _("Employers"),
    "rights": _("Rights"),
    "rules": _("Rules"),
    "given_by_team": _("Already given by a team"),
    "undone": _("Undone event"),
    "review": _("Access review"),
    "reminder": _("Reviewers reminded"),
    "reviewers": _("Reviewers"),
    "scope": _("What is reviewed"),
    "scope_days": _("Days without a login"),
    "undecided": _("What is undecided at the end"),
    "repeat": _("Repeat (months)"),
    "decision": _("Decision"),
    "about": _("Access"),
    "path": _("Path"),
    "first": _("These rights"),
    "first_all": _("All of these rights together"),
    "second": _("Not together with"),
    "second_all": _("All of those rights together"),
    "level": _("Where"),
    "severity": _("When a change leads to a conflict"),
    "reason": _("Reason"),
    "name": _("Name"),
    "number": _("Number"),
    "products": _("Products"),
    "history": _("History"),
    "audit_package": _("Audit package"),
    "hygiene_mail": _("Monthly e-mail about dormant accounts: days without a login, maximum password age"),
    "support_may_look": _("Loket support may impersonate users (read-only)"),
    "logo": _("Logo"),
    "sender_address": _("Sender address"),
    "reply_to": _("Replies go to"),
    "dkim_selector": _("Key for the signature (DKIM)"),
    "sender_proved": _("Proof that the domain of the sender is the office's"),
    "sender_in_use": _("Own sender in use"),
    "sender_contested": _("Domain also proved by another office"),
    "two_factor_days_since": _("Everyone, days counted from"),
    "checkpoint_addresses": _("Checkpoint recipients"),
    "external_tenant": _("Azure AD tenant"),
    "tenant_id": _("Azure AD Tenant ID"),
    "confirmation_method": _("Confirmation method"),
    "accepted_at": _("Accepted"),
    "blocked": _("Blocked"),
    "send_at": _("Will be sent"),
    "device": _("Device"),
    "devices": _("Devices"),
    "session": _("Session"),
    "subject": _("Subject"),
    "body": _("Text"),
    "email_kind": _("E-mail"),
    "language": _("Language"),
    "integration": _("Integration"),
    "integration_id": _("Identifier of the integration"),
    "integrations": _("Integrations"),
    "scopes": _("Scopes"),
    "redirect_uris": _("Redirect URIs"),
    "post_logout_redirect_uris": _("Redirect URIs after logout"),
    "backchannel_logout_uri": _("Address for logging out"),
    "backchannel_logout_session_required": _("The integration needs to know which session ended (sid)"),
    "algorithm": _("Signature of ID tokens"),
    "authentication": _("Authentication"),
    "pkce_optional": _("PKCE may be left out"),
    "origins": _("Origins"),
    "pushed_requests_required": _("Only pushed authorization requests"),
    "resource": _("Address as a resource server"),
    "public_keys": _("Public keys"),
    "directory_state": _("Status"),
    "directory_team": _("Team"),
    "allows_administrators": _("May make users administrator"),
    "blocks_removed": _("Blocks users whom the group loses"),
    "directory_losses": _("Held changes"),
    "email_source": _("E-mail address"),
    "name_source": _("Name"),
    "mobile_source": _("Mobile number"),
    "max_blocked_count": _("Hold above this many blocked users in an hour"),
    "max_blocked_percent": _("Or above this percentage of the active users"),
    "max_removed_percent": _("Hold above this percentage of removed members of a team in an hour"),
    "previous_password_until": _("The previous password works until"),
    "hours": _("Hours the previous secret keeps working"),
    "type": _("Notification"),
    "event_date": _("Date"),
    "signals": pgettext_lazy("told", "Notifications"),
    "users": _("Users"),
    "teams": _("Teams"),
    "offices": _("Offices"),
    "authorization_matrix": _("Authorization matrix"),
    "employer": _("Employer"),
    "form": _("File type"),
    "q": _("Search term"),
    "only": _("Incomplete teams only"),
    "status": _("Status"),
    "two_factor": _("Two-factor"),
    "person": _("Involved user"),
    "kind": _("Subject"),
    "verb": _("Event"),
    "origin": _("Origin"),
    "since": _("From date"),
    "until": _("To date"),
    "up_to": _("Up to event"),
    "before": _("Before"),
}
_PREFERENCE_LABELS: Mapping[str, "StrOrPromise"] = {"is_on": _("on"), "days": _("days"), "mail": _("mail")}
_TARGET_LABELS: Mapping[str, "StrOrPromise"] = {
    "user": _("User"),
    "team": _("Team"),
    "employer": _("Employer"),
    "authorizationset": _("Set"),
    "dutyrule": _("Rule about duties"),
    "externaltenant": _("Azure AD tenant"),
    "campaign": _("Access review"),
    "provider": _("Office"),
    "directoryconnection": _("Directory"),
}
_VALUE_LABELS: Mapping[Any, "StrOrPromise"] = {
    "given": _("granted"),
    "member": _("member"),
    "changed": _("changed"),
    "applied": _("applied"),
    "made equal": _("matched"),
    True: _("yes"),
    False: _("no"),
}
_RIGHT_LABELS = {right.value: right.label for right in Right}
# Fields that hold codes; all others hold user input.
_CHOICE_LABELS: Mapping[str, Mapping[Any, Any]] = {
    "login_method": dict(LoginMethod.choices),
    "confirmation_method": dict(ExternalTenant.ConfirmationMethod.choices),
    "products": dict(Product.choices),
    "rights": _RIGHT_LABELS,
    "given_by_team": _RIGHT_LABELS,
    "first": _RIGHT_LABELS,
    "second": _RIGHT_LABELS,
    "level": dict(DutyRule.Level.choices),
    "severity": dict(DutyRule.Severity.choices),
    "type": {type_.value: type_.label for type_ in NotificationType},
    "status": dict(AccountStatus.choices),
    "two_factor": dict(TwoFactorStatus.choices),
    "kind": _TARGET_LABELS,
    "verb": dict(Verb.choices),
    "origin": dict(EventOrigin.choices),
    "directory_state": {"shadow": _("Shadow"), "on": _("Turned on"), "off": _("Turned off")},
    "email_kind": {name: kind.title for name, kind in KINDS.items()},
    "email_language": dict(settings.LANGUAGES),
    "language": dict(settings.LANGUAGES),
    "employer": {"provider": _("The office itself")},
    "authorization_matrix": {"provider": _("The office itself")},
    "only": {"1": _("yes")},
}
_RIGHT_CODES = frozenset(right.value for right in Right)
_DATE_FIELDS = frozenset({"access_until", "two_factor_from", "two_factor_days_since", "event_date", "since", "until"})
_DATETIME_FIELDS = frozenset({"accepted_at", "before", "previous_password_until", "send_at"})
# Codes of why a sign-in succeeded or failed; every other reason is free text.
_REASON_LABELS: Mapping[str, "StrOrPromise"] = {
    "sso": _("SSO from a portal"),
    "blocked": _("the account is blocked"),
    "closed": _("the office is suspended"),
    "ended": _("the account has no access"),
    "other_kind": _("this user has a different login method"),
    "wrong_password": _("incorrect password"),
    "wrong_code": _("incorrect code"),
    "passkey": _("the passkey was not accepted"),
    "tenant": _("the tenant is not confirmed"),
    "tenant_removed": _("the tenant has been removed"),
    "other_tenant": _("different tenant"),
    "other_account": _("different Microsoft account"),
    "not_fresh": _("no new Microsoft login"),
}


# How a change came about, beside who made it; what is done on a page needs no words.
_ORIGIN_LABELS: Mapping[str, "StrOrPromise"] = {
    EventOrigin.API: _("via web service"),
    EventOrigin.COMMAND: _("via command line"),
    EventOrigin.SUPPORT: _("via support"),
    EventOrigin.SCHEDULED: _("automatic"),
    EventOrigin.DIRECTORY: _("via directory"),
}


def get_actor_name(event: Event) -> str:
    """Return who acted; commands and periodic jobs that no user ran are called by the product's name, not their own."""
    is_program = event.actor_id is None and event.origin in (EventOrigin.COMMAND, EventOrigin.SCHEDULED)
    return "Loket" if is_program else event.actor_name


def format_origin(origin: str) -> str:
    return str(_ORIGIN_LABELS.get(origin, ""))


def get_field_label(field: str) -> str:
    """Return the label of a field, or the field itself when it is a name given by a user."""
    type_, dot, part = field.partition(".")
    if dot and type_ in set(NotificationType) and part in _PREFERENCE_LABELS:
        return f"{NotificationType(type_).label}, {_PREFERENCE_LABELS[part]}"
    if field in _FIELD_LABELS:
        return str(_FIELD_LABELS[field])
    if field in _RIGHT_CODES:
        return str(Right(field).label)
    return str(_get_column_labels().get(field, field))


@cache
def _get_column_labels() -> Mapping[str, "StrOrPromise"]:
    return {column.name: column.verbose_name for model in (Provider, User) for column in model._meta.concrete_fields}


def format_value(field: str, value: Any) -> str:
    """Return the value of a field as text; "" for none."""
    if value is None or value == "":
        return ""
    if isinstance(value, list):
        return ", ".join(format_value(field, item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{get_field_label(name)}: {format_value(name, item)}" for name, item in value.items())
    if field == "form":
        return str(value).upper()
    if field in _DATE_FIELDS:
        return date_format(date.fromisoformat(value), "j F Y")
    if field in _DATETIME_FIELDS:
        return date_format(timezone.localtime(datetime.fromisoformat(value)), "j F Y H:i")
    words = _CHOICE_LABELS.get(field, {})
    if isinstance(value, bool) or (isinstance(value, str) and value not in words):
        words = _VALUE_LABELS
    return str(words.get(value, value))


def format_reason(verb: str, value: str) -> str:
    """Return the reason of an event; codes are translated."""
    known = _REASON_LABELS if verb in (Verb.SIGNED_IN, Verb.SIGN_IN_REFUSED) else {}
    return str(known.get(value, value))


def is_object_name(values: Iterable[Any]) -> bool:
    """Return whether a field with these values is the name of a team or set instead of a field."""
    words = ("member", "applied", "made equal")
    return any(value in words for value in values if isinstance(value, str))


def get_target_choices() -> list[tuple[str, "StrOrPromise"]]:
    """Return the choices for the type of an event's target."""
    return list(_TARGET_LABELS.items())
