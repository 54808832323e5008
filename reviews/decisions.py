"""Decisions of reviewers about paths to access: one by one, or all plain ones at once. Each leaves an event."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from audit.actions import record_many
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import Event, UserEncryptionKey, Verb
from core.errors import EditConflict
from core.forms import PLAIN_TEXT_VALIDATORS
from permissions import checks
from permissions.checks import Right
from permissions.duties import find_broken_rules
from reviews.campaign_models import Campaign
from reviews.item_models import Decision, ReviewItem

MAX_REASON = 300
MAX_BULK = 2000  # decisions of one bulk action: each leaves an event


class AlreadyDecided(Exception):
    """Another reviewer decided first; the text says what. `item` is as stored now."""

    def __init__(self, item: ReviewItem, name: str) -> None:
        values = {"name": name, "decision": item.get_decision_display().lower()}
        super().__init__(_("%(name)s decided first: %(decision)s. Choose again if that should change.") % values)
        self.item = item


def lock_campaign(campaign_id: UUID, provider_id: UUID) -> Campaign:
    """Lock a campaign: one decision at a time, so that of two users who decide about each other one is refused.

    Raises EditConflict if it was deleted meanwhile, before it started.
    """
    rows = Campaign.objects.select_for_update(of=("self",), no_key=True).select_related("provider")
    campaign = rows.filter(pk=campaign_id, provider=provider_id).first()
    if campaign is None:
        raise EditConflict
    return campaign


def _require_reviewer(campaign: Campaign, by: Actor) -> User:
    """Return the reviewer who acts. Raises PermissionDenied, ValidationError (code "over") after the end."""
    checks.require_office(by, campaign.provider_id)
    checks.require_right(by, Right.REVIEW_ACCESS)
    if by.user is None or by.user.is_webservice_user:
        raise PermissionDenied(_("Only reviewers decide, and no account of a program."))
    if not campaign.is_running:
        raise ValidationError(_("This review is over. Nothing was changed."), code="over")
    return by.user


@action()
def decide(item: ReviewItem, decision: Decision, *, reason: str = "", seen: int, by: Actor) -> ReviewItem:
    """Decide about one path and return it; nothing is revoked before an administrator confirms that.

    `seen` is the version of the item that the reviewer saw. Raises AlreadyDecided if another reviewer was first,
    PermissionDenied for the reviewer's own access and that of their own reviewer, ValidationError ("over", "erased",
    "reason", and for a reason that is too long or has control characters).
    """
    campaign = lock_campaign(item.campaign_id, item.provider_id)
    reviewer = _require_reviewer(campaign, by)
    found = ReviewItem.objects.decidable_by(reviewer, campaign).select_related("subject__user")
    stored = found.filter(pk=item.pk).first()
    if stored is None:
        raise PermissionDenied(_("You cannot decide about this access. Another reviewer must."))
    if stored.subject.user is None:
        raise ValidationError(_("This user was erased, and has no access any more."), code="erased")
    if stored.version != seen and stored.decided_by != reviewer.pk:
        raise AlreadyDecided(stored, _find_name(stored.decided_by))
    reason = _clean_reason(reason)
    if decision == Decision.KEEP and stored.kind != ReviewItem.Kind.INTEGRATION and not reason:
        _require_no_conflict(campaign, stored.subject.user)
    _store([stored], decision, reason, by)
    return stored


def _clean_reason(reason: str) -> str:
    """Raises ValidationError, for a reason that is too long too: what was cut off might have changed it."""
    field = forms.CharField(required=False, max_length=MAX_REASON, validators=PLAIN_TEXT_VALIDATORS)
    return str(field.clean(reason))


def _require_no_conflict(campaign: Campaign, user: User) -> None:
    """Raise ValidationError (code "reason") if the user conflicts with a rule: keeping that needs a reason."""
    if find_broken_rules(campaign.provider_id, [user.pk]):
        raise ValidationError(_("This keeps a conflict of duties. Say why, and choose again."), code="reason")


def _find_name(user_id: UUID | None) -> str:
    user = User.objects.filter(pk=user_id).first() if user_id else None
    return user.full_name if user is not None else _("Another reviewer")


def _store(items: Sequence[ReviewItem], decision: Decision, reason: str, by: Actor) -> None:
    changed: list[tuple[User, Changes]] = []
    for item in items:
        user = item.subject.user
        if user is not None:
            what: Changes = {"decision": [item.decision or None, decision.value], "path": [None, str(item.pk)]}
            changed.append((user, what | {"about": [None, item.name or item.code]}))
    events = record_many(
        Verb.REVIEW_DECIDED, changed, by=by, provider_id=items[0].provider_id if items else None, reason=reason
    )
    for item, event in zip(items, events, strict=True):
        item.decision, item.decided_by, item.decided_at = decision, by.user.pk if by.user else None, event.at
        item.event_id, item.version = event.pk, item.version + 1
    ReviewItem.objects.bulk_update(
        items, ["decision", "decided_by", "decided_at", "event_id", "version"], batch_size=1000
    )


def filter_plain(items: QuerySet[ReviewItem], conflicting: Iterable[UUID]) -> QuerySet[ReviewItem]:
    """Return those of `items` that can be kept at once: open, nothing to look at, of users without conflicts.

    What the office allows for all its users is nothing to look at for each of them.
    """
    plain = items.filter(decision="", notes__contained_by=[ReviewItem.Note.OFFICE], subject__user__isnull=False)
    return plain.exclude(subject__person_id__in=list(conflicting))


@action()
def keep_plain(campaign: Campaign, item_ids: Sequence[UUID], *, by: Actor) -> int:
    """Keep those of these paths that are still plain, and return their number. Raises as `decide`."""
    campaign = lock_campaign(campaign.pk, campaign.provider_id)
    reviewer = _require_reviewer(campaign, by)
    mine = ReviewItem.objects.decidable_by(reviewer, campaign).filter(pk__in=list(item_ids)[:MAX_BULK])
    items = list(filter_plain(mine, find_broken_rules(campaign.provider_id)).select_related("subject__user"))
    if items:
        _store(items, Decision.KEEP, "", by)
    return len(items)


def load_reasons(items: Iterable[ReviewItem]) -> dict[UUID, str]:
    """Return the reasons of the last decisions by id of the item. Two queries."""
    by_event = {item.event_id: item.pk for item in items if item.event_id}
    events = list(Event.objects.filter(pk__in=by_event))
    ciphers = UserEncryptionKey.objects.load_ciphers(key for event in events for key in event.key_ids())
    found = {}
    for event in events:
        event.keys = ciphers
        if event.reason:
            found[by_event[event.pk]] = event.reason
    return found


def measure_pace(campaign: Campaign, reviewer: UUID, since: datetime) -> int:
    """Return how many decisions the reviewer took since then."""
    mine = ReviewItem.objects.filter(provider=campaign.provider_id, campaign=campaign, decided_by=reviewer).decided()
    return mine.filter(decided_at__gte=since).count()
