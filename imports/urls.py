"""URLs of imports and bulk actions."""

from django.urls import path

from imports.views import bulk_actions, jobs, uploads

app_name = "imports"
urlpatterns = [
    path("gebruikers/importeren/", uploads.upload_users, name="upload_users"),
    path("gebruikers/importeren/sjabloon.xlsx", uploads.download_template, name="user_template"),
    path("gebruikers/meerdere/", bulk_actions.choose_bulk_action, name="bulk_action"),
    path("gebruikers/meerdere/nummers/", bulk_actions.enter_mobile_numbers, name="bulk_action_numbers"),
    path("gebruikers/plan/<uuid:pk>/", jobs.show_plan.users, name="plan"),
    path("gebruikers/plan/<uuid:pk>/opnieuw/", jobs.replan.users, name="replan"),
    path("gebruikers/plan/<uuid:pk>/weggooien/", jobs.discard.users, name="discard"),
    path("gebruikers/plan/<uuid:pk>/terugdraaien/", jobs.revert.users, name="revert"),
    path("gebruikers/plan/<uuid:pk>/resultaat.csv", jobs.download_result.users, name="result"),
    path("gebruikers/plan/<uuid:pk>/fouten.csv", jobs.download_faulty_rows.users, name="faulty_rows"),
    path("teams/importeren/", uploads.upload_teams, name="upload_teams"),
    path("teams/plan/<uuid:pk>/", jobs.show_plan.teams, name="teams_plan"),
    path("teams/plan/<uuid:pk>/opnieuw/", jobs.replan.teams, name="teams_replan"),
    path("teams/plan/<uuid:pk>/weggooien/", jobs.discard.teams, name="teams_discard"),
    path("teams/plan/<uuid:pk>/terugdraaien/", jobs.revert.teams, name="teams_revert"),
    path("teams/plan/<uuid:pk>/resultaat.csv", jobs.download_result.teams, name="teams_result"),
]
