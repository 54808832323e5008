"""URLs of the support actions and the support admin."""

from django.urls import URLPattern, URLResolver, include, path

from support.admin import site
from support.views import actions, impersonation, offices, partners

action_urls: list[URLPattern | URLResolver] = [
    path("kantoor-maken/", offices.create_office, name="create_office"),
    path("partner-maken/", partners.create_partner, name="create_partner"),
    path("partner/<uuid:pk>/", partners.change_partner, name="change_partner"),
    path("partner/<uuid:pk>/geheim/", partners.partner_secret, name="partner_secret"),
    path("meekijken/stoppen/", impersonation.stop_impersonation, name="stop_impersonation"),
    path("meekijken/<uuid:pk>/", impersonation.start_impersonation, name="start_impersonation"),
    path("<str:what>/<uuid:pk>/", actions.run_action, name="action"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/hulp/", include((action_urls, "support"))),
    path("admin/", site.urls),
]
