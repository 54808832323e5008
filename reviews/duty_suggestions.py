"""Rules about duties to start from."""

from collections.abc import Iterable
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from permissions.checks import Right
from permissions.models import DutyRule
from reviews.duties import RuleValues


class Suggestion(NamedTuple):
    code: str
    name: str | Promise
    reason: str | Promise
    first: frozenset[Right]
    second: frozenset[Right]
    level: DutyRule.Level

    def build_values(self) -> RuleValues:
        """Return the values of a form. The rule only warns, so that conflicts can be solved before it refuses."""
        return RuleValues(
            name=str(self.name), first=sorted(self.first), first_all=False, second=sorted(self.second),
            second_all=False, level=self.level, severity=DutyRule.Severity.WARN, reason=str(self.reason),
        )  # fmt: skip

    def is_covered(self, rules: Iterable[DutyRule]) -> bool:
        """Return whether a rule keeps these rights apart already."""
        sides = {self.first, self.second}
        return any({frozenset(side) for side in rule.sides} == sides for rule in rules)


SUGGESTIONS = (
    Suggestion(
        "lonen",
        _("Changing wages and paying them"),
        _("Users who change wages must not also run the payroll that pays them."),
        frozenset({Right.MANAGE_WAGES}),
        frozenset({Right.RUN_PAYROLL_COLLECTIVELY}),
        DutyRule.Level.EMPLOYER,
    ),
    Suggestion(
        "gebruikers",
        _("Managing users and checking them"),
        _("Users who give access must not also check it."),
        frozenset({Right.MANAGE_USERS, Right.GRANT_RIGHTS}),
        frozenset({Right.VIEW_AUDIT, Right.REVIEW_ACCESS}),
        DutyRule.Level.OFFICE,
    ),
    Suggestion(
        "bsn",
        _("Identity data and export"),
        _("Users who change citizen service numbers or fixed data must not also export the journal."),
        frozenset({Right.MANAGE_BSN, Right.MANAGE_FIXED_DATA}),
        frozenset({Right.EXPORT_JOURNAL}),
        DutyRule.Level.EMPLOYER,
    ),
)


def get_suggestion(code: str) -> Suggestion | None:
    return next((suggestion for suggestion in SUGGESTIONS if suggestion.code == code), None)
