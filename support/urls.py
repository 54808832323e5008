"""Addresses of support: its buttons, and the pages of Django's admin."""

from django.urls import URLPattern, URLResolver, include, path

from support.admin import site
from support.views import help, looking, offices

buttons: list[URLPattern | URLResolver] = [
    path("kantoor-maken/", offices.new_office, name="new_office"),
    path("meekijken/stoppen/", looking.stop_looking, name="stop_looking"),
    path("meekijken/<uuid:id>/", looking.look_along, name="look_along"),
    path("<str:what>/<uuid:id>/", help.help_office, name="help"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/hulp/", include((buttons, "support"))),
    path("admin/", site.urls),
]
