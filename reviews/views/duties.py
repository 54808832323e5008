"""The pages of segregation of duties: rules, conflicts and exceptions."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from core.access import POST, SAFE, page
from core.confirmation import Confirmation, render_confirmation
from core.forms import VersionedForm
from core.paging import build_pager_context, paginate_queryset
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.duties import find_conflicts
from permissions.models import DutyExemption, DutyRule, Employer
from permissions.shortcuts import get_colleague_or_404, report_refusal, show_errors
from reviews import duties
from reviews.duty_forms import DutyRuleForm, ExemptionForm
from reviews.duty_list import (
    count_by_rule,
    filter_conflicting_users,
    list_conflicting_users,
    may_approve,
    paginate_open_exemptions,
)
from reviews.duty_suggestions import SUGGESTIONS, get_suggestion

_MAX_EMPLOYERS = 50


@page(Right.REVIEW_ACCESS, methods=SAFE)
def duty_list(request: OfficeRequest) -> HttpResponse:
    """List the rules, who conflicts with them, and the exceptions. Nine queries at most."""
    provider = request.user.office
    rules = {rule.pk: rule for rule in DutyRule.objects.visible_to(request.user).order_by("name_key")}
    users, found = filter_conflicting_users(provider, list(rules.values()))
    cursors = {name: request.GET.get(name, "") for name in ("page", "exceptions")}
    paged = paginate_queryset(users, cursor=cursors["page"])
    exemptions = paginate_open_exemptions(request.user, cursors["exceptions"])
    pager = build_pager_context(exemptions, parameter="exceptions", page=cursors["page"])
    counts = count_by_rule(found)
    context = {
        "rules": [(rule, counts.get(rule.pk, 0)) for rule in rules.values()],
        "rows": list_conflicting_users(provider, rules, found, paged.rows),
        "exemptions": [(row, may_approve(row, request.user)) for row in exemptions.rows],
        "exemptions_pager": {name: link and f"{link}#duty-exceptions" for name, link in pager.items()},
        "suggestions": [each for each in SUGGESTIONS if not each.is_covered(rules.values())],
        "may_manage": Right.MANAGE_PROVIDER in request.rights,
        "may_view_users": Right.VIEW_USERS in request.rights,
    } | build_pager_context(paged, exceptions=cursors["exceptions"])
    return render(request, "reviews/duties.html", context)


@page(Right.MANAGE_PROVIDER)
def create_rule(request: OfficeRequest) -> HttpResponse:
    suggestion = get_suggestion(request.GET.get("voorstel", ""))
    suggested = suggestion.build_values() if suggestion else None
    form = DutyRuleForm(request.POST or None, rule=None, suggested=suggested)
    if request.method == "POST" and form.is_valid():
        with show_errors(form):
            rule = duties.create_rule(request.user.office, form.rule_values, by=request.actor)
            return _report_saved(request, rule)
    return render(request, "reviews/duty_rule.html", {"form": form})


@page(Right.MANAGE_PROVIDER)
def edit_rule(request: OfficeRequest, pk: UUID) -> HttpResponse:
    rule = _get_rule(request, pk)
    form = DutyRuleForm(request.POST or None, rule=rule)
    if request.method == "POST" and form.is_valid():
        with show_errors(form, saved=rule):
            duties.update_rule(rule, form.rule_values, version=form.cleaned_data["version"], by=request.actor)
            return _report_saved(request, rule)
    return render(request, "reviews/duty_rule.html", {"form": form, "rule": rule})


def _report_saved(request: OfficeRequest, rule: DutyRule) -> HttpResponse:
    messages.success(request, _("The rule %(name)s has been saved.") % {"name": rule.name})
    return redirect("reviews:duty_list")


def _get_rule(request: OfficeRequest, pk: UUID) -> DutyRule:
    return get_object_or_404(DutyRule.objects.visible_to(request.user), pk=pk)


@page(Right.MANAGE_PROVIDER)
def delete_rule(request: OfficeRequest, pk: UUID) -> HttpResponse:
    rule, url = _get_rule(request, pk), reverse("reviews:duty_list")
    form = VersionedForm(request.POST or None, initial={"version": rule.version})
    if request.method == "POST" and form.is_valid():
        with report_refusal(request, _("Another user changed this rule in the meantime.")):
            duties.delete_rule(rule, version=form.cleaned_data["version"], by=request.actor)
            messages.success(request, _("The rule %(name)s has been deleted.") % {"name": rule.name})
        return redirect("reviews:duty_list")
    confirmation = Confirmation(
        _("Delete %(name)s") % {"name": rule.name},
        _("Delete"),
        url,
        [_("Changes are no longer checked against this rule."), _("The exceptions to it are deleted too.")],
        heading=_("Delete %(name)s?") % {"name": rule.name},
        parents=[(_("Segregation of duties"), url)],
    )
    return render_confirmation(request, confirmation, form=form)


@page(Right.REVIEW_ACCESS)
def show_conflict(request: OfficeRequest, pk: UUID, user_id: UUID) -> HttpResponse:
    """Show where a user conflicts with a rule, and ask for an exception, also before a change that a rule refuses."""
    rule, user = _get_rule(request, pk), get_colleague_or_404(request, user_id)
    conflicts = find_conflicts(rule.provider_id, [rule], [user.pk])
    by_employer = {each.employer_id: each for each in conflicts if each.employer_id is not None}
    employers = Employer.objects.visible_to(request.user).filter(pk__in=by_employer).order_by("sort_name", "pk")
    choices = employers if by_employer else checks.list_reachable_employers(user)
    form = ExemptionForm(request.POST or None, rule=rule, employers=choices, user=request.user)
    if request.method == "POST" and form.is_valid():
        with show_errors(form):
            duties.request_exemption(rule, user, **form.cleaned_data, by=request.actor)
            messages.success(request, _("The exception was requested. A colleague has to approve it."))
            return redirect("reviews:duty_list")
    context = {
        "rule": rule,
        "colleague": user,
        "employers": [(employer, by_employer[employer.pk]) for employer in employers[:_MAX_EMPLOYERS]],
        "more_count": max(0, len(by_employer) - _MAX_EMPLOYERS),
        "form": form,
        "is_self": user.pk == request.user.pk,
        "has_conflict": bool(conflicts),
    }
    return render(request, "reviews/duty_conflict.html", context)


def _get_exemption(request: OfficeRequest, pk: UUID) -> DutyExemption:
    return get_object_or_404(DutyExemption.objects.visible_to(request.user).select_related("user"), pk=pk)


@page(Right.REVIEW_ACCESS, methods=POST)
def approve_exemption(request: OfficeRequest, pk: UUID) -> HttpResponse:
    exemption = _get_exemption(request, pk)
    try:
        with report_refusal(request):
            duties.approve_exemption(exemption, by=request.actor)
            messages.success(request, _("The exception for %(name)s applies now.") % {"name": exemption.user.full_name})
    except ValidationError as error:
        messages.error(request, error.messages[0])
    return redirect("reviews:duty_list")


@page(Right.REVIEW_ACCESS, methods=POST)
def end_exemption(request: OfficeRequest, pk: UUID) -> HttpResponse:
    exemption = _get_exemption(request, pk)
    with report_refusal(request):
        duties.end_exemption(exemption, by=request.actor)
        messages.success(request, _("The exception for %(name)s has ended.") % {"name": exemption.user.full_name})
    return redirect("reviews:duty_list")
