"""Pages that belong to no part: the home page and the choice of language."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.status import chip, needing_attention, two_factor_share
from notifications.views.inbox import at_home
from signin.middleware import opens_before_factor, opens_while_enrolling
from teams.access import OfficeRequest, along, as_oneself, own_account, public
from teams.rights import Right


@own_account
@along
@require_safe
def home(request: OfficeRequest) -> HttpResponse:
    """Show where somebody begins: what asks for attention, the newest signals, or what still has to happen."""
    if request.user.is_support:
        return redirect("admin:index")
    may_view = Right.VIEW_USERS in request.rights
    rows = needing_attention(User.objects.visible_to(request.user)) if may_view else []
    context = {
        "rows": [(person, chip(person)) for person in rows],
        "may_view": may_view,
        "share": two_factor_share(User.objects.visible_to(request.user)) if may_view else None,
        "may_manage": Right.MANAGE_USERS in request.rights,
    } | at_home(request)
    return render(request, "home.html", context)


@public
@as_oneself
@opens_before_factor
@opens_while_enrolling
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Remember the chosen language in a cookie of its own, for a year, and go back to the page."""
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = "/"
    response = HttpResponseRedirect(back)
    code = request.POST.get("language", "")
    if code in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            code,
            max_age=365 * 24 * 3600,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response
