"""URL configuration of the project."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from loket import views

handler500 = "loket.views.handle_server_error"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("oauth.urls")),  # first: API clients call most often
    path("", include("api.urls")),
    path("", views.home, name="home"),
    path("taal/", views.set_language, name="language"),
    path("", include("authentication.urls")),
    path("", include("imports.urls")),
    path("", include("users.urls")),
    path("", include("teams.urls")),
    path("", include("invitations.urls")),
    path("", include("notifications.urls")),
    path("", include("history.urls")),
    path("", include("outbox.urls")),
    path("", include("support.urls")),
]
if "demo" in settings.INSTALLED_APPS:
    urlpatterns.append(path("", include("demo.urls")))
