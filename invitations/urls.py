"""Routes of invitations."""

from django.urls import URLPattern, URLResolver, path

from invitations.views import colleague, office, texts

app_name = "invitations"
urlpatterns: list[URLPattern | URLResolver] = [
    path("uitnodiging/", colleague.welcome, name="welcome"),
    path("uitnodiging/code/versturen/", colleague.send_code, name="send_code"),
    path("uitnodiging/code/", colleague.code, name="code"),
    path("uitnodiging/account/", colleague.account, name="account"),
    path("uitnodiging/<str:token>/", colleague.enter, name="enter"),
    path("gebruikers/nieuw/website/", office.new, name="new"),
    path("gebruikers/nieuw/website/mobiel/", office.mobile, name="mobile"),
    path("gebruikers/<uuid:id>/opnieuw-versturen/", office.resend, name="resend"),
    path("gebruikers/<uuid:id>/intrekken/", office.revoke, name="revoke"),
    path("kantoor/e-mailteksten/", texts.text, name="text"),
    path("kantoor/e-mailteksten/voorbeeld/", texts.text_preview, name="text_preview"),
    path("kantoor/e-mailteksten/proef/", texts.text_test, name="text_test"),
    path("kantoor/e-mailteksten/standaard/", texts.text_standard, name="text_standard"),
]
