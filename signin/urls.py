"""Addresses of signin."""

from django.urls import URLPattern, URLResolver, path

from signin.views import confirming, passwords

app_name = "signin"
urlpatterns: list[URLPattern | URLResolver] = [
    path("inloggen/", passwords.login, name="login"),
    path("uitloggen/", passwords.logout, name="logout"),
    path("wachtwoord-vergeten/", passwords.forgotten, name="forgotten"),
    path("wachtwoord-vergeten/verstuurd/", passwords.forgotten_sent, name="forgotten_sent"),
    path("wachtwoord-vergeten/nieuw/", passwords.reset, name="reset"),
    path("wachtwoord-vergeten/<str:token>/", passwords.reset_enter, name="reset_enter"),
    path("bevestigen/", confirming.confirm, name="confirm"),
    path("profiel/wachtwoord/", passwords.password, name="password"),
]
