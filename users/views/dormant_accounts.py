"""Pages of dormant accounts: the four lists, and the subscription to the e-mail about them."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.models import AccountReviewSubscription, User
from core.access import POST, SAFE, page
from core.paging import build_pager_context, paginate_queryset
from permissions.access import OfficeRequest
from permissions.checks import Right
from users import dormant_account_emails
from users.dormant_accounts import (
    SINCE_EXPRESSIONS,
    ReviewReason,
    ReviewThresholds,
    count_users_to_review,
    filter_users_to_review,
    get_thresholds,
)
from users.forms.dormant_accounts import ReviewThresholdsForm
from users.status import annotate_statuses, build_status_chip

_PAGE_SIZE = 20  # users of each list on a page


@page(Right.MANAGE_USERS, methods=SAFE)
def dormant_accounts(request: OfficeRequest) -> HttpResponse:
    subscription = AccountReviewSubscription.objects.filter(user=request.user).first()
    standard = get_thresholds(subscription) if subscription else ReviewThresholds()
    form = ReviewThresholdsForm(standard._asdict() | {name: value for name, value in request.GET.items() if value})
    thresholds = form.thresholds if form.is_valid() else standard
    users = User.objects.visible_to(request.user)
    context = {
        "form": form,
        "lists": list(_iter_review_lists(request, users, thresholds)),
        "subscription": subscription,
        "thresholds": thresholds,
        "is_other": subscription is not None and thresholds != standard,
        "ReviewReason": ReviewReason,
    }
    return render(request, "users/dormant_accounts.html", context)


def _iter_review_lists(
    request: OfficeRequest, users: QuerySet[User], thresholds: ReviewThresholds
) -> Iterator[dict[str, Any]]:
    """Yield each list with its own pagination; paging one list keeps the position of the others."""
    cursors = {reason: request.GET.get(reason, "") for reason in ReviewReason}
    for reason, count in count_users_to_review(users, thresholds).items():
        page = paginate_queryset(
            annotate_statuses(filter_users_to_review(users, reason, thresholds)),
            cursor=cursors[reason],
            sort=reason,
            sorts={reason: SINCE_EXPRESSIONS[reason]},
            datetime_sorts=set(ReviewReason) - {ReviewReason.ENDED},
            date_sorts=[ReviewReason.ENDED],
            size=_PAGE_SIZE,
        )
        others = {other: cursor for other, cursor in cursors.items() if other != reason}
        values = {name: str(value) for name, value in thresholds._asdict().items()} | others
        urls = build_pager_context(page, parameter=reason, **values)
        yield {
            "reason": reason,
            "title": reason.get_title(thresholds),
            "count": count,
            "rows": [(user, build_status_chip(user)) for user in page.rows],
        } | {name: url and f"{url}#{reason}" for name, url in urls.items()}


@page(Right.MANAGE_USERS, methods=POST)
def subscribe(request: OfficeRequest) -> HttpResponse:
    form = ReviewThresholdsForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Enter a number from 1 to 3650."))
        return redirect("users:dormant_accounts")
    dormant_account_emails.subscribe(request.user, thresholds=form.thresholds, by=request.actor)
    messages.success(
        request, _("You will now receive an e-mail on the first day of each month when there are accounts to review.")
    )
    return redirect("users:dormant_accounts")


@page(Right.MANAGE_USERS, methods=POST)
def unsubscribe(request: OfficeRequest) -> HttpResponse:
    dormant_account_emails.unsubscribe(request.user, by=request.actor)
    messages.success(request, _("You will no longer receive e-mails about dormant accounts."))
    return redirect("users:dormant_accounts")
