"""Routes of the audit log."""

from django.urls import path

from audit import views

app_name = "audit"
urlpatterns = [
    path("historie/", views.history, name="history"),
    path("historie/op/", views.at_moment, name="at_moment"),
    path("historie/export.jsonl", views.export_jsonl, name="export_jsonl"),
    path("historie/export.csv", views.export_csv, name="export_csv"),
    path("historie/export.xlsx", views.export_xlsx, name="export_xlsx"),
    path("historie/checkpoint.json", views.checkpoint, name="checkpoint"),
    path("historie/public.pem", views.public_key, name="public_key"),
    path("gebruikers/<uuid:id>/historie/", views.user_history, name="user_history"),
    path("teams/<uuid:id>/historie/", views.team_history, name="team_history"),
]
