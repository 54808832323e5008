"""URLs of the support actions and the support admin."""

from django.urls import URLPattern, URLResolver, include, path

from support.admin import site
from support.views import help, looking, offices, partners

buttons: list[URLPattern | URLResolver] = [
    path("kantoor-maken/", offices.new_office, name="new_office"),
    path("partner-maken/", partners.new_partner, name="new_partner"),
    path("partner/<uuid:id>/", partners.change_partner, name="partner"),
    path("partner/<uuid:id>/geheim/", partners.partner_secret, name="partner_secret"),
    path("meekijken/stoppen/", looking.stop_looking, name="stop_looking"),
    path("meekijken/<uuid:id>/", looking.look_along, name="look_along"),
    path("<str:what>/<uuid:id>/", help.help_office, name="help"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/hulp/", include((buttons, "support"))),
    path("admin/", site.urls),
]
