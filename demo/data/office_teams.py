"""Employers, sets and teams of the first example office. All are fictional."""

import teams.actions
import teams.employers
import teams.sets
from accounts.models import Provider
from audit.actors import Actor
from permissions.catalog import Right
from permissions.models import AuthorizationSet, Employer, Team
from permissions.products import Product

_BASIC_PRODUCTS = [Product.LEAVE_SCHEME, Product.SIGNALS, Product.EMPLOYEE_PORTAL, Product.JOURNAL]
_EXTENDED_PRODUCTS = [*_BASIC_PRODUCTS, Product.LEAVE_REQUESTS_ESS, Product.QWOATER_LITE]
_APG_PRODUCTS = [*_BASIC_PRODUCTS, Product.PENSION_RETURN_APG]
EMPLOYERS = [
    (1001, "Bakkerij Het Volkoren", _BASIC_PRODUCTS),
    (1002, "Bouwbedrijf Van Vliet", _EXTENDED_PRODUCTS),
    (1003, "Café De Zwaan", _BASIC_PRODUCTS),
    (1004, "Drukkerij Letterlijk", _BASIC_PRODUCTS),
    (1005, "Fysiotherapie Oost", _EXTENDED_PRODUCTS),
    (1006, "Garage Peeters", _BASIC_PRODUCTS),
    (1007, "Glasbedrijf Helder", _BASIC_PRODUCTS),
    (1010, "Hoveniersbedrijf Groenrijk", _BASIC_PRODUCTS),
    (1011, "Installatietechniek Amersfoort", [*_EXTENDED_PRODUCTS, Product.PENSION_RETURN]),
    (1012, "Juwelier Van Zanten", _BASIC_PRODUCTS),
    (1013, "Kapsalon Krul", _BASIC_PRODUCTS),
    (1014, "Kinderopvang De Regenboog", [*_EXTENDED_PRODUCTS, Product.PENSION_RETURN_APG]),
    (1015, "Kwekerij Bloemendaal", _BASIC_PRODUCTS),
    (1016, "Loodgieter De Kraan", _BASIC_PRODUCTS),
    (1017, "Metaalbewerking Hartog", _EXTENDED_PRODUCTS),
    (1018, "Notariskantoor Terpstra", _BASIC_PRODUCTS),
    (1020, "Stichting Muziekschool Hilversum", _APG_PRODUCTS),
    (1021, "Tandartspraktijk Molenweg", _BASIC_PRODUCTS),
    (1022, "Restaurant De Veerman", _BASIC_PRODUCTS),
    (1023, "Schildersbedrijf Kwast", _BASIC_PRODUCTS),
    (1024, "Stichting Zorgboerderij Buiten", _APG_PRODUCTS),
    (1030, "Transport Van Ommen", _EXTENDED_PRODUCTS),
    (1031, "Uitgeverij Het Blad", _BASIC_PRODUCTS),
    (1032, "Visgroothandel Noordzee", _BASIC_PRODUCTS),
    (1033, "Zonnepanelen Midden-Nederland", _EXTENDED_PRODUCTS),
]
_VIEW_RIGHTS = [Right.VIEW_EMPLOYMENTS, Right.VIEW_WAGES, Right.VIEW_PAYROLL_OUTPUT, Right.VIEW_TAX_RETURNS]
_PAYROLL_RIGHTS = [
    *_VIEW_RIGHTS, Right.MANAGE_EMPLOYMENTS, Right.MANAGE_WAGES, Right.MANAGE_VARIABLE_DATA,
    Right.VIEW_ADMINISTRATION, Right.MANAGE_ADMINISTRATION, Right.EXPORT_JOURNAL,
]  # fmt: skip
AUTHORIZATION_SETS = [("Salarisverwerker", _PAYROLL_RIGHTS), ("Meekijken", _VIEW_RIGHTS)]
# name, set, further rights, numbers of the employers
TEAMS: list[tuple[str, str, list[Right], list[int]]] = [
    ("Loon Noord", "Salarisverwerker", [], [1001, 1002, 1003, 1004, 1012, 1013, 1015, 1016, 1018, 1031, 1032, 1033]),
    (
        "Loon Zuid", "Salarisverwerker", [],
        [1004, 1005, 1006, 1007, 1010, 1011, 1014, 1017, 1020, 1021, 1022, 1023, 1024, 1030],
    ),
    ("Accountants", "Meekijken", [], [1001, 1002, 1005, 1011, 1014, 1017, 1020, 1024, 1030]),
    ("Koppelingen", "", [Right.VIEW_USERS, Right.VIEW_TEAMS, Right.VIEW_AUDIT, Right.MANAGE_USERS], []),
]  # fmt: skip
LATER_NUMBERS = (1012, 1018, 1023, 1031, 1032, 1033)  # of employers who came during the year


def create_first_employers(office: Provider, *, by: Actor) -> None:
    for number, name, products in EMPLOYERS:
        if number not in LATER_NUMBERS:
            teams.employers.create_employer(office, number=number, name=name, products=products, by=by)


def add_later_employer(office: Provider, number: int, *, by: Actor) -> None:
    """Create an employer and give it to its teams."""
    name, products = next((name, products) for other, name, products in EMPLOYERS if other == number)
    employer = teams.employers.create_employer(office, number=number, name=name, products=products, by=by)
    names = [name for name, _set, _rights, numbers in TEAMS if number in numbers]
    teams.employers.link_employer(employer, to=Team.objects.filter(provider=office, name__in=names), by=by)


def create_sets_and_teams(office: Provider, *, by: Actor) -> None:
    """Create the authorization sets, and the teams with their rights and first employers."""
    sets = {
        name: teams.sets.create_set(office, name=name, contents=contents, by=by)
        for name, contents in AUTHORIZATION_SETS
    }
    for name, set_name, further, numbers in TEAMS:
        team = teams.sets.create_team_from_set(office, name=name, authorization_set=sets.get(set_name), by=by)
        if further:
            teams.actions.set_team_rights(team, further, by=by)
        employers = Employer.objects.filter(provider=office, number__in=numbers)
        teams.actions.change_employers(team, add=list(employers), by=by)


def extend_set_and_team(office: Provider, team_name: str, further: list[Right], *, by: Actor) -> None:
    """Add rights to the set of a team, unless it has them, and apply the set to the team again."""
    set_name = next(set_name for name, set_name, _rights, _numbers in TEAMS if name == team_name)
    found = AuthorizationSet.objects.get(provider=office, name=set_name)
    contents = found.rights | set(further)
    if contents != found.rights:
        teams.sets.update_set(found, name=found.name, contents=contents, version=found.version, by=by)
    teams.sets.apply_set(found, Team.objects.get(provider=office, name=team_name), by=by)
