"""Admin site of support under /admin/: read-only, behind the regular login and second factor."""

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, include, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.models import User
from core.access import Access, page
from outbox import stats


class SupportAdminSite(AdminSite):
    """Read-only admin site; `get_urls` lists its pages besides those of the models."""

    site_title = site_header = _("Loket support")
    index_title = _("Search all offices")
    index_template = app_index_template = "support/index.html"
    site_url = None
    empty_value_display = "–"

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether the user is support with a second factor, which an account of the demo may lack."""
        user = request.user
        return isinstance(user, User) and user.is_support and (user.is_verified() or settings.LOKET_DEMO)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Mark every admin page as a support page; nothing else does."""
        return page(Access.SUPPORT, methods=None)(super().admin_view(view, cacheable))

    def get_urls(self) -> list[Any]:
        """Return the URLs without the admin's own login, logout, password pages, redirects and shortcuts."""
        urls: list[URLPattern | URLResolver] = [
            path("login/", redirect_to_login, name="login"),
            path("", self.admin_view(self.index), name="index"),
            path("wachtrij/", self.admin_view(require_safe(self.queue)), name="queue"),
        ]
        for model, model_admin in self._registry.items():
            options = model._meta
            urls.append(path(f"{options.app_label}/{options.model_name}/", include(model_admin.urls)))
        return [*urls, path("<slug:app_label>/", self.admin_view(self.app_index), name="app_list")]

    def queue(self, request: HttpRequest) -> HttpResponse:
        context = {**self.each_context(request), "title": _("Queue and worker"), "queue": stats.get_outbox_stats()}
        return render(request, "support/queue.html", context)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        groups = super().get_app_list(request, app_label)
        models = [model for group in groups for model in group["models"]]
        order = [model.__name__ for model in self._registry]
        models.sort(key=lambda model: order.index(model["object_name"]))
        home = {"name": _("Offices and users"), "app_label": "support", "app_url": reverse("admin:index")}
        return [{**home, "has_module_perms": True, "models": models}] if models else []


@page(Access.PUBLIC, methods=None)
def redirect_to_login(request: HttpRequest) -> HttpResponse:
    """Redirect to the regular login page; support has no separate one."""
    query = request.META.get("QUERY_STRING", "")
    return HttpResponseRedirect(f"{reverse('authentication:login')}?{query}".rstrip("?"))


site = SupportAdminSite()
