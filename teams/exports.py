"""Export of teams in the format that can be imported again."""

from collections.abc import Iterator
from typing import IO

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import exports
from accounts.exports import Columns, Form, Row
from accounts.models import Provider
from audit.actions import SEARCHED, record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from teams import rights
from teams.catalogue import Right, known, ordered
from teams.models import Team

COLUMNS: Columns = {
    "id": ("Id", 38),
    "name": (gettext_lazy("Name"), 30),
    "two_factor_required": (gettext_lazy("Two-factor required"), 20),
    "employers": (gettext_lazy("Employers"), 40),
    "rights": (gettext_lazy("Rights"), 80),
}


@asks(Proof.HALF_HOUR)
@transaction.atomic
def export(provider: Provider, teams: QuerySet[Team], *, form: Form, filters: dict[str, str], by: Actor) -> IO[bytes]:
    """Return a file with `teams` of the office, and record an event with `filters`.

    The file is positioned at its start. Raises PermissionDenied without view_teams.
    """
    rights.require_office(by, provider.pk)
    rights.require(by, Right.VIEW_TEAMS)
    used = {name: SEARCHED if name == "q" else value for name, value in filters.items() if value}
    found = teams.filter(provider=provider).order_by("sort_name", "pk")
    file = exports.write(values(found), COLUMNS, title=_("Teams"), form=form)
    record(Verb.EXPORTED, provider, by=by, provider_id=provider.pk, changes={"teams": [None, {"form": form, **used}]})
    return file


def values(teams: QuerySet[Team]) -> Iterator[Row]:
    """Yield the row of each of `teams`."""
    for team in teams.prefetch_related("rights", "employers__employer").iterator(1000):
        yield {
            "id": team.pk,
            "name": team.name,
            "two_factor_required": team.two_factor_required,
            "employers": [str(number) for number in sorted(row.employer.number for row in team.employers.all())],
            "rights": ordered(known(row.right for row in team.rights.all())),
        }
