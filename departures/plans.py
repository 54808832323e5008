"""What a departure leaves behind, and everything that will happen: read again before it is executed."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from authentication.sessions import list_active_sessions
from invitations.models import Invitation
from notifications import preferences
from oauth.models import Consent
from permissions import checks
from permissions.checks import LastAdministrator
from permissions.models import Employer, Team, TeamEmployer, TeamMember

MAX_NAMES = 20
MAX_REVOKED = 100  # invitations in one departure: each is revoked by itself, while the office is locked


@dataclass(frozen=True)
class DepartureChoices:
    """What the administrator chose; without `access_until` the user is blocked at once."""

    access_until: date | None = None
    successor: User | None = None
    teams: Sequence[Team] = ()  # that the successor joins
    revokes_invitations: bool = False
    ends_integrations: bool = False
    clears_notifications: bool = False


@dataclass(frozen=True)
class Situation:
    """What depends on a user now: teams and employers where no other colleague works, and open ends."""

    teams: Sequence[Team]
    empty_teams: list[Team]
    uncovered_employers: list[Employer]
    own_invitation: Invitation | None
    sent_invitations: list[Invitation]
    consents: list[Consent]
    session_count: int
    override_count: int
    directories: list[str]  # names of those that act with the rights of the user


@dataclass(frozen=True)
class DeparturePlan:
    """A departure with everything that it does; `digest` differs once the situation or a choice does."""

    user: User
    choices: DepartureChoices
    situation: Situation
    empty_teams: list[Team]  # afterward
    uncovered_employers: list[Employer]  # afterward

    @property
    def digest(self) -> str:
        choices, found = self.choices, self.situation
        parts = [
            [self.user.pk, self.user.version, choices.access_until, choices.successor and choices.successor.pk],
            sorted(str(team.pk) for team in choices.teams),
            [choices.revokes_invitations, choices.ends_integrations, choices.clears_notifications],
            [[team.pk, team.version] for team in found.teams],
            [team.pk for team in self.empty_teams],
            [employer.pk for employer in self.uncovered_employers],
            [[row.pk, row.sent_at] for row in [*found.sent_invitations, found.own_invitation] if row],
            [consent.pk for consent in found.consents],
            found.override_count,
            found.directories,
        ]
        return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()

    def list_consequences(self) -> list[str]:
        """Return in words everything that the plan does, to whom."""
        return [*self._list_access(), *self._list_handovers(), *self._list_open_ends()]

    def _list_access(self) -> list[str]:
        values = {"name": self.user.full_name, "email": self.user.email, "count": self.situation.session_count}
        if until := self.choices.access_until:
            text = _("%(name)s has access until %(date)s, and keeps teams and rights until then.")
            return [text % {**values, "date": date_format(until, "j F Y")}]
        sessions = ngettext("%(count)s session ends.", "%(count)s sessions end.", self.situation.session_count)
        return [
            _("%(name)s is blocked immediately and can no longer log in with any method.") % values,
            *([sessions % values] if self.situation.session_count else []),
            _("%(name)s receives an e-mail about this at %(email)s.") % values,
        ]

    def _list_handovers(self) -> list[str]:
        if self.choices.successor is None or not self.choices.teams:
            return []
        text = _("%(name)s joins these teams, with their rights and employers: %(teams)s.")
        return [text % {"name": self.choices.successor.full_name, "teams": join_names(self.choices.teams)}]

    def _list_open_ends(self) -> list[str]:
        found, lines = self.situation, []
        if found.own_invitation and self.choices.access_until is None:
            lines.append(_("The invitation of %(name)s is revoked.") % {"name": self.user.full_name})
        if found.sent_invitations:
            names = join_names([row.user.full_name for row in found.sent_invitations])
            text = (
                _("These invitations are revoked: %(names)s.")
                if self.choices.revokes_invitations
                else _("A colleague must resend these invitations before they can be accepted: %(names)s.")
            )
            lines.append(text % {"names": names})
        if found.consents and self.choices.ends_integrations:
            lines.append(_("The access of these integrations ends: %(names)s.") % {"names": join_names(found.consents)})
        if found.override_count and self.choices.clears_notifications:
            lines.append(_("The notification settings follow the office again."))
        return lines

    def list_gaps(self) -> list[str]:
        """Return what is left without anyone."""
        gaps = []
        if self.empty_teams:
            text = _("No active colleague is left in these teams: %(names)s.")
            gaps.append(text % {"names": join_names(self.empty_teams)})
        if self.uncovered_employers:
            text = _("No active colleague works for these employers: %(names)s.")
            gaps.append(text % {"names": join_names(self.uncovered_employers)})
        if self.situation.directories:
            text = _("These directories are refused from then on, until a colleague becomes their owner: %(names)s.")
            gaps.append(text % {"names": join_names(self.situation.directories)})
        return gaps


def join_names(rows: Sequence[object]) -> str:
    """Return at most MAX_NAMES names, and how many more there are."""
    text = ", ".join(str(row) for row in rows[:MAX_NAMES])
    more = len(rows) - MAX_NAMES
    return f"{text} {_('and %(count)s more') % {'count': more}}" if more > 0 else text


def examine_departure(user: User) -> Situation:
    """A fixed number of queries."""
    open_invitations = Invitation.objects.filter(
        Q(user=user) | Q(sent_by=user), provider=user.office, state=Invitation.State.OPEN, expires_at__gt=timezone.now()
    )
    invitations = list(open_invitations.select_related("user").order_by("sent_at", "pk"))
    others = _list_other_members(user).filter(team=OuterRef("pk"))
    memberships = Team.objects.filter(provider=user.office, members__user=user)
    teams = list(memberships.annotate(has_others=Exists(others)).order_by("sort_name", "pk"))
    return Situation(
        teams=teams,
        empty_teams=[team for team in teams if not team.has_others],
        uncovered_employers=list(_filter_uncovered_employers(user)),
        own_invitation=next((row for row in invitations if row.user_id == user.pk), None),
        sent_invitations=[row for row in invitations if row.user_id != user.pk],
        consents=list(Consent.objects.filter(provider=user.office, user=user).select_related("application")),
        session_count=list_active_sessions(user).count(),
        override_count=len(preferences.get_user_overrides(user)),
        directories=list(user.directory_connections.order_by("name_key").values_list("name", flat=True)),
    )


def build_plan(user: User, choices: DepartureChoices) -> DeparturePlan:
    found = examine_departure(user)
    empty, uncovered = found.empty_teams, found.uncovered_employers
    if choices.successor is not None and is_active(choices.successor):
        joined = {team.pk for team in choices.teams}
        empty = [team for team in empty if team.pk not in joined]
        places = TeamEmployer.objects.filter(provider=user.office, team__in=joined)
        covered = set(places.values_list("employer_id", flat=True))
        uncovered = [employer for employer in uncovered if employer.pk not in covered]
    return DeparturePlan(user, choices, found, empty, uncovered)


def is_active(user: User) -> bool:
    return user.accepted_at is not None and not user.is_denied_access


def _list_other_members(user: User) -> QuerySet[TeamMember]:
    """Return the memberships of colleagues who work, and have no end date."""
    working = User.objects.filter(provider=user.office, accepted_at__isnull=False, blocked_at=None, access_until=None)
    return TeamMember.objects.filter(provider=user.office, user__in=working).exclude(user=user)


def _filter_uncovered_employers(user: User) -> QuerySet[Employer]:
    others = _list_other_members(user).filter(team__employers__employer=OuterRef("pk"))
    own = TeamMember.objects.filter(provider=user.office, user=user, team__employers__employer=OuterRef("pk"))
    employers = Employer.objects.filter(Exists(own), ~Exists(others), provider=user.office)
    return employers.order_by("sort_name", "pk")


def find_obstacle(user: User) -> str:
    """Return why the user cannot leave: the last administrator, or ""."""
    administrators = checks.list_active_administrators(user.office)
    if user not in administrators or user.office.established_at is None:
        return ""
    try:
        checks.require_one_stays(other for other in administrators if other != user)
    except LastAdministrator as error:
        return _("%(name)s is the last administrator.") % {"name": user.full_name} + f" {error}"
    return ""
