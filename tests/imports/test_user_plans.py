"""Planning and applying a file of people."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import teams.actions
import teams.sets
import users.actions
from accounts import passwords
from accounts.models import EmailChange, Provider, User
from audit.models import Event, Verb
from imports.files.user_rows import TEMPLATE_EXAMPLE
from imports.plans import rendering
from imports.plans.plan import PlanRefused, apply_plan
from outbox import message_limits
from outbox.models import Message
from permissions import checks
from permissions.checks import Right
from permissions.models import IndividualRight, SetApplication
from tests.helpers.import_files import (
    INVITED,
    SERVICE,
    applied,
    apply_user_file,
    azure,
    faults,
    file_of,
    planned,
    team_of,
)
from tests.helpers.invited_users import invite
from tests.helpers.login_methods import TID, make_azure, make_service, tenant_of
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant(office: Provider) -> object:
    return tenant_of(office)


def test_users_of_all_three_login_methods_are_created(office: Provider, alice: User, tenant: object) -> None:
    team_of(office, "Loon Noord", Right.VIEW_WAGES, numbers=(1001,))
    teams.sets.create_set(office, name="Kijker", contents=[Right.VIEW_TEAMS], by=actor())
    plan, done = applied(
        office,
        INVITED | {"teams": "loon noord", "access_until": "31-12-2099", "two_factor_required": "ja"},
        SERVICE | {"individual_rights": "Raadplegen gebruikers AK"},
        azure() | {"authorization_set": "kijker", "prefix": "van", "phone_number": "030 1234567"},
    )
    invited, service, person = (User.objects.get(pk=item["id"]) for item in done)
    assert (invited.invitation.state, invited.access_until, invited.two_factor_required) == (
        "open", date(2099, 12, 31), True,
    )  # fmt: skip
    assert [member.team.name for member in invited.memberships.all()] == ["Loon Noord"]
    assert passwords.verify_password("Regenboog-17", service.password)
    assert checks.effective_rights(service) == {Right.VIEW_USERS}
    assert (person.external_tid, person.prefix, person.phone_number) == (TID, "van", "030 1234567")
    assert checks.effective_rights(person) == {Right.VIEW_TEAMS}
    assert SetApplication.objects.get().user == person
    assert plan.mails == {"invitation": 1, "microsoft": 1}
    assert sorted(Message.objects.values_list("kind", flat=True)) == ["invitation", "microsoft"]
    assert {event.actor_name for event in Event.objects.filter(verb=Verb.USER_CREATED)} == {"manage.py test"}
    assert set(Event.objects.exclude(verb=Verb.SET_CREATED).values_list("correlation_id", flat=True)) == {
        plan.digest[:36]
    }


@pytest.mark.parametrize("change", [{"last_name": "Directie"}, {"phone_number": "030 1234567"}])
def test_who_manages_users_does_not_rename_an_administrator(
    office: Provider, alice: User, bob: User, change: dict[str, str]
) -> None:
    for right in (Right.VIEW_USERS, Right.MANAGE_USERS):
        IndividualRight.objects.create(provider=office, user=bob, right=right)
    plan = planned(office, {"username": "alice"} | change, {"username": "bob"} | change, by=actor(bob))
    assert [row for row, _column, _what in faults(plan)] == [2]
    assert [item["row"] for item in plan.items] == [3], "one's own details stay one's own"
    with pytest.raises(PlanRefused):
        apply_plan(office, planned(office, {"username": "alice"} | change), by=actor(bob))
    alice.refresh_from_db()
    assert alice.last_name == "Vries"


def test_planning_writes_nothing(office: Provider, alice: User, tenant: object) -> None:
    before = (User.objects.count(), Event.objects.count(), Message.objects.count())
    plan = planned(office, INVITED, SERVICE, azure())
    assert len(plan.items) == 3
    assert (User.objects.count(), Event.objects.count(), Message.objects.count()) == before


def test_a_plan_holds_no_secret(office: Provider, alice: User, tmp_path: object) -> None:
    plan = planned(office, INVITED, SERVICE, SERVICE | {"username": "koppeling 2", "password": "Geheim"})
    assert next(iter(plan.faults))["value"] == "…"
    kept = str(list(plan.items)) + str(list(plan.faults)) + str(plan.header())
    for secret in ("12345678", "Regenboog", "Geheim"):
        assert secret not in kept


@pytest.mark.parametrize("password", ["Welkom2026!", "Vries-2026!!", "Koppeling 1 2026"])
def test_a_password_that_is_easy_to_guess_is_a_fault(office: Provider, alice: User, password: str) -> None:
    found = faults(planned(office, SERVICE | {"password": password}))
    assert [column for _row, column, _what in found] == ["Wachtwoord"]


def test_applying_twice_changes_nothing(office: Provider, alice: User, bob: User, tenant: object) -> None:
    team_of(office, "Noord", Right.VIEW_TEAMS)
    change = {"id": str(bob.pk), "email": "nieuw@devries.example", "teams": "Noord", "access_until": "2099-01-01"}
    rows = (INVITED, SERVICE, azure() | {"teams": "Noord", "individual_rights": "view_users"}, change)
    applied(office, *rows)
    before = (Event.objects.count(), Message.objects.count())
    plan, _done = applied(office, *rows)
    assert plan.is_empty
    assert (Event.objects.count(), Message.objects.count()) == before


def test_who_is_there_becomes_as_the_file_says(office: Provider, alice: User, bob: User) -> None:
    north = team_of(office, "Noord", Right.VIEW_TEAMS, members=(bob,))
    team_of(office, "Zuid", Right.VIEW_AUDIT)
    applied(office, {"username": "BOB", "last_name": "Anders", "teams": "Zuid", "has_access_to_test_years": "x"})
    bob.refresh_from_db()
    assert (bob.last_name, bob.initials, bob.has_access_to_test_years) == ("Anders", "B.", True)
    assert checks.effective_rights(bob) == {Right.VIEW_AUDIT}
    assert not north.members.exists()


def test_a_column_that_is_left_out_does_not_count_and_an_empty_cell_empties(office: Provider, alice: User) -> None:
    user = make_user(office, Right.VIEW_USERS, username="uuu", prefix="de", access_until=date(2099, 1, 1))
    team_of(office, "Noord", members=(user,))
    applied(office, {"username": "uuu", "prefix": "", "access_until": ""})
    user.refresh_from_db()
    assert (user.prefix, user.access_until, user.memberships.count()) == ("", None, 1)
    applied(office, {"username": "uuu", "teams": "", "individual_rights": ""})
    assert (user.memberships.count(), user.individual_rights.count()) == (0, 0)


def test_a_row_belongs_to_a_user_by_id_then_username_then_account_then_address(
    office: Provider, alice: User, bob: User, tenant: object
) -> None:
    person = make_azure(office, tenant=tenant, email="zelfde@devries.example")
    make_user(office, username="tweede", email="zelfde@devries.example")
    account = {"external_tenant": "groep", "external_user_id": str(person.external_user_id)}
    for row, user in (
        ({"id": str(bob.pk), "email": person.email}, bob),
        ({"username": "bob", "email": bob.email}, bob),
        (account | {"email": person.email}, person),
        ({"email": "BOB@devries.example"}, bob),
    ):
        (item,) = planned(office, row | {"first_name": "Ander"}).items
        assert item["id"] == str(user.pk)
    plan = planned(office, {"email": person.email, "first_name": "Ander"})
    ((number, column, what),) = faults(plan)
    assert (number, column) == (2, "Email")
    assert "Id" in what
    assert [fault[1] for fault in faults(planned(office, {"id": str(bob.pk), "username": "alice"}))] == [
        "Gebruikersnaam"
    ]


def test_an_account_of_a_program_does_not_stand_for_its_administrator(office: Provider, alice: User) -> None:
    """A website user is never an SSO/Webservice user, whose address may be that of a colleague."""
    machine = make_service(office, email=INVITED["email"])
    _plan, (made,) = applied(office, INVITED)
    assert (made["is_new"], made["id"] != str(machine.pk)) == (True, True)
    (changed,) = planned(office, INVITED | {"first_name": "Piet"}).items
    assert changed["id"] == made["id"]
    row = {name: value for name, value in INVITED.items() if name != "login_method"} | {"first_name": "Piet"}
    assert [column for _row, column, _what in faults(planned(office, row))] == ["Email"], "either of the two"


def test_another_office_does_not_exist(office: Provider, alice: User, charlie: User, tenant: object) -> None:
    other = make_azure(charlie.provider, username="ver", tenant=tenant_of(charlie.provider, name="Elders"))
    rows = [
        {"id": str(charlie.pk), "first_name": "X"},
        SERVICE | {"username": "charlie"},
        azure() | {"external_user_id": str(other.external_user_id)},
        {"username": "bob", "email": "nieuw@devries.example", "external_tenant": "Elders"},
    ]
    plan = planned(office, *rows)
    assert [fault[:2] for fault in faults(plan)][:4] == [
        (2, "Id"), (3, "Gebruikersnaam"), (4, "Azure AD User ID"), (5, "Azure AD Tenant ID"),
    ]  # fmt: skip
    assert "Smit" not in str(list(plan.faults))
    assert not list(plan.items)
    applied(office, {"email": charlie.email} | INVITED)
    charlie.refresh_from_db()
    assert charlie.first_name == ""


def test_every_fault_is_named_at_once(office: Provider, alice: User) -> None:
    plan = planned(
        office,
        INVITED | {"mobile_number": "030 1234567", "email": "geen adres", "access_until": "46387"},
        SERVICE | {"password": "kort", "username": "ab", "teams": "Bestaat niet", "individual_rights": "Alles"},
        azure(tenant="Onbekend"),
        {"login_method": "fax", "two_factor_required": "misschien", "access_until": "30-02-2030"},
        INVITED | {"initials": "", "last_name": "", "username": "zelf"},
    )  # fmt: skip
    assert {fault[:2] for fault in faults(plan)} >= {
        (2, "Mobiel nummer"), (2, "Email"), (2, "Toegang tot en met"), (3, "Wachtwoord"), (3, "Gebruikersnaam"),
        (3, "Teams"), (3, "Individuele rechten"), (4, "Azure AD Tenant ID"), (5, "Inlogmethode"),
        (5, "Two-factor verplicht"), (5, "Toegang tot en met"), (6, "Voorletters"), (6, "Achternaam"),
    } - {(3, "Teams"), (3, "Wachtwoord")}  # fmt: skip
    assert all(what for _row, _column, what in faults(plan))


def test_a_file_with_faults_changes_nothing(office: Provider, alice: User) -> None:
    file = file_of(SERVICE, SERVICE | {"username": "x"})
    plan = apply_user_file(office, file)
    assert (len(plan.faults), plan.is_applied) == (1, False)
    assert User.objects.count() == 1


def test_two_rows_about_one_person_are_a_fault(office: Provider, alice: User, bob: User) -> None:
    plan = planned(office, {"username": "bob", "first_name": "A"}, {"email": bob.email, "first_name": "B"})
    assert "Regel 2" in faults(plan)[0][2]
    plan = planned(office, SERVICE, SERVICE)
    assert faults(plan)[0][:2] == (3, "Gebruikersnaam")


def test_a_new_colleague_is_invited_only_when_asked(office: Provider, alice: User) -> None:
    assert faults(planned(office, INVITED, invite=False))[0][:2] == (2, "Inlogmethode")
    assert faults(planned(office, INVITED | {"mobile_number": ""}))[0][:2] == (2, "Mobiel nummer")


def test_the_example_of_the_template_is_skipped(office: Provider, alice: User) -> None:
    assert planned(office, TEMPLATE_EXAMPLE).is_empty


def test_unknown_columns_are_named(office: Provider, alice: User) -> None:
    plan = planned(office, SERVICE | {"Schoenmaat": "44"})
    assert any("Schoenmaat" in notice for notice in plan.notices)
    assert not list(plan.faults)


def test_the_change_in_rights_of_a_user_is_shown(office: Provider, alice: User, bob: User) -> None:
    team_of(office, "Noord", Right.VIEW_WAGES, Right.VIEW_TEAMS, members=(bob,), numbers=(1001, 1002))
    team_of(office, "Zuid", Right.VIEW_WAGES, Right.EXPORT_JOURNAL, numbers=(1002, 1003))
    (item,) = planned(office, {"username": "bob", "teams": "Zuid"}).items
    said = rendering.render_details(item)
    assert "Krijgt: Raadplegen beloningen bij 1 werkgever (1003)" in said  # no journal: the product is off
    assert "Verliest: Raadplegen beloningen bij 1 werkgever (1001)" in said
    assert "Verliest: Raadplegen teams" in said
    assert item["has_losses"]


def test_losses_come_first(office: Provider, alice: User, bob: User) -> None:
    make_user(office, username="tweede")
    plan = planned(
        office, {"username": "tweede", "first_name": "A", "blocked": ""}, {"username": "bob", "blocked": "ja"}
    )
    assert [item["row"] for item in rendering.order_plan_items(plan)] == [3, 2]


def test_an_invited_user_is_inactive(office: Provider, alice: User) -> None:
    (item,) = planned(office, INVITED | {"individual_rights": "view_users"}).items
    assert item["effect"]["rests"] == [None, "invited"]
    assert "gained" not in item["effect"]
    assert item["effect"]["waiting"][0]["rights"] == ["view_users"]


def test_a_machine_never_manages(office: Provider, alice: User) -> None:
    team_of(office, "Beheer", Right.MANAGE_PROVIDER)
    assert faults(planned(office, SERVICE | {"teams": "Beheer"}))
    assert faults(planned(office, SERVICE | {"individual_rights": "manage_provider"}))


@pytest.mark.parametrize("change", [{"blocked": "ja"}, {"access_until": "2099-01-01"}, {"individual_rights": ""}])
def test_an_office_keeps_an_administrator(office: Provider, alice: User, change: dict[str, str]) -> None:
    assert planned(office, {"username": "alice"} | change).refusal
    with pytest.raises(PlanRefused):
        applied(office, {"username": "alice"} | change)
    alice.refresh_from_db()
    assert checks.has_right(alice, Right.MANAGE_PROVIDER)


@pytest.mark.parametrize("change", [{"blocked": "ja"}, {"access_until": "2099-01-01"}, {"individual_rights": ""}])
@pytest.mark.parametrize("first", [True, False])
def test_an_administrator_may_be_relieved(
    office: Provider, alice: User, bob: User, change: dict[str, str], first: bool
) -> None:
    columns = {"blocked": "", "access_until": "", "individual_rights": "manage_provider"}
    rows = [{"username": "alice"} | columns | change, {"username": "bob"} | columns]
    applied(office, *(rows if first else rows[::-1]))
    assert checks.has_right(bob, Right.MANAGE_PROVIDER)


@pytest.mark.parametrize("write", ["team right", "block", "name", "rights", "taken"])
def test_a_write_in_between_refuses(office: Provider, alice: User, bob: User, write: str) -> None:
    team = team_of(office, "Noord", Right.VIEW_TEAMS)
    rows = ({"username": "bob", "teams": "Noord", "first_name": "Ander"}, SERVICE)
    plan = planned(office, *rows)
    bob.refresh_from_db()
    if write == "team right":
        teams.actions.set_team_rights(team, [Right.VIEW_AUDIT], by=actor())
    elif write == "block":
        users.actions.block_user(bob, by=actor())
    elif write == "name":
        users.actions.edit_user(bob, details={"first_name": "X"}, email=bob.email, version=bob.version, by=actor())
    elif write == "rights":
        teams.actions.set_individual_rights(bob, [Right.VIEW_USERS], by=actor())
    else:
        make_service(office, username=SERVICE["username"])
    events = Event.objects.count()
    with pytest.raises(PlanRefused):
        applied(office, *rows, digest=plan.digest)
    assert Event.objects.count() == events


def test_a_write_elsewhere_does_not_refuse(office: Provider, alice: User, bob: User) -> None:
    plan = planned(office, SERVICE)
    users.actions.block_user(bob, by=actor())
    applied(office, SERVICE, digest=plan.digest)


def test_rights_that_the_manager_lacks_are_not_granted(office: Provider, alice: User, bob: User) -> None:
    team_of(office, "Beheer", Right.MANAGE_PROVIDER)
    manager = make_user(office, Right.MANAGE_USERS, Right.MANAGE_TEAMS, Right.GRANT_RIGHTS, username="chef")
    by = actor(manager)
    for row in (
        SERVICE | {"individual_rights": "view_audit"},
        azure(),
        {"username": "bob", "teams": "Beheer"},
        {"username": "alice", "blocked": "ja"},
        {"username": "alice", "email": "van.mij@devries.example"},
        {"username": "chef", "individual_rights": ""},
        {"username": "chef", "teams": "Beheer"},
    ):
        tenant_of(office) if not office.tenants.exists() else None
        plan = planned(office, row, by=by)
        if row == azure():
            assert not list(plan.faults)
        else:
            assert faults(plan), list(row.items())
    applied(office, SERVICE | {"individual_rights": "manage_users"}, by=by)
    with_nothing = planned(office, SERVICE | {"username": "nog een"}, by=actor(bob))
    assert faults(with_nothing)


def test_an_address_is_confirmed_first(office: Provider, alice: User, bob: User) -> None:
    plan, _done = applied(office, {"username": "bob", "email": "nieuw@devries.example"})
    bob.refresh_from_db()
    assert (bob.email, EmailChange.objects.get().email) == ("bob@devries.example", "nieuw@devries.example")
    assert plan.mails == {"confirm_address": 1, "address_asked": 1}


def test_a_new_address_of_an_invited_user_resends_the_invitation(office: Provider, alice: User) -> None:
    user = invite(alice).invitation.user
    assert faults(planned(office, {"id": str(user.pk), "email": "goed@devries.example"}))
    applied(office, {"id": str(user.pk), "email": "goed@devries.example", "mobile_number": "0612345678"})
    user.refresh_from_db()
    assert (user.email, user.invitation.email) == ("goed@devries.example", "goed@devries.example")


def test_kinds_change(office: Provider, alice: User, bob: User, tenant: object) -> None:
    person = make_azure(office, tenant=tenant, username="azuur")
    oid = str(uuid4())
    applied(
        office,
        {
            "id": str(bob.pk),
            "login_method": "Alleen via Azure AD",
            "external_tenant": str(TID),
            "external_user_id": oid,
        },
        {"id": str(person.pk), "login_method": "Via website en SSO", "mobile_number": "06 12345678"},
    )
    bob.refresh_from_db()
    person.refresh_from_db()
    assert (bob.login_method, str(bob.external_user_id)) == ("azure_ad", oid)
    assert (person.login_method, person.accepted_at, person.invitation.state) == ("website_sso", None, "open")
    assert faults(planned(office, {"username": "bob", "login_method": "Alleen via SSO/Webservice", "password": "x"}))


def test_a_password_of_an_existing_user_is_ignored(office: Provider, alice: User) -> None:
    service = make_service(office)
    plan = planned(office, {"username": "dienst 1", "password": "Regenboog-17"})
    assert plan.is_empty
    assert any("Wachtwoorden" in notice for notice in plan.notices)
    assert service.password == User.objects.get(pk=service.pk).password


def test_an_end_in_the_past_is_refused_unless_it_was_there(office: Provider, alice: User) -> None:
    past = timezone.localdate() - timedelta(days=1)
    make_user(office, username="oud", access_until=past)
    assert planned(office, {"username": "oud", "access_until": f"{past:%d-%m-%Y}"}).is_empty
    assert faults(planned(office, {"username": "alice", "access_until": f"{past:%d-%m-%Y}"}))


def test_no_number_of_invitations_is_refused(office: Provider, alice: User, settings: Any) -> None:
    settings.LOKET_SMS_PER_HOUR = settings.LOKET_MESSAGES_BY_ONE_PER_HOUR = settings.LOKET_MESSAGES_PER_HOUR = 1
    rows = [INVITED | {"email": f"u{number}@devries.example"} for number in range(6)]
    assert not planned(office, *rows, by=actor(alice)).refusal
    assert len(applied(office, *rows[:3], by=actor(alice))[1]) == 3
    assert len(applied(office, *rows[3:])[1]) == 3


def test_queries_do_not_grow_with_the_rows(office: Provider, alice: User, tenant: object) -> None:
    team_of(office, "Noord", Right.VIEW_WAGES, numbers=(1,))
    counts = []
    for start, size in ((0, 5), (100, 60)):
        with CaptureQueriesContext(connection) as captured:
            applied(office, *(azure(start + number) | {"teams": "Noord"} for number in range(size)))
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_a_plan_says_that_rights_of_the_invited_may_ask_for_a_new_invitation(office: Provider, alice: User) -> None:
    user = invite(alice).invitation.user
    plan = planned(office, {"id": str(user.pk), "individual_rights": "manage_provider"}, by=actor(alice))
    assert not faults(plan)
    assert any("uitgenodigd" in notice.casefold() for notice in plan.notices), plan.notices


def test_no_user_is_invited_when_one_address_has_too_many(office: Provider, alice: User, settings: Any) -> None:
    settings.LOKET_MESSAGES_TO_ONE_PER_HOUR = 1
    message_limits.charge_messages([("username", INVITED["email"], office.pk)], actor(alice))
    rows = [INVITED | {"email": "eerste@devries.example"}, INVITED]
    with pytest.raises(PlanRefused, match=r"boer@devries\.example"):
        applied(office, *rows, by=actor(alice))
    assert not Message.objects.exists()
    assert not User.objects.filter(email="eerste@devries.example").exists()
    assert len(applied(office, rows[0], by=actor(alice))[1]) == 1
