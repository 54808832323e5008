"""Description of an event as a sentence, with the names of user, team, right, set or employer."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import LoginMethod
from audit.changes import Changes
from audit.models import Event, Verb, build_erased_name
from history.presenters import labels
from permissions.catalog import rights_from_codes, sort_rights

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# `who` is the actor, `target` the object. Verbs that are missing here are described by their changes, below.
_SENTENCES: Mapping[str, "StrOrPromise"] = {
    Verb.PROVIDER_CREATED: gettext_lazy("%(who)s created the office %(target)s."),
    Verb.PROVIDER_CHANGED: gettext_lazy("%(who)s changed the settings of the office: %(fields)s."),
    Verb.PROVIDER_SUSPENDED: gettext_lazy("%(who)s suspended the office."),
    Verb.PROVIDER_REACTIVATED: gettext_lazy("%(who)s reactivated the office."),
    Verb.IMPERSONATION_STARTED: gettext_lazy("%(who)s started impersonating %(target)s (read-only)."),
    Verb.IMPERSONATION_ENDED: gettext_lazy("%(who)s stopped impersonating %(target)s."),
    Verb.TENANT_ADDED: gettext_lazy("%(who)s added the Azure AD tenant %(target)s."),
    Verb.TENANT_RENAMED: gettext_lazy("%(who)s renamed the Azure AD tenant %(old)s to %(new)s."),
    Verb.TENANT_CONFIRMED: gettext_lazy("%(who)s confirmed that the Azure AD tenant %(target)s belongs to the office."),
    Verb.TENANT_REMOVED: gettext_lazy("%(who)s removed the Azure AD tenant %(target)s."),
    Verb.TEXT_CHANGED: gettext_lazy("%(who)s changed the office's text of an e-mail."),
    Verb.USER_CREATED: gettext_lazy("%(who)s created an account for %(target)s."),
    Verb.USER_CHANGED: gettext_lazy("%(who)s changed %(target)s: %(fields)s."),
    Verb.USER_BLOCKED: gettext_lazy("%(who)s blocked %(target)s."),
    Verb.USER_UNBLOCKED: gettext_lazy("%(who)s unblocked %(target)s."),
    Verb.LOGIN_METHOD_CHANGED: gettext_lazy("%(who)s changed the login method of %(target)s to “%(method)s”."),
    Verb.USERNAME_SENT: gettext_lazy("%(who)s sent the username to %(target)s."),
    Verb.TWO_FACTOR_REMINDED: gettext_lazy("%(who)s reminded %(target)s of two-factor."),
    Verb.EMAIL_CHANGE_REQUESTED: gettext_lazy("%(who)s requested a change of the e-mail address of %(target)s."),
    Verb.EMAIL_CHANGED: gettext_lazy("%(who)s changed the e-mail address of %(target)s."),
    Verb.INVITATION_SENT: gettext_lazy("%(who)s sent %(target)s an invitation."),
    Verb.INVITATION_OPENED: gettext_lazy("%(target)s opened the invitation."),
    Verb.INVITATION_REFUSED: gettext_lazy(
        "%(target)s could not accept the invitation: the sender may not grant the rights that %(target)s now has."
    ),
    Verb.INVITATION_LOCKED: gettext_lazy("The invitation for %(target)s was locked after too many incorrect codes."),
    Verb.INVITATION_ACCEPTED: gettext_lazy("%(target)s accepted the invitation."),
    Verb.INVITATION_REVOKED: gettext_lazy("%(who)s revoked the invitation for %(target)s."),
    Verb.INVITATION_EXPIRED: gettext_lazy("The invitation for %(target)s expired."),
    Verb.CODE_SENT: gettext_lazy("%(target)s requested a code by SMS."),
    Verb.PHONE_VERIFIED: gettext_lazy("%(target)s entered the correct SMS code."),
    Verb.CODE_REJECTED: gettext_lazy("%(target)s entered an incorrect SMS code."),
    Verb.TEAM_CREATED: gettext_lazy("%(who)s created the team %(target)s."),
    Verb.TEAM_DELETED: gettext_lazy("%(who)s deleted the team %(target)s."),
    Verb.EMPLOYER_CREATED: gettext_lazy("%(who)s added the employer %(target)s."),
    Verb.EMPLOYER_CHANGED: gettext_lazy("%(who)s changed the employer %(target)s: %(fields)s."),
    Verb.SET_CREATED: gettext_lazy("%(who)s created the authorization set %(target)s."),
    Verb.SET_CHANGED: gettext_lazy("%(who)s changed the authorization set %(target)s."),
    Verb.SET_DELETED: gettext_lazy("%(who)s deleted the authorization set %(target)s."),
    Verb.SET_APPLIED: gettext_lazy("%(who)s applied the authorization set %(first)s to %(target)s."),
    Verb.DUTY_RULE_CREATED: gettext_lazy("%(who)s created the rule about duties %(target)s."),
    Verb.DUTY_RULE_CHANGED: gettext_lazy("%(who)s changed the rule about duties %(target)s: %(fields)s."),
    Verb.DUTY_RULE_DELETED: gettext_lazy("%(who)s deleted the rule about duties %(target)s."),
    Verb.DUTY_CONFLICT_ACCEPTED: gettext_lazy("%(who)s accepted that %(target)s conflicts with the rule %(rules)s."),
    Verb.DUTY_EXEMPTION_REQUESTED: gettext_lazy("%(who)s requested an exception to the rule %(rules)s for %(target)s."),
    Verb.DUTY_EXEMPTION_APPROVED: gettext_lazy("%(who)s approved an exception to the rule %(rules)s for %(target)s."),
    Verb.DUTY_EXEMPTION_ENDED: gettext_lazy("%(who)s ended an exception to the rule %(rules)s for %(target)s."),
    Verb.NOTIFICATIONS_CHANGED: gettext_lazy("%(who)s changed the notifications of %(target)s."),
    Verb.CHANGE_UNDONE: gettext_lazy("%(who)s undid an earlier change of %(target)s."),
    Verb.NOTIFICATION_SET_CREATED: gettext_lazy("%(who)s created the notification set %(target)s."),
    Verb.NOTIFICATION_SET_CHANGED: gettext_lazy("%(who)s changed the notification set %(target)s."),
    Verb.NOTIFICATION_SET_DELETED: gettext_lazy("%(who)s deleted the notification set %(target)s."),
    Verb.NOTIFICATION_SET_APPLIED: gettext_lazy("%(who)s applied the notification set %(first)s to %(target)s."),
    Verb.NOTIFICATION_RAISED: gettext_lazy("%(who)s raised a notification about the employer %(target)s."),
    Verb.NOTIFICATIONS_READ: gettext_lazy("%(who)s marked notifications as read."),
    Verb.REVIEW_CREATED: gettext_lazy("%(who)s prepared the access review %(target)s."),
    Verb.REVIEW_CHANGED: gettext_lazy("%(who)s changed the access review %(target)s: %(fields)s."),
    Verb.REVIEW_DELETED: gettext_lazy("%(who)s deleted the access review %(target)s, which had not started."),
    Verb.REVIEW_STARTED: gettext_lazy("%(who)s started the access review %(target)s."),
    Verb.REVIEW_DECIDED: gettext_lazy("%(who)s decided about access of %(target)s in an access review."),
    Verb.REVIEW_CLOSED: gettext_lazy("%(who)s ended the access review %(target)s."),
    Verb.REVIEW_EXECUTED: gettext_lazy("The revocations of the access review %(target)s were carried out."),
    Verb.REVIEW_UNDONE: gettext_lazy("The revocations of the access review %(target)s were undone."),
    Verb.EXPORTED: gettext_lazy("%(who)s exported: %(fields)s."),
    Verb.SIGNED_IN: gettext_lazy("%(target)s logged in."),
    Verb.SIGNED_OUT: gettext_lazy("%(target)s logged out."),
    Verb.SIGN_IN_REFUSED: gettext_lazy("A login as %(target)s was denied."),
    Verb.PASSWORD_CHANGED: gettext_lazy("%(who)s changed the password of %(target)s."),
    Verb.PREVIOUS_PASSWORD_ENDED: gettext_lazy("%(who)s ended the previous password of %(target)s."),
    Verb.PASSWORD_LINK_SENT: gettext_lazy("A password reset link was sent to %(target)s."),
    Verb.FACTOR_ADDED: gettext_lazy("%(target)s added the two-factor device “%(new)s”."),
    Verb.FACTOR_RENAMED: gettext_lazy("%(target)s renamed the two-factor device “%(old)s” to “%(new)s”."),
    Verb.FACTOR_REMOVED: gettext_lazy("%(target)s removed the two-factor device “%(old)s”."),
    Verb.FACTORS_RESET: gettext_lazy("%(who)s reset two-factor for %(target)s."),
    Verb.RECOVERY_CODES_MADE: gettext_lazy("%(target)s created new recovery codes."),
    Verb.RECOVERY_CODE_USED: gettext_lazy("%(target)s used a recovery code."),
    Verb.SESSION_ENDED: gettext_lazy("%(who)s ended a session of %(target)s."),
    Verb.SESSIONS_ENDED: gettext_lazy("%(who)s ended all sessions of %(target)s."),
    Verb.CLIENT_ADDED: gettext_lazy("%(who)s added the integration %(target)s."),
    Verb.CLIENT_CHANGED: gettext_lazy("%(who)s changed the integration %(target)s: %(fields)s."),
    Verb.CLIENT_SECRET_MADE: gettext_lazy("%(who)s created a new secret for the integration %(target)s."),
    Verb.CLIENT_SWITCHED_OFF: gettext_lazy("%(who)s turned off the integration %(target)s."),
    Verb.CLIENT_SWITCHED_ON: gettext_lazy("%(who)s turned on the integration %(target)s."),
    Verb.CLIENT_REMOVED: gettext_lazy("%(who)s removed the integration %(target)s."),
    Verb.CLIENT_ASSIGNED: gettext_lazy("%(who)s changed which teams may use the integration %(target)s."),
    Verb.DIRECTORY_ADDED: gettext_lazy("%(who)s added the directory %(target)s."),
    Verb.DIRECTORY_CHANGED: gettext_lazy("%(who)s changed the directory %(target)s: %(fields)s."),
    Verb.DIRECTORY_TAKEN_OVER: gettext_lazy("%(who)s became the owner of the directory %(target)s."),
    Verb.DIRECTORY_TOKEN_MADE: gettext_lazy("%(who)s created a token for the directory %(target)s."),
    Verb.DIRECTORY_TOKEN_REMOVED: gettext_lazy("%(who)s removed a token of the directory %(target)s."),
    Verb.MEMBERSHIP_SHARED: gettext_lazy("%(who)s changed who keeps a membership of %(target)s: %(fields)s."),
    Verb.DIRECTORY_GROUP_MAPPED: gettext_lazy("%(who)s changed a group of the directory %(target)s: %(fields)s."),
    Verb.DIRECTORY_WAVE_RELEASED: gettext_lazy("%(who)s released what was held of the directory %(target)s."),
    Verb.DIRECTORY_WAVE_REJECTED: gettext_lazy("%(who)s rejected what was held of the directory %(target)s."),
    Verb.DIRECTORY_REMOVED: gettext_lazy("%(who)s removed the directory %(target)s."),
    Verb.OFFICE_CONSENT_GIVEN: gettext_lazy("%(who)s allowed the integration %(target)s for the whole office."),
    Verb.OFFICE_CONSENT_WITHDRAWN: gettext_lazy(
        "%(who)s withdrew the consent of the whole office for the integration %(target)s."
    ),
    Verb.CONSENT_GIVEN: gettext_lazy("%(who)s allowed the integration %(target)s."),
    Verb.CONSENT_ENDED: gettext_lazy("%(who)s revoked an integration's access: %(old)s."),
    Verb.CLIENTS_LOGGED_OUT: gettext_lazy("%(who)s logged %(target)s out of integrations: %(old)s."),
    Verb.TICKET_MADE: gettext_lazy("%(who)s requested an SSO ticket for %(target)s."),
    Verb.USER_ERASED: gettext_lazy("%(who)s permanently erased %(target)s."),
    Verb.PERSON_EXPORTED: gettext_lazy("%(who)s exported all personal data of %(target)s."),
    Verb.HISTORY_TRIMMED: gettext_lazy("%(who)s removed history older than the retention period."),
    Verb.SNAPSHOT_RECORDED: gettext_lazy("%(target)s was carried forward from the removed history."),
}
# For actors whose target is themselves.
_OWN_SENTENCES: Mapping[str, "StrOrPromise"] = {
    Verb.USER_CHANGED: gettext_lazy("%(who)s changed their own profile: %(fields)s."),
    Verb.EMAIL_CHANGE_REQUESTED: gettext_lazy("%(who)s requested a change of their own e-mail address."),
    Verb.EMAIL_CHANGED: gettext_lazy("%(who)s changed their own e-mail address."),
    Verb.NOTIFICATIONS_CHANGED: gettext_lazy("%(who)s changed their own notifications."),
    Verb.PASSWORD_CHANGED: gettext_lazy("%(who)s changed their own password."),
    Verb.SESSION_ENDED: gettext_lazy("%(who)s ended one of their own sessions."),
    Verb.SESSIONS_ENDED: gettext_lazy("%(who)s ended all their own sessions."),
    Verb.CLIENTS_LOGGED_OUT: gettext_lazy("%(who)s was logged out of integrations: %(old)s."),
    Verb.TICKET_MADE: gettext_lazy("%(who)s requested an SSO ticket."),
}


def describe_event(event: Event, names: Mapping[str, str], label: Mapping[str, str]) -> str:
    """Return the event as text; `names` maps ids to names of users, `label` fields to their labels."""
    by_change = _SENTENCE_BUILDERS.get(Verb(event.verb))
    words = {"who": labels.get_actor_name(event), "target": event.target_name}
    if event.is_readable and by_change is not None and (sentences := by_change(event, words, names)):
        return " ".join(sentences)
    changes = event.changes
    old, new = ([*next(iter(changes.values()), []), None, None])[:2]
    words |= {"old": str(old or "…"), "new": str(new or "…"), "first": _get_object_name(changes)}
    words["fields"] = ", ".join(label.get(field, field) for field in changes) or "…"
    words["rules"] = ", ".join(([*changes.get("rules", []), None, None])[1] or ()) or "…"
    words["method"] = _get_login_method_label(changes)
    words["time"] = _format_send_time(changes)
    own = _OWN_SENTENCES.get(event.verb) if event.actor_id and event.actor_id == event.target_id else None
    scheduled = _("%(who)s invited %(target)s, with the e-mail scheduled for %(time)s.") if words["time"] else None
    return str(own or scheduled or _SENTENCES.get(event.verb) or _("%(who)s changed %(target)s.")) % words


def says_every_change(event: Event) -> bool:
    """Return whether the sentence of `event` names each change with its old and new value."""
    return event.verb in _SENTENCE_BUILDERS


def _get_object_name(changes: Changes) -> str:
    values = ("applied", "made equal")
    return next((field for field, pair in changes.items() if pair[-1] in values), "…")


def _get_login_method_label(changes: Changes) -> str:
    to = ([*changes.get("login_method", []), None, None])[1]
    return str(dict(LoginMethod.choices).get(to, "…"))


def _format_rights(codes: Iterable[str]) -> str:
    return ", ".join(f"“{right.label}”" for right in sort_rights(rights_from_codes(codes)))


def _format_granted_rights(event: Event) -> str:
    return _format_rights(field for field, (_old, new) in event.changes.items() if new == "given")


def _format_revoked_rights(event: Event) -> str:
    return _format_rights(field for field, (old, _new) in event.changes.items() if old == "given")


def _format_send_time(changes: Changes) -> str:
    """Return when a scheduled invitation is sent, "" for one that is sent at once."""
    at = changes.get("send_at", [None, None])[1]
    return date_format(timezone.localtime(datetime.fromisoformat(at)), "j F Y H:i") if at else ""


def _describe_individual_rights(event: Event, words: dict[str, str], names: Mapping[str, str]) -> list[str]:
    sentences = []
    for text, rights in (
        (_("%(who)s granted %(target)s the individual right %(rights)s."), _format_granted_rights(event)),
        (_("%(who)s revoked the individual right %(rights)s from %(target)s."), _format_revoked_rights(event)),
    ):
        if rights:
            sentences.append(text % (words | {"rights": rights}))
    return sentences


def _describe_membership(event: Event, common: dict[str, str], names: Mapping[str, str]) -> list[str]:
    sentences = []
    old, new = event.changes.get("rights", [None, None])
    for team, (before, after) in event.changes.items():
        words = common | {"team": team, "rights": _format_rights(new or old or [])}
        if after == "member" and words["rights"]:
            sentences.append(_("%(who)s granted %(target)s the right %(rights)s via team %(team)s.") % words)
        elif after == "member":
            sentences.append(_("%(who)s added %(target)s to team %(team)s.") % words)
        elif before == "member" and words["rights"]:
            sentences.append(
                _("%(who)s removed %(target)s from team %(team)s, and with that the right %(rights)s.") % words
            )
        elif before == "member":
            sentences.append(_("%(who)s removed %(target)s from team %(team)s.") % words)
    return sentences


def _describe_team(event: Event, words: dict[str, str], names: Mapping[str, str]) -> list[str]:
    changes, sentences = event.changes, []
    gone, come = changes.get("members", [None, None])
    left, added = changes.get("employers", [None, None])
    for text, parts in (
        (_("%(who)s added to team %(target)s: %(parts)s."), _format_users(come, names)),
        (_("%(who)s removed from team %(target)s: %(parts)s."), _format_users(gone, names)),
        (_("%(who)s gave the members of team %(target)s access to %(parts)s."), _format_employers(added)),
        (_("%(who)s removed the access of the members of team %(target)s to %(parts)s."), _format_employers(left)),
        (_("%(who)s granted all members of team %(target)s the right %(parts)s."), _format_granted_rights(event)),
        (_("%(who)s revoked the right %(parts)s from all members of team %(target)s."), _format_revoked_rights(event)),
        (_("%(who)s renamed team %(parts)s to %(target)s."), str(changes.get("name", [""])[0])),
    ):
        if parts:
            sentences.append(text % (words | {"parts": parts}))
    if "two_factor_required" in changes:
        asks = _("%(who)s made two-factor required for team %(target)s.")
        no_longer = _("%(who)s made two-factor optional for team %(target)s.")
        sentences.append((asks if changes["two_factor_required"][1] else no_longer) % words)
    return sentences


def _format_users(ids: Iterable[str] | None, names: Mapping[str, str]) -> str:
    return ", ".join(names.get(user_id) or build_erased_name(user_id) for user_id in ids or ())


def _format_employers(named: Mapping[str, str] | None) -> str:
    return ", ".join((named or {}).values())


_SENTENCE_BUILDERS = {
    Verb.RIGHTS_CHANGED: _describe_individual_rights,
    Verb.TEAMS_CHANGED: _describe_membership,
    Verb.TEAM_CHANGED: _describe_team,
}
