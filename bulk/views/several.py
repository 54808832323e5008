"""Pages for doing something to several people at once: what, and for sending invitations again the mobile numbers."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
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
from teams.access import OfficeRequest, requires
from teams.rights import Right


def _chosen(request: OfficeRequest) -> QuerySet[User]:
    """Return whom the address names: those ticked, or with `all` everybody who matches the filters of the list."""
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
    messages.warning(request, _("Nobody was chosen. Tick the people in the list first."))
    return redirect("accounts:list")


@requires(Right.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.HALF_HOUR)
def choose(request: OfficeRequest) -> HttpResponse:
    """Ask what is to be done to those who were chosen, and plan it; nothing is changed yet."""
    people = _chosen(request)
    total = people.count()
    if not total:
        return _nobody(request)
    form = SeveralForm(request.POST or None, user=request.user, rights=request.rights)
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["act"] == Act.RESEND:
            return redirect(f"{reverse('bulk:numbers')}?{request.GET.urlencode()}")
        return _plan(request, form.wish([str(pk) for pk in people.values_list("pk", flat=True)]))
    context = {"form": form, "total": total, "filters": _filters(request), "names": list(people[: PAGE + 1])[:PAGE]}
    return render(request, "bulk/several.html", context | {"earlier": pages.earlier(request, about_teams=False)})


def _filters(request: OfficeRequest) -> str:
    """Return the filters by which everybody was chosen, '' where people were ticked."""
    return query(**ListForm(request.GET).values()) if "all" in request.GET else ""


@requires(Right.MANAGE_USERS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.HALF_HOUR)
def numbers(request: OfficeRequest) -> HttpResponse:
    """Ask the mobile numbers again of those whose invitation can be sent again, a page full at most, and plan it."""
    people = _chosen(request).select_related("invitation", "provider")
    found = [user for user in people.filter(accepted_at=None)[: 2 * PAGE] if not why_not_invited(user)]
    total, askable = people.count(), found[:PAGE]
    if not total:
        return _nobody(request)
    form = NumbersForm(request.POST or None, people=askable)
    if request.method == "POST" and askable and form.is_valid():
        ids = [str(pk) for pk in people.values_list("pk", flat=True)]
        return _plan(request, Wish(Act.RESEND, ids, numbers=form.numbers))
    context: dict[str, Any] = {"form": form, "total": total, "askable": len(askable), "more": len(found) > PAGE}
    return render(request, "bulk/numbers.html", context)


def _plan(request: OfficeRequest, wish: Wish) -> HttpResponse:
    count = len(wish.ids)
    people = ngettext("%(count)d person", "%(count)d people", count) % {"count": count}
    kept = operations.keep_wish(
        request.user, wish, name=f"{Act(wish.act).label}: {people}", by=on_page(request, request.user)
    )
    return redirect("bulk:plan", kept.pk)
