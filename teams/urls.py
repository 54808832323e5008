"""Addresses of rights, teams and employers."""

from django.urls import path

from teams.views import compare, contents, deviations, employers, matrix, rights, sets, teams, user_set, why

app_name = "teams"
urlpatterns = [
    path("gebruikers/<uuid:id>/rechten/", rights.user_rights, name="rights"),
    path("gebruikers/<uuid:id>/rechten/waarom/", why.why, name="why"),
    path("gebruikers/<uuid:id>/rechten/set/", user_set.user_set, name="user_set"),
    path("gebruikers/<uuid:id>/rechten/set/toepassen/", user_set.apply_set, name="apply_set"),
    path("gebruikers/<uuid:id>/rechten/set/gelijkmaken/", user_set.make_equal, name="make_equal"),
    path("gebruikers/<uuid:id>/vergelijken/", compare.compare, name="compare"),
    path("gebruikers/<uuid:id>/vergelijken/gelijkmaken/", compare.make_like, name="make_like"),
    path("rechten/wie/", why.who, name="who"),
    path("autorisatiematrix/", matrix.matrix, name="matrix"),
    path("autorisatiematrix/xlsx/", matrix.matrix_sheet, name="matrix_sheet"),
    path("afwijkingen/", deviations.deviations, name="deviations"),
    path("afwijkingen/overbodig/", deviations.drop_superfluous, name="drop_superfluous"),
    path("afwijkingen/team/", deviations.replace_by_team, name="replace_by_team"),
    path("kantoor/sets/", sets.sets, name="sets"),
    path("kantoor/sets/nieuw/", sets.new_set, name="new_set"),
    path("kantoor/sets/<uuid:id>/", sets.one_set, name="set"),
    path("kantoor/sets/<uuid:id>/verwijderen/", sets.delete_set, name="delete_set"),
    path("teams/", teams.list_teams, name="list"),
    path("teams/nieuw/", teams.new_team, name="new"),
    path("teams/<uuid:id>/", contents.team, name="team"),
    path("teams/<uuid:id>/bewerken/", teams.edit, name="edit"),
    path("teams/<uuid:id>/verwijderen/", teams.delete, name="delete"),
    path("teams/<uuid:id>/gebruikers/", contents.add_users, name="add_users"),
    path("teams/<uuid:id>/gebruikers/verwijderen/", contents.remove_users, name="remove_users"),
    path("teams/<uuid:id>/werkgevers/", contents.add_employers, name="add_employers"),
    path("teams/<uuid:id>/werkgevers/verwijderen/", contents.remove_employers, name="remove_employers"),
    path("teams/<uuid:id>/rechten/", contents.change_rights, name="change_rights"),
    path("werkgevers/", employers.list_employers, name="employers"),
    path("werkgevers/nieuw/", employers.new_employer, name="new_employer"),
    path("werkgevers/<uuid:id>/", employers.employer, name="employer"),
    path("werkgevers/<uuid:id>/teams/", employers.employer_teams, name="employer_teams"),
]
