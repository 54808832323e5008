"""Random offices with teams, employers and rights, and a second evaluator in plain Python over the fetched rows."""

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.models import LoginMethod, Provider, User
from permissions.catalog import Right, RightLevel
from permissions.models import Employer, IndividualRight, Team, TeamEmployer, TeamMember, TeamRight
from permissions.products import Product
from tests.helpers.users import hash_of

RIGHTS = list(Right)


@dataclass
class RandomOffice:
    """An office with random users, employers and teams."""

    provider: Provider
    users: list[User]
    employers: list[Employer]
    teams: list[Team]


def make_random_office(
    chance: Random, *, users: int = 8, employers: int = 5, teams: int = 5, rights: int = 12
) -> RandomOffice:
    """Create an office with users in every state; sizes are maximums."""
    provider = Provider.objects.create(
        name=f"Kantoor {chance.random()}", established_at=timezone.now(), **make_random_policies(chance)
    )
    random_office = RandomOffice(
        provider,
        [make_random_user(provider, chance, number) for number in range(chance.randint(1, users))],
        [
            Employer(provider=provider, number=number, name=f"{number}", products=chance.sample(list(Product), 5))
            for number in range(chance.randint(1, employers))
        ],
        [
            Team(provider=provider, name=f"Team {number}", two_factor_required=chance.random() < 0.1)
            for number in range(chance.randint(0, teams))
        ],
    )  # fmt: skip
    for model in (random_office.users, random_office.employers, random_office.teams):
        if model:
            type(model[0]).objects.bulk_create(model)
    assign_access(random_office, chance, rights)
    return random_office


def make_random_policies(chance: Random) -> dict[str, Any]:
    """Return a random two-factor policy of an office, most often one without effect yet."""
    near = timezone.localdate() + timedelta(days=chance.choice([-1, 0, 1, 30]))
    days = chance.choice([None, None, 1, 5, 9])
    return {
        "two_factor_managers": chance.random() < 0.4,
        "two_factor_from": chance.choice([None, None, None, near]),
        "two_factor_days": days,
        "two_factor_days_since": days and timezone.localdate() - timedelta(days=chance.choice([0, 5, 9, 40])),
    }


def make_random_user(provider: Provider, chance: Random, number: int) -> User:
    """Return an unsaved user, more often than not with active rights."""
    user = User(
        provider=provider, login_method=LoginMethod.WEBSITE_SSO, initials="A.", last_name=f"Jansen {number}",
        email=f"u{number}@example.nl", username=f"{provider.pk}-{number}", password=hash_of("Zonnebloem-42"),
        accepted_at=timezone.now() - timedelta(hours=chance.choice([0, 20, 24 * 5, 24 * 9])),
        second_factor_at=timezone.now() if chance.random() < 0.2 else None,
    )  # fmt: skip
    state = chance.randrange(12)
    if state == 0:
        user.accepted_at, user.username, user.password = None, None, "!"
    elif state == 1:
        user.blocked_at = timezone.now()
    elif state in (2, 3):
        user.access_until = timezone.localdate() + timedelta(days=chance.choice([-1, 0, 1]))
    elif state == 4:
        user.two_factor_required = True
    elif state == 5:
        user.login_method, user.second_factor_at = LoginMethod.SSO_WEBSERVICE, None
    return user


def assign_access(random_office: RandomOffice, chance: Random, most: int) -> None:
    """Assign random users, employers and rights to the teams, and random individual rights to users."""
    office = random_office.provider
    some = [right for right in RIGHTS if chance.random() < 0.4] or RIGHTS
    for team in random_office.teams:
        TeamMember.objects.bulk_create(
            TeamMember(provider=office, team=team, user=user) for user in random_office.users if chance.random() < 0.4
        )
        TeamEmployer.objects.bulk_create(
            TeamEmployer(provider=office, team=team, employer=employer)
            for employer in random_office.employers
            if chance.random() < 0.4
        )
        TeamRight.objects.bulk_create(
            TeamRight(provider=office, team=team, right=right)
            for right in chance.sample(some, min(len(some), chance.randint(0, most)))
        )
    for user in random_office.users:
        rights = chance.sample(some, min(len(some), chance.choice([0, 0, 2, 5])))
        rows = [IndividualRight(provider=office, user=user, right=right) for right in rights]
        IndividualRight.objects.bulk_create(rows, ignore_conflicts=True)


@dataclass
class Rows:
    """All rows of an office that determine rights."""

    provider: Provider
    users: dict[UUID, User] = field(default_factory=dict)
    employers: dict[UUID, Employer] = field(default_factory=dict)
    teams: dict[UUID, Team] = field(default_factory=dict)
    members: set[tuple[UUID, UUID]] = field(default_factory=set)  # team, user
    places: set[tuple[UUID, UUID]] = field(default_factory=set)  # team, employer
    gives: set[tuple[UUID, str]] = field(default_factory=set)  # team, right
    own: set[tuple[UUID, str]] = field(default_factory=set)  # user, right


def fetch_rows(provider: Provider) -> Rows:
    """Return the rows of one office."""
    return Rows(
        Provider.objects.get(pk=provider.pk),
        {user.pk: user for user in User.objects.filter(provider=provider)},
        {employer.pk: employer for employer in Employer.objects.filter(provider=provider)},
        {team.pk: team for team in Team.objects.filter(provider=provider)},
        set(TeamMember.objects.filter(provider=provider).values_list("team_id", "user_id")),
        set(TeamEmployer.objects.filter(provider=provider).values_list("team_id", "employer_id")),
        set(TeamRight.objects.filter(provider=provider).values_list("team_id", "right")),
        set(IndividualRight.objects.filter(provider=provider).values_list("user_id", "right")),
    )


def is_inactive(rows: Rows, user: UUID) -> bool:
    """Return whether the rights of a user are inactive (rule 4)."""
    one = rows.users[user]
    ended = one.access_until is not None and one.access_until < timezone.localdate()
    return one.accepted_at is None or one.blocked_at is not None or ended or lacks_factor(rows, user)


def lacks_factor(rows: Rows, user: UUID) -> bool:
    """Return whether a user has no second factor and a rule requires one today."""
    one, office, today = rows.users[user], rows.provider, timezone.localdate()
    if one.second_factor_at is not None or one.login_method != LoginMethod.WEBSITE_SSO:
        return False
    if one.two_factor_required or (office.two_factor_from is not None and office.two_factor_from <= today):
        return True
    if any(rows.teams[team].two_factor_required for team, member in rows.members if member == user):
        return True
    if office.two_factor_managers and holds_right(rows, user, Right.MANAGE_PROVIDER, None):
        return True
    if office.two_factor_days is None or office.two_factor_days_since is None or one.accepted_at is None:
        return False
    began = max(timezone.localtime(one.accepted_at).date(), office.two_factor_days_since)
    return (today - began).days >= office.two_factor_days


def holds_right(rows: Rows, user: UUID, right: Right, employer: UUID | None) -> bool:
    """Return whether a user holds a right, inactive or not, regardless of products."""
    mine = {team for team, member in rows.members if member == user}
    if right.level is RightLevel.PROVIDER:
        if employer is not None:
            return False
        codes = {str(right)} | (
            {"manage_provider"} if RIGHTS.index(right) <= RIGHTS.index(Right.REVIEW_ACCESS) else set()
        )
        return any((team, code) in rows.gives for team in mine for code in codes) or any(
            (user, code) in rows.own for code in codes
        )
    bringing = {team for team in mine if (team, employer) in rows.places}
    return any((team, str(right)) in rows.gives for team in bringing) or bool(
        bringing and (user, str(right)) in rows.own
    )


def can_use_right(rows: Rows, user: UUID, right: Right, employer: UUID | None) -> bool:
    """Return whether a user can use a right now."""
    if is_inactive(rows, user) or not holds_right(rows, user, right, employer):
        return False
    return employer is None or not right.products or bool(set(right.products) & set(rows.employers[employer].products))
