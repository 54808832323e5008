"""What an office asks of its people about second factors, and what a change of it would do to whom."""

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

SHOWN = 100  # people by name; how many there are is always said
_LONG_AGO = timedelta(days=90)  # since the last sign-in: whoever comes so seldom sees no announcement in time


class Changed(Exception):
    """Who is touched is not what the administrator was shown."""

    def __str__(self) -> str:
        return _("Who has to set up two-factor has changed meanwhile. Look at it once more and confirm again.")


class Refused(Exception):
    """The office may not have this policy, or not from this administrator; its text says why."""


@dataclass(frozen=True)
class Policy:
    """What an office asks, in the order of `resting.SUPPOSED`; the fields are those of Provider."""

    two_factor_managers: bool
    two_factor_from: date | None
    two_factor_days: int | None
    two_factor_days_since: date | None = None

    @classmethod
    def of(cls, provider: Provider) -> "Policy":
        """Return what the office asks now."""
        return cls(*(getattr(provider, field.name) for field in fields(cls)))

    def begun(self, before: "Policy") -> "Policy":
        """Return this policy as it follows `before`: days that were not asked before count from today."""
        if self.two_factor_days == before.two_factor_days:
            return replace(self, two_factor_days_since=before.two_factor_days_since)
        return replace(self, two_factor_days_since=timezone.localdate() if self.two_factor_days else None)

    @property
    def values(self) -> list[Any]:
        """The values in their order."""
        return [getattr(self, field.name) for field in fields(self)]


@dataclass(frozen=True)
class Effect:
    """What a policy would change: for whom a second factor is asked that was not, or later, and what follows.

    Lists have at most SHOWN people, by name, each with `new_due`; the counts are exact. `outside` are those of `asked`
    who may well miss every announcement. `seen` stands for all of it.
    """

    asked: Sequence[User]
    asked_count: int
    outside: Sequence[User]
    outside_count: int
    invited_count: int
    released_count: int
    seen: str


def effect(provider: Provider, policy: Policy) -> Effect:
    """Return what `policy` would change at the office."""
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
    """Return whom the rules are for and who has access or is invited, each with the day now and `new_due`."""
    people = User.objects.filter(
        Q(access_until=None) | Q(access_until__gte=timezone.localdate()),
        provider=provider,
        login_method=LoginMethod.WEBSITE_SSO,
        blocked_at=None,
    )
    return with_duty(people).annotate(new_due=under(policy.values))


def _hard_to_reach(people: QuerySet[User]) -> QuerySet[User]:
    """Return those of `people` who come seldom or whose last mail was lost (`mail_was_lost`)."""
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
    """Raise Refused when the office would be without an administrator who can sign in (rule 6), or
    when the actor would get out of a duty of his own that he has not met (rule 5).

    A second factor that an administrator still has to enrol does not disqualify him: he signs in and sets it up.
    """
    try:
        rights.require_administrator(provider)
    except LastAdministrator as error:
        raise Refused(str(error)) from error
    if by.user is None:
        return
    own = _people(provider, policy).filter(pk=by.user.pk, second_factor_at=None)
    if own.filter(Q(factor_due__isnull=False), Q(new_due=None) | Q(new_due__gt=F("factor_due"))).exists():
        raise Refused(_("You must set up two-factor yourself. Do that first, or ask another administrator."))


@asks(Proof.HALF_HOUR)
@transaction.atomic
def change(provider: Provider, policy: Policy, *, version: int, seen: str, by: Actor) -> Policy:
    """Make `policy` what the office asks; return it with the day from which its days count.

    `seen` is that of the Effect which the actor was shown. The same policy twice, as by a double click, is one change.
    Raises PermissionDenied without the right to manage the office, Stale when somebody else was first, Changed when
    others are touched now, Refused.
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
