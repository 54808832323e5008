"""Addresses of support: its buttons, and the pages of Django's admin."""

from django.urls import URLPattern, URLResolver, include, path

from support import views
from support.admin import site

buttons: list[URLPattern | URLResolver] = [path("<str:what>/<uuid:id>/", views.help_office, name="help")]
urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/hulp/", include((buttons, "support"))),
    path("admin/", site.urls),
]
