"""URL configuration of the project."""

from django.urls import URLPattern, URLResolver, include, path

from loket import views

handler500 = "loket.views.fault"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("webservice.urls")),  # first: API clients call most often
    path("", include("webservice.api.urls")),
    path("", views.home, name="home"),
    path("taal/", views.language, name="language"),
    path("", include("signin.urls")),
    path("", include("bulk.urls")),
    path("", include("accounts.urls")),
    path("", include("teams.urls")),
    path("", include("invitations.urls")),
    path("", include("notifications.urls")),
    path("", include("audit.urls")),
    path("", include("outbox.urls")),
    path("", include("support.urls")),
]
