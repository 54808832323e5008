"""Actions on notifications: change preferences, raise a notification event, mark as read."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actions import Stale
from accounts.locks import lock_provider
from accounts.models import Provider, User
from audit.actions import record, record_all
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from loket.text import refuse_control_characters, refuse_direction_marks
from notifications import delivery, sets, wishes
from notifications.catalogue import SignalType
from notifications.changes import changed, replace
from notifications.models import TEXT, Notice, OfficeDay, Signal, SignalSet, SignalSetting
from notifications.wishes import Own, Owns, Wishes
from teams import rights
from teams.changes import begin, require_same_office
from teams.models import Employer
from teams.rights import Right


@asks(Proof.HALF_HOUR)
@transaction.atomic
def set_office(provider: Provider, wanted: Wishes, *, seen: str, by: Actor) -> None:
    """Set the office's preferences; types that are not in `wanted` keep theirs.

    `seen` is the fingerprint of the preferences shown on the page. Raises PermissionDenied without manage_signals,
    Stale, ValidationError for days outside 0 to 99.
    """
    provider = begin(provider.pk, by, Right.MANAGE_SIGNALS)
    before = wishes.office_wishes(provider)
    if wishes.stamp(before) != seen:
        raise Stale
    changes = replace(before, wanted, provider_id=provider.pk)
    if changes:
        record(Verb.SIGNALS_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def set_own(user: User, wanted: Owns, *, seen: str, by: Actor) -> None:
    """Replace the overrides of `user` by `wanted`. Raises as `set_office`."""
    begin(user.provider_id, by, Right.MANAGE_SIGNALS)
    _deviate(user, wanted, seen, by)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def give_own(users: Sequence[User], wanted: Owns, *, by: Actor) -> None:
    """Set the same overrides for several users of one office who have none yet.

    Raises as `set_office`, and PermissionDenied for a user of another office.
    """
    if not users:
        return
    provider = begin(users[0].provider_id, by, Right.MANAGE_SIGNALS)
    require_same_office(provider, users)
    rows = (
        SignalSetting(provider=provider, user=user, type=type_, **own._asdict())
        for user in users
        for type_, own in wanted.items()
    )
    SignalSetting.objects.bulk_create(rows, batch_size=1000)
    same = changed({}, wanted)
    record_all(Verb.SIGNALS_CHANGED, ((user, same) for user in users), by=by, provider_id=provider.pk)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def follow_office(user: User, *, by: Actor) -> bool:
    """Remove all overrides of `user`; return False when there were none.

    Raises PermissionDenied without manage_signals.
    """
    begin(user.provider_id, by, Right.MANAGE_SIGNALS)
    before = wishes.own_wishes(user)
    _deviate(user, {}, wishes.stamp(before), by)
    return bool(before)


@asks(Proof.NONE)
@transaction.atomic
def set_own_mail(user: User, mail: Mapping[SignalType, bool], *, by: Actor) -> None:
    """Set which types are e-mailed to the actor; the other preferences stay.

    Raises PermissionDenied for another user.
    """
    if by.user is None or by.user.pk != user.pk:
        raise PermissionDenied(_("You can change these fields only on your own profile."))
    lock_provider(user.provider_id)
    own, now = wishes.own_wishes(user), wishes.wishes_of(user)
    changed = {
        type_: own.get(type_, Own())._replace(mail=wanted)
        for type_, wanted in mail.items()
        if wanted != now[type_].mail
    }
    _deviate(user, own | changed, wishes.stamp(own), by)


def _deviate(user: User, wanted: Owns, seen: str, by: Actor) -> None:
    before = wishes.own_wishes(user)
    if wishes.stamp(before) != seen:
        raise Stale
    gone = {type_: Own() for type_ in before}
    changes = replace(before, gone | wanted, provider_id=user.provider_id, user=user)
    if changes:
        record(Verb.SIGNALS_CHANGED, user, by=by, provider_id=user.provider_id, changes=changes)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def choose(user: User, *, signal_set: SignalSet | None, by: Actor) -> None:
    """Apply a set to a user who is being created; without a set, no right is needed and the office is followed.

    Raises as `notifications.sets.apply`.
    """
    if signal_set is not None:
        sets.apply(signal_set, user, by=by)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def raise_signal(
    provider: Provider,
    employer: Employer,
    type: SignalType,
    event_date: date,
    *,
    text: str = "",
    reference: str = "",
    by: Actor,
) -> Signal:
    """Raise an event about `employer` on `event_date`: shown at once where due, otherwise on each user's day.

    `text` is shown besides the type ("30 jaar"); `reference` distinguishes events of one type, employer and day, and
    defaults to the text. Raising an event again returns the existing one. Recipients and e-mail are determined on the
    day itself, see `notifications.delivery`. Raises PermissionDenied for another office's employer and without
    manage_employer_signals there, ValidationError for a text or reference of more than 150 characters or with control
    characters, ValueError for an unknown type.
    """
    rights.require_office(by, provider.pk)
    require_same_office(provider, [employer])
    _require_may_raise(by, employer)
    reference = reference or text
    for value in (text, reference):
        _check(value)
    signal, is_new = Signal.objects.get_or_create(
        provider=provider,
        employer=employer,
        type=SignalType(type),
        event_date=event_date,
        reference=reference,
        defaults={"text": text},
    )
    if is_new:
        today = timezone.localdate()
        delivery.show(provider.pk, today=today, signal=signal)
        _look_at(provider, today)
        changes = {"type": [None, signal.type], "event_date": [None, event_date.isoformat()]}
        record(Verb.SIGNAL_RAISED, employer, by=by, provider_id=provider.pk, changes=changes)
    return signal


def _require_may_raise(by: Actor, employer: Employer) -> None:
    right = Right.MANAGE_EMPLOYER_SIGNALS
    if not by.is_operator and not (by.user and rights.may(by.user, right, employer)):
        raise PermissionDenied(_("You do not have the right “%(right)s”.") % {"right": right.label})


def _check(value: str) -> None:
    if len(value) > TEXT:
        raise ValidationError(_("Use at most %(count)s characters."), code="max_length", params={"count": TEXT})
    refuse_control_characters(value)
    refuse_direction_marks(value)


def _look_at(provider: Provider, day: date) -> None:
    """Have the worker process the office on `day` at the latest."""
    OfficeDay.objects.bulk_create([OfficeDay(provider=provider, due_on=day)], ignore_conflicts=True)
    OfficeDay.objects.filter(provider=provider, due_on__gt=day).update(due_on=day)


@asks(Proof.NONE)
@transaction.atomic
def mark_read(notice: Notice, *, by: Actor) -> bool:
    """Mark a notification of the actor as read; return False when it was already.

    Raises PermissionDenied for another user's notification.
    """
    if by.user is None or by.user.pk != notice.user_id:
        raise PermissionDenied(_("You can mark only your own notifications."))
    return _mark(Notice.objects.filter(pk=notice.pk), by.user, by) == 1


@asks(Proof.NONE)
@transaction.atomic
def mark_all_read(user: User, *, until: UUID, by: Actor) -> int:
    """Mark the notifications of `user` up to and including `until` as read; return their number.

    Newer ones, shown after the page was rendered, stay unread. Raises PermissionDenied for another user.
    """
    if by.user is None or by.user.pk != user.pk:
        raise PermissionDenied(_("You can mark only your own notifications."))
    shown = Notice.objects.visible_to(user)
    last = shown.filter(pk=until).first()
    return _mark(shown.filter(shown_at__lte=last.shown_at), user, by) if last else 0


def _mark(notices: "models.QuerySet[Notice]", user: User, by: Actor) -> int:
    marked = notices.filter(read_at=None).update(read_at=timezone.now())
    if marked:
        record(Verb.SIGNALS_READ, user, by=by, provider_id=user.provider_id, changes={"signals": [None, marked]})
    return marked
