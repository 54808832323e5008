"""URL configuration of the project."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from django.urls.resolvers import RoutePattern

from loket import views


class OnDemandResolver(URLResolver):
    """Import a namespaced URL configuration when one of its addresses is first asked for.

    The API takes 18 MB, in every web worker and in the background worker, which only builds the addresses in mail.
    A prefix is never empty: Django asks such a resolver for its addresses without asking for its module.
    """

    def _populate(self) -> None:
        """Skip what Django does at the first `reverse` of any name, until the module is there."""
        if "urlconf_module" in vars(self):
            super()._populate()


handler400 = "loket.views.handle_bad_request"
handler403 = "loket.views.handle_permission_denied"
handler404 = "loket.views.handle_page_not_found"
handler500 = "loket.views.handle_server_error"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("oauth.urls")),  # first: API clients call most often
    OnDemandResolver(RoutePattern("v2/"), "api.urls", app_name="v2", namespace="v2"),
    OnDemandResolver(RoutePattern("scim/"), "scim.endpoint_urls", app_name="scim_v2", namespace="scim_v2"),
    path("", views.home, name="home"),
    path("taal/", views.set_language, name="language"),
    path("", include("authentication.urls")),
    path("", include("imports.urls")),
    path("", include("users.urls")),
    path("", include("departures.urls")),
    path("", include("teams.urls")),
    path("", include("invitations.urls")),
    path("", include("notifications.urls")),
    path("", include("history.urls")),
    path("", include("reviews.urls")),
    path("", include("outbox.urls")),
    path("", include("senders.urls")),
    path("", include("scim.urls")),
    path("", include("support.urls")),
]
if "demo" in settings.INSTALLED_APPS:
    urlpatterns.append(OnDemandResolver(RoutePattern("demo/"), "demo.urls", app_name="demo", namespace="demo"))
