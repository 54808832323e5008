"""Actions that change what was chosen for a campaign: before its start all of it, later whether it repeats."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import record
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import Verb
from core.errors import EditConflict
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right
from permissions.models import Team
from reviews.campaign_models import Campaign
from reviews.campaigns import CampaignDetails
from reviews.decisions import lock_campaign

_EVENT_FIELDS = {"deadline": "until", "scope_rights": "rights", "scope_teams": "teams", "repeat_months": "repeat"}


@action()
def edit_draft(campaign: Campaign, chosen: CampaignDetails, *, version: int, by: Actor) -> Campaign:
    """Change a campaign that has not started. Raises EditConflict, ValidationError ("started", "past")."""
    lock_and_authorize(campaign.provider_id, by, Right.MANAGE_PROVIDER)
    campaign = lock_campaign(campaign.pk, campaign.provider_id)
    if not campaign.is_draft:
        raise ValidationError(_("This review has been started already."), code="started")
    if campaign.version != version:
        raise EditConflict
    if chosen.deadline < timezone.localdate():
        raise ValidationError(_("The last day has passed. Choose a later day."), code="past")
    changes: Changes = {}
    for name, value in chosen.build_values().items():
        before = getattr(campaign, name)
        if value != before:
            changes[_EVENT_FIELDS.get(name, name)] = [_describe(name, each, campaign) for each in (before, value)]
            setattr(campaign, name, value)
    if changes:
        campaign.version += 1
        campaign.save()
        record(Verb.REVIEW_CHANGED, campaign, by=by, provider_id=campaign.provider_id, changes=changes)
    return campaign


def _describe(name: str, value: Any, campaign: Campaign) -> Any:
    """Return a value as events have it: the day as text, teams by their names of now."""
    if name == "scope_teams":
        teams = Team.objects.filter(provider=campaign.provider_id, pk__in=value).order_by("sort_name")
        return list(teams.values_list("name", flat=True))
    return value.isoformat() if name == "deadline" else value


@action()
def stop_series(campaign: Campaign, *, by: Actor) -> Campaign:
    """Let a campaign have no successor; it goes on itself. Raises ValidationError (code "single"), EditConflict."""
    lock_and_authorize(campaign.provider_id, by, Right.MANAGE_PROVIDER)
    campaign = lock_campaign(campaign.pk, campaign.provider_id)
    if campaign.next_on is None:
        raise ValidationError(_("This review does not repeat any more. Nothing was changed."), code="single")
    changes: Changes = {"repeat": [campaign.repeat_months, 0]}
    campaign.repeat_months = 0
    campaign.save(update_fields=["repeat_months"])
    record(Verb.REVIEW_CHANGED, campaign, by=by, provider_id=campaign.provider_id, changes=changes)
    return campaign
