"""Segregation of duties: which users hold rights that a rule of the office keeps apart, and what a change would add."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from accounts.models import User
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, OFFICE_ADMIN_RIGHTS, Right, rights_from_codes
from permissions.grants_sql import fetch_rows
from permissions.impact import (
    HYPOTHETICAL_GRANTS_SQL,
    HYPOTHETICAL_USERS_SQL,
    HypotheticalUser,
    build_hypothetical_parameters,
)
from permissions.models import DutyRule, Employer

# Each right is a bit, so that a set of rights is one number that the database combines with bit_or.
_BITS = {right: 1 << position for position, right in enumerate(Right)}


def _combine(rights: Iterable[Right]) -> int:
    return sum(_BITS[right] for right in set(rights))


def _build_both_sql(mask: str) -> str:
    """Return the condition that `mask` has any, or where the rule says so all, of the rights on both sides."""
    sides = (
        f"CASE WHEN {side}_all THEN {mask} & {side} = {side} ELSE {mask} & {side} <> 0 END"
        for side in ("first", "second")
    )
    return f"({' AND '.join(sides)})"


# Who holds both sides of a rule. Rights at an employer are among those held regardless of employers, so only users who
# hold both sides anywhere (`suspects`) are asked per employer. There, the joins are those of `grants_sql`, but the
# rights of a team are combined before they are multiplied by its employers: one row per user, team and employer.
# `working` leaves out rights without effect because a product is disabled.
_CONFLICTS_SQL = """
codes AS MATERIALIZED (
    SELECT * FROM unnest(%(duty_codes)s::text[], %(masks)s::bigint[], %(needed)s::text[]) AS code (code, mask, needed)
), rules AS MATERIALIZED (
    SELECT * FROM unnest(%(rules)s::uuid[], %(at_employer)s::bool[], %(first)s::bigint[], %(first_all)s::bool[],
        %(second)s::bigint[], %(second_all)s::bool[])
        AS rule (rule_id, at_employer, first, first_all, second, second_all)
), held AS (
    SELECT g.user_id, bit_or(mask) AS mask FROM permissions_grant g JOIN codes ON code = g."right"
    WHERE g.provider_id = %(provider)s AND NOT g.at_employer {users} GROUP BY g.user_id
), suspects AS MATERIALIZED (
    SELECT held.user_id, held.mask AS held_mask, rules.* FROM held JOIN rules ON {held}
), teams AS MATERIALIZED (
    SELECT r.team_id, bit_or(mask & %(employer_bits)s::bigint) AS mask
    FROM permissions_teamright r JOIN codes ON code = r."right" WHERE r.provider_id = %(provider)s GROUP BY r.team_id
), individual AS MATERIALIZED (
    SELECT i.user_id, bit_or(mask & %(employer_bits)s::bigint) AS mask
    FROM permissions_individualright i JOIN codes ON code = i."right"
    WHERE i.provider_id = %(provider)s GROUP BY i.user_id
), working AS MATERIALIZED (
    SELECT w.id, bit_or(mask) AS mask
    FROM permissions_employer w JOIN codes ON needed = '{{}}' OR needed::smallint[] && w.products
    WHERE w.provider_id = %(provider)s GROUP BY w.id
), held_there AS (
    SELECT m.user_id, e.employer_id, bit_or(COALESCE(teams.mask, 0) | COALESCE(individual.mask, 0)) AS mask
    FROM permissions_teammember m
    JOIN permissions_teamemployer e ON e.provider_id = m.provider_id AND e.team_id = m.team_id
    LEFT JOIN teams ON teams.team_id = m.team_id
    LEFT JOIN individual ON individual.user_id = m.user_id
    WHERE m.provider_id = %(provider)s AND m.user_id IN (SELECT user_id FROM suspects WHERE at_employer)
    GROUP BY m.user_id, e.employer_id
), conflicts AS (
    SELECT rule_id, user_id, NULL::uuid AS employer_id, true AS has_effect FROM suspects WHERE NOT at_employer
    UNION ALL
    SELECT rule_id, user_id, employer_id, {works}
    FROM suspects JOIN held_there USING (user_id) LEFT JOIN working ON working.id = employer_id
    WHERE at_employer AND {there}
), exemptions AS MATERIALIZED (
    SELECT DISTINCT rule_id, user_id, employer_id FROM permissions_dutyexemption
    WHERE provider_id = %(provider)s AND approved_at IS NOT NULL AND ended_at IS NULL AND until >= %(today)s
)
"""
_OFFICE_PART = "(held_mask & ~ %(employer_bits)s::bigint)"  # PostgreSQL gives & and | the same precedence
_PARTS = {
    "held": _build_both_sql("held.mask"),
    "there": _build_both_sql(f"(held_there.mask | {_OFFICE_PART})"),
    "works": _build_both_sql(f"((held_there.mask & COALESCE(working.mask, 0)) | {_OFFICE_PART})"),
}
_ANSWER_SQL = """
FROM conflicts c
LEFT JOIN exemptions everywhere ON everywhere.rule_id = c.rule_id AND everywhere.user_id = c.user_id
    AND everywhere.employer_id IS NULL
LEFT JOIN exemptions there ON there.rule_id = c.rule_id AND there.user_id = c.user_id
    AND there.employer_id = c.employer_id
"""
_IS_EXEMPT = "(everywhere.user_id IS NOT NULL OR there.user_id IS NOT NULL)"
_LIST_SQL = f"SELECT c.rule_id, c.user_id, c.employer_id, c.has_effect, {_IS_EXEMPT} {_ANSWER_SQL}"
_HERE_SQL = "WHERE c.employer_id IS NULL OR c.employer_id = %(employer)s::uuid"
_COUNT_SQL = f"""SELECT c.rule_id, c.user_id, count(c.employer_id), bool_or(c.has_effect), bool_and({_IS_EXEMPT})
{_ANSWER_SQL} GROUP BY c.rule_id, c.user_id"""


class Conflict(NamedTuple):
    """A user who holds both sides of a rule, at `employer_id` or, with a rule of the office, None."""

    rule_id: UUID
    user_id: UUID
    employer_id: UUID | None
    has_effect: bool  # False: a product that a right needs is disabled at the employer
    is_exempt: bool

    @property
    def key(self) -> tuple[UUID, UUID, UUID | None]:
        return self.rule_id, self.user_id, self.employer_id


class ConflictCount(NamedTuple):
    """The conflicts of a user with one rule: at how many employers, 0 for a rule of the office."""

    rule_id: UUID
    user_id: UUID
    employer_count: int
    has_effect: bool
    is_exempt: bool


def find_conflicts(
    provider_id: UUID | None, rules: Collection[DutyRule], users: Collection[UUID] | None = None
) -> list[Conflict]:
    """Return the conflicts of all users of the office, or of `users`, inactive rights included. One query."""
    return [Conflict(*row) for row in _fetch(_LIST_SQL, provider_id, rules, users)]


def count_conflicts(
    provider_id: UUID | None, rules: Collection[DutyRule], users: Collection[UUID] | None = None
) -> list[ConflictCount]:
    """Return the same as `find_conflicts` per user and rule. One query."""
    return [ConflictCount(*row) for row in _fetch(_COUNT_SQL, provider_id, rules, users)]


def list_user_conflicts(user: User) -> list[tuple[DutyRule, ConflictCount]]:
    """Return the rules with which `user` conflicts, by name. Two queries, one in an office without rules."""
    rules = DutyRule.objects.visible_to(user).in_bulk()
    found = count_conflicts(user.provider_id, rules.values(), [user.pk])
    return sorted(((rules[each.rule_id], each) for each in found), key=lambda pair: pair[0].name_key)


def explain_conflicts(user: User, right: Right, employer: Employer | None) -> list[tuple[DutyRule, Conflict | None]]:
    """Return the rules about `right` with which `user` conflicts at `employer`, or, with None, would with the right.

    Five queries, one in an office without rules about the right.
    """
    rows = DutyRule.objects.visible_to(user).order_by("name_key")
    rules = {rule.pk: rule for rule in rows if any(right in side for side in rule.sides)}
    if not rules:
        return []
    individual = rights_from_codes(user.individual_rights.values_list("right", flat=True)) | {right}
    teams = frozenset(user.memberships.values_list("team_id", flat=True))
    hypothetical = HypotheticalUser(user.login_method, None, False, None, False, False, teams, individual)
    here = (None, employer and employer.pk)
    would = find_hypothetical_conflicts(user.provider_id, rules.values(), {user.pk: hypothetical})
    have = find_conflicts(user.provider_id, rules.values(), [user.pk])
    current = {each.rule_id: each for each in have if each.employer_id in here}
    possible = current.keys() | {each.rule_id for each in would if each.employer_id in here}
    return [(rule, current.get(rule.pk)) for rule in rules.values() if rule.pk in possible]


def find_broken_rules(provider_id: UUID | None, users: Collection[UUID] | None = None) -> dict[UUID, list[str]]:
    """Return the names of the rules with which users conflict in the office or at any employer.

    Without the exempt ones. Two queries, one in an office without rules.
    """
    rules = DutyRule.objects.filter(provider=provider_id).in_bulk()
    return _name_rules(rules, count_conflicts(provider_id, rules.values(), users))


def find_broken_rules_at(
    provider_id: UUID, users: Collection[UUID], employer: Employer | None
) -> dict[UUID, list[str]]:
    """Return the same for `users` in the office and, if one is given, at this employer."""
    rules = DutyRule.objects.filter(provider=provider_id).in_bulk()
    employer_id = employer.pk if employer else None
    rows = _fetch(f"{_LIST_SQL} {_HERE_SQL}", provider_id, rules.values(), users, employer=employer_id)
    return _name_rules(rules, [Conflict(*row) for row in rows])


def _name_rules(rules: Mapping[UUID, DutyRule], conflicts: Iterable[Conflict | ConflictCount]) -> dict[UUID, list[str]]:
    names: dict[UUID, list[str]] = defaultdict(list)
    for each in sorted(conflicts, key=lambda each: rules[each.rule_id].name_key):
        if not each.is_exempt:
            names[each.user_id].append(rules[each.rule_id].name)
    return dict(names)


def _fetch(
    sql: str,
    provider_id: UUID | None,
    rules: Collection[DutyRule],
    users: Collection[UUID] | None,
    **parameters: UUID | None,
) -> list[tuple[Any, ...]]:
    rules = [rule for rule in rules if all(rule.sides)]
    if not rules or (users is not None and not users):
        return []
    parts = _PARTS | {"users": "" if users is None else "AND g.user_id = ANY(%(users)s)"}
    statement = f"WITH {_CONFLICTS_SQL.format(**parts)} {sql}"
    parameters |= {"provider": provider_id}
    return fetch_rows(statement, users=list(users or ()), **parameters, **_build_parameters(rules))


def find_hypothetical_conflicts(
    provider_id: UUID | None, rules: Collection[DutyRule], users: Mapping[UUID, HypotheticalUser]
) -> list[Conflict]:
    """Return the conflicts that users with these ids would have, with their exemptions. One query."""
    rules = [rule for rule in rules if all(rule.sides)]
    if not rules or not users:
        return []
    tables = HYPOTHETICAL_USERS_SQL + HYPOTHETICAL_GRANTS_SQL
    statement = f"{tables}, {_CONFLICTS_SQL.format(**_PARTS, users='')} {_LIST_SQL}"
    hypothetical = build_hypothetical_parameters(provider_id, list(users), list(users.values()))
    return [Conflict(*row) for row in fetch_rows(statement, **hypothetical, **_build_parameters(rules))]


def _build_parameters(rules: Sequence[DutyRule]) -> dict[str, Any]:
    sides = [(_combine(first), _combine(second)) for first, second in (rule.sides for rule in rules)]
    asked = 0
    for first, second in sides:
        asked |= first | second
    masks = {right: _BITS[right] & asked for right in Right}
    masks[Right.MANAGE_PROVIDER] = _combine(OFFICE_ADMIN_RIGHTS) & asked  # it includes the others
    used = [right for right, mask in masks.items() if mask]
    return {
        "duty_codes": [right.value for right in used],
        "masks": [masks[right] for right in used],
        "needed": [f"{{{','.join(str(product.value) for product in right.products)}}}" for right in used],
        "rules": [rule.pk for rule in rules],
        "at_employer": [rule.level == DutyRule.Level.EMPLOYER for rule in rules],
        "first": [first for first, _second in sides],
        "first_all": [rule.first_all for rule in rules],
        "second": [second for _first, second in sides],
        "second_all": [rule.second_all for rule in rules],
        "employer_bits": _combine(EMPLOYER_LEVEL_RIGHTS),
    }
