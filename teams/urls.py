"""URLs of rights, teams, employers and authorization sets."""

from django.urls import path

from core.export_files import FileFormat
from teams.sets import apply_set, replace_with_set
from teams.views import (
    compare,
    deviations,
    employer_access,
    employers,
    explain,
    matrix,
    members,
    rights,
    set_application,
    sets,
    team_detail,
    team_rights,
    teams,
    undo,
    user_teams,
)

APPLY, REPLACE = {"copy": apply_set}, {"copy": replace_with_set}
app_name = "teams"
urlpatterns = [
    path("gebruikers/<uuid:pk>/teams/", user_teams.user_team_list, name="user_teams"),
    path("gebruikers/<uuid:pk>/teams/toevoegen/", user_teams.add_teams, name="add_teams"),
    path("gebruikers/<uuid:pk>/teams/verwijderen/", user_teams.leave_teams, name="leave_teams"),
    path("gebruikers/<uuid:pk>/rechten/", rights.user_rights, name="user_rights"),
    path("gebruikers/<uuid:pk>/rechten/waarom/", explain.explain_user_right, name="explain_user_right"),
    path("gebruikers/<uuid:pk>/rechten/set/", set_application.preview_user_set, name="preview_user_set"),
    path(
        "gebruikers/<uuid:pk>/rechten/set/toepassen/", set_application.copy_set_to_user, APPLY, name="apply_set_to_user"
    ),
    path(
        "gebruikers/<uuid:pk>/rechten/set/gelijkmaken/",
        set_application.copy_set_to_user,
        REPLACE,
        name="replace_user_rights_with_set",
    ),
    path("gebruikers/<uuid:pk>/vergelijken/", compare.compare_users, name="compare_users"),
    path("gebruikers/<uuid:pk>/vergelijken/gelijkmaken/", compare.copy_colleague_access, name="copy_colleague_access"),
    path("rechten/wie/", explain.right_holders, name="right_holders"),
    path("autorisatiematrix/", matrix.authorization_matrix, name="matrix"),
    path("autorisatiematrix/xlsx/", matrix.export_matrix, name="matrix_xlsx"),
    path("autorisatiematrix/rechten.csv", matrix.export_grants, {"form": FileFormat.CSV}, name="grants_csv"),
    path("autorisatiematrix/rechten.xlsx", matrix.export_grants, {"form": FileFormat.XLSX}, name="grants_xlsx"),
    path("autorisatiematrix/rechten.jsonl", matrix.export_grants, {"form": FileFormat.JSONL}, name="grants_jsonl"),
    path("afwijkingen/", deviations.deviation_list, name="deviations"),
    path("afwijkingen/overbodig/", deviations.revoke_superfluous_rights, name="revoke_superfluous_rights"),
    path("afwijkingen/team/", deviations.replace_rights_by_team, name="replace_rights_by_team"),
    *sets.SET_PAGES.build_urls("kantoor/sets/"),
    path("teams/", teams.list_teams, name="team_list"),
    path("teams/export.csv", teams.export_teams, {"form": FileFormat.CSV}, name="export_csv"),
    path("teams/export.xlsx", teams.export_teams, {"form": FileFormat.XLSX}, name="export_xlsx"),
    path("teams/export.jsonl", teams.export_teams, {"form": FileFormat.JSONL}, name="export_jsonl"),
    path("teams/nieuw/", teams.create_team, name="create_team"),
    path("teams/<uuid:pk>/", team_detail.team_detail, name="team_detail"),
    path("teams/<uuid:pk>/bewerken/", teams.edit_team, name="edit_team"),
    path("teams/<uuid:pk>/verwijderen/", teams.delete_team, name="delete_team"),
    path("teams/<uuid:pk>/gebruikers/", members.add_users, name="add_users"),
    path("teams/<uuid:pk>/set/", set_application.preview_team_set, name="preview_team_set"),
    path("teams/<uuid:pk>/set/toepassen/", set_application.copy_set_to_team, APPLY, name="apply_set_to_team"),
    path(
        "teams/<uuid:pk>/set/gelijkmaken/",
        set_application.copy_set_to_team,
        REPLACE,
        name="replace_team_rights_with_set",
    ),
    path("teams/<uuid:pk>/gebruikers/alle/", members.add_all_users, name="add_all_users"),
    path("teams/<uuid:pk>/gebruikers/verwijderen/", team_detail.remove_users, name="remove_users"),
    path("teams/<uuid:pk>/werkgevers/", members.add_employers, name="add_employers"),
    path("teams/<uuid:pk>/werkgevers/alle/", members.add_all_employers, name="add_all_employers"),
    path("teams/<uuid:pk>/werkgevers/verwijderen/", team_detail.remove_employers, name="remove_employers"),
    path("teams/<uuid:pk>/rechten/", team_rights.change_team_rights, name="change_team_rights"),
    path("teams/<uuid:pk>/rechten/gevolgen/", team_rights.preview_team_rights, name="preview_team_rights"),
    path("terugdraaien/<uuid:pk>/", undo.undo_change, name="undo_change"),
    path("werkgevers/", employers.list_employers, name="employer_list"),
    path("werkgevers/nieuw/", employers.create_employer, name="create_employer"),
    path("werkgevers/<uuid:pk>/", employer_access.employer_detail, name="employer_detail"),
    path("werkgevers/<uuid:pk>/gegevens/", employers.edit_employer, name="edit_employer"),
    path("werkgevers/<uuid:pk>/teams/", employers.link_teams, name="link_teams"),
]
