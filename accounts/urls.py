"""Addresses of people, of oneself and of the office."""

from django.urls import path

from accounts.views import office, own, people

app_name = "accounts"
urlpatterns = [
    path("gebruikers/", people.list_users, name="list"),
    path("gebruikers/<uuid:id>/", people.user, name="user"),
    path("gebruikers/<uuid:id>/bewerken/", people.edit, name="edit"),
    path("gebruikers/<uuid:id>/blokkeren/", people.block, name="block"),
    path("gebruikers/<uuid:id>/deblokkeren/", people.unblock, name="unblock"),
    path("gebruikers/<uuid:id>/gebruikersnaam-versturen/", people.send_username, name="send_username"),
    path("profiel/", own.profile, name="profile"),
    path("profiel/email/", own.own_email, name="own_email"),
    path("email-bevestigen/<str:token>/", own.confirm_email, name="confirm_email"),
    path("kantoor/", office.office, name="office"),
]
