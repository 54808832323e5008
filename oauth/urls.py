"""OAuth endpoints in English, pages for users in Dutch."""

from django.urls import path

from oauth.views import (
    applications,
    authorize,
    endpoints,
    guides,
    integrations,
    introspection,
    logout,
    metadata,
    office_access,
    pushed_requests,
    sso,
)

app_name = "oauth"
urlpatterns = [
    path(".well-known/openid-configuration", metadata.openid_configuration, name="openid_configuration"),
    path(".well-known/oauth-authorization-server", metadata.openid_configuration, name="server_metadata"),
    path("oauth/jwks.json", metadata.jwks, name="jwks"),
    path("oauth/authorize/", authorize.authorize, name="authorize"),
    path("oauth/authorize/account/", authorize.select_account, name="select_account"),
    path("oauth/authorize/weigeren/", authorize.deny_authorization, name="deny_authorization"),
    path("oauth/par/", pushed_requests.par, name="par"),
    path("oauth/token/", endpoints.token, name="token"),
    path("oauth/revoke/", endpoints.revoke, name="revoke"),
    path("oauth/introspect/", introspection.introspect, name="introspect"),
    path("oauth/userinfo/", endpoints.userinfo, name="userinfo"),
    path("oauth/logout/", logout.logout, name="logout"),
    path("oauth/guide/", guides.guide, name="guide"),
    path("oauth/guide/clients/", guides.client_settings, name="client_settings"),
    path("sso/<str:ticket>/", sso.sso, name="sso"),
    path("kantoor/koppelingen/", applications.application_list, name="application_list"),
    path("kantoor/koppelingen/nieuw/", applications.add_application, name="add_application"),
    path("kantoor/koppelingen/<uuid:pk>/", applications.application_detail, name="application_detail"),
    path("kantoor/koppelingen/<uuid:pk>/geheim/", applications.renew_client_secret, name="renew_client_secret"),
    path("kantoor/koppelingen/<uuid:pk>/aanzetten/", applications.enable_application, name="enable_application"),
    path("kantoor/koppelingen/<uuid:pk>/uitzetten/", applications.disable_application, name="disable_application"),
    path("kantoor/koppelingen/<uuid:pk>/verwijderen/", applications.delete_application, name="delete_application"),
    path("kantoor/koppelingen/<uuid:pk>/gebruikers/", office_access.office_access, name="office_access"),
    path("kantoor/koppelingen/<uuid:pk>/toestaan/", office_access.grant_consent, name="grant_office_consent"),
    path("kantoor/koppelingen/<uuid:pk>/intrekken/", office_access.withdraw_consent, name="withdraw_office_consent"),
    path("profiel/koppelingen/", integrations.own_integrations, name="own_integrations"),
    path("profiel/koppelingen/<uuid:pk>/beeindigen/", integrations.end_own_integration, name="end_own_integration"),
    path("gebruikers/<uuid:pk>/koppelingen/", integrations.user_integrations, name="user_integrations"),
    path(
        "gebruikers/<uuid:pk>/koppelingen/<uuid:integration_id>/beeindigen/",
        integrations.end_user_integration,
        name="end_user_integration",
    ),
]
