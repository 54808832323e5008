"""Routes of invitations."""

from django.urls import URLPattern, URLResolver, path

from invitations.views import accept, email_text

app_name = "invitations"
urlpatterns: list[URLPattern | URLResolver] = [
    path("uitnodiging/", accept.welcome, name="welcome"),
    path("uitnodiging/code/versturen/", accept.send_code, name="send_code"),
    path("uitnodiging/code/", accept.enter_code, name="enter_code"),
    path("uitnodiging/account/", accept.create_account, name="create_account"),
    path("uitnodiging/<str:token>/", accept.open_link, name="open_link"),
    path("kantoor/e-mailteksten/", email_text.edit_text, name="edit_text"),
    path("kantoor/e-mailteksten/voorbeeld/", email_text.preview_text, name="preview_text"),
    path("kantoor/e-mailteksten/proef/", email_text.send_test_email, name="send_test_email"),
    path("kantoor/e-mailteksten/standaard/", email_text.restore_standard_text, name="restore_standard_text"),
]
