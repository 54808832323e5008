"""URLs of users, the user's own profile and office settings."""

from django.urls import path

from core.export_files import FileFormat
from users.views import dormant_accounts, invitations, login_methods, profile, provider, quick_search, user_list, users

app_name = "users"
urlpatterns = [
    path("zoeken/", quick_search.quick_search, name="quick_search"),
    path("gebruikers/", user_list.list_users, name="user_list"),
    path("gebruikers/export.csv", user_list.export_users, {"form": FileFormat.CSV}, name="export_csv"),
    path("gebruikers/export.xlsx", user_list.export_users, {"form": FileFormat.XLSX}, name="export_xlsx"),
    path("gebruikers/export.jsonl", user_list.export_users, {"form": FileFormat.JSONL}, name="export_jsonl"),
    path("gebruikers/weergave/kolommen/", user_list.save_columns, name="save_columns"),
    path("gebruikers/weergave/bewaren/", user_list.save_view, name="save_view"),
    path("gebruikers/weergave/verwijderen/", user_list.remove_view, name="remove_view"),
    path("gebruikers/opruimen/", dormant_accounts.dormant_accounts, name="dormant_accounts"),
    path("gebruikers/opruimen/mail/", dormant_accounts.subscribe, name="dormant_accounts_subscribe"),
    path("gebruikers/opruimen/mail/stoppen/", dormant_accounts.unsubscribe, name="dormant_accounts_unsubscribe"),
    path("gebruikers/nieuw/website/", invitations.invite_user, name="invite_user"),
    path("gebruikers/nieuw/website/voorbeeld/", invitations.preview_invitation, name="preview_invitation"),
    path("gebruikers/nieuw/website/mobiel/", invitations.send_invitation, name="send_invitation"),
    path("gebruikers/nieuw/webservice/", login_methods.create_webservice_user, name="create_webservice_user"),
    path(
        "gebruikers/nieuw/webservice/wachtwoord/",
        login_methods.generate_new_user_password,
        name="generate_new_user_password",
    ),
    path("gebruikers/nieuw/azure/", login_methods.create_azure_user, name="create_azure_user"),
    path("gebruikers/<uuid:pk>/", users.user_detail, name="user_detail"),
    path("gebruikers/<uuid:pk>/acties/", user_list.row_actions, name="row_actions"),
    path("gebruikers/<uuid:pk>/bewerken/", users.edit_user, name="edit_user"),
    path("gebruikers/<uuid:pk>/blokkeren/", users.block_user, name="block_user"),
    path("gebruikers/<uuid:pk>/opnieuw-versturen/", invitations.resend_invitation, name="resend_invitation"),
    path("gebruikers/<uuid:pk>/intrekken/", invitations.revoke_invitation, name="revoke_invitation"),
    path("gebruikers/<uuid:pk>/deblokkeren/", users.unblock_user, name="unblock_user"),
    path("gebruikers/<uuid:pk>/gebruikersnaam-versturen/", users.send_username, name="send_username"),
    path("gebruikers/<uuid:pk>/two-factor-herinneren/", users.remind_of_two_factor, name="remind_of_two_factor"),
    path("gebruikers/<uuid:pk>/wachtwoord/", login_methods.set_password, name="set_password"),
    path(
        "gebruikers/<uuid:pk>/wachtwoord/vorige-beeindigen/",
        login_methods.end_previous_password,
        name="end_previous_password",
    ),
    path("gebruikers/<uuid:pk>/wachtwoord/maken/", login_methods.generate_password, name="generate_password"),
    path("gebruikers/<uuid:pk>/inlogmethode/", login_methods.login_method, name="login_method"),
    path("gebruikers/<uuid:pk>/inlogmethode/azure/", login_methods.change_to_azure, name="change_to_azure"),
    path("gebruikers/<uuid:pk>/inlogmethode/website/", login_methods.change_to_website, name="change_to_website"),
    path("profiel/", profile.profile, name="profile"),
    path("profiel/email/", profile.change_email, name="change_email"),
    path("email-bevestigen/<str:token>/", profile.confirm_email, name="confirm_email"),
    path("kantoor/", provider.office_settings, name="office_settings"),
    path("kantoor/logo/", provider.office_logo, name="office_logo"),
    path("logo/<str:digest>.png", provider.show_logo, name="show_logo"),
    path("kantoor/tenants/", provider.tenant_list, name="tenant_list"),
    path("kantoor/tenants/nieuw/", provider.add_tenant, name="add_tenant"),
    path("kantoor/tenants/<uuid:pk>/", provider.rename_tenant, name="rename_tenant"),
    path("kantoor/tenants/<uuid:pk>/verwijderen/", provider.remove_tenant, name="remove_tenant"),
]
