"""Two-factor policy of an office, and the impact of a change on its users."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, When
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import LoginMethod, Provider, User
from audit.actions import record
from audit.actors import Actor, action
from audit.models import Verb
from authentication.mfa import annotate_factor_due, factor_due_under_policy
from core.errors import EditConflict
from outbox.models import Message
from permissions import checks
from permissions.action_helpers import lock_and_authorize
from permissions.checks import LastAdministrator, Right
from permissions.inactive import build_open_filter

MAX_LISTED_USERS = 100  # users listed by name; the counts are exact
_DORMANT_AFTER = timedelta(days=90)  # since the last sign-in: such users may not see an announcement in time


class PolicyImpactChanged(Exception):
    def __str__(self) -> str:
        return _("The users who must set up two-factor have changed in the meantime. Review them and confirm again.")


class PolicyRefused(Exception):
    """The policy is not allowed for this office or this administrator; the message says why."""


@dataclass(frozen=True)
class MfaPolicy:
    """Two-factor policy; fields of Provider in the order of `inactive.HYPOTHETICAL_POLICY_SQL`."""

    two_factor_managers: bool
    two_factor_from: date | None
    two_factor_days: int | None
    two_factor_days_since: date | None = None

    @classmethod
    def from_provider(cls, provider: Provider) -> "MfaPolicy":
        return cls(*(getattr(provider, field.name) for field in fields(cls)))

    def with_start_date(self, before: "MfaPolicy") -> "MfaPolicy":
        """Return this policy with its start date: a changed number of days counts from today."""
        if self.two_factor_days == before.two_factor_days:
            return replace(self, two_factor_days_since=before.two_factor_days_since)
        return replace(self, two_factor_days_since=timezone.localdate() if self.two_factor_days else None)

    @property
    def values(self) -> list[Any]:
        return [getattr(self, field.name) for field in fields(self)]


class PolicyImpact(NamedTuple):
    """Impact of a policy: users who need a second factor that was not required, or earlier than before.

    Lists have at most MAX_LISTED_USERS users, sorted by name, each with `new_due`; the counts are exact.
    `hard_to_reach` are the users in `newly_required` who may miss the announcement. `fingerprint` is a hash of all of
    it.
    """

    newly_required: Sequence[User]
    newly_required_count: int
    hard_to_reach: Sequence[User]
    hard_to_reach_count: int
    invited_count: int
    released_count: int
    fingerprint: str


# One pass: the days of each user are computed once. The hashes are added up, so that no order is needed.
_IMPACT_SQL = f"""
WITH affected AS MATERIALIZED ({{affected}}), required AS MATERIALIZED (
    SELECT * FROM affected WHERE second_factor_at IS NULL AND new_due IS NOT NULL
    AND (factor_due IS NULL OR factor_due > greatest(new_due, %s))
), newly AS (SELECT * FROM required WHERE accepted_at IS NOT NULL)
SELECT
    ARRAY(SELECT id FROM newly ORDER BY sort_name, id LIMIT {MAX_LISTED_USERS}),
    (SELECT count(*) FROM newly),
    ARRAY(SELECT id FROM newly WHERE is_hard_to_reach ORDER BY sort_name, id LIMIT {MAX_LISTED_USERS}),
    (SELECT count(*) FROM newly WHERE is_hard_to_reach),
    (SELECT count(*) FROM required WHERE accepted_at IS NULL),
    (SELECT count(*) FROM affected WHERE factor_due IS NOT NULL
        AND (new_due IS NULL OR new_due > greatest(factor_due, %s))),
    (SELECT sum(hashtextextended(concat_ws(' ', id, new_due, accepted_at), 0)) FROM required)
"""  # noqa: S608


def compute_impact(provider: Provider, policy: MfaPolicy) -> PolicyImpact:
    users = _list_affected_users(provider, policy)
    columns = ("id", "sort_name", "accepted_at", "second_factor_at", "factor_due", "new_due", "is_hard_to_reach")
    sql, parameters = users.values(*columns).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_IMPACT_SQL.format(affected=sql), [*parameters, *[timezone.localdate()] * 2])
        newly_required, newly_required_count, hard_to_reach, hard_count, invited, released, checksum = cursor.fetchone()
    listed = users.in_bulk({*newly_required, *hard_to_reach})
    fingerprint = hashlib.sha256(repr((policy, checksum)).encode()).hexdigest()
    return PolicyImpact(
        [listed[pk] for pk in newly_required],
        newly_required_count,
        [listed[pk] for pk in hard_to_reach],
        hard_count,
        invited,
        released,
        fingerprint,
    )


def _list_affected_users(provider: Provider, policy: MfaPolicy) -> QuerySet[User]:
    """Return website users with access or an invitation.

    They are annotated with `factor_due`, `new_due`, `mail_was_lost`, which says that the last e-mail failed, and
    `is_hard_to_reach`, for users who also may have signed in too long ago.
    """
    users = User.objects.filter(build_open_filter(), provider=provider, login_method=LoginMethod.WEBSITE_SSO)
    mails = Message.objects.filter(
        provider_id=OuterRef("provider_id"), user_id=OuterRef("pk"), channel=Message.Channel.MAIL
    )
    lost = Q(state__in=[Message.State.FAILED, Message.State.BOUNCED])
    is_away = Q(last_login=None) | Q(last_login__lt=timezone.now() - _DORMANT_AFTER)
    return annotate_factor_due(users).annotate(
        new_due=factor_due_under_policy(policy.values),
        mail_was_lost=Subquery(mails.order_by("-pk").values(lost=lost)[:1]),
        is_hard_to_reach=Case(When(is_away, then=True), default=F("mail_was_lost")),
    )


def require_policy_allowed(provider: Provider, policy: MfaPolicy, *, by: Actor) -> None:
    """Raise PolicyRefused if no administrator could sign in (rule 6), or if it would exempt the actor (rule 5).

    The actor may not lift or delay a requirement that they have not met themselves. An administrator who still has to
    set up a second factor counts for rule 6: they can sign in and set it up.
    """
    try:
        checks.require_administrator(provider)
    except LastAdministrator as error:
        raise PolicyRefused(str(error)) from error
    if by.user is None:
        return
    own = _list_affected_users(provider, policy).filter(pk=by.user.pk, second_factor_at=None)
    if own.filter(Q(factor_due__isnull=False), Q(new_due=None) | Q(new_due__gt=F("factor_due"))).exists():
        raise PolicyRefused(
            _("You would have to set up two-factor yourself. Do that first, or ask another administrator.")
        )


@action()
def change_policy(provider: Provider, policy: MfaPolicy, *, version: int, fingerprint: str, by: Actor) -> MfaPolicy:
    """Set the policy of the office; return it with its start date.

    `fingerprint` is that of the PolicyImpact that the actor confirmed. Submitting the same policy twice, for example by
    a double click, is one change. Raises PermissionDenied without the right to manage the office, EditConflict after a
    concurrent change, PolicyImpactChanged if the impact has changed, PolicyRefused.
    """
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_PROVIDER)
    before = MfaPolicy.from_provider(provider)
    policy = policy.with_start_date(before)
    if policy == before:
        return policy
    if provider.version != version:
        raise EditConflict
    require_policy_allowed(provider, policy, by=by)
    if compute_impact(provider, policy).fingerprint != fingerprint:
        raise PolicyImpactChanged
    for field in fields(policy):
        setattr(provider, field.name, getattr(policy, field.name))
    provider.version = version + 1
    provider.save()
    pairs = {field.name: [getattr(before, field.name), getattr(policy, field.name)] for field in fields(policy)}
    changes = {name: [_serialize_value(old), _serialize_value(new)] for name, (old, new) in pairs.items() if old != new}
    record(Verb.PROVIDER_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)
    return policy


def _serialize_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
