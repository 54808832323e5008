"""Pages below *Koppelingen → Directory*."""

from django.urls import path

from scim import views

app_name = "scim"
urlpatterns = [
    path("kantoor/koppelingen/directory/", views.connection_list, name="connection_list"),
    path("kantoor/koppelingen/directory/nieuw/", views.add_connection, name="add_connection"),
    path("kantoor/koppelingen/directory/<uuid:pk>/", views.connection_detail, name="connection_detail"),
    path("kantoor/koppelingen/directory/<uuid:pk>/token/", views.add_token, name="add_token"),
    path(
        "kantoor/koppelingen/directory/<uuid:pk>/token/<uuid:token_id>/verwijderen/",
        views.remove_token,
        name="remove_token",
    ),
    path(
        "kantoor/koppelingen/directory/<uuid:pk>/uitnodigen/<uuid:row_id>/",
        views.invite_waiting_user,
        name="invite_waiting_user",
    ),
    path("kantoor/koppelingen/directory/<uuid:pk>/plan/", views.go_live, name="go_live"),
    path("kantoor/koppelingen/directory/<uuid:pk>/aanzetten/", views.turn_on, name="turn_on"),
    path("kantoor/koppelingen/directory/<uuid:pk>/uitzetten/", views.turn_off, name="turn_off"),
    path("kantoor/koppelingen/directory/<uuid:pk>/overnemen/", views.take_over, name="take_over"),
    path("kantoor/koppelingen/directory/<uuid:pk>/verwijderen/", views.delete_connection, name="delete_connection"),
]
