"""Routes of the audit log."""

from django.urls import path

from history.views import audit_package, events, retention

app_name = "history"
urlpatterns = [
    path("historie/", events.event_list, name="event_list"),
    path("historie/handeling/<slug:correlation_id>/", events.act_event_list, name="act_events"),
    path("historie/auditpakket/", audit_package.audit_package, name="audit_package"),
    path("historie/op/", events.show_point_in_time, name="point_in_time"),
    path("historie/export.jsonl", events.export_jsonl, name="export_jsonl"),
    path("historie/export.csv", events.export_csv, name="export_csv"),
    path("historie/export.xlsx", events.export_xlsx, name="export_xlsx"),
    path("historie/checkpoint.json", events.download_checkpoint, name="download_checkpoint"),
    path("historie/public.pem", events.download_public_key, name="download_public_key"),
    path("gebruikers/<uuid:pk>/historie/", events.user_event_list, name="user_events"),
    path("gebruikers/<uuid:pk>/wissen/", retention.erase_user, name="erase_user"),
    path("gebruikers/<uuid:pk>/alles.json", retention.personal_data_json, name="personal_data_json"),
    path("gebruikers/<uuid:pk>/alles.html", retention.personal_data_html, name="personal_data_html"),
    path("kantoor/historie/", retention.retention_settings, name="retention_settings"),
    path("teams/<uuid:pk>/historie/", events.team_event_list, name="team_events"),
]
