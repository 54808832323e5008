"""Whom a change of the rights of a team reaches, before it is saved."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from permissions.catalog import OFFICE_LEVEL_RIGHTS, Right, sort_rights
from permissions.effective import InactiveReason
from permissions.inactive import annotate_inactive_reason
from permissions.models import Employer, Team
from permissions.team_reach import UserReach

MAX_NAMES = 100


@dataclass
class Reached:
    """The users who gain or lose at least one right, and where: at `employers` or, office-level rights, `office_wide`.

    Users who also have the right another way are left out.
    """

    users: set[UUID] = field(default_factory=set)
    employers: set[UUID] = field(default_factory=set)
    office_wide: bool = False

    @property
    def where(self) -> str:
        count = len(self.employers)
        places = ngettext("at %(count)s employer", "at %(count)s employers", count) % {"count": count} if count else ""
        office = _("for the whole office") if self.office_wide else ""
        if not places or not office:
            return places or office
        return _("%(places)s and %(office)s") % {"places": places, "office": office}


@dataclass(frozen=True)
class RightsImpact:
    added: list[Right]
    removed: list[Right]
    gaining: Reached
    losing: Reached
    member_count: int
    employer_count: int
    without_product: dict[Right, int]  # at how many employers of the team an added right has no effect
    inactive: Counter[InactiveReason]  # why users who gain rights cannot use them now

    @property
    def users(self) -> set[UUID]:
        return self.gaining.users | self.losing.users

    @property
    def headline(self) -> str:
        gain = ngettext(
            "%(count)s colleague gains this %(where)s",
            "%(count)s colleagues gain this %(where)s",
            len(self.gaining.users),
        )
        loss = ngettext(
            "%(count)s colleague loses this %(where)s",
            "%(count)s colleagues lose this %(where)s",
            len(self.losing.users),
        )
        found = [
            text % {"count": len(reached.users), "where": reached.where}
            for text, reached in ((gain, self.gaining), (loss, self.losing))
            if reached.users
        ]
        if found:
            return "; ".join(found)
        if not self.member_count:
            return _("This team has no members yet: no one gains or loses anything")
        return _("No one gains or loses anything")

    @property
    def details(self) -> list[str]:
        added, removed, counts = len(self.added), len(self.removed), []
        if added:
            counts.append(ngettext("%(count)s right granted", "%(count)s rights granted", added) % {"count": added})
        if removed:
            counts.append(ngettext("%(count)s right revoked", "%(count)s rights revoked", removed) % {"count": removed})
        found = [", ".join(counts) + "."] if counts else []
        if not self.employer_count and frozenset(self.added) - OFFICE_LEVEL_RIGHTS:
            found.append(_("The team has no employers, so rights at employers have no effect yet."))
        for right, count in self.without_product.items():
            values = {"right": right.label, "count": count, "total": self.employer_count}
            found.append(_("“%(right)s” has no effect at %(count)s of %(total)s employers: product off.") % values)
        for reason, count in self.inactive.items():
            values = {"count": count, "reason": reason.label}
            found.append(_("Not active yet for %(count)s of them: %(reason)s.") % values)
        return found

    def list_names(self, viewer: User) -> list[str]:
        found = User.objects.visible_to(viewer).filter(pk__in=self.users).order_by("sort_name", "pk")[:MAX_NAMES]
        return [user.list_name for user in found]


def compute_rights_impact(team: Team, before: frozenset[Right], after: frozenset[Right]) -> RightsImpact:
    """Say whom the change of the team's rights reaches. Nine queries, however many members and employers there are."""
    members = list(team.members.values_list("user_id", flat=True))
    reach = UserReach(team.provider_id, members)
    employers = Employer.objects.filter(teams__team=team, provider=team.provider_id)
    products = dict(employers.values_list("pk", "products"))
    others = _OtherSources(team, reach)
    added, removed = sort_rights(after - before), sort_rights(before - after)
    gaining, losing = others.find_reached(members, added), others.find_reached(members, removed)
    return RightsImpact(
        added,
        removed,
        gaining,
        losing,
        len(members),
        len(products),
        {
            right: count
            for right in added
            if right not in OFFICE_LEVEL_RIGHTS
            and (count := sum(not right.works_with(enabled) for enabled in products.values()))
        },
        _count_inactive(gaining.users),
    )


def _count_inactive(users: set[UUID]) -> Counter[InactiveReason]:
    rows = annotate_inactive_reason(User.objects.filter(pk__in=users)).values_list("inactive_reason", flat=True)
    return Counter(InactiveReason(reason) for reason in rows if reason)


class _OtherSources:
    """What members have without this team. Users in the same other teams share one computation."""

    def __init__(self, team: Team, reach: UserReach) -> None:
        self.team, self.reach = team, reach
        self.employers = frozenset(reach.reach.employers.get(team.pk, ()))
        self.elsewhere: dict[tuple[frozenset[UUID], Right], frozenset[UUID] | None] = {}

    def find_reached(self, members: Iterable[UUID], rights: list[Right]) -> Reached:
        found = Reached()
        same_access: dict[tuple[frozenset[UUID], frozenset[Right]], list[UUID]] = defaultdict(list)
        for user_id in members:
            teams = self.reach.get_teams(user_id) - {self.team.pk}
            same_access[teams, self.reach.get_individual(user_id)].append(user_id)
        for (teams, individual), users in same_access.items():
            for right in rights:
                if not individual.isdisjoint(right.granted_by):
                    continue
                elsewhere = self._find_employers(teams, right)
                if right in OFFICE_LEVEL_RIGHTS and elsewhere is None:
                    found.office_wide = True
                    found.users.update(users)
                elif right not in OFFICE_LEVEL_RIGHTS and (places := self.employers - (elsewhere or frozenset())):
                    found.users.update(users)
                    found.employers |= places
        return found

    def _find_employers(self, teams: frozenset[UUID], right: Right) -> frozenset[UUID] | None:
        """Return where the other `teams` give `right`; None if none of them gives it."""
        if (teams, right) not in self.elsewhere:
            giving = [team for team in teams if not self.reach.reach.rights[team].isdisjoint(right.granted_by)]
            places = frozenset(self.reach.reach.list_employers(giving)) if giving else None
            self.elsewhere[teams, right] = places
        return self.elsewhere[teams, right]
