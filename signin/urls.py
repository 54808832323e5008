"""Addresses of signin."""

from django.urls import URLPattern, URLResolver, path

from signin.views import (
    confirming,
    factors,
    microsoft,
    passkeys,
    passwords,
    reset_factors,
    second_step,
    sessions,
    standin,
)

app_name = "signin"
urlpatterns: list[URLPattern | URLResolver] = [
    path("inloggen/", passwords.login, name="login"),
    path("inloggen/code/", second_step.second_step, name="second_step"),
    path("inloggen/herstelcode/", second_step.recovery, name="recovery"),
    path("inloggen/passkey/begin/", passkeys.show_begin, name="show_passkey_begin"),
    path("inloggen/passkey/klaar/", passkeys.show_complete, name="show_passkey_complete"),
    path("inloggen/passkey/teksten.js", passkeys.texts, name="passkey_texts"),
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
    path("gebruikers/<uuid:id>/twee-factor-resetten/", reset_factors.reset_factors, name="reset_factors"),
    path("profiel/twee-factor/", factors.factors, name="factors"),
    path("profiel/twee-factor/app/", factors.add_app, name="add_app"),
    path("profiel/twee-factor/passkey/", passkeys.add_passkey, name="add_passkey"),
    path("profiel/twee-factor/passkey/begin/", passkeys.add_begin, name="add_passkey_begin"),
    path("profiel/twee-factor/passkey/klaar/", passkeys.add_complete, name="add_passkey_complete"),
    path("profiel/twee-factor/herstelcodes/", factors.recovery_codes, name="recovery_codes"),
    path("profiel/twee-factor/herstelcodes/opslaan/", factors.download_codes, name="download_codes"),
    path("profiel/twee-factor/<uuid:id>/naam/", factors.rename_factor, name="rename_factor"),
    path("profiel/twee-factor/<uuid:id>/verwijderen/", factors.remove_factor, name="remove_factor"),
    path("profiel/sessies/", sessions.own_sessions, name="own_sessions"),
    path("profiel/sessies/overige-beeindigen/", sessions.end_other_sessions, name="end_other_sessions"),
    path("profiel/sessies/<uuid:id>/beeindigen/", sessions.end_own_session, name="end_own_session"),
    path("gebruikers/<uuid:id>/sessies/", sessions.sessions_of, name="sessions_of"),
    path("gebruikers/<uuid:id>/sessies/beeindigen/", sessions.end_sessions_of, name="end_sessions_of"),
    path("gebruikers/<uuid:id>/sessies/<uuid:session>/beeindigen/", sessions.end_session_of, name="end_session_of"),
    path("profiel/wachtwoord/", passwords.password, name="password"),
]
