"""URL configuration of the outbox."""

from django.urls import URLPattern, URLResolver, path

from outbox import views

app_name = "outbox"
urlpatterns: list[URLPattern | URLResolver] = [
    # The path given in anymail's documentation.
    path("anymail/<slug:esp>/tracking/", views.delivery_report, name="delivery_report"),
    path("sms/receipts/", views.sms_receipt, name="sms_receipts"),
    path("sms/receipts/<str:reference>/", views.sms_receipt, name="sms_receipt"),
]
