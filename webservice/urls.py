"""OAuth endpoints in English, pages for users in Dutch."""

from django.urls import path

from webservice.views import authorize, clients, integrations, logout, machines, metadata, sso

app_name = "webservice"
urlpatterns = [
    path(".well-known/openid-configuration", metadata.configuration, name="configuration"),
    path(".well-known/oauth-authorization-server", metadata.configuration, name="server_metadata"),
    path("oauth/jwks.json", metadata.jwks, name="jwks"),
    path("oauth/authorize/", authorize.authorize, name="authorize"),
    path("oauth/authorize/weigeren/", authorize.deny, name="deny"),
    path("oauth/token/", machines.token, name="token"),
    path("oauth/revoke/", machines.revoke, name="revoke"),
    path("oauth/introspect/", machines.introspect, name="introspect"),
    path("oauth/userinfo/", machines.userinfo, name="userinfo"),
    path("oauth/logout/", logout.logout, name="logout"),
    path("sso/<str:ticket>/", sso.sso, name="sso"),
    path("kantoor/koppelingen/", clients.clients, name="clients"),
    path("kantoor/koppelingen/nieuw/", clients.add_client, name="add_client"),
    path("kantoor/koppelingen/<uuid:id>/", clients.client, name="client"),
    path("kantoor/koppelingen/<uuid:id>/geheim/", clients.new_secret, name="new_secret"),
    path("kantoor/koppelingen/<uuid:id>/aanzetten/", clients.switch_on, name="switch_on"),
    path("kantoor/koppelingen/<uuid:id>/uitzetten/", clients.switch_off, name="switch_off"),
    path("kantoor/koppelingen/<uuid:id>/verwijderen/", clients.remove_client, name="remove_client"),
    path("profiel/koppelingen/", integrations.own_integrations, name="own_integrations"),
    path("profiel/koppelingen/<uuid:id>/beeindigen/", integrations.cut_own, name="cut_own"),
    path("gebruikers/<uuid:id>/koppelingen/", integrations.integrations_of, name="integrations_of"),
    path("gebruikers/<uuid:id>/koppelingen/<uuid:integration>/beeindigen/", integrations.cut_of, name="cut_of"),
]
