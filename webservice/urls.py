"""Addresses of the web service, without REST."""

from django.urls import path

from webservice.views import sso

app_name = "webservice"
urlpatterns = [
    path("sso/<str:ticket>/", sso.sso, name="sso"),
]
