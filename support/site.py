"""The pages of support under /admin/: Django's admin, read-only, behind our own login and second factor."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, include, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.models import User
from outbox import queue
from teams.access import for_support, public


class SupportSite(AdminSite):
    """An admin that shows and never writes; what it has besides the pages of its models is listed in `get_urls`."""

    site_title = site_header = _("Loket support")
    index_title = _("Search in every office")
    index_template = "support/index.html"
    site_url = None
    empty_value_display = "–"

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether this is somebody of support; who may open which page is decided by `teams.access`."""
        return isinstance(request.user, User) and request.user.is_support

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Mark every page of the admin as one of support: this is the only place that does."""
        return for_support(super().admin_view(view, cacheable))

    def get_urls(self) -> list[Any]:
        """Return the addresses: the admin's own login, logout, passwords, redirects and shortcuts are left out."""
        urls: list[URLPattern | URLResolver] = [
            path("login/", login, name="login"),
            path("", self.admin_view(self.index), name="index"),
            path("wachtrij/", self.admin_view(require_safe(self.queue)), name="queue"),
        ]
        for model, model_admin in self._registry.items():
            options = model._meta
            urls.append(path(f"{options.app_label}/{options.model_name}/", include(model_admin.urls)))
        return [*urls, path("<slug:app_label>/", self.admin_view(self.app_index), name="app_list")]

    def queue(self, request: HttpRequest) -> HttpResponse:
        """Show how the outbox fares, and by that whether a worker runs."""
        context = {**self.each_context(request), "title": _("Queue and worker"), "queue": queue.state()}
        return render(request, "support/queue.html", context)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return everything as one group, in the order of registration."""
        groups = super().get_app_list(request, app_label)
        models = [model for group in groups for model in group["models"]]
        order = [model.__name__ for model in self._registry]
        models.sort(key=lambda model: order.index(model["object_name"]))
        home = {"name": _("Offices and people"), "app_label": "support", "app_url": reverse("admin:index")}
        return [{**home, "has_module_perms": True, "models": models}] if models else []


@public
def login(request: HttpRequest) -> HttpResponse:
    """Go to the login page of everybody: there is no second one."""
    query = request.META.get("QUERY_STRING", "")
    return HttpResponseRedirect(f"{reverse('signin:login')}?{query}".rstrip("?"))


site = SupportSite()
