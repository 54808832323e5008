"""Addresses of rights."""

from django.urls import path

from teams.views import rights

app_name = "teams"
urlpatterns = [path("gebruikers/<uuid:id>/rechten/", rights.user_rights, name="rights")]
