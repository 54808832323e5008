"""Addresses of importing."""

from django.urls import path

from bulk import views

app_name = "bulk"
urlpatterns = [
    path("gebruikers/importeren/", views.upload, name="upload"),
    path("gebruikers/importeren/sjabloon.xlsx", views.template, name="template"),
    path("gebruikers/importeren/<uuid:id>/", views.plan, name="plan"),
    path("gebruikers/importeren/<uuid:id>/opnieuw/", views.plan_again, name="plan_again"),
    path("gebruikers/importeren/<uuid:id>/weggooien/", views.forget, name="forget"),
    path("gebruikers/importeren/<uuid:id>/resultaat.csv", views.result, name="result"),
    path("gebruikers/importeren/<uuid:id>/fouten.csv", views.faulty, name="faulty"),
]
