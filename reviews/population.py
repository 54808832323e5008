"""The population of a campaign: every user, team and path to access of the office, frozen by the SQL of the grants."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, Func, IntegerField, Q, Sum
from django.utils import timezone

from audit import verify_review
from permissions.inactive import INACTIVE_REASON_SQL
from permissions.models import IndividualRight, TeamMember
from reviews.campaign_models import Campaign, ReviewedTeam, ReviewedUser
from reviews.item_models import ReviewItem

DORMANT_DAYS = 90  # after which a reviewer is told
_FETCH_SIZE = 5000

_TEAMS_SQL = """
INSERT INTO reviews_reviewedteam (id, provider_id, campaign_id, team_id, name, rights, employers)
SELECT gen_random_uuid(), t.provider_id, %(campaign)s, t.id, t.name,
    ARRAY(SELECT r."right" FROM permissions_teamright r
        WHERE r.provider_id = t.provider_id AND r.team_id = t.id ORDER BY r."right" COLLATE "C"),
    ARRAY(SELECT e.employer_id FROM permissions_teamemployer e
        WHERE e.provider_id = t.provider_id AND e.team_id = t.id ORDER BY e.employer_id)
FROM permissions_team t WHERE t.provider_id = %(provider)s"""

_USERS_SQL = """
INSERT INTO reviews_revieweduser (id, provider_id, campaign_id, person_id, user_id, login_method)
SELECT gen_random_uuid(), provider_id, %(campaign)s, id, id, login_method
FROM accounts_user WHERE provider_id = %(provider)s"""

# What integrations may do for users: what they agreed to, and what the office did for all. Its teams only
# limit who is asked: a user who agreed once stays listed. SSO/Webservice users cannot agree (`oauth.consents`).
_INTEGRATIONS_SQL = """
SELECT u.id AS user_id, a.id AS application_id, a.name, c.created_at,
    ARRAY(SELECT DISTINCT unnest(COALESCE(c.scopes, '{}') || COALESCE(o.scopes, '{}')) AS scope ORDER BY scope)
        AS scopes,
    c.id IS NOT NULL AS is_used, o.id IS NOT NULL AS is_by_office
FROM accounts_user u
CROSS JOIN oauth_application a
LEFT JOIN oauth_consent c ON c.provider_id = %(provider)s AND c.user_id = u.id AND c.application_id = a.id
LEFT JOIN oauth_officeaccess o ON o.provider_id = %(provider)s AND o.application_id = a.id AND o.scopes <> '{}'
    AND u.login_method <> 'sso_webservice' AND (NOT o.for_teams_only OR EXISTS (
        SELECT 1 FROM oauth_officeaccessteam t
        JOIN permissions_teammember m ON m.provider_id = t.provider_id AND m.team_id = t.team_id
        WHERE t.provider_id = o.provider_id AND t.access_id = o.id AND m.user_id = u.id))
WHERE u.provider_id = %(provider)s AND (a.provider_id = %(provider)s OR a.provider_id IS NULL)
AND (%(users)s::uuid[] IS NULL OR u.id = ANY(%(users)s::uuid[]))
AND (c.id IS NOT NULL OR o.id IS NOT NULL)"""

# When a row was made: the first 48 bits of its id (RFC 9562 section 5.7) are the milliseconds since 1970.
_MADE_AT = "to_timestamp(('x' || left(replace({id}::text, '-', ''), 12))::bit(48)::bigint / 1000.0)"
# A team without rights gives access to its employers all the same, for individual rights: the grants do not have it.
_PATHS_SQL = f"""
WITH people AS MATERIALIZED (
    SELECT id, last_login, COALESCE(last_login, accepted_at, created_at) AS last_seen,
        COALESCE({INACTIVE_REASON_SQL}, '') AS inactive_reason
    FROM accounts_user WHERE provider_id = %(provider)s
), confirmed AS MATERIALIZED (
    SELECT DISTINCT ON (w.person_id, o.kind, o.object_id, o.code)
        w.person_id, o.kind, COALESCE(o.object_id::text, o.code) AS key, o.outcome, o.rights
    FROM reviews_reviewitem o
    JOIN reviews_revieweduser w ON w.id = o.subject_id
    JOIN reviews_campaign c ON c.id = o.campaign_id
    WHERE o.provider_id = %(provider)s AND o.in_scope AND o.outcome IN ('keep', 'revoke')
    ORDER BY w.person_id, o.kind, o.object_id, o.code, c.closed_at DESC
), integrations AS MATERIALIZED (
    {_INTEGRATIONS_SQL}
), held AS MATERIALIZED (
    SELECT user_id, team_id, CASE WHEN individual THEN "right" ELSE '' END AS code,
        array_agg("right" ORDER BY "right" COLLATE "C") AS rights
    FROM permissions_grant WHERE provider_id = %(provider)s AND NOT at_employer
    GROUP BY user_id, team_id, CASE WHEN individual THEN "right" ELSE '' END
), paths AS (
    SELECT m.user_id, 'team' AS kind, m.team_id AS object_id, '' AS code, t.name, held.rights,
        cardinality(t.employers) AS employers, {_MADE_AT.format(id="m.id")} AS granted_at,
        '{{}}'::varchar[] AS notes
    FROM held
    JOIN permissions_teammember m ON m.provider_id = %(provider)s AND m.user_id = held.user_id
        AND m.team_id = held.team_id
    JOIN reviews_reviewedteam t ON t.provider_id = %(provider)s AND t.campaign_id = %(campaign)s
        AND t.team_id = m.team_id
    UNION ALL
    SELECT m.user_id, 'team', m.team_id, '', t.name, t.rights, cardinality(t.employers), {_MADE_AT.format(id="m.id")},
        '{{}}'
    FROM reviews_reviewedteam t
    JOIN permissions_teammember m ON m.provider_id = %(provider)s AND m.team_id = t.team_id
    WHERE t.provider_id = %(provider)s AND t.campaign_id = %(campaign)s AND t.rights = '{{}}'
    UNION ALL
    SELECT i.user_id, 'right', NULL, i."right", '', held.rights, (
            SELECT count(DISTINCT e.employer_id) FROM permissions_teammember m
            JOIN permissions_teamemployer e ON e.provider_id = m.provider_id AND e.team_id = m.team_id
            WHERE m.provider_id = %(provider)s AND m.user_id = i.user_id
        ), {_MADE_AT.format(id="i.id")}, ARRAY['individual']
    FROM held
    JOIN permissions_individualright i ON i.provider_id = %(provider)s AND i.user_id = held.user_id
        AND i."right" = held.code
    WHERE held.code <> ''
    UNION ALL
    SELECT user_id, 'integration', application_id, '', name, scopes, 0, created_at, array_remove(ARRAY[
        CASE WHEN is_used THEN 'integration' END, CASE WHEN is_by_office THEN 'office' END], NULL)
    FROM integrations
)"""  # noqa: S608
_IN_SCOPE_SQL = """CASE %(scope)s
    WHEN 'everyone' THEN true
    WHEN 'teams' THEN p.kind = 'team' AND p.object_id = ANY(%(teams)s::uuid[])
    WHEN 'rights' THEN p.rights && %(rights)s::varchar[]
    WHEN 'machines' THEN s.login_method = 'sso_webservice' OR p.kind = 'integration'
    ELSE u.last_seen < %(unseen_since)s
END"""
_NOTES_SQL = """array_remove(ARRAY[
    CASE WHEN %(previous)s::uuid IS NOT NULL AND (k.outcome = 'keep' AND k.rights @> p.rights) IS NOT TRUE
        THEN 'new' END
] || p.notes || ARRAY[
    CASE WHEN 'manage_provider' = ANY(p.rights) THEN 'administrator' END,
    CASE WHEN s.login_method = 'sso_webservice' THEN 'machine'
        WHEN u.inactive_reason <> '' THEN 'inactive'
        WHEN u.last_login IS NULL THEN 'never'
        WHEN u.last_login < %(dormant_since)s THEN 'dormant' END
], NULL)"""
_ITEMS_SQL = f"""
INSERT INTO reviews_reviewitem (id, provider_id, campaign_id, subject_id, kind, object_id, code, name, rights,
    employer_count, granted_at, in_scope, notes, decision, version, outcome, result)
{_PATHS_SQL}
SELECT gen_random_uuid(), %(provider)s, %(campaign)s, s.id, p.kind, p.object_id, p.code, p.name, p.rights,
    p.employers, p.granted_at, COALESCE({_IN_SCOPE_SQL}, false), {_NOTES_SQL}, '', 0, '', ''
FROM paths p
JOIN reviews_revieweduser s ON s.provider_id = %(provider)s AND s.campaign_id = %(campaign)s
    AND s.person_id = p.user_id
JOIN people u ON u.id = p.user_id
LEFT JOIN confirmed k ON k.person_id = p.user_id AND k.kind = p.kind
    AND k.key = COALESCE(p.object_id::text, p.code)"""  # noqa: S608


class PopulationSize(NamedTuple):
    """Numbers of users, of paths in scope and in all, and of the rights along all of them."""

    users: int
    in_scope: int
    paths: int
    grants: int


def freeze_population(campaign: Campaign) -> PopulationSize:
    """Store the population of `campaign`, whose office is locked, in a fixed number of statements."""
    now, parameters = timezone.now(), _build_parameters(campaign)
    parameters["dormant_since"] = now - timedelta(days=DORMANT_DAYS)
    with connection.cursor() as cursor:
        # Nothing is known yet of rows that were inserted just now, nor of grants that were put together: the database
        # would compare all of them with all, which takes minutes for 5,000 users.
        cursor.execute("SET LOCAL enable_nestloop = off")
        for sql in (_TEAMS_SQL, _USERS_SQL, _ITEMS_SQL):
            cursor.execute(sql, parameters)
        cursor.execute("RESET enable_nestloop")
    return count_population(campaign)


def _build_parameters(campaign: Campaign) -> dict[str, Any]:
    return {
        "today": timezone.localdate(),
        "campaign": campaign.pk,
        "provider": campaign.provider_id,
        "users": None,
        "previous": campaign.previous_id,
        "scope": campaign.scope,
        "teams": campaign.scope_teams,
        "rights": campaign.scope_rights,
        "unseen_since": timezone.now() - timedelta(days=campaign.scope_days or 0),
    }


def count_population(campaign: Campaign, login_methods: Mapping[str, int] | None = None) -> PopulationSize:
    """Return the size of the frozen population. Two queries, one if its users were counted by login method before."""
    items = ReviewItem.objects.filter(provider=campaign.provider_id, campaign=campaign)
    numbers = items.aggregate(
        in_scope=Count("pk", filter=Q(in_scope=True)),
        paths=Count("pk"),
        grants=Sum(Func(F("rights"), function="cardinality", output_field=IntegerField()), default=0),
    )
    users = count_login_methods(campaign) if login_methods is None else login_methods
    return PopulationSize(users=sum(users.values()), **numbers)


def count_login_methods(campaign: Campaign) -> dict[str, int]:
    """Return the numbers of frozen users by login method. One query."""
    rows = ReviewedUser.objects.filter(provider=campaign.provider_id, campaign=campaign).order_by()
    return dict(rows.values_list("login_method").annotate(count=Count("pk")))


def iter_leaves(campaign: Campaign) -> Iterator[dict[str, Any]]:
    """Yield the population as the leaves of its Merkle tree, in no particular order."""
    mine = {"provider": campaign.provider_id, "campaign": campaign}
    for team in ReviewedTeam.objects.filter(**mine).order_by("team_id"):
        yield {
            "employers": sorted(map(str, team.employers)), "kind": "team", "rights": team.rights,
            "team": str(team.team_id),
        }  # fmt: skip
    users = ReviewedUser.objects.filter(**mine).values_list("person_id", "login_method")
    for person_id, login_method in users.iterator(_FETCH_SIZE):
        yield {"kind": "user", "login_method": login_method, "user": str(person_id)}
    fields = ("pk", "subject__person_id", "kind", "object_id", "code", "rights", "in_scope")
    for pk, person_id, kind, object_id, code, rights, in_scope in (
        ReviewItem.objects.filter(**mine).values_list(*fields).iterator(_FETCH_SIZE)
    ):
        yield {
            "id": str(pk), "in_scope": in_scope, "kind": "path", "path": [kind, str(object_id or code)],
            "rights": rights, "user": str(person_id),
        }  # fmt: skip


def list_current_paths(provider_id: UUID, users: Collection[UUID] | None = None) -> set[tuple[str, UUID, object]]:
    """Return kind, user, and team, right or integration of each path that exists now, of all or of `users`.

    Three queries.
    """
    office: dict[str, Any] = {"provider": provider_id} | ({} if users is None else {"user__in": users})
    members = TeamMember.objects.filter(**office).values_list("user_id", "team_id")
    rights = IndividualRight.objects.filter(**office).values_list("user_id", "right")
    with connection.cursor() as cursor:
        cursor.execute(_INTEGRATIONS_SQL, {"provider": provider_id, "users": None if users is None else list(users)})
        integrations = [row[:2] for row in cursor.fetchall()]
    found: list[tuple[str, Iterable[tuple[UUID, object]]]] = [
        ("team", members), ("right", rights), ("integration", integrations)
    ]  # fmt: skip
    return {(kind, user, key) for kind, pairs in found for user, key in pairs}


def compute_population_root(campaign: Campaign) -> str:
    return verify_review.compute_merkle_root(iter_leaves(campaign))
