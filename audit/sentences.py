"""Description of an event as a sentence, with the names of user, team, right, set or employer."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import LoginMethod
from audit.models import Event, Verb, erased_name
from teams.catalogue import known, ordered

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# `who` is the actor, `target` the object. Verbs that are missing here are described by their changes, below.
_SENTENCES: Mapping[str, "StrOrPromise"] = {
    Verb.PROVIDER_CREATED: gettext_lazy("%(who)s created the office %(target)s."),
    Verb.PROVIDER_CHANGED: gettext_lazy("%(who)s changed the settings of the office: %(fields)s."),
    Verb.PROVIDER_CLOSED: gettext_lazy("%(who)s closed the office."),
    Verb.PROVIDER_REOPENED: gettext_lazy("%(who)s reopened the office."),
    Verb.LOOK_STARTED: gettext_lazy("%(who)s began to look along with %(target)s."),
    Verb.LOOK_ENDED: gettext_lazy("%(who)s no longer looks along with %(target)s."),
    Verb.TENANT_ADDED: gettext_lazy("%(who)s added the Azure AD tenant %(target)s."),
    Verb.TENANT_RENAMED: gettext_lazy("%(who)s renamed the Azure AD tenant %(old)s to %(new)s."),
    Verb.TENANT_PROVED: gettext_lazy("%(who)s confirmed that the Azure AD tenant %(target)s is of the office."),
    Verb.TENANT_REMOVED: gettext_lazy("%(who)s removed the Azure AD tenant %(target)s."),
    Verb.TEXT_CHANGED: gettext_lazy("%(who)s changed the office's text of the invitation."),
    Verb.USER_CREATED: gettext_lazy("%(who)s created the account of %(target)s."),
    Verb.USER_CHANGED: gettext_lazy("%(who)s changed of %(target)s: %(fields)s."),
    Verb.USER_BLOCKED: gettext_lazy("%(who)s blocked %(target)s."),
    Verb.USER_UNBLOCKED: gettext_lazy("%(who)s unblocked %(target)s."),
    Verb.KIND_CHANGED: gettext_lazy("%(who)s changed how %(target)s logs in to “%(method)s”."),
    Verb.USERNAME_SENT: gettext_lazy("%(who)s had the username sent to %(target)s."),
    Verb.EMAIL_CHANGE_ASKED: gettext_lazy("%(who)s asked to change the e-mail address of %(target)s."),
    Verb.EMAIL_CHANGED: gettext_lazy("%(who)s changed the e-mail address of %(target)s."),
    Verb.INVITATION_SENT: gettext_lazy("%(who)s sent %(target)s an invitation."),
    Verb.INVITATION_OPENED: gettext_lazy("%(target)s opened the invitation."),
    Verb.INVITATION_REFUSED: gettext_lazy(
        "%(target)s could not accept the invitation: who sent it may not give what %(target)s holds by now."
    ),
    Verb.INVITATION_LOCKED: gettext_lazy("The invitation of %(target)s was locked after too many wrong codes."),
    Verb.INVITATION_ACCEPTED: gettext_lazy("%(target)s accepted the invitation."),
    Verb.INVITATION_REVOKED: gettext_lazy("%(who)s revoked the invitation of %(target)s."),
    Verb.INVITATION_EXPIRED: gettext_lazy("The invitation of %(target)s expired."),
    Verb.CODE_SENT: gettext_lazy("%(target)s had a code sent by SMS."),
    Verb.PHONE_PROVED: gettext_lazy("%(target)s typed the right code of the SMS."),
    Verb.CODE_REFUSED: gettext_lazy("%(target)s typed a wrong code of the SMS."),
    Verb.TEAM_CREATED: gettext_lazy("%(who)s created the team %(target)s."),
    Verb.TEAM_DELETED: gettext_lazy("%(who)s deleted the team %(target)s."),
    Verb.EMPLOYER_CREATED: gettext_lazy("%(who)s added the employer %(target)s."),
    Verb.EMPLOYER_CHANGED: gettext_lazy("%(who)s changed of the employer %(target)s: %(fields)s."),
    Verb.SET_CREATED: gettext_lazy("%(who)s created the authorization set %(target)s."),
    Verb.SET_CHANGED: gettext_lazy("%(who)s changed the authorization set %(target)s."),
    Verb.SET_DELETED: gettext_lazy("%(who)s deleted the authorization set %(target)s."),
    Verb.SET_APPLIED: gettext_lazy("%(who)s applied the authorization set %(first)s to %(target)s."),
    Verb.SIGNALS_CHANGED: gettext_lazy("%(who)s changed the signals of %(target)s."),
    Verb.SIGNAL_SET_CREATED: gettext_lazy("%(who)s created the signal set %(target)s."),
    Verb.SIGNAL_SET_CHANGED: gettext_lazy("%(who)s changed the signal set %(target)s."),
    Verb.SIGNAL_SET_DELETED: gettext_lazy("%(who)s deleted the signal set %(target)s."),
    Verb.SIGNAL_SET_APPLIED: gettext_lazy("%(who)s applied the signal set %(first)s to %(target)s."),
    Verb.SIGNAL_RAISED: gettext_lazy("%(who)s raised a signal about the employer %(target)s."),
    Verb.SIGNALS_READ: gettext_lazy("%(who)s marked signals as read."),
    Verb.EXPORTED: gettext_lazy("%(who)s exported: %(fields)s."),
    Verb.SIGNED_IN: gettext_lazy("%(target)s logged in."),
    Verb.SIGNED_OUT: gettext_lazy("%(target)s logged out."),
    Verb.SIGN_IN_REFUSED: gettext_lazy("Logging in as %(target)s was refused."),
    Verb.PASSWORD_CHANGED: gettext_lazy("%(who)s changed the password of %(target)s."),
    Verb.PASSWORD_LINK_SENT: gettext_lazy("%(target)s was sent a link for a new password."),
    Verb.FACTOR_ADDED: gettext_lazy("%(target)s added “%(new)s” for two-factor."),
    Verb.FACTOR_RENAMED: gettext_lazy("%(target)s renamed “%(old)s” for two-factor to “%(new)s”."),
    Verb.FACTOR_REMOVED: gettext_lazy("%(target)s removed “%(old)s” for two-factor."),
    Verb.FACTORS_RESET: gettext_lazy("%(who)s reset two-factor of %(target)s."),
    Verb.RECOVERY_CODES_MADE: gettext_lazy("%(target)s made new recovery codes."),
    Verb.RECOVERY_CODE_USED: gettext_lazy("%(target)s used a recovery code."),
    Verb.SESSION_ENDED: gettext_lazy("%(who)s ended a session of %(target)s."),
    Verb.SESSIONS_ENDED: gettext_lazy("%(who)s ended all sessions of %(target)s."),
    Verb.CLIENT_ADDED: gettext_lazy("%(who)s added the integration %(target)s."),
    Verb.CLIENT_CHANGED: gettext_lazy("%(who)s changed of the integration %(target)s: %(fields)s."),
    Verb.CLIENT_SECRET_MADE: gettext_lazy("%(who)s made a new secret for the integration %(target)s."),
    Verb.CLIENT_SWITCHED_OFF: gettext_lazy("%(who)s switched the integration %(target)s off."),
    Verb.CLIENT_SWITCHED_ON: gettext_lazy("%(who)s switched the integration %(target)s on."),
    Verb.CLIENT_REMOVED: gettext_lazy("%(who)s removed the integration %(target)s."),
    Verb.CONSENT_GIVEN: gettext_lazy("%(who)s allowed the integration %(target)s."),
    Verb.CONSENT_ENDED: gettext_lazy("%(who)s ended the permission of an integration: %(old)s."),
    Verb.TICKET_MADE: gettext_lazy("%(who)s had an SSO ticket made for %(target)s."),
    Verb.USER_ERASED: gettext_lazy("%(who)s erased %(target)s for good."),
    Verb.PERSON_EXPORTED: gettext_lazy("%(who)s exported everything that is stored about %(target)s."),
    Verb.HISTORY_TRIMMED: gettext_lazy("%(who)s removed the history from before its term."),
    Verb.CARRIED_OVER: gettext_lazy("%(target)s was carried over from the history that was removed."),
}
# For actors whose target is themselves.
_OWN: Mapping[str, "StrOrPromise"] = {
    Verb.USER_CHANGED: gettext_lazy("%(who)s changed in the own profile: %(fields)s."),
    Verb.EMAIL_CHANGE_ASKED: gettext_lazy("%(who)s asked to change the own e-mail address."),
    Verb.EMAIL_CHANGED: gettext_lazy("%(who)s changed the own e-mail address."),
    Verb.SIGNALS_CHANGED: gettext_lazy("%(who)s changed the own signals."),
    Verb.PASSWORD_CHANGED: gettext_lazy("%(who)s changed the own password."),
    Verb.SESSION_ENDED: gettext_lazy("%(who)s ended an own session."),
    Verb.SESSIONS_ENDED: gettext_lazy("%(who)s ended all own sessions."),
    Verb.TICKET_MADE: gettext_lazy("%(who)s had an SSO ticket made."),
}


def of_event(event: Event, names: Mapping[str, str], label: Mapping[str, str]) -> str:
    """Return the event as text; `names` maps ids to names of users, `label` fields to their labels."""
    by_change = _BY_CHANGE.get(Verb(event.verb))
    said = {"who": event.actor_name, "target": event.target_name}
    if event.is_readable and by_change is not None and (sentences := by_change(event, said, names)):
        return " ".join(sentences)
    changes = event.changes
    old, new = ([*next(iter(changes.values()), []), None, None])[:2]
    said |= {"old": _plain(old), "new": _plain(new), "first": _applied(changes)}
    said |= {"fields": _listed(label.get(field, field) for field in changes), "method": _method(changes)}
    own = _OWN.get(event.verb) if event.actor_id and event.actor_id == event.target_id else None
    return str(own or _SENTENCES.get(event.verb) or _("%(who)s changed %(target)s.")) % said


def _applied(changes: Mapping[str, list[Any]]) -> str:
    return next((field for field, pair in changes.items() if pair[-1] in ("applied", "made equal")), "…")


def _method(changes: Mapping[str, list[Any]]) -> str:
    to = ([*changes.get("login_method", []), None, None])[1]
    return str(dict(LoginMethod.choices).get(to, "…"))


def _plain(value: Any) -> str:
    return str(value) if value else "…"


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(parts) or "…"


def _rights(codes: Iterable[str]) -> str:
    return ", ".join(f"“{right.label}”" for right in ordered(known(codes)))


def _given(event: Event) -> str:
    return _rights(field for field, (_old, new) in event.changes.items() if new == "given")


def _taken(event: Event) -> str:
    return _rights(field for field, (old, _new) in event.changes.items() if old == "given")


def _of_person(event: Event, said: dict[str, str], names: Mapping[str, str]) -> list[str]:
    sentences = []
    if given := _given(event):
        sentences.append(_("%(who)s gave %(target)s the individual right %(rights)s.") % (said | {"rights": given}))
    if taken := _taken(event):
        sentences.append(
            _("%(who)s took from %(target)s the individual right %(rights)s.") % (said | {"rights": taken})
        )
    return sentences


def _of_membership(event: Event, said: dict[str, str], names: Mapping[str, str]) -> list[str]:
    sentences = []
    old, new = event.changes.get("rights", [None, None])
    for team, (before, after) in event.changes.items():
        words = said | {"team": team, "rights": _rights(new or old or [])}
        if after == "member" and words["rights"]:
            sentences.append(_("%(who)s gave %(target)s via team %(team)s the right %(rights)s.") % words)
        elif after == "member":
            sentences.append(_("%(who)s put %(target)s into team %(team)s.") % words)
        elif before == "member" and words["rights"]:
            sentences.append(
                _("%(who)s took %(target)s out of team %(team)s, and with that the right %(rights)s.") % words
            )
        elif before == "member":
            sentences.append(_("%(who)s took %(target)s out of team %(team)s.") % words)
    return sentences


def _of_team(event: Event, said: dict[str, str], names: Mapping[str, str]) -> list[str]:
    changes, found = event.changes, []
    gone, come = changes.get("members", [None, None])
    left, added = changes.get("employers", [None, None])
    for text, parts in (
        (_("%(who)s put into team %(target)s: %(parts)s."), _people(come, names)),
        (_("%(who)s took out of team %(target)s: %(parts)s."), _people(gone, names)),
        (_("%(who)s had team %(target)s bring its members to %(parts)s."), _employers(added)),
        (_("%(who)s had team %(target)s bring its members no longer to %(parts)s."), _employers(left)),
        (_("%(who)s gave everybody in team %(target)s the right %(parts)s."), _given(event)),
        (_("%(who)s took from everybody in team %(target)s the right %(parts)s."), _taken(event)),
        (_("%(who)s renamed team %(parts)s to %(target)s."), str(changes.get("name", [""])[0])),
    ):
        if parts:
            found.append(text % (said | {"parts": parts}))
    if "two_factor_required" in changes:
        asks = _("%(who)s had team %(target)s ask for two-factor.")
        no_longer = _("%(who)s had team %(target)s ask for two-factor no longer.")
        found.append((asks if changes["two_factor_required"][1] else no_longer) % said)
    return found


def _people(ids: Iterable[str] | None, names: Mapping[str, str]) -> str:
    return ", ".join(names.get(id) or erased_name(id) for id in ids or ())


def _employers(named: Mapping[str, str] | None) -> str:
    return ", ".join((named or {}).values())


_BY_CHANGE = {
    Verb.RIGHTS_CHANGED: _of_person,
    Verb.TEAMS_CHANGED: _of_membership,
    Verb.TEAM_CHANGED: _of_team,
}
