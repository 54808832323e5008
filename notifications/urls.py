"""Routes of notifications."""

from django.urls import path

from notifications.views import inbox, preferences, sets

app_name = "notifications"
urlpatterns = [
    path("signalen/", inbox.notification_list, name="notification_list"),
    path("signalen/gelezen/", inbox.mark_all_read, name="mark_all_read"),
    path("signalen/<uuid:pk>/gelezen/", inbox.mark_read, name="mark_read"),
    path("profiel/signalen/", preferences.own_preferences, name="own_preferences"),
    path("kantoor/signalen/", preferences.office_preferences, name="office_preferences"),
    *sets.SET_PAGES.build_urls("kantoor/sets/signalen/"),
    path("gebruikers/<uuid:pk>/signalen/", preferences.user_preferences, name="user_preferences"),
    path("gebruikers/<uuid:pk>/signalen/standaard/", preferences.clear_user_overrides, name="clear_user_overrides"),
    path("gebruikers/<uuid:pk>/signalen/set/", preferences.preview_set, name="preview_set"),
    path("gebruikers/<uuid:pk>/signalen/set/toepassen/", preferences.apply_set, name="apply_set"),
]
