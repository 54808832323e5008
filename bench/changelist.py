"""Django admin's own changelist over the users, as anybody gets it who registers a model: to compare our list with."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import path

from accounts.models import User
from loket import urls
from loket.paging import PAGE


class Site(admin.AdminSite):
    """An admin that lets everybody in, so that no sign-in is measured."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Return True."""
        return True


class People(admin.ModelAdmin):
    """The columns of our list, the rest as Django has it."""

    list_display = ("__str__", "username", "email", "login_method", "two_factor_required", "last_login")
    list_filter = ("login_method",)
    search_fields = ("last_name", "username", "email")
    ordering = ("sort_name", "pk")
    list_per_page = PAGE

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Return True: the list is that of one office."""
        return True

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return True."""
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True."""
        return True

    has_change_permission = has_delete_permission = has_add_permission = has_view_permission


site = Site(name="admin")
site.register(User, People)
urlpatterns = [path("admin/", site.urls), *urls.urlpatterns]  # ours too: the templates around the list name them
