"""What a reviewer sees of each path: the facts that help to decide, for one page in a fixed number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import CharField, F, QuerySet, Value
from django.db.models.functions import Cast, Coalesce, Concat
from django.utils.translation import gettext as _

from accounts.models import User
from audit.models import Verb, build_erased_name
from core.paging import KeysetPage, paginate_queryset
from oauth.models import Consent
from oauth.scopes import sort_scopes
from permissions.catalog import rights_from_codes, sort_rights
from reviews.campaign_models import Campaign
from reviews.decisions import load_reasons
from reviews.item_models import ReviewItem
from reviews.population import list_current_paths

_ERASED_LAST = "\uffff"
_BY_USER = Concat(
    Coalesce(F("subject__user__sort_name"), Value(_ERASED_LAST), output_field=CharField()),
    Value(" "),
    Cast("subject__person_id", CharField()),
    output_field=CharField(),
)
# The first event of this kind about the target since the row was made: both are of one transaction.
_GRANTERS_SQL = """
SELECT wanted.item_id, found.actor_id
FROM unnest(%(items)s::uuid[], %(targets)s::uuid[], %(verbs)s::text[], %(moments)s::timestamptz[])
    AS wanted (item_id, target_id, verb, moment)
CROSS JOIN LATERAL (
    SELECT actor_id FROM audit_event e
    WHERE e.provider_id = %(provider)s AND e.target_id = wanted.target_id AND e.verb = wanted.verb
    AND e.at BETWEEN wanted.moment AND wanted.moment + interval '10 minutes'
    ORDER BY e.at, e.id LIMIT 1
) found"""
# How many colleagues were in the team at the freeze.
_MEMBERS_SQL = """
SELECT i.id, count(m.id) - 1
FROM reviews_reviewitem i
JOIN reviews_reviewitem m ON m.provider_id = i.provider_id AND m.campaign_id = i.campaign_id
    AND m.object_id = i.object_id AND m.kind = 'team'
WHERE i.id = ANY(%(items)s::uuid[]) AND i.kind = 'team' GROUP BY i.id"""
# How many colleagues share a frozen team with the user, and how many of those have the right as well, in any way.
_SHARING_SQL = """
SELECT i.id, count(DISTINCT m.subject_id),
    count(DISTINCT m.subject_id) FILTER (WHERE EXISTS (
        SELECT 1 FROM reviews_reviewitem h WHERE h.subject_id = m.subject_id AND i.code = ANY(h.rights)))
FROM reviews_reviewitem i
JOIN reviews_reviewitem t ON t.subject_id = i.subject_id AND t.kind = 'team'
JOIN reviews_reviewitem m ON m.provider_id = t.provider_id AND m.campaign_id = t.campaign_id
    AND m.object_id = t.object_id AND m.kind = 'team' AND m.subject_id <> i.subject_id
WHERE i.id = ANY(%(items)s::uuid[]) GROUP BY i.id"""


@dataclass(frozen=True)
class DecisionRow:
    """A path with what is known about it."""

    item: ReviewItem
    notes: list[str]
    conflicts: Sequence[str] = ()
    rights: list[str] = field(default_factory=list)
    granted_by: str = ""
    reason: str = ""
    decided_by: str = ""
    last_used_at: datetime | None = None
    colleagues: int | None = None  # in the same team
    may_decide: bool = True
    is_gone: bool = False
    error: str = ""

    @property
    def user(self) -> User | None:
        return self.item.subject.user


def paginate_items(items: QuerySet[ReviewItem], cursor: str) -> KeysetPage[ReviewItem]:
    """Return a page of items, those of one user together."""
    rows = items.select_related("subject__user", "campaign")
    return paginate_queryset(rows, cursor=cursor, sort="user", sorts={"user": _BY_USER})


def build_rows(
    campaign: Campaign,
    items: Sequence[ReviewItem],
    reviewer: User,
    conflicts: Mapping[UUID, Sequence[str]],
    errors: Mapping[UUID, str] | None = None,
) -> list[DecisionRow]:
    """Return the rows of these items, for `reviewer`. Eleven queries."""
    granters, sharing, reasons = _find_granters(campaign, items), _count_sharing(items), load_reasons(items)
    members = _count_members(items)
    now = list_current_paths(campaign.provider_id, {item.subject.person_id for item in items})
    decidable = set(
        ReviewItem.objects.decidable_by(reviewer, campaign)
        .filter(pk__in=[item.pk for item in items])
        .values_list("pk", flat=True)
    )
    ids = {actor for actor in granters.values() if actor} | {item.decided_by for item in items if item.decided_by}
    names = {user.pk: user.full_name for user in User.objects.filter(pk__in=ids)}
    used, rows = _find_last_uses(items), list[DecisionRow]()
    for item in items:
        user, person_id = item.subject.user, item.subject.person_id
        rows.append(
            DecisionRow(
                item=item,
                notes=_list_notes(item, sharing.get(item.pk)),
                conflicts=conflicts.get(person_id, ()) if item.kind != ReviewItem.Kind.INTEGRATION else (),
                rights=list_right_names(item),
                granted_by=_name_actor(granters[item.pk], names) if item.pk in granters else "",
                reason=reasons.get(item.pk, ""),
                decided_by=_name_actor(item.decided_by, names) if item.decided_by else "",
                colleagues=members.get(item.pk),
                last_used_at=used.get((person_id, item.object_id)),
                may_decide=item.pk in decidable and user is not None,
                is_gone=user is not None and (item.kind, person_id, item.object_id or item.code) not in now,
                error=(errors or {}).get(item.pk, ""),
            )
        )
    return rows


def _name_actor(actor: UUID | None, names: Mapping[UUID, str]) -> str:
    return names.get(actor) or build_erased_name(actor) if actor else "Loket"


def list_right_names(item: ReviewItem) -> list[str]:
    """Return the rights along a path in words, or the scopes of an integration."""
    if item.kind == ReviewItem.Kind.INTEGRATION:
        return [str(scope.label) for scope in sort_scopes(item.rights)]
    known = [str(right.label) for right in sort_rights(rights_from_codes(item.rights))]
    return known or list(item.rights)


def _list_notes(item: ReviewItem, sharing: tuple[int, int] | None) -> list[str]:
    notes = [str(ReviewItem.Note(note).label) for note in item.notes]
    if sharing is not None:
        values = {"holders": sharing[1], "colleagues": sharing[0]}
        notes.append(_("%(holders)s of %(colleagues)s colleagues in the same teams have this right too") % values)
    return notes


def _find_granters(campaign: Campaign, items: Sequence[ReviewItem]) -> dict[UUID, UUID | None]:
    """Return who gave each path, None for the operator; without the paths whose event is not there."""
    known = [item for item in items if item.granted_at and item.kind != ReviewItem.Kind.INTEGRATION]
    of_team = [item.kind == ReviewItem.Kind.TEAM for item in known]
    parameters: dict[str, Any] = {
        "provider": campaign.provider_id,
        "items": [item.pk for item in known],
        "targets": [item.object_id or item.subject.person_id for item in known],
        "verbs": [str(Verb.TEAM_CHANGED if team else Verb.RIGHTS_CHANGED) for team in of_team],
        "moments": [item.granted_at for item in known],
    }
    with connection.cursor() as cursor:
        cursor.execute(_GRANTERS_SQL, parameters)
        return dict(cursor.fetchall())


def _count_sharing(items: Sequence[ReviewItem]) -> dict[UUID, tuple[int, int]]:
    """Return the numbers of colleagues in the same teams as the user of each individual right, and of its holders."""
    rights = [item.pk for item in items if item.kind == ReviewItem.Kind.RIGHT]
    with connection.cursor() as cursor:
        cursor.execute(_SHARING_SQL, {"items": rights})
        return {pk: (colleagues, holders) for pk, colleagues, holders in cursor.fetchall()}


def _count_members(items: Sequence[ReviewItem]) -> dict[UUID, int]:
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS_SQL, {"items": [item.pk for item in items]})
        return dict(cursor.fetchall())


def _find_last_uses(items: Sequence[ReviewItem]) -> dict[tuple[UUID, UUID | None], datetime | None]:
    users = {item.subject.person_id for item in items if item.kind == ReviewItem.Kind.INTEGRATION}
    consents = Consent.objects.filter(user__in=users).values_list("user_id", "application_id", "last_used_at")
    return {(user, key): used for user, key, used in consents}
