"""Django admin's own changelist of users, as any registered model gets it, to compare the user list with."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import path

from accounts.models import User
from core.paging import PAGE_SIZE
from loket import urls


class OpenAdminSite(admin.AdminSite):
    """Admin site without sign-in, so that sign-in is not measured."""

    def has_permission(self, request: HttpRequest) -> bool:
        return True


class UserChangelistAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Changelist with the columns of the user list and Django's defaults."""

    list_display = ("__str__", "username", "email", "login_method", "two_factor_required", "last_login")
    list_filter = ("login_method",)
    search_fields = ("last_name", "username", "email")
    ordering = ("sort_name", "pk")
    list_per_page = PAGE_SIZE

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    has_change_permission = has_delete_permission = has_add_permission = has_view_permission


open_site = OpenAdminSite(name="admin")
open_site.register(User, UserChangelistAdmin)
# With the URLs of the product, which the templates around the list use.
urlpatterns = [path("admin/", open_site.urls), *urls.urlpatterns]
