"""Addresses of rights."""

from django.urls import path

from teams import views

app_name = "teams"
urlpatterns = [path("gebruikers/<uuid:id>/rechten/", views.user_rights, name="rights")]
