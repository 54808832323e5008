"""Two-factor policy of an office, and the impact of a change on its users."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import LoginMethod, Provider, User
from audit.actions import record
from audit.actors import Actor, requires_reauthentication
from audit.models import Verb
from authentication.mfa import annotate_factor_due, factor_due_under_policy
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from outbox.models import Message
from permissions import checks
from permissions.checks import LastAdministrator, Right

MAX_LISTED_USERS = 100  # users listed by name; the counts are exact
_DORMANT_AFTER = timedelta(days=90)  # since the last sign-in: such users may not see an announcement in time


class PolicyImpactChanged(Exception):
    """The impact differs from what the administrator confirmed."""

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
        """Return the current policy of the office."""
        return cls(*(getattr(provider, field.name) for field in fields(cls)))

    def with_start_date(self, before: "MfaPolicy") -> "MfaPolicy":
        """Return this policy with its start date: a changed number of days counts from today."""
        if self.two_factor_days == before.two_factor_days:
            return replace(self, two_factor_days_since=before.two_factor_days_since)
        return replace(self, two_factor_days_since=timezone.localdate() if self.two_factor_days else None)

    @property
    def values(self) -> list[Any]:
        """Field values in order."""
        return [getattr(self, field.name) for field in fields(self)]


@dataclass(frozen=True)
class PolicyImpact:
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


def compute_impact(provider: Provider, policy: MfaPolicy) -> PolicyImpact:
    """Return the impact of `policy` on the office."""
    people, today = _list_affected_users(provider, policy), timezone.localdate()
    sooner = Q(factor_due=None) | Q(factor_due__gt=Greatest(F("new_due"), Value(today)))
    touched = people.filter(sooner, Q(new_due__isnull=False), second_factor_at=None)
    newly_required = touched.filter(accepted_at__isnull=False)
    hard_to_reach = _filter_hard_to_reach(newly_required)
    later = Q(new_due=None) | Q(new_due__gt=Greatest(F("factor_due"), Value(today)))
    released = people.filter(later, Q(factor_due__isnull=False))
    everybody = list(touched.order_by("pk").values_list("pk", F("new_due"), "accepted_at"))
    return PolicyImpact(
        newly_required=_list_first_users(newly_required),
        newly_required_count=sum(accepted_at is not None for _id, _day, accepted_at in everybody),
        hard_to_reach=_list_first_users(hard_to_reach),
        hard_to_reach_count=hard_to_reach.count(),
        invited_count=sum(accepted_at is None for _id, _day, accepted_at in everybody),
        released_count=released.count(),
        fingerprint=hashlib.sha256(repr((policy, everybody)).encode()).hexdigest(),
    )


def _list_affected_users(provider: Provider, policy: MfaPolicy) -> QuerySet[User]:
    """Return website users with access or an invitation, annotated with `factor_due` and `new_due`."""
    people = User.objects.filter(
        Q(access_until=None) | Q(access_until__gte=timezone.localdate()),
        provider=provider,
        login_method=LoginMethod.WEBSITE_SSO,
        blocked_at=None,
    )
    return annotate_factor_due(people).annotate(new_due=factor_due_under_policy(policy.values))


def _filter_hard_to_reach(people: QuerySet[User]) -> QuerySet[User]:
    """Return those of `people` who rarely sign in or whose last e-mail failed (`mail_was_lost`)."""
    mails = Message.objects.filter(
        provider_id=OuterRef("provider_id"), user_id=OuterRef("pk"), channel=Message.Channel.MAIL
    )
    lost = Q(state__in=[Message.State.FAILED, Message.State.BOUNCED])
    people = people.annotate(mail_was_lost=Subquery(mails.order_by("-pk").values(lost=lost)[:1]))
    long_ago = timezone.now() - _DORMANT_AFTER
    return people.filter(Q(last_login=None) | Q(last_login__lt=long_ago) | Q(mail_was_lost=True))


def _list_first_users(people: QuerySet[User]) -> list[User]:
    return list(people.order_by("sort_name", "pk")[:MAX_LISTED_USERS])


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


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def change_policy(provider: Provider, policy: MfaPolicy, *, version: int, fingerprint: str, by: Actor) -> MfaPolicy:
    """Set the policy of the office; return it with its start date.

    `fingerprint` is that of the PolicyImpact which the actor confirmed. The same policy twice, as after a double click,
    is one change. Raises PermissionDenied without the right to manage the office, EditConflict after a concurrent
    change, PolicyImpactChanged if the impact has changed, PolicyRefused.
    """
    checks.require_office(by, provider.pk)
    provider = lock_provider(provider.pk)
    checks.require_right(by, Right.MANAGE_PROVIDER)
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
