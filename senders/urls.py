"""URLs of the sender of an office."""

from django.urls import path

from senders import views

app_name = "senders"
urlpatterns = [
    path("kantoor/afzender/", views.office_sender, name="office_sender"),
    path("kantoor/afzender/controleren/", views.check_sender, name="check_sender"),
    path("kantoor/afzender/sleutel/", views.rotate_key, name="rotate_key"),
    path("kantoor/afzender/verwijderen/", views.remove_sender, name="remove_sender"),
]
