"""Individual rights that deviate from teams, and their clean-up without a change in effective rights."""

from collections.abc import Iterable
from hashlib import sha256
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from audit.actors import on_page
from loket.replica import from_replica
from teams import deviations as questions
from teams import explain
from teams.access import OfficeRequest, requires
from teams.catalogue import ordered
from teams.deviations import Group, NotTheSame
from teams.forms.deviations import PersonForm, TeamOfGroupForm
from teams.rights import LastAdministrator, Right
from teams.views.asking import Question, ask, is_sure

_MOST = 200  # users or groups shown in each part


def _by_person(request: OfficeRequest, pairs: Iterable[tuple[UUID, Right]]) -> list[tuple[User, list[Right]]]:
    """Return the users of `pairs` sorted by name, each with their rights in catalog order."""
    found: dict[UUID, set[Right]] = {}
    for user_id, right in pairs:
        found.setdefault(user_id, set()).add(right)
    people = User.objects.visible_to(request.user).filter(pk__in=found).order_by("sort_name", "pk")[:_MOST]
    return [(user, ordered(found[user.pk])) for user in people]


def _print_of(group: Group) -> str:
    parts = [*(str(user.pk) for user in group.users), *group.rights, *(str(one.pk) for one in group.employers)]
    return sha256(",".join(sorted(parts)).encode()).hexdigest()


@requires(Right.VIEW_USERS)
@from_replica
@require_safe
def deviations(request: OfficeRequest) -> HttpResponse:
    """List superfluous and deviating individual rights, users without a team, and groups that could be a team."""
    provider = request.user.provider
    groups = questions.groups(provider)[:_MOST]
    held: dict[UUID, int] = {}
    for user_id, _employer, _right in questions.footprint(provider, {user.pk for one in groups for user in one.users}):
        held[user_id] = held.get(user_id, 0) + 1
    context = {
        "superfluous": _by_person(request, explain.superfluous(provider.pk)),
        "deviating": _by_person(request, questions.deviating(provider)),
        "without_team": questions.without_team(provider)[:_MOST],
        "groups": [
            (one, ordered(one.rights), _print_of(one), sum(held.get(user.pk, 0) for user in one.users))
            for one in groups
        ],
        "may_tidy": Right.GRANT_RIGHTS in request.rights,
        "may_replace": {Right.GRANT_RIGHTS, Right.MANAGE_TEAMS} <= request.rights,
    }
    return render(request, "teams/deviations.html", context)


def _title() -> str:
    return _("Redundant and deviating rights")


def _without_superfluous(person: User) -> Question:
    held = {right for _id, right in explain.superfluous(person.provider_id, person)}
    happens = [
        _("A team already grants these rights: no user loses access. This is checked again."),
        _("Users who later leave the team lose them too."),
    ]
    title = _("Revoke redundant rights of %(name)s?") % {"name": person.full_name}
    names = [str(right.label) for right in ordered(held)]
    return Question(title, names, happens, _("Revoke rights"), _title(), reverse("teams:deviations"))


def _as_a_team(group: Group, name: str) -> Question:
    happens = [
        _("Team %(name)s is created with the users above, their employers and these rights: %(rights)s.")
        % {"name": name, "rights": ", ".join(str(right.label) for right in ordered(group.rights))},
        _("These rights are revoked as individual rights. Each user's access stays the same; this is checked again."),
        _("Users who later leave the team lose them too."),
    ]
    title = _("Replace individual rights with team %(name)s?") % {"name": name}
    names = [user.list_name for user in group.users]
    return Question(title, names, happens, _("Replace with a team"), _title(), reverse("teams:deviations"))


@requires(Right.GRANT_RIGHTS)
@require_POST
def drop_superfluous(request: OfficeRequest) -> HttpResponse:
    """Revoke the superfluous individual rights of a user, after confirmation."""
    form = PersonForm(request.POST, user=request.user)
    if not form.is_valid():
        raise Http404
    person: User = form.cleaned_data["person"]
    if not is_sure(request):
        return ask(request, _without_superfluous(person), person=[person.pk])
    try:
        count = questions.drop_superfluous([person], by=on_page(request, request.user))
    except (NotTheSame, LastAdministrator):
        messages.error(request, _("A user's rights would have changed, so nothing was done."))
    else:
        values = {"count": count, "name": person.full_name}
        messages.success(request, _("Redundant rights of %(name)s revoked: %(count)s.") % values)
    return redirect("teams:deviations")


@requires(Right.GRANT_RIGHTS)
@require_POST
def replace_by_team(request: OfficeRequest) -> HttpResponse:
    """Replace the individual rights of a group of users by a team, after confirmation."""
    form = TeamOfGroupForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("teams:deviations")
    name = form.cleaned_data["name"]
    found = [one for one in questions.groups(request.user.provider) if _print_of(one) == form.cleaned_data["group"]]
    try:
        if not found:
            raise NotTheSame
        if not is_sure(request):
            return ask(request, _as_a_team(found[0], name), name=[name], group=[form.cleaned_data["group"]])
        questions.replace_by_team(request.user.provider, found[0], name=name, by=on_page(request, request.user))
    except (NotTheSame, LastAdministrator):
        messages.error(request, _("A user's rights would have changed, so nothing was done."))
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, _("Team %(name)s now grants the former individual rights.") % {"name": name})
    return redirect("teams:deviations")
