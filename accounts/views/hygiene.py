"""Pages of dormant accounts: the four lists, and the subscription to the e-mail about them."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import hygiene_mails
from accounts.forms.hygiene import MeasuresForm
from accounts.hygiene import SINCE, Chore, Measures, counts, found, measures_of
from accounts.models import HygieneMail, User
from accounts.status import chip, with_status
from audit.actors import on_page
from loket.paging import neighbours, page_of
from teams.access import OfficeRequest, requires
from teams.rights import Right

_SIZE = 20  # users of each list on a page


@requires(Right.MANAGE_USERS)
@require_safe
def hygiene(request: OfficeRequest) -> HttpResponse:
    """Show the accounts to review, by thresholds that the user can change."""
    wish = HygieneMail.objects.filter(user=request.user).first()
    standard = measures_of(wish) if wish else Measures()
    form = MeasuresForm(standard._asdict() | {name: value for name, value in request.GET.items() if value})
    measures = form.measures if form.is_valid() else standard
    people = User.objects.visible_to(request.user)
    context = {
        "form": form,
        "lists": list(_lists(request, people, measures)),
        "wish": wish,
        "measures": measures,
        "is_other": wish is not None and measures != standard,
        "Chore": Chore,
    }
    return render(request, "users/dormant_accounts.html", context)


def _lists(request: OfficeRequest, people: QuerySet[User], measures: Measures) -> Iterator[dict[str, Any]]:
    """Yield each list with its own pagination; paging one list keeps the position of the others."""
    cursors = {chore: request.GET.get(chore, "") for chore in Chore}
    for chore, count in counts(people, measures).items():
        page = page_of(
            with_status(found(people, chore, measures)),
            cursor=cursors[chore],
            sort=chore,
            sorts={chore: SINCE[chore]},
            moments=set(Chore) - {Chore.ENDED},
            days=[Chore.ENDED],
            size=_SIZE,
        )
        others = {other: cursor for other, cursor in cursors.items() if other != chore}
        values = {name: str(value) for name, value in measures._asdict().items()} | others
        urls = neighbours(page, cursor=chore, **values)
        yield {
            "chore": chore,
            "title": chore.called(measures),
            "count": count,
            "rows": [(user, chip(user)) for user in page.rows],
        } | {name: url and f"{url}#{chore}" for name, url in urls.items()}


@requires(Right.MANAGE_USERS)
@require_POST
def ask_hygiene_mail(request: OfficeRequest) -> HttpResponse:
    """Subscribe to the monthly e-mail, by the thresholds on the page."""
    form = MeasuresForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Enter a number from 1 to 3650."))
        return redirect("accounts:hygiene")
    hygiene_mails.ask(request.user, measures=form.measures, by=on_page(request, request.user))
    messages.success(
        request, _("You will now receive an e-mail on the first day of each month when there are accounts to review.")
    )
    return redirect("accounts:hygiene")


@requires(Right.MANAGE_USERS)
@require_POST
def stop_hygiene_mail(request: OfficeRequest) -> HttpResponse:
    hygiene_mails.stop(request.user, by=on_page(request, request.user))
    messages.success(request, _("You will no longer receive e-mails about dormant accounts."))
    return redirect("accounts:hygiene")
