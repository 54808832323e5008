"""Addresses of signin."""

from django.urls import URLPattern, URLResolver, path

from signin.views import confirming, microsoft, passwords, standin

app_name = "signin"
urlpatterns: list[URLPattern | URLResolver] = [
    path("inloggen/", passwords.login, name="login"),
    path("inloggen/microsoft/", microsoft.sign_in, name="microsoft"),
    path("inloggen/microsoft/terug/", microsoft.back, name="microsoft_back"),
    path("inloggen/microsoft/mislukt/<str:told>/", microsoft.refused, name="microsoft_refused"),
    path("uitloggen/", passwords.logout, name="logout"),
    path("wachtwoord-vergeten/", passwords.forgotten, name="forgotten"),
    path("wachtwoord-vergeten/verstuurd/", passwords.forgotten_sent, name="forgotten_sent"),
    path("wachtwoord-vergeten/nieuw/", passwords.reset, name="reset"),
    path("wachtwoord-vergeten/<str:token>/", passwords.reset_enter, name="reset_enter"),
    path("bevestigen/", confirming.confirm, name="confirm"),
    path("bevestigen/microsoft/", microsoft.confirm, name="confirm_microsoft"),
    path("kantoor/tenants/<uuid:id>/bevestigen/", microsoft.prove_tenant, name="prove_tenant"),
    path("demo/microsoft/", standin.choose, name="standin"),
    path("profiel/wachtwoord/", passwords.password, name="password"),
]
