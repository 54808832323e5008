"""Employers and teams of the first example office. All are fictional."""

import teams.actions
import teams.employers
import teams.sets
from accounts.models import Provider, User
from audit.actors import Actor
from permissions.catalog import Right
from permissions.products import Product

_BASIC_PRODUCTS = [Product.LEAVE_SCHEME, Product.SIGNALS, Product.EMPLOYEE_PORTAL]
_EXTENDED_PRODUCTS = [*_BASIC_PRODUCTS, Product.LEAVE_REQUESTS_ESS, Product.QWOATER_LITE, Product.JOURNAL]
EMPLOYERS = [
    (1001, "Bakkerij Het Volkoren", _BASIC_PRODUCTS),
    (1002, "Bouwbedrijf Van Vliet", _EXTENDED_PRODUCTS),
    (1003, "Café De Zwaan", []),
    (1004, "Drukkerij Letterlijk", _BASIC_PRODUCTS),
    (1005, "Fysiotherapie Oost", _EXTENDED_PRODUCTS),
    (1006, "Garage Peeters", _BASIC_PRODUCTS),
    (1010, "Hoveniersbedrijf Groenrijk", _BASIC_PRODUCTS),
    (1011, "Installatietechniek Amersfoort", [*_EXTENDED_PRODUCTS, Product.PENSION_RETURN]),
    (1014, "Kinderopvang De Regenboog", [*_EXTENDED_PRODUCTS, Product.PENSION_RETURN_APG]),
    (1020, "Stichting Muziekschool Hilversum", [*_BASIC_PRODUCTS, Product.PENSION_RETURN_APG]),
    (1021, "Tandartspraktijk Molenweg", _BASIC_PRODUCTS),
    (1030, "Transport Van Ommen", []),
]
_VIEW_RIGHTS = [Right.VIEW_EMPLOYMENTS, Right.VIEW_WAGES, Right.VIEW_PAYROLL_OUTPUT, Right.VIEW_TAX_RETURNS]
_PAYROLL_RIGHTS = [*_VIEW_RIGHTS, Right.MANAGE_EMPLOYMENTS, Right.MANAGE_VARIABLE_DATA, Right.EXPORT_JOURNAL]
AUTHORIZATION_SETS = [("Salarisverwerker", _PAYROLL_RIGHTS), ("Meekijken", _VIEW_RIGHTS)]
# name, set, further rights, last names of the members, numbers of the employers
TEAMS: list[tuple[str, str, list[Right], list[str], list[int]]] = [
    ("Loon Noord", "Salarisverwerker", [Right.HANDLE_LEAVE], ["Hendriks", "Dijk", "Yılmaz"], [1001, 1002, 1003, 1004]),
    ("Loon Zuid", "Salarisverwerker", [], ["Meer", "Smits", "Dijk"], [1004, 1005, 1006, 1010, 1011]),
    (
        "Accountants",
        "Meekijken",
        [Right.VIEW_HRM],
        ["Groen", "Rijn", "Mulder", "Vermeer"],
        [1001, 1002, 1005, 1011, 1014],
    ),
    ("Portaal", "", [Right.VIEW_EMPLOYMENTS], ["Portaal medewerkers"], []),
]


def create_example_teams(office: Provider, *, by: Actor) -> None:
    """Create the employers, sets and teams of `office` through the actions; three employers have no team."""
    employers = {
        number: teams.employers.create_employer(office, number=number, name=name, products=products, by=by)
        for number, name, products in EMPLOYERS
    }
    sets = {
        name: teams.sets.create_set(office, name=name, contents=contents, by=by)
        for name, contents in AUTHORIZATION_SETS
    }
    users = {user.last_name: user for user in User.objects.filter(provider=office)}
    for name, set_name, further, members, numbers in TEAMS:
        team = teams.sets.create_team_from_set(office, name=name, authorization_set=sets.get(set_name), by=by)
        set_rights = sets[set_name].rights if set_name else frozenset()
        teams.actions.set_team_rights(team, set_rights | set(further), by=by)
        teams.actions.change_members(team, add=[users[last_name] for last_name in members], by=by)
        teams.actions.change_employers(team, add=[employers[number] for number in numbers], by=by)
