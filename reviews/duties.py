"""Actions on the rules about duties and on the exceptions to them."""

from datetime import date
from typing import TypedDict

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Provider, User
from audit.actions import record
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import Verb
from core.errors import EditConflict
from permissions.action_helpers import lock_and_authorize, require_free_name, require_same_office, snapshot_employers
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, rights_from_codes
from permissions.checks import Right
from permissions.models import DutyExemption, DutyRule, Employer

MAX_EXEMPTION_DAYS = 366


class RuleValues(TypedDict):
    """The fields of a rule that an administrator chooses."""

    name: str
    first: list[str]
    first_all: bool
    second: list[str]
    second_all: bool
    level: str
    severity: str
    reason: str


def validate_rule(values: RuleValues) -> None:
    """Raise ValidationError for sides that are empty, overlap or never meet at an employer."""
    first, second = rights_from_codes(values["first"]), rights_from_codes(values["second"])
    for name, side in (("first", first), ("second", second)):
        if not side:
            raise ValidationError({name: ValidationError(_("Choose at least one right."), code="required")})
    if first & second:
        text = _("Choose other rights on each side: “%(right)s” is on both.") % {"right": min(first & second).label}
        raise ValidationError({"second": ValidationError(text, code="overlap")})
    at_employer = values["level"] == DutyRule.Level.EMPLOYER
    if at_employer and not (first <= EMPLOYER_LEVEL_RIGHTS or second <= EMPLOYER_LEVEL_RIGHTS):
        text = _("Both sides have rights of the whole office. Choose “In the whole office”, or other rights.")
        raise ValidationError({"level": ValidationError(text, code="level")})


@action()
def create_rule(provider: Provider, rule_values: RuleValues, *, by: Actor) -> DutyRule:
    """Create a rule. Raises ValidationError by field; PermissionDenied without manage_provider."""
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_PROVIDER)
    validate_rule(rule_values)
    rule = DutyRule(provider=provider, **rule_values)
    require_free_name(rule, _("A rule with this name already exists. Choose another name."))
    rule.save(force_insert=True)
    changes: Changes = {name: [None, value] for name, value in rule_values.items() if value}
    record(Verb.DUTY_RULE_CREATED, rule, by=by, provider_id=provider.pk, changes=changes)
    return rule


def _lock_rule(rule: DutyRule, version: int, by: Actor) -> DutyRule:
    lock_and_authorize(rule.provider_id, by, Right.MANAGE_PROVIDER)
    stored = DutyRule.objects.filter(pk=rule.pk).first()
    if stored is None or stored.version != version:
        raise EditConflict
    return stored


@action()
def update_rule(rule: DutyRule, rule_values: RuleValues, *, version: int, by: Actor) -> None:
    """Change a rule. The exceptions to it end when it keeps other rights apart, and when it warned and now refuses.

    Raises as `create_rule`, and EditConflict.
    """
    stored = _lock_rule(rule, version, by)
    validate_rule(rule_values)
    changes: Changes = {
        name: [getattr(stored, name), value] for name, value in rule_values.items() if getattr(stored, name) != value
    }
    if not changes:
        return
    for name, value in rule_values.items():
        setattr(stored, name, value)
    stored.version += 1
    require_free_name(stored, _("A rule with this name already exists. Choose another name."))
    stored.save()
    record(Verb.DUTY_RULE_CHANGED, stored, by=by, provider_id=stored.provider_id, changes=changes)
    refuses_now = changes.get("severity") == [DutyRule.Severity.WARN, DutyRule.Severity.REFUSE]
    if refuses_now or changes.keys() & {"first", "first_all", "second", "second_all", "level"}:
        _end_all(stored, by)  # they were approved for something else


@action()
def delete_rule(rule: DutyRule, *, version: int, by: Actor) -> None:
    """Delete a rule with the exceptions to it, which end. Raises EditConflict, PermissionDenied."""
    stored = _lock_rule(rule, version, by)
    _end_all(stored, by)
    changes: Changes = {"first": [stored.first, None], "second": [stored.second, None], "reason": [stored.reason, None]}
    record(Verb.DUTY_RULE_DELETED, stored, by=by, provider_id=stored.provider_id, changes=changes)
    stored.delete()


@action()
def request_exemption(
    rule: DutyRule, user: User, *, employer: Employer | None = None, reason: str, last_day: date, by: Actor
) -> DutyExemption:
    """Ask for an exception for `user`, which a second user has to approve; asking the same again changes nothing.

    Raises PermissionDenied without review_access, for another office and for the actors themselves, ValidationError.
    """
    provider = lock_and_authorize(rule.provider_id, by, Right.REVIEW_ACCESS)
    require_same_office(provider, [user, *([employer] if employer else [])])
    if by.is_user(user.pk):
        raise PermissionDenied(_("You cannot ask for an exception for yourself. Ask a colleague."))
    if not 0 <= (last_day - timezone.localdate()).days <= MAX_EXEMPTION_DAYS:
        text = _("Choose a day within a year from now: an exception is temporary.")
        raise ValidationError({"last_day": ValidationError(text, code="last_day")})
    if employer is not None and rule.level == DutyRule.Level.OFFICE:
        text = _("This rule is about the whole office. Leave the employer empty.")
        raise ValidationError({"employer": ValidationError(text, code="level")})
    row, is_created = DutyExemption.objects.get_or_create(
        provider=provider, rule=rule, user=user, employer=employer, reason=reason, until=last_day,
        requested_by=by.user, approved_at=None, ended_at=None,
    )  # fmt: skip
    if not is_created:
        return row
    _record_exemption(Verb.DUTY_EXEMPTION_REQUESTED, row, {"until": [None, last_day.isoformat()]}, reason, by)
    return row


def _lock_exemption(exemption: DutyExemption, by: Actor) -> DutyExemption:
    lock_and_authorize(exemption.provider_id, by, Right.REVIEW_ACCESS)
    rows = DutyExemption.objects.select_related("rule", "user", "employer")
    stored = rows.filter(pk=exemption.pk, ended_at=None).first()
    if stored is None:
        raise EditConflict
    return stored


@action()
def approve_exemption(exemption: DutyExemption, *, by: Actor) -> None:
    """Approve a request.

    Raises PermissionDenied for who asked and for the user concerned, ValidationError after the last day, EditConflict.
    """
    stored = _lock_exemption(exemption, by)
    if stored.approved_at is not None:
        return
    if stored.until < timezone.localdate():
        raise ValidationError(
            _("The last day of this exception has passed. Ask for one until a later day."), code="over"
        )
    require_another_user(stored, by)
    stored.approved_by, stored.approved_at = by.user, timezone.now()
    stored.save(update_fields=["approved_by", "approved_at"])
    changes: Changes = {"until": [None, stored.until.isoformat()]}
    _record_exemption(Verb.DUTY_EXEMPTION_APPROVED, stored, changes, stored.reason, by)


def require_another_user(exemption: DutyExemption, by: Actor) -> None:
    """Raise PermissionDenied for the user who asked, the user concerned, and an actor who is no user."""
    if by.user is None or by.user.pk in (exemption.requested_by_id, exemption.user_id):
        raise PermissionDenied(_("Another user must approve this: not the one who asked, nor the one concerned."))


@action()
def end_exemption(exemption: DutyExemption, *, by: Actor) -> None:
    """Reject a request or end an exception. Raises PermissionDenied, EditConflict if it has ended."""
    _end(_lock_exemption(exemption, by), by)


def _end(exemption: DutyExemption, by: Actor) -> None:
    exemption.ended_at = timezone.now()
    exemption.save(update_fields=["ended_at"])
    _record_exemption(Verb.DUTY_EXEMPTION_ENDED, exemption, {"until": [exemption.until.isoformat(), None]}, "", by)


def _end_all(rule: DutyRule, by: Actor) -> None:
    for exemption in rule.exemptions.filter(ended_at=None).select_related("rule", "user", "employer"):
        _end(exemption, by)


def _record_exemption(verb: Verb, row: DutyExemption, changes: Changes, reason: str, by: Actor) -> None:
    what: Changes = {"rules": [None, [row.rule.name]], **changes}
    if row.employer is not None:
        what["employers"] = [None, snapshot_employers([row.employer])]
    record(verb, row.user, by=by, provider_id=row.provider_id, changes=what, reason=reason)
