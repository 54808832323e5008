"""Pages for the groups of a directory: the team that follows each."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Count, F, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from core import paging
from core.access import SAFE, ReauthenticationLevel, page
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import render_form, show_errors
from scim import directory_groups, memberships
from scim.forms import GroupForm
from scim.models import DirectoryGroup
from scim.views.connections import get_connection


@page(Right.MANAGE_INTEGRATIONS, methods=SAFE)
def group_list(request: OfficeRequest, pk: UUID) -> HttpResponse:
    connection = get_connection(request, pk)
    groups = directory_groups.list_directory_groups(connection).annotate(
        member_count=Count("members", filter=Q(members__row__ended_at=None)),
        refused_count=Count("members", filter=~Q(members__refusal="")),
    )
    found = paging.paginate_queryset(groups, cursor=request.GET.get("page", ""), sorts={"name": F("name_key")})
    context = {"connection": connection, "rows": found.rows} | paging.build_pager_context(found)
    return render(request, "scim/groups.html", context)


@page(Right.MANAGE_INTEGRATIONS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def map_group(request: OfficeRequest, pk: UUID, group_id: UUID) -> HttpResponse:
    connection = get_connection(request, pk)
    rows = DirectoryGroup.objects.visible_to(request.user).select_related("team")
    group = get_object_or_404(rows, pk=group_id, connection=connection)
    form = GroupForm(request.POST or None, group=group)
    if form.is_valid():
        with show_errors(form, saved=group):
            mapping, version = form.to_mapping(), form.cleaned_data["version"]
            directory_groups.map_group(group, mapping=mapping, version=version, by=request.actor)
            messages.success(request, _("%(name)s has been saved.") % {"name": group})
            return redirect("scim:group_list", pk)
    member_count = group.members.filter(row__ended_at=None).count()
    context = {"connection": connection, "group": group, "member_count": member_count}
    return render_form(request, "scim/group.html", form, **context, refusals=memberships.count_refusals(group))
