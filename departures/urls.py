"""Route of the departure of a user."""

from django.urls import path

from departures import views

app_name = "departures"
urlpatterns = [path("gebruikers/<uuid:pk>/vertrek/", views.departure, name="departure")]
