"""The pages of sets: the same for authorization sets and notification sets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from accounts.models import Provider
from core.access import SAFE, page
from core.confirmation import Confirmation, render_confirmation
from core.errors import EditConflict
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import report_refusal


class SetUse(Protocol):
    @property
    def application(self) -> Any: ...

    @property
    def difference(self) -> Any: ...


@dataclass(frozen=True)
class SetPages:
    """The pages of one type of set: the actions that they call, and their texts.

    Templates of the folder `namespace`, which also names the URLs: `_set_form.html` and `_set_uses.html`.
    """

    namespace: str
    model: Any
    build_form: Callable[[OfficeRequest, Any], Any]  # a form with `contents`, for a set or None for a new one
    create: Callable[..., object]
    update: Callable[..., None]
    delete: Callable[..., None]
    list_uses: Callable[[Provider], Mapping[UUID, Sequence[SetUse]]]  # of each set
    count_contents: Callable[[Any], int]
    title: Promise
    new_title: Promise
    contents_label: Promise
    explanation: Promise
    change_hint: Promise
    delete_hint: Promise
    use_hint: Callable[[int], str]
    prefetch: tuple[str, ...] = ()  # for `count_contents`
    report_saved: Callable[[Any, str], None] = messages.success

    def build_urls(self, prefix: str) -> list[URLPattern]:
        return [
            path(prefix, self.show_list, name="set_list"),
            path(f"{prefix}nieuw/", self.create_set, name="create_set"),
            path(f"{prefix}<uuid:pk>/", self.edit_set, name="edit_set"),
            path(f"{prefix}<uuid:pk>/verwijderen/", self.delete_set, name="delete_set"),
        ]

    @page(Right.MANAGE_SETS, methods=SAFE)
    def show_list(self, request: OfficeRequest) -> HttpResponse:
        sets, uses = self.model.objects.visible_to(request.user), self.list_uses(request.user.office)
        rows = [
            (office_set, self.count_contents(office_set), len(used), sum(bool(use.difference) for use in used))
            for office_set in sets.order_by("name", "pk").prefetch_related(*self.prefetch)
            for used in [uses.get(office_set.pk, [])]
        ]
        create_url = reverse(f"{self.namespace}:create_set")
        return render(request, "permissions/set_list.html", {"pages": self, "rows": rows, "create_url": create_url})

    @page(Right.MANAGE_SETS)
    def create_set(self, request: OfficeRequest) -> HttpResponse:
        form = self.build_form(request, None)
        if request.method == "POST" and form.is_valid():
            values = {"name": form.cleaned_data["name"], "contents": form.contents}
            if self._save(request, form, lambda by: self.create(request.user.office, **values, by=by)):
                return redirect(f"{self.namespace}:set_list")
        return render(request, "permissions/set.html", {"pages": self, "form": form})

    @page(Right.MANAGE_SETS)
    def edit_set(self, request: OfficeRequest, pk: UUID) -> HttpResponse:
        office_set = self._get_or_404(request, pk)
        form = self.build_form(request, office_set)
        if request.method == "POST" and form.is_valid():
            values = {name: form.cleaned_data[name] for name in ("name", "version")} | {"contents": form.contents}
            if self._save(request, form, lambda by: self.update(office_set, **values, by=by)):
                return redirect(f"{self.namespace}:set_list")
        uses = self.list_uses(request.user.office).get(office_set.pk, [])
        return render(request, "permissions/set.html", {"pages": self, "form": form, "set": office_set, "uses": uses})

    def _save(self, request: OfficeRequest, form: forms.Form, save: Callable[..., object]) -> bool:
        try:
            save(request.actor)
        except EditConflict:
            form.add_error(None, ValidationError(_("Another user changed this set in the meantime."), code="stale"))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            self.report_saved(request, _("The set %(name)s has been saved.") % {"name": form.cleaned_data["name"]})
            return True
        return False

    @page(Right.MANAGE_SETS)
    def delete_set(self, request: OfficeRequest, pk: UUID) -> HttpResponse:
        """Delete a set, after confirmation. What was copied from it stays."""
        office_set = self._get_or_404(request, pk)
        if request.method == "POST":
            with report_refusal(request, _("Another user changed this set in the meantime.")):
                self.delete(office_set, version=office_set.version, by=request.actor)
                messages.success(request, _("The set %(name)s has been deleted.") % {"name": office_set.name})
            return redirect(f"{self.namespace}:set_list")
        url = reverse(f"{self.namespace}:edit_set", args=[office_set.pk])
        list_url = reverse(f"{self.namespace}:set_list")
        uses = office_set.applications.count()
        confirmation = Confirmation(
            _("Delete %(name)s") % {"name": office_set.name},
            _("Delete"),
            url,
            [str(self.delete_hint), self.use_hint(uses) % {"count": uses}],
            heading=_("Delete %(name)s?") % {"name": office_set.name},
            parents=[(_("Office settings"), ""), (str(self.title), list_url), (office_set.name, url)],
        )
        return render_confirmation(request, confirmation)

    def _get_or_404(self, request: OfficeRequest, pk: UUID) -> Any:
        return get_object_or_404(self.model.objects.visible_to(request.user), pk=pk)
