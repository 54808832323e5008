"""Segregation of duties in the first example office."""

from datetime import date

from accounts.models import Provider, User
from audit.actors import Actor
from permissions.models import DutyRule
from reviews import duties
from reviews.duties import RuleValues
from reviews.duty_suggestions import SUGGESTIONS


def create_rules(office: Provider, *, by: Actor) -> None:
    """Create the suggested rules about wages, which refuses, and about users, which warns."""
    for suggestion, severity in zip(SUGGESTIONS[:2], (DutyRule.Severity.REFUSE, DutyRule.Severity.WARN), strict=True):
        values: RuleValues = {**suggestion.build_values(), "severity": severity}
        duties.create_rule(office, values, by=by)


def request_exemption(user: User, reason: str, last_day: date, *, by: Actor, approver: Actor | None = None) -> None:
    """Request an exception to the rule about users, and have it approved if there is an `approver`."""
    rule = DutyRule.objects.get(provider=user.provider_id, level=DutyRule.Level.OFFICE)
    row = duties.request_exemption(rule, user, reason=reason, last_day=last_day, by=by)
    if approver is not None:
        duties.approve_exemption(row, by=approver)
