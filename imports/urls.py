"""URLs of imports and bulk actions."""

from django.urls import path

from imports.views import bulk_actions, team_jobs, user_jobs, user_upload

app_name = "imports"
urlpatterns = [
    path("gebruikers/importeren/", user_upload.upload_users, name="upload_users"),
    path("gebruikers/importeren/sjabloon.xlsx", user_upload.download_template, name="user_template"),
    path("gebruikers/meerdere/", bulk_actions.choose_bulk_action, name="bulk_action"),
    path("gebruikers/meerdere/nummers/", bulk_actions.enter_mobile_numbers, name="bulk_action_numbers"),
    path("gebruikers/plan/<uuid:pk>/", user_jobs.show_plan, name="plan"),
    path("gebruikers/plan/<uuid:pk>/opnieuw/", user_jobs.replan, name="replan"),
    path("gebruikers/plan/<uuid:pk>/weggooien/", user_jobs.discard, name="discard"),
    path("gebruikers/plan/<uuid:pk>/terugdraaien/", user_jobs.revert, name="revert"),
    path("gebruikers/plan/<uuid:pk>/resultaat.csv", user_jobs.download_result, name="result"),
    path("gebruikers/plan/<uuid:pk>/fouten.csv", user_jobs.download_faulty_rows, name="faulty_rows"),
    path("teams/importeren/", team_jobs.upload_teams, name="upload_teams"),
    path("teams/plan/<uuid:pk>/", team_jobs.show_plan, name="teams_plan"),
    path("teams/plan/<uuid:pk>/opnieuw/", team_jobs.replan, name="teams_replan"),
    path("teams/plan/<uuid:pk>/weggooien/", team_jobs.discard, name="teams_discard"),
    path("teams/plan/<uuid:pk>/terugdraaien/", team_jobs.revert, name="teams_revert"),
    path("teams/plan/<uuid:pk>/resultaat.csv", team_jobs.download_result, name="teams_result"),
]
