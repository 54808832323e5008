"""Addresses of support: its buttons, and the pages of Django's admin."""

from django.urls import URLPattern, URLResolver, include, path

from support.admin import site
from support.views import help, offices

buttons: list[URLPattern | URLResolver] = [
    path("kantoor-maken/", offices.new_office, name="new_office"),
    path("<str:what>/<uuid:id>/", help.help_office, name="help"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/hulp/", include((buttons, "support"))),
    path("admin/", site.urls),
]
