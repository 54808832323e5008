"""What happens to campaigns by itself: reminders, the end at the deadline, and the next one."""

from datetime import timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from accounts.locks import lock_provider
from audit.actions import record
from audit.actors import build_job_actor
from audit.models import Verb
from core import periodic_jobs
from reviews import campaigns, emails
from reviews.campaign_models import Campaign, CampaignReviewer

REMINDER_DAYS = (7, 3, 1)  # before the last day
_NEXT_DAYS = 14  # that the next campaign of a series gets


def close_due_campaigns() -> int:
    """End the campaigns whose last day is over. A periodic job of the worker."""
    due = Campaign.objects.running().filter(deadline__lt=timezone.localdate())
    return periodic_jobs.process_items(_close, due.values_list("pk", flat=True)).count(True)


@transaction.atomic
def _close(campaign_id: UUID) -> bool:
    campaign = Campaign.objects.get(pk=campaign_id)
    try:
        campaigns.close_campaign(campaign, by=build_job_actor("reviews"))
    except ValidationError:  # ended meanwhile
        return False
    return True


def send_reminders() -> int:
    """Remind reviewers 7, 3 and 1 days before the last day, once a day. A periodic job of the worker."""
    today = timezone.localdate()
    days = [today + timedelta(days=ahead) for ahead in REMINDER_DAYS]
    due = Campaign.objects.running().filter(deadline__in=days).exclude(reminded_on=today)
    return periodic_jobs.process_items(_remind, due.values_list("pk", flat=True)).count(True)


@transaction.atomic
def _remind(campaign_id: UUID) -> bool:
    today = timezone.localdate()
    rows = Campaign.objects.running().filter(pk=campaign_id).exclude(reminded_on=today)
    campaign = rows.select_for_update(of=("self",), skip_locked=True, no_key=True).select_related("provider").first()
    if campaign is None:
        return False
    campaign.reminded_on = today
    campaign.save(update_fields=["reminded_on"])
    emails.send_to_reviewers(campaign)
    return True


def repeat_campaigns() -> int:
    """Prepare and start the next campaign of a series. A periodic job of the worker."""
    ended = Campaign.objects.filter(repeat_months__gt=0, repeated_at=None).exclude(closed_at=None)
    today = timezone.localdate()
    due = [campaign.pk for campaign in ended if campaign.next_on is not None and campaign.next_on <= today]
    return periodic_jobs.process_items(_repeat, due).count(True)


@transaction.atomic
def _repeat(campaign_id: UUID) -> bool:
    """Make the next campaign; it starts by itself, or stays a draft if that is not possible.

    So it waits when none of the reviewers may review any more, or when nothing is left that it would review; the
    administrators are told which.
    """
    lock_provider(Campaign.objects.values_list("provider_id", flat=True).get(pk=campaign_id))  # before the campaign
    last = Campaign.objects.select_for_update(of=("self",), no_key=True).select_related("provider").get(pk=campaign_id)
    if last.next_on is None:  # repeated or stopped meanwhile
        return False
    last.repeated_at = timezone.now()
    last.save(update_fields=["repeated_at"])
    by, today = build_job_actor("reviews"), timezone.localdate()
    base = last.name.rsplit(" · ", 1)[0][:45]
    following = Campaign.objects.create(
        provider=last.provider, name=f"{base} · {date_format(today, 'M Y')}", scope=last.scope,
        scope_teams=last.scope_teams, scope_rights=last.scope_rights, scope_days=last.scope_days,
        undecided=last.undecided, repeat_months=last.repeat_months, deadline=today + timedelta(days=_NEXT_DAYS),
        previous=last,
    )  # fmt: skip
    CampaignReviewer.objects.bulk_create(
        CampaignReviewer(provider=last.provider, campaign=following, user_id=row.user_id, team_id=row.team_id)
        for row in CampaignReviewer.objects.filter(provider=last.provider, campaign=last)
    )
    what = {"reviewers": [None, campaigns.list_reviewer_ids(following)]}
    record(Verb.REVIEW_CREATED, following, by=by, provider_id=last.provider_id, changes=what)
    try:
        with transaction.atomic():
            campaigns.start_campaign(following, by=by)
    except ValidationError as error:
        emails.send_waiting(following, is_empty=error.code == "empty")
    return True
