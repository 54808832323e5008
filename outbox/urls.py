"""URL configuration of the outbox."""

from django.urls import URLPattern, URLResolver, path

from outbox import views

app_name = "outbox"
urlpatterns: list[URLPattern | URLResolver] = [
    path("demo/postvak/", views.mailbox, name="mailbox"),
    path("demo/postvak.json", views.mailbox_json, name="mailbox_json"),
    path("anymail/<slug:esp>/tracking/", views.report, name="report"),  # the path given in anymail's documentation
]
