"""Description of an act as a sentence with sums, such as “M. Vermeer imported 1,000 users: 990 created, 10 changed”."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from audit.models import Verb
from history.act_search import ActPart

# What an act is about when it did several things; otherwise what it did most often. Consequences come last.
_LEADING_VERBS = (
    Verb.HISTORY_TRIMMED, Verb.USER_CREATED, Verb.EMPLOYER_CREATED, Verb.TEAM_CREATED, Verb.TEAM_DELETED,
    Verb.SET_APPLIED, Verb.NOTIFICATION_SET_APPLIED, Verb.USER_BLOCKED, Verb.USER_UNBLOCKED, Verb.LOGIN_METHOD_CHANGED,
    Verb.INVITATION_ACCEPTED, Verb.TEAM_CHANGED,
)  # fmt: skip
_CONSEQUENCES = frozenset({
    Verb.SNAPSHOT_RECORDED, Verb.SESSIONS_ENDED, Verb.SESSION_ENDED, Verb.CLIENTS_LOGGED_OUT, Verb.INVITATION_REVOKED,
})  # fmt: skip
_SENTENCES: Mapping[str, Any] = {
    Verb.USER_CREATED: ngettext_lazy("%(who)s imported %(count)s user.", "%(who)s imported %(count)s users.", "number"),
    Verb.USER_CHANGED: ngettext_lazy("%(who)s changed %(count)s user.", "%(who)s changed %(count)s users.", "number"),
    Verb.USER_BLOCKED: ngettext_lazy("%(who)s blocked %(count)s user.", "%(who)s blocked %(count)s users.", "number"),
    Verb.USER_UNBLOCKED: ngettext_lazy(
        "%(who)s unblocked %(count)s user.", "%(who)s unblocked %(count)s users.", "number"
    ),
    Verb.USER_ERASED: ngettext_lazy("%(who)s erased %(count)s user.", "%(who)s erased %(count)s users.", "number"),
    Verb.TEAMS_CHANGED: ngettext_lazy(
        "%(who)s changed the teams of %(count)s user.", "%(who)s changed the teams of %(count)s users.", "number"
    ),
    Verb.RIGHTS_CHANGED: ngettext_lazy(
        "%(who)s changed the rights of %(count)s user.", "%(who)s changed the rights of %(count)s users.", "number"
    ),
    Verb.LOGIN_METHOD_CHANGED: ngettext_lazy(
        "%(who)s changed the login method of %(count)s user.",
        "%(who)s changed the login method of %(count)s users.",
        "number",
    ),
    Verb.INVITATION_SENT: ngettext_lazy(
        "%(who)s invited %(count)s user.", "%(who)s invited %(count)s users.", "number"
    ),
    Verb.INVITATION_REVOKED: ngettext_lazy(
        "%(who)s revoked the invitation of %(count)s user.",
        "%(who)s revoked the invitations of %(count)s users.",
        "number",
    ),
    Verb.INVITATION_EXPIRED: ngettext_lazy(
        "The invitation of %(count)s user expired.", "The invitations of %(count)s users expired.", "number"
    ),
    Verb.FACTORS_RESET: ngettext_lazy(
        "%(who)s reset two-factor for %(count)s user.", "%(who)s reset two-factor for %(count)s users.", "number"
    ),
    Verb.SESSIONS_ENDED: ngettext_lazy(
        "%(who)s ended all sessions of %(count)s user.", "%(who)s ended all sessions of %(count)s users.", "number"
    ),
    Verb.SET_APPLIED: ngettext_lazy(
        "%(who)s applied an authorization set to %(count)s user.",
        "%(who)s applied an authorization set to %(count)s users.",
        "number",
    ),
    Verb.TEAM_CREATED: ngettext_lazy("%(who)s created %(count)s team.", "%(who)s created %(count)s teams.", "number"),
    Verb.TEAM_CHANGED: ngettext_lazy("%(who)s changed %(count)s team.", "%(who)s changed %(count)s teams.", "number"),
    Verb.TEAM_DELETED: ngettext_lazy("%(who)s deleted %(count)s team.", "%(who)s deleted %(count)s teams.", "number"),
    Verb.EMPLOYER_CREATED: ngettext_lazy(
        "%(who)s added %(count)s employer.", "%(who)s added %(count)s employers.", "number"
    ),
    Verb.EMPLOYER_CHANGED: ngettext_lazy(
        "%(who)s changed %(count)s employer.", "%(who)s changed %(count)s employers.", "number"
    ),
    Verb.NOTIFICATION_RAISED: ngettext_lazy(
        "%(who)s raised %(count)s notification.", "%(who)s raised %(count)s notifications.", "number"
    ),
}
# What else an act did.
_SUMS: Mapping[str, Any] = {
    Verb.USER_CREATED: ngettext_lazy("%(count)s user created", "%(count)s users created", "number"),
    Verb.USER_CHANGED: ngettext_lazy("%(count)s user changed", "%(count)s users changed", "number"),
    Verb.TEAMS_CHANGED: ngettext_lazy("teams of %(count)s user changed", "teams of %(count)s users changed", "number"),
    Verb.RIGHTS_CHANGED: ngettext_lazy(
        "rights of %(count)s user changed", "rights of %(count)s users changed", "number"
    ),
    Verb.NOTIFICATIONS_CHANGED: ngettext_lazy(
        "notifications of %(count)s user changed", "notifications of %(count)s users changed", "number"
    ),
    Verb.INVITATION_SENT: ngettext_lazy("%(count)s user invited", "%(count)s users invited", "number"),
    Verb.TEAM_CREATED: ngettext_lazy("%(count)s team created", "%(count)s teams created", "number"),
    Verb.TEAM_CHANGED: ngettext_lazy("%(count)s team changed", "%(count)s teams changed", "number"),
    Verb.EMPLOYER_CREATED: ngettext_lazy("%(count)s employer added", "%(count)s employers added", "number"),
    Verb.EMPLOYER_CHANGED: ngettext_lazy("%(count)s employer changed", "%(count)s employers changed", "number"),
}


def format_count(count: int) -> str:
    return number_format(count, force_grouping=True)


def choose_leading_part(parts: Sequence[ActPart]) -> ActPart:
    """Return the part of `parts` that says what the act is about."""
    order = {verb: number for number, verb in enumerate(_LEADING_VERBS)}
    return min(
        parts, key=lambda part: (order.get(Verb(part.verb), len(order)), part.verb in _CONSEQUENCES, -part.events)
    )


def describe_act(leading: ActPart, parts: Sequence[ActPart], *, who: str, users: int, is_import: bool) -> str:
    """Return the act as a sentence; `users` is the number of different users whom it touched."""
    created = leading.targets if leading.verb == Verb.USER_CREATED else 0
    if users > 1 and (is_import or created):
        return _describe_user_import(who, users, created)
    places = {part.verb: part.targets for part in parts if part.verb in (Verb.TEAM_CREATED, Verb.EMPLOYER_CREATED)}
    if len(places) == 2:
        teams, employers = (format_count(places[verb]) for verb in (Verb.TEAM_CREATED, Verb.EMPLOYER_CREATED))
        words = {"who": who, "teams": teams, "employers": employers}
        return _("%(who)s imported teams (%(teams)s) and employers (%(employers)s).") % words
    count = leading.targets or leading.events
    if leading.verb not in _SENTENCES:
        return _("%(who)s – %(sum)s.") % {"who": who, "sum": describe_part(leading)}
    return _fill(_SENTENCES[leading.verb], count, who=who)


def _describe_user_import(who: str, users: int, created: int) -> str:
    words = {"who": who, "count": format_count(users), "created": format_count(created)}
    words["changed"] = format_count(users - created)
    if not created:
        return _("%(who)s imported %(count)s users: %(changed)s changed.") % words
    if users == created:
        return _("%(who)s imported %(count)s users: %(created)s created.") % words
    return _("%(who)s imported %(count)s users: %(created)s created, %(changed)s changed.") % words


def describe_part(part: ActPart) -> str:
    """Return what a part of an act did, without who did it."""
    if part.events == 1:
        return str(Verb(part.verb).label)
    if part.verb in _SUMS:
        return _fill(_SUMS[part.verb], part.targets or part.events)
    return ngettext("%(event)s (%(count)s time)", "%(event)s (%(count)s times)", part.events) % {
        "event": Verb(part.verb).label,
        "count": format_count(part.events),
    }


def _fill(text: Any, count: int, **words: str) -> str:
    return str(text % (words | {"number": count, "count": format_count(count)}))
