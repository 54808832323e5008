"""Routes of notifications."""

from django.urls import path

from notifications.views import inbox, office, people, sets

app_name = "notifications"
urlpatterns = [
    path("signalen/", inbox.inbox, name="inbox"),
    path("signalen/gelezen/", inbox.mark_all_read, name="mark_all_read"),
    path("signalen/<uuid:id>/gelezen/", inbox.mark_read, name="mark_read"),
    path("profiel/signalen/", people.own_signals, name="own"),
    path("kantoor/signalen/", office.office, name="office"),
    path("kantoor/sets/signalen/", sets.sets, name="sets"),
    path("kantoor/sets/signalen/nieuw/", sets.new_set, name="new_set"),
    path("kantoor/sets/signalen/<uuid:id>/", sets.one_set, name="set"),
    path("kantoor/sets/signalen/<uuid:id>/verwijderen/", sets.delete_set, name="delete_set"),
    path("gebruikers/<uuid:id>/signalen/", people.user_signals, name="user"),
    path("gebruikers/<uuid:id>/signalen/standaard/", people.follow_office, name="follow_office"),
    path("gebruikers/<uuid:id>/signalen/set/", people.user_set, name="user_set"),
    path("gebruikers/<uuid:id>/signalen/set/toepassen/", people.apply_set, name="apply_set"),
]
