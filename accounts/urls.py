"""Routes of users, the own profile and office settings."""

from django.urls import path

from accounts.exports import Form
from accounts.views import change_kind, hygiene, keeping, kinds, office, own, people, tenants

app_name = "accounts"
urlpatterns = [
    path("gebruikers/", people.list_users, name="list"),
    path("gebruikers/export.csv", people.export, {"form": Form.CSV}, name="export_csv"),
    path("gebruikers/export.xlsx", people.export, {"form": Form.XLSX}, name="export_xlsx"),
    path("gebruikers/export.jsonl", people.export, {"form": Form.JSONL}, name="export_jsonl"),
    path("gebruikers/opruimen/", hygiene.hygiene, name="hygiene"),
    path("gebruikers/opruimen/mail/", hygiene.ask_hygiene_mail, name="ask_hygiene_mail"),
    path("gebruikers/opruimen/mail/stoppen/", hygiene.stop_hygiene_mail, name="stop_hygiene_mail"),
    path("gebruikers/nieuw/webservice/", kinds.new_webservice, name="new_webservice"),
    path("gebruikers/nieuw/webservice/wachtwoord/", kinds.new_webservice_password, name="new_webservice_password"),
    path("gebruikers/nieuw/azure/", kinds.new_azure, name="new_azure"),
    path("gebruikers/<uuid:id>/", people.user, name="user"),
    path("gebruikers/<uuid:id>/bewerken/", people.edit, name="edit"),
    path("gebruikers/<uuid:id>/blokkeren/", people.block, name="block"),
    path("gebruikers/<uuid:id>/wissen/", keeping.erase, name="erase"),
    path("gebruikers/<uuid:id>/alles.json", keeping.everything_json, name="everything_json"),
    path("gebruikers/<uuid:id>/alles.html", keeping.everything_html, name="everything_html"),
    path("gebruikers/<uuid:id>/deblokkeren/", people.unblock, name="unblock"),
    path("gebruikers/<uuid:id>/gebruikersnaam-versturen/", people.send_username, name="send_username"),
    path("gebruikers/<uuid:id>/wachtwoord/", kinds.set_password, name="set_password"),
    path("gebruikers/<uuid:id>/wachtwoord/maken/", kinds.generate_password, name="generate_password"),
    path("gebruikers/<uuid:id>/inlogmethode/", change_kind.kind, name="kind"),
    path("gebruikers/<uuid:id>/inlogmethode/azure/", change_kind.to_azure, name="to_azure"),
    path("gebruikers/<uuid:id>/inlogmethode/website/", change_kind.to_website, name="to_website"),
    path("profiel/", own.profile, name="profile"),
    path("profiel/email/", own.own_email, name="own_email"),
    path("email-bevestigen/<str:token>/", own.confirm_email, name="confirm_email"),
    path("kantoor/", office.office, name="office"),
    path("kantoor/historie/", keeping.keeping, name="keeping"),
    path("kantoor/tenants/", tenants.tenants, name="tenants"),
    path("kantoor/tenants/nieuw/", tenants.add_tenant, name="add_tenant"),
    path("kantoor/tenants/<uuid:id>/", tenants.rename_tenant, name="rename_tenant"),
    path("kantoor/tenants/<uuid:id>/verwijderen/", tenants.remove_tenant, name="remove_tenant"),
]
