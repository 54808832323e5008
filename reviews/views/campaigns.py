"""Pages of campaigns: the list, a new one, its progress, changing, starting and ending it, and its plan."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import CharField
from django.db.models.functions import Cast
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from core.access import POST, SAFE, ReauthenticationLevel, page
from core.confirmation import Confirmation, is_confirmed, render_confirmation
from core.errors import EditConflict
from core.paging import build_pager_context, paginate_queryset
from core.throttle import Throttled
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.duties import find_broken_rules
from permissions.shortcuts import mark_as_throttled, show_errors
from reviews import campaigns, edits, plans, progress
from reviews.campaign_forms import REPEAT_CHOICES, CampaignForm, DraftForm, ReviewersForm
from reviews.campaign_models import Campaign

_NEWEST = {"newest": Cast("id", CharField())}
_ENOUGH_REVIEWERS = 3  # of everything: of two, the one may not decide about the other who decided about them


def get_campaign_or_404(request: OfficeRequest, pk: UUID) -> Campaign:
    return get_object_or_404(Campaign.objects.visible_to(request.user).select_related("provider", "starter"), pk=pk)


@page(Right.REVIEW_ACCESS, methods=SAFE)
def campaign_list(request: OfficeRequest) -> HttpResponse:
    rows = Campaign.objects.visible_to(request.user)
    found = paginate_queryset(rows, cursor=request.GET.get("page", ""), sort="-newest", sorts=_NEWEST)
    counts = progress.count_decisions(found.rows)
    measured = [(row, progress.Progress(counts[row.pk])) for row in found.rows]
    context: dict[str, Any] = {
        "rows": [(row, each, each.count_to_revoke(row)) for row, each in measured],
        "may_manage": Right.MANAGE_PROVIDER in request.rights,
        **build_pager_context(found),
    }
    return render(request, "reviews/campaign_list.html", context)


@page(Right.MANAGE_PROVIDER, reauthentication=ReauthenticationLevel.HALF_HOUR)
def new_campaign(request: OfficeRequest) -> HttpResponse:
    form = CampaignForm(request.POST or None, provider=request.user.office)
    if request.method == "POST" and form.is_valid():
        with show_errors(form, "reviewers"):
            campaign = campaigns.create_campaign(
                request.user.office, form.details, form.chosen_reviewers, by=request.actor
            )
            return redirect("reviews:campaign", campaign.pk)
    return render(request, "reviews/new_campaign.html", {"form": form})


@page(Right.REVIEW_ACCESS, methods=SAFE)
def campaign_detail(request: OfficeRequest, pk: UUID) -> HttpResponse:
    campaign = get_campaign_or_404(request, pk)
    may_manage = Right.MANAGE_PROVIDER in request.rights
    context: dict[str, Any] = {"campaign": campaign, "may_manage": may_manage}
    context["scope"] = progress.describe_scope(campaign)
    if not campaign.is_draft:
        found = progress.measure_progress(campaign)
        context |= {"progress": found, "bar": progress.draw_bar(found), "striking": progress.count_notes(campaign)}
        context["mine"] = progress.count_open_for(campaign, request.user) if campaign.is_running else 0
        context["stuck"] = progress.count_without_reviewer(campaign) if campaign.is_running else 0
        context["conflicts"] = len(find_broken_rules(campaign.provider_id))
    reviewers = progress.list_reviewer_progress(campaign)
    context |= {"reviewers": reviewers, "waiting": sum(row.is_able and row.may_decide > 0 for row in reviewers)}
    context["repeats"] = dict(REPEAT_CHOICES).get(campaign.repeat_months, "")
    if campaign.is_decided:
        context |= {"drift": plans.find_drift(campaign), "to_revoke": plans.count_to_revoke(campaign)}
        context["by_office"] = len(plans.find_office_paths(campaign))
        job = plans.find_job(campaign)
        is_own = job is not None and job.user_id == request.user.pk
        context |= {"job": job if is_own else None, "other_plan": job if job is not None and not is_own else None}
    return render(request, "reviews/campaign.html", context)


@page(Right.MANAGE_PROVIDER, reauthentication=ReauthenticationLevel.HALF_HOUR)
def edit_reviewers(request: OfficeRequest, pk: UUID) -> HttpResponse:
    campaign = get_campaign_or_404(request, pk)
    form = ReviewersForm(request.POST or None, campaign=campaign)
    if request.method == "POST" and form.is_valid():
        version = form.cleaned_data["version"]
        with show_errors(form, "reviewers", saved=campaign):
            campaigns.change_reviewers(campaign, form.chosen_reviewers, version=version, by=request.actor)
            messages.success(request, _("The reviewers have been changed."))
            return redirect("reviews:campaign", campaign.pk)
    return render(request, "reviews/reviewers.html", {"form": form, "campaign": campaign})


@page(Right.MANAGE_PROVIDER, reauthentication=ReauthenticationLevel.HALF_HOUR)
def edit_campaign(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Choose again what a review that has not started is about."""
    campaign = get_campaign_or_404(request, pk)
    if not campaign.is_draft:
        messages.error(request, _("This review has been started already."))
        return redirect("reviews:campaign", campaign.pk)
    form = DraftForm(request.POST or None, campaign=campaign)
    if request.method == "POST" and form.is_valid():
        with show_errors(form, saved=campaign):
            edits.edit_draft(campaign, form.details, version=form.cleaned_data["version"], by=request.actor)
            messages.success(request, _("The access review has been changed."))
            return redirect("reviews:campaign", campaign.pk)
    return render(request, "reviews/edit_campaign.html", {"form": form, "campaign": campaign})


def _report_gone(request: OfficeRequest) -> HttpResponse:
    messages.error(request, _("This access review has been deleted in the meantime."))
    return redirect("reviews:campaign_list")


def _act(
    request: OfficeRequest, campaign: Campaign, act: Callable[[], Any], done: Callable[[Any], str]
) -> HttpResponse:
    """Act and go back to the campaign with the text `done` of the result, or the reason of a refusal."""
    try:
        result = act()
    except ValidationError as error:
        messages.error(request, error.messages[0])
    except EditConflict:
        return _report_gone(request)
    else:
        messages.success(request, done(result))
    return redirect("reviews:campaign", campaign.pk)


def _confirm_and(
    request: OfficeRequest, campaign: Campaign, confirmation: Confirmation, act: Callable[[], object], done: str
) -> HttpResponse:
    """Ask for confirmation, or act as `_act`."""
    if not is_confirmed(request):
        return render_confirmation(request, confirmation, chosen={"campaign": [campaign.pk]})
    return _act(request, campaign, act, lambda _result: done)


def _list_parents(campaign: Campaign) -> list[tuple[str, str]]:
    own = reverse("reviews:campaign", args=[campaign.pk])
    return [(_("Access reviews"), reverse("reviews:campaign_list")), (campaign.name, own)]


@page(Right.MANAGE_PROVIDER, methods=POST, reauthentication=ReauthenticationLevel.HALF_HOUR)
def start(request: OfficeRequest, pk: UUID) -> HttpResponse:
    campaign = get_campaign_or_404(request, pk)
    confirmation = Confirmation(
        _("Start the access review?"),
        _("Start"),
        reverse("reviews:campaign", args=[campaign.pk]),
        [
            _("All users, teams, rights and integrations of this moment are frozen for the review."),
            _("The number and the fingerprint of all of it are published in the signed history."),
            _("The reviewers get an e-mail. Nobody loses access before you confirm that at the end."),
        ],
        parents=_list_parents(campaign),
        warning=_warn_of_few_reviewers(campaign),
        is_harmless=True,
    )
    done = _("The access review has started.")
    return _confirm_and(
        request, campaign, confirmation, lambda: campaigns.start_campaign(campaign, by=request.actor), done
    )


def _warn_of_few_reviewers(campaign: Campaign) -> str:
    if campaigns.count_general_reviewers(campaign) >= _ENOUGH_REVIEWERS:
        return ""
    return _(
        "Fewer than three reviewers decide about everything. Nobody may decide about the own access, nor about that of"
        " who decided about them, so access of the reviewers can stay without a reviewer."
    )


@page(Right.MANAGE_PROVIDER, methods=POST, reauthentication=ReauthenticationLevel.HALF_HOUR)
def remind(request: OfficeRequest, pk: UUID) -> HttpResponse:
    campaign = get_campaign_or_404(request, pk)

    def describe(count: int) -> str:
        text = ngettext("%(count)s reviewer gets an e-mail.", "%(count)s reviewers get an e-mail.", count)
        return text % {"count": count}

    return _act(request, campaign, lambda: campaigns.remind_reviewers(campaign, by=request.actor), describe)


@page(Right.MANAGE_PROVIDER, methods=POST, reauthentication=ReauthenticationLevel.HALF_HOUR)
def stop_series(request: OfficeRequest, pk: UUID) -> HttpResponse:
    campaign = get_campaign_or_404(request, pk)
    done = _("The access review does not repeat any more.")
    return _act(request, campaign, lambda: edits.stop_series(campaign, by=request.actor), lambda _stopped: done)


@page(Right.MANAGE_PROVIDER, methods=POST, reauthentication=ReauthenticationLevel.HALF_HOUR)
def close(request: OfficeRequest, pk: UUID) -> HttpResponse:
    campaign = get_campaign_or_404(request, pk)
    found = progress.measure_progress(campaign)
    left = ngettext("%(count)s path is undecided.", "%(count)s paths are undecided.", found.open) % {
        "count": number_format(found.open, force_grouping=True)
    }
    confirmation = Confirmation(
        _("End the access review?"),
        _("End"),
        reverse("reviews:campaign", args=[campaign.pk]),
        [_("Decisions can no longer be changed."), _("Nobody loses access before you confirm the plan.")],
        parents=_list_parents(campaign),
        warning=f"{left} {campaign.get_undecided_display()}." if found.open else "",
    )
    done = _("The access review has ended.")
    return _confirm_and(
        request, campaign, confirmation, lambda: campaigns.close_campaign(campaign, by=request.actor), done
    )


@page(Right.MANAGE_PROVIDER, methods=POST, reauthentication=ReauthenticationLevel.HALF_HOUR)
def delete(request: OfficeRequest, pk: UUID) -> HttpResponse:
    campaign = get_campaign_or_404(request, pk)
    try:
        is_deleted = campaigns.delete_draft(campaign, by=request.actor)
    except EditConflict:
        return _report_gone(request)
    if is_deleted:
        messages.success(request, _("The access review has been deleted. It had not started."))
        return redirect("reviews:campaign_list")
    messages.error(request, _("This review has been started already."))
    return redirect("reviews:campaign", campaign.pk)


@page(Right.MANAGE_PROVIDER, methods=POST, reauthentication=ReauthenticationLevel.HALF_HOUR)
def plan(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Plan all revocations, and go to the plan: nothing is revoked before it is confirmed there."""
    campaign = get_campaign_or_404(request, pk)
    job = plans.find_job(campaign)
    if job is not None and job.is_planned and job.user_id != request.user.pk and not is_confirmed(request):
        return _confirm_replacing(request, campaign, job.user)
    try:
        job = plans.create_plan(campaign, by=request.actor)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    except EditConflict:
        return _report_gone(request)
    except Throttled as error:
        messages.error(request, str(error))
        return mark_as_throttled(campaign_detail(request, pk), error)
    else:
        return redirect("imports:plan", job.pk)
    return redirect("reviews:campaign", campaign.pk)


def _confirm_replacing(request: OfficeRequest, campaign: Campaign, owner: User) -> HttpResponse:
    confirmation = Confirmation(
        _("Make another plan?"),
        _("Make the plan"),
        reverse("reviews:campaign", args=[campaign.pk]),
        [_("%(name)s has a plan. It is discarded, and can no longer be confirmed.") % {"name": owner.full_name}],
        parents=_list_parents(campaign),
        is_harmless=True,
    )
    return render_confirmation(request, confirmation, chosen={"campaign": [campaign.pk]})
