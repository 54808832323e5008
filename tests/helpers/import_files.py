"""Import files built from rows, and the import command."""

import json
from io import BytesIO, StringIO
from pathlib import Path
from typing import IO, Any

from django.core.management import call_command

from accounts.models import Provider, User
from audit.actors import Actor
from core import sheets
from imports.plans import user_plans
from imports.plans.plan import Plan, PlanItem, plan_and_apply
from permissions.checks import Right
from permissions.models import Employer, Team, TeamEmployer, TeamMember, TeamRight
from tests.helpers.users import actor

INVITED = {
    "login_method": "Via website en SSO", "initials": "P.", "last_name": "Boer", "email": "boer@devries.example",
    "mobile_number": "06 12345678",
}  # fmt: skip
SERVICE = {
    "login_method": "Alleen via SSO/Webservice", "initials": "ICT", "last_name": "Koppeling",
    "email": "ict@devries.example", "username": "koppeling #1", "password": "Regenboog-17",
}  # fmt: skip


def azure(number: int = 1, tenant: str = "Groep") -> dict[str, str]:
    """Return the row of a new Azure user."""
    return {
        "login_method": "Alleen via Azure AD", "initials": "N.", "last_name": f"Groen {number}",
        "email": f"groen{number}@devries.example", "username": f"groen {number}", "external_tenant": tenant,
        "external_user_id": f"2b1e9c04-77ad-4c3b-8d10-{number:012d}",
    }  # fmt: skip


def file_of(*rows: dict[str, str]) -> BytesIO:
    """Return a CSV file with `rows` under the column headings."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return BytesIO(b"".join(sheets.iter_csv_lines([names, *([row.get(name, "") for name in names] for row in rows)])))


def planned(office: Provider, *rows: dict[str, str], by: Actor | None = None, invite: bool = True) -> Plan:
    """Return the changes that `rows` cause."""
    return user_plans.plan_user_file(office, file_of(*rows), by=by or actor(), invite=invite)


def apply_user_file(
    office: Provider, file: IO[bytes], *, by: Actor | None = None, invite: bool = True, digest: str | None = None
) -> Plan:
    """Plan a file of users and apply it, as the command does."""
    by = by or actor()
    return plan_and_apply(
        office, lambda locked: user_plans.plan_user_file(locked, file, by=by, invite=invite), by=by, digest=digest
    )


def applied(office: Provider, *rows: dict[str, str], **options: Any) -> tuple[Plan, list[PlanItem]]:
    """Apply `rows`; there may be no fault."""
    plan = apply_user_file(office, file_of(*rows), **options)
    assert plan.faults == []
    return plan, plan.items


def faults(plan: Plan) -> list[tuple[int, str, str]]:
    """Return row, column and advice of every error."""
    return [(fault["row"], fault["column"], fault["what"]) for fault in plan.faults]


def team_of(
    office: Provider, name: str, *rights: Right, members: tuple[User, ...] = (), numbers: tuple[int, ...] = ()
) -> Team:
    """Create a team with employers that have these numbers."""
    team = Team.objects.create(provider=office, name=name)
    for right in rights:
        TeamRight.objects.create(provider=office, team=team, right=right)
    for user in members:
        TeamMember.objects.create(provider=office, team=team, user=user)
    for number in numbers:
        employer, _made = Employer.objects.get_or_create(
            provider=office, number=number, defaults={"name": f"W{number}"}
        )
        TeamEmployer.objects.create(provider=office, team=team, employer=employer)
    return team


def command(name: str, *args: object, **options: object) -> tuple[int, str]:
    """Run a command; return its exit code and output."""
    output, code = StringIO(), 0
    try:
        call_command(name, *map(str, args), stdout=output, stderr=StringIO(), **options)
    except SystemExit as end:
        code = int(end.code or 0)
    return code, output.getvalue()


def lines(path: Path) -> list[Any]:
    """Return the JSON lines of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]
