"""URLs of the demo; each view is a 404 outside it."""

from django.urls import URLPattern, URLResolver, path

from demo import fake_entra_views, views

app_name = "demo"
urlpatterns: list[URLPattern | URLResolver] = [
    path("postvak/", views.mailbox_page, name="mailbox"),
    path("postvak/<int:number>/", views.mailbox_email, name="mailbox_email"),
    path("postvak.json", views.mailbox_json, name="mailbox_json"),
    path("microsoft/", fake_entra_views.choose_user, name="fake_entra"),
]
