"""Fill a new database with offices, users, employers and teams in SQL, without loading rows into Python."""

from datetime import timedelta
from pathlib import Path

import psycopg
from django.utils import timezone

from core.embedded_postgres.server import SERVER_PORT, get_socket_dir
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, Right

OFFICE_COUNT, USER_COUNT, EMPLOYER_COUNT, TEAM_COUNT = 20_000, 1_000_000, 200_000, 60_000
_ID_PREFIXES = {"office": 1, "user": 2, "employer": 3, "team": 4}


def build_id_sql(kind: str, number: str) -> str:
    """Return SQL for the id of a row by kind and number; ids grow with time, as real ones do."""
    return f"('{_ID_PREFIXES[kind]:08x}-0000-7000-8000-' || lpad(to_hex({number}), 12, '0'))::uuid"


def fill_database(data: Path) -> None:
    """Fill the embedded database in `data`, which is migrated and holds one user to copy.

    Every office has 50 users, 10 employers and 3 teams; a user is in one or two teams, a team has about 6 employers and
    12 rights, every tenth user has 2 individual rights. Every second office requires two-factor from administrators,
    every third from all users from some date. Rows of an office are far apart, as if created over time.
    """
    with psycopg.connect(
        host=get_socket_dir(data), port=SERVER_PORT, user="postgres", dbname="loket", autocommit=True
    ) as database:
        # The rows are valid by construction: checking each foreign key would take most of the time.
        database.execute("SET session_replication_role = replica")
        for statement in _build_statements():
            database.execute(statement)
        database.execute("VACUUM ANALYZE")


def _build_statements() -> list[str]:
    office = f"n % {OFFICE_COUNT}"
    codes = "ARRAY[" + ", ".join(f"'{right.value}'" for right in sorted(EMPLOYER_LEVEL_RIGHTS)) + "]"
    in_office = f"{build_id_sql('office', office)} AS provider_id"
    team = build_id_sql("team", f"n % {OFFICE_COUNT} + {OFFICE_COUNT} * j")
    return [
        f"""INSERT INTO accounts_provider SELECT made.* FROM generate_series(0, {OFFICE_COUNT - 1}) n,
            (SELECT one FROM accounts_provider one LIMIT 1) base,
            LATERAL jsonb_populate_record(base.one, jsonb_build_object(
            'id', {build_id_sql("office", "n")}, 'name', 'Kantoor ' || n, 'name_key', 'kantoor ' || n,
            'sort_name', 'kantoor ' || n, 'two_factor_managers', n % 2 = 0,
            'two_factor_from', CASE WHEN n % 3 = 0 THEN current_date + n % 60 - 30 END)) made""",
        f"""INSERT INTO accounts_user SELECT made.* FROM generate_series(0, {USER_COUNT - 1}) n,
            (SELECT one FROM accounts_user one LIMIT 1) base,
            LATERAL jsonb_populate_record(base.one, jsonb_build_object(
            'id', {build_id_sql("user", "n")}, 'provider_id', {build_id_sql("office", office)},
            'username', 'u' || n, 'username_key', 'u' || n, 'last_name', 'Jansen ' || n, 'sort_name', 'jansen ' || n,
            'search_text', 'jansen ' || n, 'email', 'u' || n || '@example.nl',
            'email_key', 'u' || n || '@example.nl')) made""",
        f"""INSERT INTO permissions_employer (id, provider_id, number, name, products, version, created_at, sort_name)
            SELECT {build_id_sql("employer", "n")}, {build_id_sql("office", office)}, n, 'Werkgever ' || n,
            '{{940, 290, 904}}', 1, now(), 'werkgever ' || n FROM generate_series(0, {EMPLOYER_COUNT - 1}) n""",
        f"""INSERT INTO permissions_team (id, provider_id, name, name_key, two_factor_required, version, created_at,
            sort_name) SELECT {build_id_sql("team", "n")}, {build_id_sql("office", office)}, 'Team ' || n, 'team ' || n,
            false, 1, now(), 'team ' || n FROM generate_series(0, {TEAM_COUNT - 1}) n""",
        f"""INSERT INTO permissions_teammember (id, provider_id, team_id, user_id) SELECT gen_random_uuid(),
            {in_office}, {team}, {build_id_sql("user", "n")}
            FROM generate_series(0, {USER_COUNT - 1}) n, generate_series(0, 2) j
            WHERE j = n / {OFFICE_COUNT} % 3 OR n / {OFFICE_COUNT} % 2 = 0 AND j = (n / {OFFICE_COUNT} + 1) % 3""",
        f"""INSERT INTO permissions_teamemployer (id, provider_id, team_id, employer_id) SELECT gen_random_uuid(),
            {in_office}, {team}, {build_id_sql("employer", "n")}
            FROM generate_series(0, {EMPLOYER_COUNT - 1}) n, generate_series(0, 2) j
            WHERE j = n / {OFFICE_COUNT} % 3 OR n / {OFFICE_COUNT} % 2 = 0""",
        f"""INSERT INTO permissions_teamright (id, provider_id, team_id, "right") SELECT gen_random_uuid(), {in_office},
            {build_id_sql("team", "n")}, ({codes})[1 + (n / {OFFICE_COUNT} * 7 + i) % {len(EMPLOYER_LEVEL_RIGHTS)}]
            FROM generate_series(0, {TEAM_COUNT - 1}) n, generate_series(0, 11) i""",
        f"""INSERT INTO permissions_individualright (id, provider_id, user_id, "right") SELECT gen_random_uuid(),
            {in_office}, {build_id_sql("user", "n")}, (ARRAY['{Right.VIEW_USERS}', '{Right.VIEW_WAGES}'])[i]
            FROM generate_series(0, {USER_COUNT - 1}, 10) n, generate_series(1, 2) i""",
    ]


def create_large_office(*, users: int = 2_000, employers: int = 1_000, teams: int = 100) -> None:
    """Create one office of 2,000 users in many teams with many rights."""
    from accounts.models import LoginMethod, Provider, User
    from permissions.models import Employer, Team, TeamEmployer, TeamMember, TeamRight

    office = Provider.objects.create(name="Groot kantoor", established_at=timezone.now())
    people = [
        User(
            provider=office, login_method=LoginMethod.WEBSITE_SSO, username=f"groot {n}", password="x", initials="A.",
            last_name=f"Groot {n}", email="groot@example.nl", accepted_at=timezone.now(),
            last_login=timezone.now() - timedelta(days=n),
        )
        for n in range(users)
    ]  # fmt: skip
    User.objects.bulk_create(people)
    places = Employer.objects.bulk_create(
        Employer(provider=office, number=n, name=f"W{n}", products=[940, 290, 904]) for n in range(employers)
    )
    groups = Team.objects.bulk_create(Team(provider=office, name=f"Team {n}") for n in range(teams))
    rights = list(Right)
    for n, team in enumerate(groups):
        chosen = [rights[(n * 3 + i) % len(rights)] for i in range(25)]
        TeamRight.objects.bulk_create(TeamRight(provider=office, team=team, right=right) for right in chosen)
        TeamEmployer.objects.bulk_create(
            TeamEmployer(provider=office, team=team, employer=places[(n * 3 + i) % employers]) for i in range(30)
        )
        TeamMember.objects.bulk_create(
            TeamMember(provider=office, team=team, user=people[(n * 10 + i) % users]) for i in range(40)
        )
