"""The monthly e-mail about dormant accounts, for subscribed users who may manage users."""

from datetime import date, timedelta
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts import hygiene, letters
from accounts.hygiene import Chore, Measures, measures_of
from accounts.models import HygieneMail, User
from audit.actions import record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from loket import periodic
from teams import rights
from teams.rights import Right

GO = 0.5  # seconds, after which no further e-mail is started, so that a worker stops soon


@asks(Proof.NONE)
@transaction.atomic
def ask(user: User, *, measures: Measures, by: Actor) -> None:
    """Subscribe `user` to an e-mail on the first day of each month with accounts to review by `measures`.

    A second call only updates the thresholds. Raises PermissionDenied for another user or without manage_users.
    """
    _require_own(user, by)
    rights.require(by, Right.MANAGE_USERS)
    first = {"provider": user.provider, "due_on": next_first(timezone.localdate()), **measures._asdict()}
    wish, is_new = HygieneMail.objects.select_for_update().get_or_create(user=user, defaults=first)
    old = None if is_new else measures_of(wish)
    if old != measures:
        HygieneMail.objects.filter(user=user).update(**measures._asdict())
        changes = {"hygiene_mail": [old and list(old), list(measures)]}
        record(Verb.USER_CHANGED, user, by=by, provider_id=user.provider_id, changes=changes)


@asks(Proof.NONE)
@transaction.atomic
def stop(user: User, *, by: Actor) -> bool:
    """Unsubscribe `user`; return False when not subscribed. Raises PermissionDenied for another user."""
    _require_own(user, by)
    wish = HygieneMail.objects.select_for_update().filter(user=user).first()
    if wish is None:
        return False
    wish.delete()
    changes = {"hygiene_mail": [list(measures_of(wish)), None]}
    record(Verb.USER_CHANGED, user, by=by, provider_id=user.provider_id, changes=changes)
    return True


def _require_own(user: User, by: Actor) -> None:
    if by.user is None or by.user.pk != user.pk:
        raise PermissionDenied(_("You can change only your own e-mail preferences."))


def next_first(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def send_due() -> int:
    """Send the e-mails that are due and return their number. A periodic job of the worker.

    Stops after `GO` seconds; the next run continues. Missed months result in one e-mail. Users with nothing to review,
    or without the right, get none.
    """
    due = HygieneMail.objects.filter(due_on__lte=timezone.localdate()).order_by("due_on", "user")
    return periodic.each(_tell, due.values_list("pk", flat=True), seconds=GO).count(True)


@transaction.atomic
def _tell(pk: UUID) -> bool | None:
    """Process a subscription; return True if an e-mail was queued, None if not, False if another worker has it."""
    today = timezone.localdate()
    due = HygieneMail.objects.filter(pk=pk, due_on__lte=today).select_related("user__provider")
    wish = due.select_for_update(skip_locked=True, of=("self",)).first()
    if wish is None:
        return False
    wish.due_on = next_first(today)
    wish.save(update_fields=["due_on"])
    if not rights.may(wish.user, Right.MANAGE_USERS):
        return None
    measures = measures_of(wish)
    counts = hygiene.counts(User.objects.visible_to(wish.user), measures)
    if not any(counts.values()):
        return None
    _write(wish.user, measures, counts)
    return True


@translation.override(settings.LANGUAGE_CODE)
def _write(user: User, measures: Measures, counts: dict[Chore, int]) -> None:
    """Queue the e-mail: the number of accounts in each list, without names."""
    found = "\n".join(f"- {chore.called(measures)}: {count}" for chore, count in counts.items() if count)
    lines = [
        _("%(office)s has dormant accounts to review:") % {"office": user.office_name},
        found,
        _("See which accounts these are and what you can do: %(url)s")
        % {"url": settings.LOKET_URL + reverse("accounts:hygiene")},
        _("You receive this e-mail at most once a month. You can turn it off on the same page."),
    ]
    letters.write(user, kind="hygiene", subject=_("Dormant accounts to review"), lines=lines)
