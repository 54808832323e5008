"""Routes of invitations."""

from django.urls import URLPattern, URLResolver, path

from invitations.views import accept

app_name = "invitations"
urlpatterns: list[URLPattern | URLResolver] = [
    path("uitnodiging/", accept.welcome, name="welcome"),
    path("uitnodiging/code/versturen/", accept.send_code, name="send_code"),
    path("uitnodiging/code/", accept.enter_code, name="enter_code"),
    path("uitnodiging/account/", accept.create_account, name="create_account"),
    path("uitnodiging/<str:token>/", accept.open_link, name="open_link"),
]
