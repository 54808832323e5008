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

from accounts.actions import Stale
from accounts.locks import lock_provider
from accounts.models import LoginMethod, Provider, User
from audit.actions import record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from outbox.models import Message
from signin.factors import under, with_duty
from teams import rights
from teams.rights import LastAdministrator, Right

SHOWN = 100  # users listed by name; the counts are exact
_LONG_AGO = timedelta(days=90)  # since the last sign-in: such users may not see an announcement in time


class Changed(Exception):
    """The impact differs from what the administrator confirmed."""

    def __str__(self) -> str:
        return _("The users who must set up two-factor have changed in the meantime. Review them and confirm again.")


class Refused(Exception):
    """The policy is not allowed for this office or this administrator; the message says why."""


@dataclass(frozen=True)
class Policy:
    """Two-factor policy; fields of Provider in the order of `resting.SUPPOSED`."""

    two_factor_managers: bool
    two_factor_from: date | None
    two_factor_days: int | None
    two_factor_days_since: date | None = None

    @classmethod
    def of(cls, provider: Provider) -> "Policy":
        """Return the current policy of the office."""
        return cls(*(getattr(provider, field.name) for field in fields(cls)))

    def begun(self, before: "Policy") -> "Policy":
        """Return this policy with its start date: a changed number of days counts from today."""
        if self.two_factor_days == before.two_factor_days:
            return replace(self, two_factor_days_since=before.two_factor_days_since)
        return replace(self, two_factor_days_since=timezone.localdate() if self.two_factor_days else None)

    @property
    def values(self) -> list[Any]:
        """Field values in order."""
        return [getattr(self, field.name) for field in fields(self)]


@dataclass(frozen=True)
class Effect:
    """Impact of a policy: users who need a second factor that was not required, or earlier than before.

    Lists have at most SHOWN users, sorted by name, each with `new_due`; the counts are exact. `outside` are the users
    in `asked` who may miss the announcement. `seen` is a hash of all of it.
    """

    asked: Sequence[User]
    asked_count: int
    outside: Sequence[User]
    outside_count: int
    invited_count: int
    released_count: int
    seen: str


def effect(provider: Provider, policy: Policy) -> Effect:
    """Return the impact of `policy` on the office."""
    people, today = _people(provider, policy), timezone.localdate()
    sooner = Q(factor_due=None) | Q(factor_due__gt=Greatest(F("new_due"), Value(today)))
    touched = people.filter(sooner, Q(new_due__isnull=False), second_factor_at=None)
    asked = touched.filter(accepted_at__isnull=False)
    outside = _hard_to_reach(asked)
    later = Q(new_due=None) | Q(new_due__gt=Greatest(F("factor_due"), Value(today)))
    released = people.filter(later, Q(factor_due__isnull=False))
    everybody = list(touched.order_by("pk").values_list("pk", F("new_due"), "accepted_at"))
    return Effect(
        asked=_first(asked),
        asked_count=sum(accepted_at is not None for _id, _day, accepted_at in everybody),
        outside=_first(outside),
        outside_count=outside.count(),
        invited_count=sum(accepted_at is None for _id, _day, accepted_at in everybody),
        released_count=released.count(),
        seen=hashlib.sha256(repr((policy, everybody)).encode()).hexdigest(),
    )


def _people(provider: Provider, policy: Policy) -> QuerySet[User]:
    """Return website users with access or an invitation, annotated with `factor_due` and `new_due`."""
    people = User.objects.filter(
        Q(access_until=None) | Q(access_until__gte=timezone.localdate()),
        provider=provider,
        login_method=LoginMethod.WEBSITE_SSO,
        blocked_at=None,
    )
    return with_duty(people).annotate(new_due=under(policy.values))


def _hard_to_reach(people: QuerySet[User]) -> QuerySet[User]:
    """Return those of `people` who rarely sign in or whose last e-mail failed (`mail_was_lost`)."""
    mails = Message.objects.filter(
        provider_id=OuterRef("provider_id"), user_id=OuterRef("pk"), channel=Message.Channel.MAIL
    )
    lost = Q(state__in=[Message.State.FAILED, Message.State.BOUNCED])
    people = people.annotate(mail_was_lost=Subquery(mails.order_by("-pk").values(lost=lost)[:1]))
    long_ago = timezone.now() - _LONG_AGO
    return people.filter(Q(last_login=None) | Q(last_login__lt=long_ago) | Q(mail_was_lost=True))


def _first(people: QuerySet[User]) -> list[User]:
    return list(people.order_by("sort_name", "pk")[:SHOWN])


def require_allowed(provider: Provider, policy: Policy, *, by: Actor) -> None:
    """Raise Refused if no administrator could sign in (rule 6), or if it would exempt the actor (rule 5).

    The actor may not lift or delay a requirement that they have not met themselves. An administrator who still has to
    set up a second factor counts for rule 6: they can sign in and set it up.
    """
    try:
        rights.require_administrator(provider)
    except LastAdministrator as error:
        raise Refused(str(error)) from error
    if by.user is None:
        return
    own = _people(provider, policy).filter(pk=by.user.pk, second_factor_at=None)
    if own.filter(Q(factor_due__isnull=False), Q(new_due=None) | Q(new_due__gt=F("factor_due"))).exists():
        raise Refused(_("You would have to set up two-factor yourself. Do that first, or ask another administrator."))


@asks(Proof.HALF_HOUR)
@transaction.atomic
def change(provider: Provider, policy: Policy, *, version: int, seen: str, by: Actor) -> Policy:
    """Set the policy of the office; return it with its start date.

    `seen` is that of the Effect which the actor confirmed. The same policy twice, as after a double click, is one
    change. Raises PermissionDenied without the right to manage the office, Stale after a concurrent change, Changed if
    the impact has changed, Refused.
    """
    rights.require_office(by, provider.pk)
    provider = lock_provider(provider.pk)
    rights.require(by, Right.MANAGE_PROVIDER)
    before = Policy.of(provider)
    policy = policy.begun(before)
    if policy == before:
        return policy
    if provider.version != version:
        raise Stale
    require_allowed(provider, policy, by=by)
    if effect(provider, policy).seen != seen:
        raise Changed
    for field in fields(policy):
        setattr(provider, field.name, getattr(policy, field.name))
    provider.version = version + 1
    provider.save()
    pairs = {field.name: [getattr(before, field.name), getattr(policy, field.name)] for field in fields(policy)}
    changes = {name: [_plain(old), _plain(new)] for name, (old, new) in pairs.items() if old != new}
    record(Verb.PROVIDER_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)
    return policy


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
