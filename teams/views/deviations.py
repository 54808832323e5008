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

import teams.deviations
from accounts.models import User
from core.access import POST, SAFE, page
from core.confirmation import Confirmation, is_confirmed, render_confirmation
from core.replica import allow_replica
from permissions import right_sources
from permissions.access import OfficeRequest
from permissions.catalog import sort_rights
from permissions.checks import LastAdministrator, Right
from teams.deviations import RightsWouldChange, SharedRightsGroup
from teams.forms.deviations import ReplaceByTeamForm, UserChoiceForm

_MAX_USERS_SHOWN = 200  # users or groups shown in each part


def _group_by_user(request: OfficeRequest, pairs: Iterable[tuple[UUID, Right]]) -> list[tuple[User, list[Right]]]:
    found: dict[UUID, set[Right]] = {}
    for user_id, right in pairs:
        found.setdefault(user_id, set()).add(right)
    users = User.objects.visible_to(request.user).filter(pk__in=found).order_by("sort_name", "pk")[:_MAX_USERS_SHOWN]
    return [(user, sort_rights(found[user.pk])) for user in users]


def _fingerprint(group: SharedRightsGroup) -> str:
    parts = [
        *(str(user.pk) for user in group.users),
        *group.rights,
        *(str(employer.pk) for employer in group.employers),
    ]
    return sha256(",".join(sorted(parts)).encode()).hexdigest()


@page(Right.VIEW_USERS, methods=SAFE)
@allow_replica
def deviation_list(request: OfficeRequest) -> HttpResponse:
    """List superfluous and deviating individual rights, users without a team, and groups that could be a team."""
    provider = request.user.office
    groups = teams.deviations.find_shared_rights_groups(provider)[:_MAX_USERS_SHOWN]
    held: dict[UUID, int] = {}
    for user_id, _employer, _right in teams.deviations.collect_held_rights(
        provider, {user.pk for group in groups for user in group.users}
    ):
        held[user_id] = held.get(user_id, 0) + 1
    context = {
        "superfluous": _group_by_user(request, right_sources.find_superfluous_rights(provider.pk)),
        "deviating": _group_by_user(request, teams.deviations.list_deviating_rights(provider)),
        "without_team": teams.deviations.filter_users_without_team(provider)[:_MAX_USERS_SHOWN],
        "groups": [
            (group, sort_rights(group.rights), _fingerprint(group), sum(held.get(user.pk, 0) for user in group.users))
            for group in groups
        ],
        "may_revoke": Right.GRANT_RIGHTS in request.rights,
        "may_replace": {Right.GRANT_RIGHTS, Right.MANAGE_TEAMS} <= request.rights,
    }
    return render(request, "teams/deviations.html", context)


def _get_page_title() -> str:
    return _("Redundant and deviating rights")


def _confirm_revoking_superfluous(user: User) -> Confirmation:
    held = {right for _id, right in right_sources.find_superfluous_rights(user.provider_id, user)}
    consequences = [
        _("A team already grants these rights: no user loses access. This is checked again."),
        _("Users who later leave the team lose them too."),
    ]
    title = _("Revoke redundant rights of %(name)s?") % {"name": user.full_name}
    names = [str(right.label) for right in sort_rights(held)]
    url = reverse("teams:deviations")
    return Confirmation(title, _("Revoke rights"), url, consequences, names=names, parents=[(_get_page_title(), url)])


def _confirm_replacing_by_team(group: SharedRightsGroup, name: str) -> Confirmation:
    consequences = [
        _("Team %(name)s is created with the users above, their employers and these rights: %(rights)s.")
        % {"name": name, "rights": ", ".join(str(right.label) for right in sort_rights(group.rights))},
        _("These rights are revoked as individual rights. Each user's access stays the same; this is checked again."),
        _("Users who later leave the team lose them too."),
    ]
    title = _("Replace individual rights with team %(name)s?") % {"name": name}
    names = [user.list_name for user in group.users]
    url = reverse("teams:deviations")
    return Confirmation(
        title, _("Replace with a team"), url, consequences, names=names, parents=[(_get_page_title(), url)]
    )


@page(Right.GRANT_RIGHTS, methods=POST)
def revoke_superfluous_rights(request: OfficeRequest) -> HttpResponse:
    form = UserChoiceForm(request.POST, user=request.user)
    if not form.is_valid():
        raise Http404
    user: User = form.cleaned_data["person"]
    if not is_confirmed(request):
        return render_confirmation(request, _confirm_revoking_superfluous(user), chosen={"person": [user.pk]})
    try:
        count = teams.deviations.revoke_superfluous_rights([user], by=request.actor)
    except (RightsWouldChange, LastAdministrator):
        messages.error(request, _("A user's rights would have changed, so nothing was done."))
    else:
        values = {"count": count, "name": user.full_name}
        messages.success(request, _("Redundant rights of %(name)s revoked: %(count)s.") % values)
    return redirect("teams:deviations")


@page(Right.GRANT_RIGHTS, methods=POST)
def replace_rights_by_team(request: OfficeRequest) -> HttpResponse:
    form = ReplaceByTeamForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("teams:deviations")
    name = form.cleaned_data["name"]
    found = [
        group
        for group in teams.deviations.find_shared_rights_groups(request.user.office)
        if _fingerprint(group) == form.cleaned_data["group"]
    ]
    try:
        if not found:
            raise RightsWouldChange
        if not is_confirmed(request):
            chosen = {"name": [name], "group": [form.cleaned_data["group"]]}
            return render_confirmation(request, _confirm_replacing_by_team(found[0], name), chosen=chosen)
        teams.deviations.replace_rights_by_team(request.user.office, found[0], name=name, by=request.actor)
    except (RightsWouldChange, LastAdministrator):
        messages.error(request, _("A user's rights would have changed, so nothing was done."))
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, _("Team %(name)s now grants the former individual rights.") % {"name": name})
    return redirect("teams:deviations")
