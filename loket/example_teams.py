"""Employers and teams of the first example office. All are fictional."""

import teams.actions
import teams.employers
import teams.sets
from accounts.models import Provider, User
from audit.actors import Actor
from teams.catalogue import Right
from teams.products import Product

_BASIS = [Product.LEAVE_SCHEME, Product.SIGNALS, Product.EMPLOYEE_PORTAL]
_PLUS = [*_BASIS, Product.LEAVE_REQUESTS_ESS, Product.QWOATER_LITE, Product.JOURNAL]
EMPLOYERS = [
    (1001, "Bakkerij Het Volkoren", _BASIS),
    (1002, "Bouwbedrijf Van Vliet", _PLUS),
    (1003, "Café De Zwaan", []),
    (1004, "Drukkerij Letterlijk", _BASIS),
    (1005, "Fysiotherapie Oost", _PLUS),
    (1006, "Garage Peeters", _BASIS),
    (1010, "Hoveniersbedrijf Groenrijk", _BASIS),
    (1011, "Installatietechniek Amersfoort", [*_PLUS, Product.PENSION_RETURN]),
    (1014, "Kinderopvang De Regenboog", [*_PLUS, Product.PENSION_RETURN_APG]),
    (1020, "Stichting Muziekschool Hilversum", [*_BASIS, Product.PENSION_RETURN_APG]),
    (1021, "Tandartspraktijk Molenweg", _BASIS),
    (1030, "Transport Van Ommen", []),
]
_VIEWING = [Right.VIEW_EMPLOYMENTS, Right.VIEW_WAGES, Right.VIEW_PAYROLL_OUTPUT, Right.VIEW_TAX_RETURNS]
_PAYROLL = [*_VIEWING, Right.MANAGE_EMPLOYMENTS, Right.MANAGE_VARIABLE_DATA, Right.EXPORT_JOURNAL]
SETS = [("Salarisverwerker", _PAYROLL), ("Meekijken", _VIEWING)]
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


def make(office: Provider, *, by: Actor) -> None:
    """Create the employers, sets and teams of `office` through the actions; three employers have no team."""
    employers = {
        number: teams.employers.create(office, number=number, name=name, products=products, by=by)
        for number, name, products in EMPLOYERS
    }
    sets = {name: teams.sets.create(office, name=name, contents=contents, by=by) for name, contents in SETS}
    people = {user.last_name: user for user in User.objects.filter(provider=office)}
    for name, set_name, further, members, numbers in TEAMS:
        team = teams.sets.start_team(office, name=name, authorization_set=sets.get(set_name), by=by)
        given = sets[set_name].rights if set_name else frozenset()
        teams.actions.set_team_rights(team, given | set(further), by=by)
        teams.actions.change_members(team, add=[people[last_name] for last_name in members], by=by)
        teams.actions.change_employers(team, add=[employers[number] for number in numbers], by=by)
