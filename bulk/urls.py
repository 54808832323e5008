"""URLs of imports and bulk actions."""

from django.urls import path

from bulk.views import files, operations, several, teams

app_name = "bulk"
urlpatterns = [
    path("gebruikers/importeren/", files.upload, name="upload"),
    path("gebruikers/importeren/sjabloon.xlsx", files.template, name="template"),
    path("gebruikers/meerdere/", several.choose, name="several"),
    path("gebruikers/meerdere/nummers/", several.numbers, name="numbers"),
    path("gebruikers/plan/<uuid:id>/", operations.plan, name="plan"),
    path("gebruikers/plan/<uuid:id>/opnieuw/", operations.plan_again, name="plan_again"),
    path("gebruikers/plan/<uuid:id>/weggooien/", operations.forget, name="forget"),
    path("gebruikers/plan/<uuid:id>/terugdraaien/", operations.undo, name="undo"),
    path("gebruikers/plan/<uuid:id>/resultaat.csv", operations.result, name="result"),
    path("gebruikers/plan/<uuid:id>/fouten.csv", operations.faulty, name="faulty"),
    path("teams/importeren/", teams.upload, name="upload_teams"),
    path("teams/plan/<uuid:id>/", teams.plan, name="teams_plan"),
    path("teams/plan/<uuid:id>/opnieuw/", teams.plan_again, name="teams_plan_again"),
    path("teams/plan/<uuid:id>/weggooien/", teams.forget, name="teams_forget"),
    path("teams/plan/<uuid:id>/terugdraaien/", teams.undo, name="teams_undo"),
    path("teams/plan/<uuid:id>/resultaat.csv", teams.result, name="teams_result"),
]
