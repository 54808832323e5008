"""Pages below *Koppelingen → Directory*."""

from django.urls import path

from scim.views import connections, groups, held

app_name = "scim"
urlpatterns = [
    path("kantoor/koppelingen/directory/", connections.connection_list, name="connection_list"),
    path("kantoor/koppelingen/directory/nieuw/", connections.add_connection, name="add_connection"),
    path("kantoor/koppelingen/directory/<uuid:pk>/", connections.connection_detail, name="connection_detail"),
    path("kantoor/koppelingen/directory/<uuid:pk>/token/", connections.add_token, name="add_token"),
    path(
        "kantoor/koppelingen/directory/<uuid:pk>/token/<uuid:token_id>/verwijderen/",
        connections.remove_token,
        name="remove_token",
    ),
    path(
        "kantoor/koppelingen/directory/<uuid:pk>/uitnodigen/<uuid:row_id>/",
        connections.invite_waiting_user,
        name="invite_waiting_user",
    ),
    path("kantoor/koppelingen/directory/<uuid:pk>/groepen/", groups.group_list, name="group_list"),
    path("kantoor/koppelingen/directory/<uuid:pk>/groepen/<uuid:group_id>/", groups.map_group, name="map_group"),
    path("kantoor/koppelingen/directory/<uuid:pk>/vrijgeven/", held.release_held, name="release_held"),
    path("kantoor/koppelingen/directory/<uuid:pk>/verwerpen/", held.reject_held, name="reject_held"),
    path("kantoor/koppelingen/directory/<uuid:pk>/aanroepen/", held.call_list, name="call_list"),
    path("kantoor/koppelingen/directory/<uuid:pk>/plan/", connections.go_live, name="go_live"),
    path("kantoor/koppelingen/directory/<uuid:pk>/aanzetten/", connections.turn_on, name="turn_on"),
    path("kantoor/koppelingen/directory/<uuid:pk>/uitzetten/", connections.turn_off, name="turn_off"),
    path("kantoor/koppelingen/directory/<uuid:pk>/overnemen/", connections.take_over, name="take_over"),
    path(
        "kantoor/koppelingen/directory/<uuid:pk>/verwijderen/", connections.delete_connection, name="delete_connection"
    ),
]
