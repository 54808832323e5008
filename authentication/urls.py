"""URLs for signing in, sessions and two-factor."""

from django.urls import URLPattern, URLResolver, path

from authentication.views import (
    mfa_devices,
    mfa_policy,
    mfa_reset,
    microsoft,
    passkeys,
    passwords,
    reauthentication,
    second_step,
    sessions,
)

app_name = "authentication"
urlpatterns: list[URLPattern | URLResolver] = [
    path("inloggen/", passwords.login, name="login"),
    path("inloggen/hulp/", passwords.login_help, name="login_help"),
    path("inloggen/code/", second_step.enter_totp_code, name="second_step"),
    path("inloggen/herstelcode/", second_step.enter_recovery_code, name="enter_recovery_code"),
    path("inloggen/verder/<slug:name>/", passwords.follow_long_url, name="long_url"),
    path("inloggen/passkey/begin/", passkeys.begin_authentication, name="passkey_authentication_begin"),
    path("inloggen/passkey/klaar/", passkeys.complete_authentication, name="passkey_authentication_complete"),
    path("inloggen/passkey/teksten.js", passkeys.passkey_translations, name="passkey_translations"),
    path("inloggen/microsoft/", microsoft.sign_in, name="microsoft_sign_in"),
    path("inloggen/microsoft/terug/", microsoft.microsoft_callback, name="microsoft_callback"),
    path("inloggen/microsoft/mislukt/<str:error>/", microsoft.microsoft_error, name="microsoft_error"),
    path("uitloggen/", passwords.logout, name="logout"),
    path("wachtwoord-vergeten/", passwords.forgot_password, name="forgot_password"),
    path("wachtwoord-vergeten/verstuurd/", passwords.forgot_password_sent, name="forgot_password_sent"),
    path("wachtwoord-vergeten/nieuw/", passwords.reset_password, name="reset_password"),
    path("wachtwoord-vergeten/<str:token>/", passwords.open_password_link, name="open_password_link"),
    path("bevestigen/", reauthentication.reauthenticate, name="reauthenticate"),
    path("bevestigen/verder/", reauthentication.resubmit_form, name="resubmit_form"),
    path("bevestigen/microsoft/", microsoft.reauthenticate, name="reauthenticate_microsoft"),
    path("kantoor/tenants/<uuid:pk>/bevestigen/", microsoft.confirm_tenant, name="confirm_tenant"),
    path("kantoor/twee-factor/", mfa_policy.mfa_policy, name="mfa_policy"),
    path("kantoor/twee-factor/gevolgen/", mfa_policy.mfa_policy_impact, name="mfa_policy_impact"),
    path("gebruikers/<uuid:pk>/twee-factor-resetten/", mfa_reset.reset_mfa, name="reset_mfa"),
    path("profiel/twee-factor/", mfa_devices.device_list, name="device_list"),
    path("profiel/twee-factor/app/", mfa_devices.add_app, name="add_app"),
    path("profiel/twee-factor/passkey/", passkeys.add_passkey, name="add_passkey"),
    path("profiel/twee-factor/passkey/begin/", passkeys.begin_registration, name="passkey_registration_begin"),
    path("profiel/twee-factor/passkey/klaar/", passkeys.complete_registration, name="passkey_registration_complete"),
    path("profiel/twee-factor/herstelcodes/", mfa_devices.generate_recovery_codes, name="generate_recovery_codes"),
    path(
        "profiel/twee-factor/herstelcodes/opslaan/", mfa_devices.download_recovery_codes, name="download_recovery_codes"
    ),
    path("profiel/twee-factor/<uuid:pk>/naam/", mfa_devices.rename_device, name="rename_device"),
    path("profiel/twee-factor/<uuid:pk>/verwijderen/", mfa_devices.remove_device, name="remove_device"),
    path("uitloggen/wachten/", sessions.extend_session, name="extend_session"),
    path("profiel/sessies/", sessions.own_sessions, name="own_sessions"),
    path("profiel/sessies/overige-beeindigen/", sessions.end_other_sessions, name="end_other_sessions"),
    path("profiel/sessies/<uuid:pk>/beeindigen/", sessions.end_own_session, name="end_own_session"),
    path("gebruikers/<uuid:pk>/sessies/", sessions.user_sessions, name="user_sessions"),
    path("gebruikers/<uuid:pk>/sessies/beeindigen/", sessions.end_user_sessions, name="end_user_sessions"),
    path(
        "gebruikers/<uuid:pk>/sessies/<uuid:session_id>/beeindigen/", sessions.end_user_session, name="end_user_session"
    ),
    path("profiel/wachtwoord/", passwords.change_password, name="change_password"),
]
