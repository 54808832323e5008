"""The page on which reviewers decide, path by path, and the bulk action for the plain ones."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import encryption
from core.access import POST, ReauthenticationLevel, page
from core.confirmation import Confirmation, is_confirmed, render_confirmation
from core.ids import parse_uuid
from core.paging import build_pager_context, build_query_string
from core.search import split_search_words
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.duties import find_broken_rules
from reviews import decisions, progress
from reviews.campaign_models import Campaign, ReviewedTeam
from reviews.decision_rows import build_rows, paginate_items
from reviews.decisions import AlreadyDecided
from reviews.item_models import Decision, ReviewItem, ReviewItemQuerySet
from reviews.views.campaigns import get_campaign_or_404

_VIEWS = ("open", "striking", "all")
_PACE_MINUTES = 2
_KINDS = (ReviewItem.Kind.RIGHT.value, ReviewItem.Kind.INTEGRATION.value)  # beside the teams


def _filter_view(items: ReviewItemQuerySet, view: str, conflicting: set[UUID]) -> QuerySet[ReviewItem]:
    if view == "open":
        return items.open()
    if view == "striking":
        return items.filter(~Q(notes__contained_by=[ReviewItem.Note.OFFICE]) | Q(subject__person_id__in=conflicting))
    return items


def _read_filters(request: OfficeRequest) -> dict[str, str]:
    view = request.GET.get("view", "")
    team = request.GET.get("team", "")
    return {
        "view": view if view in _VIEWS else "open",
        "team": team if team in _KINDS else str(parse_uuid(team) or ""),
        "q": request.GET.get("q", "").strip()[:100].replace("\x00", ""),
    }


def _filter_items(campaign: Campaign, request: OfficeRequest, filters: dict[str, str]) -> ReviewItemQuerySet:
    """Return what the reviewer may decide about, and already decided, as the filters say."""
    items = ReviewItem.objects.decidable_by(request.user, campaign)
    if filters["team"] in _KINDS:
        items = items.filter(kind=filters["team"])
    elif filters["team"]:
        items = items.filter(kind=ReviewItem.Kind.TEAM, object_id=filters["team"])
    for word in split_search_words(filters["q"]):
        items = items.filter(subject__user__search_text__contains=word)
    return items


@page(Right.REVIEW_ACCESS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def decide(request: OfficeRequest, pk: UUID) -> HttpResponse:
    campaign = get_campaign_or_404(request, pk)
    if campaign.is_draft:
        raise Http404
    if request.method == "POST":
        return _decide_and_show(request, campaign)
    return _render_page(request, campaign)


def _decide_and_show(request: OfficeRequest, campaign: Campaign) -> HttpResponse:
    """Store one decision and show its row again, or without htmx the page."""
    item_id, version, value = ([*request.POST.get("decision", "").split(":"), "", "", ""])[:3]
    found = ReviewItem.objects.filter(provider=campaign.provider_id, campaign=campaign)
    pk = parse_uuid(item_id)
    item = found.select_related("subject__user").filter(pk=pk).first() if pk else None
    if item is None or value not in Decision or not re.fullmatch("[0-9]{1,5}", version):
        raise Http404
    reason, error = request.POST.get(f"reason-{item.pk}", ""), ""
    try:
        item = decisions.decide(item, Decision(value), reason=reason, seen=int(version), by=request.actor)
    except AlreadyDecided as refusal:
        item, error = refusal.item, str(refusal)
    except ValidationError as refusal:
        error = refusal.messages[0]
    except PermissionDenied as refusal:
        if not request.htmx:
            raise
        error = str(refusal)
    if not request.htmx:
        if error:
            messages.error(request, f"{item.title}: {error}")
        return redirect(f"{request.get_full_path()}#path-{item.pk}")
    item.campaign = campaign
    conflicts = find_broken_rules(campaign.provider_id, [item.subject.person_id])
    rows = build_rows(campaign, [item], request.user, conflicts, {item.pk: error} if error else None)
    context = {"row": rows[0], "campaign": campaign, **_build_progress(request, campaign)}
    return render(request, "reviews/_decided.html", context)


def _build_progress(request: OfficeRequest, campaign: Campaign) -> dict[str, Any]:
    mine = ReviewItem.objects.decidable_by(request.user, campaign)
    counts = progress.count_by_decision(mine)
    since = timezone.now() - timedelta(minutes=_PACE_MINUTES)
    pace = decisions.measure_pace(campaign, request.user.pk, since)
    text = ngettext("%(count)s decision in two minutes", "%(count)s decisions in two minutes", pace)
    return {
        "progress": counts,
        "bar": progress.draw_bar(counts),
        "pace": text % {"count": pace} if pace > 1 else "",
    }


def _render_page(request: OfficeRequest, campaign: Campaign) -> HttpResponse:
    filters = _read_filters(request)
    items = _filter_items(campaign, request, filters)
    is_whole = campaign.is_running or filters["view"] == "striking"
    conflicts = find_broken_rules(campaign.provider_id) if is_whole else {}
    shown = paginate_items(_filter_view(items, filters["view"], set(conflicts)), request.GET.get("page", ""))
    if not is_whole:
        conflicts = find_broken_rules(campaign.provider_id, [item.subject.person_id for item in shown.rows])
    plain = decisions.filter_plain(items, conflicts).count() if campaign.is_running else 0
    links = [
        (label, build_query_string(**(filters | {"view": view})), view == filters["view"])
        for view, label in (("open", _("Still to do")), ("striking", _("Needs a look")), ("all", _("All")))
    ]
    context: dict[str, Any] = {
        "campaign": campaign,
        "rows": build_rows(campaign, shown.rows, request.user, conflicts),
        "filters": filters,
        "views": links,
        "groups": _list_groups(campaign, request),
        "team": _find_team(campaign, filters),
        "plain": plain,
        "plain_query": build_query_string(team=filters["team"], q=filters["q"]),
        **_build_progress(request, campaign),
        **build_pager_context(shown, **filters),
    }
    return render(request, "reviews/decide.html", context)


def _list_groups(campaign: Campaign, request: OfficeRequest) -> list[tuple[str, str]]:
    """Return what the reviewer can look at apart: each team, individual rights, and integrations. One query."""
    mine = ReviewItem.objects.decidable_by(request.user, campaign).order_by("name", "object_id")
    kinds, teams = set[str](), list[tuple[str, str]]()
    for kind, key, name in mine.values_list("kind", "object_id", "name").distinct():
        if kind == ReviewItem.Kind.TEAM:
            teams.append((str(key), name))
        kinds.add(kind)
    others = [(kind, str(ReviewItem.Kind(kind).label)) for kind in _KINDS if kind in kinds]
    return [*teams, *others] if len(teams) + len(others) > 1 else []


def _find_team(campaign: Campaign, filters: dict[str, str]) -> ReviewedTeam | None:
    if not filters["team"] or filters["team"] in _KINDS:
        return None
    mine = ReviewedTeam.objects.filter(provider=campaign.provider_id, campaign=campaign)
    return mine.filter(team_id=filters["team"]).first()


@page(Right.REVIEW_ACCESS, methods=POST, reauthentication=ReauthenticationLevel.HALF_HOUR)
def keep_plain(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Keep all paths that have nothing to look at, once the reviewer confirmed how many."""
    campaign = get_campaign_or_404(request, pk)
    filters = _read_filters(request)
    back = reverse("reviews:decide", args=[campaign.pk]) + build_query_string(team=filters["team"], q=filters["q"])
    items = decisions.filter_plain(_filter_items(campaign, request, filters), find_broken_rules(campaign.provider_id))
    ids = list(items.order_by("pk").values_list("pk", flat=True)[: decisions.MAX_BULK])
    if not ids:
        messages.info(request, _("Everything that is left needs a look."))
        return redirect(back)
    digest = encryption.hash_token(" ".join(map(str, ids)))
    if not is_confirmed(request) or request.POST.get("paths") != digest:  # others than were shown: ask again
        return _confirm_keeping(request, campaign, len(ids), back, digest)
    try:
        count = decisions.keep_plain(campaign, ids, by=request.actor)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        text = ngettext("%(count)s path is kept.", "%(count)s paths are kept.", count)
        messages.success(request, text % {"count": number_format(count, force_grouping=True)})
    return redirect(back)


def _confirm_keeping(request: OfficeRequest, campaign: Campaign, count: int, back: str, digest: str) -> HttpResponse:
    text = ngettext("%(count)s path is kept.", "%(count)s paths are kept.", count)
    confirmation = Confirmation(
        _("Keep everything that needs no look?"),
        _("Keep"),
        back,
        [
            text % {"count": number_format(count, force_grouping=True)},
            _("Paths that need a look, or with a conflict of duties, stay open: decide about those one by one."),
            _("You can change each decision until the review ends. The pace is in the report."),
        ],
        parents=[(_("Access reviews"), reverse("reviews:campaign_list")), (campaign.name, back)],
        is_harmless=True,
    )
    return render_confirmation(request, confirmation, chosen={"paths": [digest]})
