"""The teams, employers, sets and tenants of an office that files refer to by name."""

from functools import cached_property

from django.utils.translation import gettext as _

from accounts.models import ExternalTenant, Provider
from core.keys import compute_name_key
from imports.files.user_rows import UserRow
from imports.files.wording import suggest_name
from notifications.models import NotificationSet
from permissions.catalog import rights_from_codes
from permissions.models import AuthorizationSet, Employer, Team
from permissions.team_reach import TeamReach


class OfficeLookup:
    """The objects of an office by their names in lower case; each kind is loaded when it is first needed."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    @cached_property
    def teams(self) -> dict[str, Team]:
        teams = Team.objects.filter(provider=self.provider).prefetch_related("rights", "employers__employer")
        return {compute_name_key(team.name): team for team in teams}

    @cached_property
    def team_reach(self) -> TeamReach:
        teams = self.teams.values()
        return TeamReach(
            {team.pk: rights_from_codes(row.right for row in team.rights.all()) for team in teams},
            {team.pk: {row.employer_id for row in team.employers.all()} for team in teams},
        )

    @cached_property
    def employers(self) -> dict[int, Employer]:
        """Employers by number."""
        return {employer.number: employer for employer in Employer.objects.filter(provider=self.provider)}

    @cached_property
    def sets(self) -> dict[str, AuthorizationSet]:
        return {compute_name_key(set_.name): set_ for set_ in AuthorizationSet.objects.filter(provider=self.provider)}

    @cached_property
    def notification_sets(self) -> dict[str, NotificationSet]:
        sets = NotificationSet.objects.filter(provider=self.provider).prefetch_related("settings")
        return {compute_name_key(set_.name): set_ for set_ in sets}

    @cached_property
    def tenants(self) -> dict[str, ExternalTenant]:
        """Confirmed tenants by name and by tenant ID."""
        tenants = list(ExternalTenant.objects.proved().filter(provider=self.provider))
        return {compute_name_key(tenant.name): tenant for tenant in tenants} | {
            str(each.tenant_id): each for each in tenants
        }

    def build_unknown_team_message(self, name: str) -> str:
        message = _("Team “%(name)s” does not exist. Create it first.") % {"name": name}
        return message + suggest_name(name, sorted(team.name for team in self.teams.values()))

    def resolve_names(self, row: UserRow) -> None:
        """Replace names in a row with the objects they refer to, and add problems for unknown names."""
        unknown_set = _("No set has this name. Check the name.")
        unknown_tenant = _("This tenant cannot be used: it has been removed or is not confirmed.")
        for column, known, message in (
            ("external_tenant", self.tenants, unknown_tenant),
            ("authorization_set", self.sets, unknown_set),
            ("signal_set", self.notification_sets, unknown_set),
        ):
            if row.has_value(column):
                match = known.get(compute_name_key(str(row.values[column])))
                if match is None:
                    names = {each.name for each in known.values()}
                    row.add_problem(column, message + suggest_name(str(row.values[column]), sorted(names)))
                row.values[column] = match
        if "teams" in row.values:
            names = row.values["teams"]
            for name in names:
                if compute_name_key(name) not in self.teams:
                    row.add_problem("teams", self.build_unknown_team_message(name), value=name)
            row.values["teams"] = sorted(
                {self.teams[key].name for key in map(compute_name_key, names) if key in self.teams}
            )
