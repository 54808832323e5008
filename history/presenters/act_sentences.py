"""Description of an act as a sentence with sums, such as “M. Vermeer imported 1,000 users: 990 created, 10 changed”."""

from collections.abc import Callable, Mapping, Sequence

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

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
# Functions, because a plural of `ngettext_lazy` is two classes and takes 34 kB.
_SENTENCES: Mapping[str, Callable[[int], str]] = {
    Verb.USER_CREATED: lambda n: ngettext("%(who)s imported %(count)s user.", "%(who)s imported %(count)s users.", n),
    Verb.USER_CHANGED: lambda n: ngettext("%(who)s changed %(count)s user.", "%(who)s changed %(count)s users.", n),
    Verb.USER_BLOCKED: lambda n: ngettext("%(who)s blocked %(count)s user.", "%(who)s blocked %(count)s users.", n),
    Verb.USER_UNBLOCKED: lambda n: ngettext(
        "%(who)s unblocked %(count)s user.", "%(who)s unblocked %(count)s users.", n
    ),
    Verb.USER_ERASED: lambda n: ngettext("%(who)s erased %(count)s user.", "%(who)s erased %(count)s users.", n),
    Verb.TEAMS_CHANGED: lambda n: ngettext(
        "%(who)s changed the teams of %(count)s user.", "%(who)s changed the teams of %(count)s users.", n
    ),
    Verb.RIGHTS_CHANGED: lambda n: ngettext(
        "%(who)s changed the rights of %(count)s user.", "%(who)s changed the rights of %(count)s users.", n
    ),
    Verb.LOGIN_METHOD_CHANGED: lambda n: ngettext(
        "%(who)s changed the login method of %(count)s user.",
        "%(who)s changed the login method of %(count)s users.",
        n,
    ),
    Verb.INVITATION_SENT: lambda n: ngettext("%(who)s invited %(count)s user.", "%(who)s invited %(count)s users.", n),
    Verb.INVITATION_REVOKED: lambda n: ngettext(
        "%(who)s revoked the invitation of %(count)s user.",
        "%(who)s revoked the invitations of %(count)s users.",
        n,
    ),
    Verb.INVITATION_EXPIRED: lambda n: ngettext(
        "The invitation of %(count)s user expired.", "The invitations of %(count)s users expired.", n
    ),
    Verb.FACTORS_RESET: lambda n: ngettext(
        "%(who)s reset two-factor for %(count)s user.", "%(who)s reset two-factor for %(count)s users.", n
    ),
    Verb.SESSIONS_ENDED: lambda n: ngettext(
        "%(who)s ended all sessions of %(count)s user.", "%(who)s ended all sessions of %(count)s users.", n
    ),
    Verb.SET_APPLIED: lambda n: ngettext(
        "%(who)s applied an authorization set to %(count)s user.",
        "%(who)s applied an authorization set to %(count)s users.",
        n,
    ),
    Verb.TEAM_CREATED: lambda n: ngettext("%(who)s created %(count)s team.", "%(who)s created %(count)s teams.", n),
    Verb.TEAM_CHANGED: lambda n: ngettext("%(who)s changed %(count)s team.", "%(who)s changed %(count)s teams.", n),
    Verb.TEAM_DELETED: lambda n: ngettext("%(who)s deleted %(count)s team.", "%(who)s deleted %(count)s teams.", n),
    Verb.EMPLOYER_CREATED: lambda n: ngettext(
        "%(who)s added %(count)s employer.", "%(who)s added %(count)s employers.", n
    ),
    Verb.EMPLOYER_CHANGED: lambda n: ngettext(
        "%(who)s changed %(count)s employer.", "%(who)s changed %(count)s employers.", n
    ),
    Verb.NOTIFICATION_RAISED: lambda n: ngettext(
        "%(who)s raised %(count)s notification.", "%(who)s raised %(count)s notifications.", n
    ),
}
# What else an act did.
_SUMS: Mapping[str, Callable[[int], str]] = {
    Verb.USER_CREATED: lambda n: ngettext("%(count)s user created", "%(count)s users created", n),
    Verb.USER_CHANGED: lambda n: ngettext("%(count)s user changed", "%(count)s users changed", n),
    Verb.TEAMS_CHANGED: lambda n: ngettext("teams of %(count)s user changed", "teams of %(count)s users changed", n),
    Verb.RIGHTS_CHANGED: lambda n: ngettext("rights of %(count)s user changed", "rights of %(count)s users changed", n),
    Verb.NOTIFICATIONS_CHANGED: lambda n: ngettext(
        "notifications of %(count)s user changed", "notifications of %(count)s users changed", n
    ),
    Verb.INVITATION_SENT: lambda n: ngettext("%(count)s user invited", "%(count)s users invited", n),
    Verb.TEAM_CREATED: lambda n: ngettext("%(count)s team created", "%(count)s teams created", n),
    Verb.TEAM_CHANGED: lambda n: ngettext("%(count)s team changed", "%(count)s teams changed", n),
    Verb.EMPLOYER_CREATED: lambda n: ngettext("%(count)s employer added", "%(count)s employers added", n),
    Verb.EMPLOYER_CHANGED: lambda n: ngettext("%(count)s employer changed", "%(count)s employers changed", n),
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


def _fill(text: Callable[[int], str], count: int, **words: str) -> str:
    return text(count) % (words | {"count": format_count(count)})
