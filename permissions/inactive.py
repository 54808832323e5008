"""SQL over a row of accounts_user: why its rights are inactive, and from which day a second factor is required.

Effective rights, sign-in, the list of users and the policies all use this one definition.
"""

from datetime import date
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from django.conf import settings
from django.db.models import CharField, Field, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from accounts.models import User

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

IMMEDIATE_DATE = date.min  # the date of a rule that applies at once
_IMMEDIATE_DATE_SQL = f"date '{IMMEDIATE_DATE}'"

# Per rule, the day from which it requires a second factor; NULL for never. `office` is the row with the policies.
TWO_FACTOR_RULES_SQL = {
    "by_user": f"CASE WHEN accounts_user.two_factor_required THEN {_IMMEDIATE_DATE_SQL} END",
    "by_team": f"""CASE WHEN EXISTS (
        SELECT 1 FROM permissions_teammember m
        JOIN permissions_team t ON t.provider_id = m.provider_id AND t.id = m.team_id
        WHERE m.provider_id = accounts_user.provider_id AND m.user_id = accounts_user.id AND t.two_factor_required
    ) THEN {_IMMEDIATE_DATE_SQL} END""",  # noqa: S608
    "as_manager": f"""CASE WHEN office.two_factor_managers AND EXISTS (
        SELECT 1 FROM permissions_grant held
        WHERE held.provider_id = accounts_user.provider_id AND held.user_id = accounts_user.id
        AND NOT held.at_employer AND held."right" = 'manage_provider'
    ) THEN {_IMMEDIATE_DATE_SQL} END""",  # noqa: S608
    "all_users": "office.two_factor_from",
    # Website users sign in for the first time when they accept the invitation. Users who accepted before the rule was
    # set get as many days as new users.
    "after_days": f"""CASE WHEN accounts_user.accepted_at IS NOT NULL THEN GREATEST(
        (accounts_user.accepted_at AT TIME ZONE '{settings.TIME_ZONE}')::date, office.two_factor_days_since
    ) + office.two_factor_days END""",
}
OFFICE_POLICY_SQL = "accounts_provider office WHERE office.id = accounts_user.provider_id"
# Takes the policies from positional parameters instead, in this order.
HYPOTHETICAL_POLICY_SQL = """(
    SELECT %s::boolean AS two_factor_managers, %s::date AS two_factor_from, %s::smallint AS two_factor_days,
        %s::date AS two_factor_days_since
) office"""


def build_two_factor_due_sql(office: str = OFFICE_POLICY_SQL) -> str:
    """Return SQL for the day from which the user must have a second factor: the earliest of all rules, NULL for never.

    Only website users have a second factor here (rule 2). `office` is OFFICE_POLICY_SQL or HYPOTHETICAL_POLICY_SQL.
    Support users have no office, so only their own rule applies.
    """
    others = ", ".join(day for name, day in TWO_FACTOR_RULES_SQL.items() if name != "by_user")
    strictest = f"LEAST({TWO_FACTOR_RULES_SQL['by_user']}, (SELECT LEAST({others}) FROM {office}))"  # noqa: S608
    return f"CASE WHEN accounts_user.login_method = 'website_sso' THEN {strictest} END"


def build_open_filter() -> Q:
    """Return the condition that a user is not blocked and the last day of access has not passed; may be invited."""
    return Q(Q(access_until=None) | Q(access_until__gte=timezone.localdate()), blocked_at=None)


# Why rights are inactive (rule 4), most important reason first. Needs the parameter `today`.
INACTIVE_CONDITIONS_SQL = {
    "closed": """(
        SELECT suspended_at FROM accounts_provider office WHERE office.id = accounts_user.provider_id
    ) IS NOT NULL""",
    "invited": "accounts_user.accepted_at IS NULL",
    "blocked": "accounts_user.blocked_at IS NOT NULL",
    "ended": "accounts_user.access_until < %(today)s",
    "two_factor": f"accounts_user.second_factor_at IS NULL AND ({build_two_factor_due_sql()}) <= %(today)s",
}
INACTIVE_REASON_SQL = (
    "CASE"
    + "".join(f" WHEN {condition} THEN '{reason}'" for reason, condition in INACTIVE_CONDITIONS_SQL.items())
    + " END"
)
# Whether the user of the parameter `user` has active rights.
ACTIVE_USER_SQL = f"(SELECT ({INACTIVE_REASON_SQL}) IS NULL FROM accounts_user WHERE id = %(user)s)"  # noqa: S608

# Pairs of a user and an employer of their teams, for active users and employers with `product` enabled. A pair may
# occur more than once. Needs the parameters `provider`, `product` and `today`.
EMPLOYER_USERS_SQL = f"""
SELECT m.user_id, e.employer_id
FROM permissions_teammember m
JOIN permissions_teamemployer e ON e.provider_id = m.provider_id AND e.team_id = m.team_id
JOIN permissions_employer w ON w.provider_id = e.provider_id AND w.id = e.employer_id
JOIN accounts_user ON accounts_user.provider_id = m.provider_id AND accounts_user.id = m.user_id
WHERE m.provider_id = %(provider)s AND %(product)s = ANY(w.products) AND ({INACTIVE_REASON_SQL}) IS NULL"""  # noqa: S608


class InactiveAnnotation(TypedDict):
    """The main reason why the rights of a user are inactive now, None if they are active."""

    inactive_reason: str | None


UserWithInactiveReason: TypeAlias = "WithAnnotations[User, InactiveAnnotation]"


def annotate_inactive_reason(users: QuerySet[User]) -> QuerySet[UserWithInactiveReason]:
    """Annotate `users` with `inactive_reason`, a value of `effective.InactiveReason`."""
    return users.annotate(inactive_reason=build_user_expression(INACTIVE_REASON_SQL, CharField(null=True)))


def build_user_expression(sql: str, field: "Field[Any, Any]") -> RawSQL:
    days = [timezone.localdate()] * sql.count("%(today)s")
    return RawSQL(sql.replace("%(today)s", "%s"), days, output_field=field)  # noqa: S611 (no input is part of the text)
