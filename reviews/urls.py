"""Routes of segregation of duties and of access reviews."""

from django.urls import path

from reviews.views import duties

app_name = "reviews"
urlpatterns = [
    path("functiescheiding/", duties.duty_list, name="duty_list"),
    path("functiescheiding/nieuw/", duties.create_rule, name="create_rule"),
    path("functiescheiding/<uuid:pk>/", duties.edit_rule, name="edit_rule"),
    path("functiescheiding/<uuid:pk>/verwijderen/", duties.delete_rule, name="delete_rule"),
    path("functiescheiding/<uuid:pk>/gebruikers/<uuid:user_id>/", duties.show_conflict, name="conflict"),
    path("functiescheiding/uitzonderingen/<uuid:pk>/goedkeuren/", duties.approve_exemption, name="approve_exemption"),
    path("functiescheiding/uitzonderingen/<uuid:pk>/beeindigen/", duties.end_exemption, name="end_exemption"),
]
