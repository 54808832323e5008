"""Pages for bulk actions: choose the action, and enter mobile numbers for sending invitations again."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.forms.people import ListForm
from accounts.listing import matching
from accounts.models import User
from audit.actors import Proof, on_page
from bulk import operations
from bulk.forms import NumbersForm, SeveralForm
from bulk.several import Act, Wish, why_not_invited
from bulk.views import pages
from invitations.drafts import named
from loket.paging import PAGE, query
from signin.reauthentication import reauthenticated
from signin.throttle import Throttled
from teams.access import OfficeRequest, requires
from teams.rights import Right


def _chosen(request: OfficeRequest) -> QuerySet[User]:
    """Return the selected users: those ticked, or with `all` every user that matches the filters."""
    people: QuerySet[User] = User.objects.visible_to(request.user)
    if "all" in request.GET:
        values = ListForm(request.GET).values()
        del values["sort"]
        people = matching(people, **values)
    else:
        ids = [id_ for text in request.GET.getlist("users") if (id_ := named(text)) is not None]
        people = people.filter(pk__in=ids)
    return people.order_by("sort_name", "pk")


def _nobody(request: OfficeRequest) -> HttpResponse:
    messages.warning(request, _("No users selected. Select users in the list first."))
    return redirect("accounts:list")


@requires(Right.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.HALF_HOUR)
def choose(request: OfficeRequest) -> HttpResponse:
    """Choose the bulk action for the selected users, and plan it; nothing is changed yet."""
    people = _chosen(request)
    if not people.exists():
        return _nobody(request)
    form = SeveralForm(request.POST or None, user=request.user, rights=request.rights)
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["act"] == Act.RESEND:
            return redirect(f"{reverse('bulk:numbers')}?{request.GET.urlencode()}")
        wish = form.wish([str(pk) for pk in people.values_list("pk", flat=True)])
        return _plan(request, form, wish, lambda: _choice(request, form, people))
    return _choice(request, form, people)


def _choice(request: OfficeRequest, form: SeveralForm, people: QuerySet[User]) -> HttpResponse:
    total = people.count()
    context = {"form": form, "total": total, "filters": _filters(request), "names": list(people[: PAGE + 1])[:PAGE]}
    return render(request, "imports/bulk_action.html", context | {"earlier": pages.earlier(request, about_teams=False)})


def _filters(request: OfficeRequest) -> str:
    """Return the query string of the filters if all matching users are selected, else ''."""
    return query(**ListForm(request.GET).values()) if "all" in request.GET else ""


@requires(Right.MANAGE_USERS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.HALF_HOUR)
def numbers(request: OfficeRequest) -> HttpResponse:
    """Enter the mobile numbers of users who can be invited again, at most one page full, and plan that."""
    people = _chosen(request).select_related("invitation", "provider")
    found = [user for user in people.filter(accepted_at=None)[: 2 * PAGE] if not why_not_invited(user)]
    total, askable = people.count(), found[:PAGE]
    if not total:
        return _nobody(request)
    form = NumbersForm(request.POST or None, people=askable)
    context: dict[str, Any] = {"form": form, "total": total, "askable": len(askable), "more": len(found) > PAGE}
    if request.method == "POST" and askable and form.is_valid():
        ids = [str(pk) for pk in people.values_list("pk", flat=True)]
        wish = Wish(Act.RESEND, ids, numbers=form.numbers)
        return _plan(request, form, wish, lambda: render(request, "imports/mobile_numbers.html", context))
    return render(request, "imports/mobile_numbers.html", context)


def _plan(request: OfficeRequest, form: Form, wish: Wish, again: Callable[[], HttpResponse]) -> HttpResponse:
    """Plan `wish` and redirect to its plan, or render the form `again` when throttled."""
    count = len(wish.ids)
    people = ngettext("%(count)d user", "%(count)d users", count) % {"count": count}
    name, by = f"{Act(wish.act).label}: {people}", on_page(request, request.user)
    try:
        kept = operations.keep_wish(request.user, wish, name=name, by=by)
    except Throttled as error:
        form.add_error(None, str(error))
        return pages.not_now(again(), error)
    return redirect("bulk:plan", kept.pk)
