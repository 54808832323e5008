"""When the rights of a row of accounts_user have no effect, and from which day a second factor is asked, as SQL.

One text behind every question: the evaluator, whoever asks at the door, the list and the policies all use it.
"""

from datetime import date

from django.conf import settings

from teams import roads

AT_ONCE = date.min  # the day of a rule that has no day: it holds from the beginning
_AT_ONCE = f"date '{AT_ONCE}'"
_HOLDINGS = roads.in_office("= accounts_user.id").replace("%(provider)s", "accounts_user.provider_id")

# Each rule that asks somebody for a second factor: from which day, NULL for never. `office` has its policies.
RULES = {
    "by_user": f"CASE WHEN accounts_user.two_factor_required THEN {_AT_ONCE} END",
    "by_team": f"""CASE WHEN EXISTS (
        SELECT 1 FROM teams_teammember m JOIN teams_team t ON t.provider_id = m.provider_id AND t.id = m.team_id
        WHERE m.provider_id = accounts_user.provider_id AND m.user_id = accounts_user.id AND t.two_factor_required
    ) THEN {_AT_ONCE} END""",  # noqa: S608
    "as_manager": f"""CASE WHEN office.two_factor_managers AND EXISTS (
        SELECT 1 FROM ({_HOLDINGS}) road WHERE code = 'manage_provider'
    ) THEN {_AT_ONCE} END""",  # noqa: S608
    "everybody": "office.two_factor_from",
    # A website user signs in for the first time in the moment of accepting. Who did so before the rule was set gets
    # as many days as a newcomer.
    "after_days": f"""CASE WHEN accounts_user.accepted_at IS NOT NULL THEN GREATEST(
        (accounts_user.accepted_at AT TIME ZONE '{settings.TIME_ZONE}')::date, office.two_factor_days_since
    ) + office.two_factor_days END""",
}
OFFICE = "accounts_provider office WHERE office.id = accounts_user.provider_id"
# The policies of parameters instead, in this order.
SUPPOSED = """(SELECT %s::boolean AS two_factor_managers, %s::date AS two_factor_from, %s::smallint AS two_factor_days,
    %s::date AS two_factor_days_since) office"""


def due(office: str = OFFICE) -> str:
    """Return the SQL of the day from which somebody must have a second factor, NULL for never: the strictest rule.

    Only website users have one here (rule 2). `office` is OFFICE or SUPPOSED; support has none, and
    for it the user's own rule is the only one.
    """
    others = ", ".join(day for name, day in RULES.items() if name != "by_user")
    strictest = f"LEAST({RULES['by_user']}, (SELECT LEAST({others}) FROM {office}))"  # noqa: S608
    return f"CASE WHEN accounts_user.login_method = 'website_sso' THEN {strictest} END"


# Why rights have no effect (rule 4), the reason that matters most first. Needs the parameter `today`.
REASONS = {
    "closed": """(
        SELECT closed_at FROM accounts_provider closed WHERE closed.id = accounts_user.provider_id
    ) IS NOT NULL""",
    "invited": "accounts_user.accepted_at IS NULL",
    "blocked": "accounts_user.blocked_at IS NOT NULL",
    "ended": "accounts_user.access_until < %(today)s",
    "two_factor": f"accounts_user.second_factor_at IS NULL AND ({due()}) <= %(today)s",
}
RESTS = "CASE" + "".join(f" WHEN {condition} THEN '{reason}'" for reason, condition in REASONS.items()) + " END"

# Whom a team brings to which employer, and who can act there now; only where the parameter `product` is on. A pair may
# come more than once. Needs the parameters `provider` and `today`.
REACHING = f"""
SELECT m.user_id, e.employer_id
FROM teams_teammember m{roads.JOIN_EMPLOYER}
JOIN teams_employer w ON w.provider_id = e.provider_id AND w.id = e.employer_id
JOIN accounts_user ON accounts_user.provider_id = m.provider_id AND accounts_user.id = m.user_id
WHERE m.provider_id = %(provider)s AND %(product)s = ANY(w.products) AND ({RESTS}) IS NULL"""  # noqa: S608
