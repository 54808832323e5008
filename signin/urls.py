"""Addresses of signin."""

from django.urls import URLPattern, URLResolver, path

from signin import views

app_name = "signin"
urlpatterns: list[URLPattern | URLResolver] = [
    path("inloggen/", views.login, name="login"),
    path("uitloggen/", views.logout, name="logout"),
    path("wachtwoord-vergeten/", views.forgotten, name="forgotten"),
    path("wachtwoord-vergeten/verstuurd/", views.forgotten_sent, name="forgotten_sent"),
    path("wachtwoord-vergeten/nieuw/", views.reset, name="reset"),
    path("wachtwoord-vergeten/<str:token>/", views.reset_enter, name="reset_enter"),
    path("profiel/wachtwoord/", views.password, name="password"),
]
