"""Teams, a set and individual rights for a new user, in each of the three forms."""

import re
from collections.abc import Callable
from functools import partial
from random import Random
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import invitations.actions
import notifications.sets
import teams.actions
import teams.sets
import users.login_methods
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.models import Event, Verb
from core.errors import EditConflict
from notifications.catalog import NotificationType
from notifications.preferences import NotificationPreference, get_user_preferences
from outbox.models import Message
from permissions import checks
from permissions.action_helpers import get_team_employer_ids, get_team_rights
from permissions.checks import Right
from permissions.models import AuthorizationSet, IndividualRight, SetApplication, Team
from teams import initial_access
from tests.helpers import random_offices
from tests.helpers.invited_users import STANDARD_TEXT
from tests.helpers.login_methods import GOOD, PERSON, tenant_of
from tests.helpers.users import actor, change_user, hash_of
from users.forms.initial_access import MAX_TEAMS_SHOWN

pytestmark = pytest.mark.django_db
NEW, MOBILE = reverse("users:invite_user"), reverse("users:send_invitation")
WEBSITE, SERVICE, AZURE = LoginMethod.WEBSITE_SSO, LoginMethod.SSO_WEBSERVICE, LoginMethod.AZURE_AD
URLS = {WEBSITE: NEW, SERVICE: reverse("users:create_webservice_user"), AZURE: reverse("users:create_azure_user")}
OID = UUID("2b1e9c04-77ad-4c3b-8d10-5e90f2a4c10a")
KINDS = pytest.mark.parametrize("kind", [WEBSITE, SERVICE, AZURE])


@pytest.fixture(autouse=True)
def _tenant(office: Provider) -> ExternalTenant:
    return tenant_of(office)


@pytest.fixture
def team(office: Provider) -> Team:
    made = teams.actions.create_team(office, name="Loon Noord", by=actor())
    teams.actions.set_team_rights(made, [Right.VIEW_TEAMS], by=actor())
    return made


@pytest.fixture
def hr(office: Provider) -> AuthorizationSet:
    return teams.sets.create_set(office, name="HR", contents=[Right.VIEW_USERS, Right.VIEW_AUDIT], by=actor())


def give(user: User, *given: Right) -> None:
    IndividualRight.objects.bulk_create(
        IndividualRight(provider=user.provider, user=user, right=right) for right in given
    )


def fill(client: Client, kind: LoginMethod, **chosen: Any) -> dict[str, Any]:
    """Return the data of a form of that kind."""
    if kind == WEBSITE:
        return PERSON | {"subject": STANDARD_TEXT.subject, "body": STANDARD_TEXT.body} | chosen
    form = client.get(URLS[kind]).context["form"]
    filled = PERSON | {"concept": form["concept"].value(), "username": "nieuw iemand"} | chosen
    if kind == SERVICE:
        return filled | {"password": GOOD, "password_again": GOOD}
    tenant = form.fields["external_tenant"].queryset[0]
    return filled | {"external_tenant": tenant.pk, "external_user_id": OID}


def send(client: Client, kind: LoginMethod, **chosen: Any) -> Any:
    """Submit a form of that kind and its second step; return the last response."""
    response = client.post(URLS[kind], fill(client, kind, **chosen))
    if kind != WEBSITE or response.status_code != 302:
        return response
    concept = response.headers["Location"].rpartition("=")[2]
    return client.post(MOBILE, {"concept": concept, "mobile_number": "0612345678"})


def made() -> User:
    return User.objects.get(email=PERSON["email"])


def assert_no_user_created(response: Any, field: str, code: str) -> None:
    assert response.context["form"].errors.as_data()[field][0].code == code
    assert not User.objects.filter(email=PERSON["email"]).exists()
    assert not Message.objects.exists()


@pytest.mark.slow
@KINDS
def test_it_gives_teams_a_set_and_rights_at_once(
    alice_client: Client, kind: LoginMethod, team: Team, hr: AuthorizationSet
) -> None:
    send(alice_client, kind, teams=[team.pk], authorization_set=hr.pk, rights=["manage_sets"])
    person = made()
    assert person.memberships.get().team == team
    assert checks.individual_rights(person) == {Right.VIEW_USERS, Right.VIEW_AUDIT, Right.MANAGE_SETS}
    assert SetApplication.objects.get().user == person
    verbs = list(Event.objects.filter(target_id=person.pk).order_by("id").values_list("verb", flat=True))
    given = [Verb.TEAMS_CHANGED, Verb.RIGHTS_CHANGED, Verb.SET_APPLIED, Verb.RIGHTS_CHANGED]
    assert verbs == [Verb.USER_CREATED, *given, *([Verb.INVITATION_SENT] if kind == WEBSITE else [])]
    answer = alice_client.get(reverse("users:user_list")).text
    assert "werkt zodra de uitnodiging" in answer if kind == WEBSITE else "werkt direct" in answer
    assert "kan nog niets" not in alice_client.get(reverse("users:user_detail", args=[person.pk])).text


@KINDS
def test_it_gives_the_signals_of_a_set(alice_client: Client, office: Provider, kind: LoginMethod) -> None:
    birthdays = {NotificationType.BIRTHDAY: NotificationPreference(True, 3, True)}
    calm = notifications.sets.create_set(office, name="Rustig", contents=birthdays, by=actor())
    send(alice_client, kind, signal_set=calm.pk)
    person = made()
    assert get_user_preferences(person)[NotificationType.BIRTHDAY] == NotificationPreference(True, 3, True)
    assert Event.objects.filter(target_id=person.pk, verb=Verb.NOTIFICATION_SET_APPLIED).count() == 1
    assert "kan nog niets" in alice_client.get(reverse("users:user_detail", args=[person.pk])).text, (
        "signals are no right"
    )


@KINDS
def test_who_does_not_manage_signals_chooses_none(
    bob_client: Client, bob: User, charlie: User, kind: LoginMethod
) -> None:
    give(bob, Right.VIEW_USERS, Right.MANAGE_USERS)
    calm = notifications.sets.create_set(bob.provider, name="Rustig", contents={}, by=actor())
    assert_no_user_created(send(bob_client, kind, signal_set=calm.pk), "__all__", "not_offered")
    give(bob, Right.MANAGE_SIGNALS)
    theirs = notifications.sets.create_set(charlie.provider, name="Rustig", contents={}, by=actor())
    assert_no_user_created(send(bob_client, kind, signal_set=theirs.pk), "signal_set", "invalid_choice")
    send(bob_client, kind, signal_set=calm.pk)
    assert made()


def test_what_was_chosen_rests_until_acceptance(alice_client: Client, team: Team) -> None:
    send(alice_client, WEBSITE, teams=[team.pk], rights=["view_users"])
    person = made()
    assert checks.effective_rights(person) == frozenset()
    change_user(person, accepted_at=timezone.now(), username="p", password=hash_of(GOOD))
    assert checks.effective_rights(person) == {Right.VIEW_USERS, Right.VIEW_TEAMS}


@KINDS
def test_without_initial_access_the_page_says_what_is_missing(alice_client: Client, kind: LoginMethod) -> None:
    send(alice_client, kind)
    person = made()
    for page in (
        alice_client.get(reverse("users:user_list")).text,
        alice_client.get(reverse("users:user_detail", args=[person.pk])).text,
    ):
        for name in ("teams:user_teams", "teams:user_rights"):
            assert reverse(name, args=[person.pk]) in page
        assert "niets" in page
    give(person, Right.VIEW_WAGES)
    assert checks.has_no_rights(person), "no team gives access to an employer"
    teams.actions.set_individual_rights(person, [Right.VIEW_USERS], by=actor())
    assert not checks.has_no_rights(person)


@KINDS
@pytest.mark.parametrize("field", ["teams", "authorization_set", "rights"])
def test_who_may_give_nothing_sees_nothing_and_is_refused(
    bob_client: Client, bob: User, kind: LoginMethod, field: str, team: Team, hr: AuthorizationSet
) -> None:
    give(bob, Right.MANAGE_USERS, Right.VIEW_TEAMS, Right.VIEW_USERS, Right.VIEW_AUDIT)
    page = bob_client.get(URLS[kind])
    assert not page.context["form"].offers_access
    assert "Teams en rechten" not in page.text
    chosen = {"teams": [team.pk], "authorization_set": hr.pk, "rights": ["view_users"]}[field]
    assert_no_user_created(send(bob_client, kind, **{field: chosen}), "__all__", "not_offered")


@pytest.mark.slow
@KINDS
def test_only_what_one_holds_is_offered(
    bob_client: Client, bob: User, office: Provider, kind: LoginMethod, team: Team, hr: AuthorizationSet
) -> None:
    give(bob, Right.MANAGE_USERS, Right.MANAGE_TEAMS, Right.GRANT_RIGHTS, Right.VIEW_USERS)
    less = teams.sets.create_set(office, name="Minder", contents=[Right.VIEW_USERS], by=actor())
    own = teams.actions.create_team(office, name="Leeg", by=actor())
    form = bob_client.get(URLS[kind]).context["form"]
    parts = {"teams": form["teams"]} | {part.name: part for part, _open in form.folded_fields}
    assert list(parts) == ["teams", "authorization_set", "rights"]
    assert [str(key) for key, _text in parts["teams"].field.widget.choices] == [str(own.pk)]
    assert list(parts["authorization_set"].field.queryset) == [less]
    assert {code for code, _text in parts["rights"].field.choices} == {
        "manage_users", "manage_teams", "grant_rights", "view_users"
    }  # fmt: skip
    assert_no_user_created(send(bob_client, kind, teams=[team.pk]), "teams", "invalid_choice")
    assert_no_user_created(send(bob_client, kind, authorization_set=hr.pk), "authorization_set", "invalid_choice")
    assert_no_user_created(send(bob_client, kind, rights=["view_audit"]), "rights", "invalid_choice")
    send(bob_client, kind, teams=[own.pk], authorization_set=less.pk, rights=["manage_teams"])
    assert checks.individual_rights(made()) == {Right.VIEW_USERS, Right.MANAGE_TEAMS}


@pytest.mark.slow
@KINDS
def test_rows_of_another_office_and_odd_values_are_refused(
    alice_client: Client, charlie: User, kind: LoginMethod, team: Team, hr: AuthorizationSet
) -> None:
    theirs = teams.actions.create_team(charlie.provider, name="Elders", by=actor())
    other = teams.sets.create_set(charlie.provider, name="Elders", contents=[], by=actor())
    for value in (theirs.pk, "x", "\x00", "🙂"):
        response = send(alice_client, kind, teams=[value])
        assert "teams" in response.context["form"].errors
    for value in (other.pk, "x", "\x00", team.pk):
        response = send(alice_client, kind, authorization_set=value)
        assert "authorization_set" in response.context["form"].errors
    assert_no_user_created(send(alice_client, kind, rights=["view_users", "root"]), "rights", "invalid_choice")


@pytest.mark.slow
def test_a_machine_is_offered_no_road_to_manage_the_office(alice_client: Client, office: Provider, team: Team) -> None:
    boss = teams.actions.create_team(office, name="Beheer", by=actor())
    teams.actions.set_team_rights(boss, [Right.MANAGE_PROVIDER], by=actor())
    all_of_it = teams.sets.create_set(office, name="Beheer", contents=[Right.MANAGE_PROVIDER], by=actor())
    for field, value in {"teams": [boss.pk], "authorization_set": all_of_it.pk, "rights": ["manage_provider"]}.items():
        response = send(alice_client, SERVICE, **{field: value})
        assert field in response.context["form"].errors or "__all__" in response.context["form"].errors
        assert not User.objects.filter(email=PERSON["email"]).exists()
    send(alice_client, WEBSITE, teams=[boss.pk], rights=["manage_provider"])
    assert checks.held_rights(made()) == frozenset(Right)


def ways(office: Provider, assign: Callable[[User], None], who: User) -> list[Callable[[], User]]:
    """Return the three actions that create a user."""
    by, one = actor(who), PERSON | {"email": "actie@devries.example"}
    return [
        lambda: invitations.actions.invite_user(
            office, details=one, mobile_number="+31612345678", by=by, assign_initial_access=assign
        ),
        lambda: users.login_methods.create_webservice_user(
            office, details=one, username="dienst 9", password=GOOD, by=by, assign_initial_access=assign
        ),
        lambda: users.login_methods.create_azure_user(
            office, details=one, username="azuur 9", tenant=ExternalTenant.objects.get(), by=by,
            assign_initial_access=assign,
            external_user_id=OID,
        ),
    ]  # fmt: skip


def test_a_refusal_leaves_no_partial_user(alice: User, bob: User, office: Provider, team: Team) -> None:
    give(bob, Right.MANAGE_USERS, Right.MANAGE_TEAMS, Right.GRANT_RIGHTS)
    empty = teams.actions.create_team(office, name="Leeg", by=actor())
    gone = teams.actions.create_team(office, name="Weg", by=actor())
    teams.actions.delete_team(gone, version=1, by=actor())
    beyond = partial(initial_access.assign_initial_access, teams=[empty], individual=[Right.VIEW_AUDIT], by=actor(bob))
    stale = partial(
        initial_access.assign_initial_access, individual=[Right.VIEW_AUDIT], teams=[empty, gone], by=actor(alice)
    )
    before = Event.objects.count()
    for assign, who, error in ((beyond, bob, PermissionDenied), (stale, alice, EditConflict)):
        for way in ways(office, assign, who):
            with pytest.raises(error):
                way()
    assert not User.objects.filter(email="actie@devries.example").exists()
    assert Event.objects.count() == before
    assert not Message.objects.exists()


def test_what_went_between_the_two_steps_leads_back(alice_client: Client, team: Team) -> None:
    response = alice_client.post(NEW, fill(alice_client, WEBSITE, teams=[team.pk], rights=["view_users"]))
    step_2 = response.headers["Location"]
    assert "Loon Noord" in alice_client.get(step_2).text
    teams.actions.delete_team(team, version=2, by=actor())
    concept = step_2.rpartition("=")[2]
    answer = alice_client.post(MOBILE, {"concept": concept, "mobile_number": "0612345678"})
    assert answer.headers["Location"] == f"{NEW}?concept={concept}"
    form = alice_client.get(f"{NEW}?concept={concept}").context["form"]
    assert form["rights"].value() == ["view_users"], "what is still possible is kept"
    assert form["last_name"].value() == "Boer"
    assert not User.objects.filter(email=PERSON["email"]).exists()


def test_who_lost_the_right_between_the_two_steps_gives_nothing(bob_client: Client, bob: User) -> None:
    give(bob, Right.MANAGE_USERS, Right.GRANT_RIGHTS, Right.VIEW_USERS)
    location = bob_client.post(NEW, fill(bob_client, WEBSITE, rights=["view_users"])).headers["Location"]
    bob.individual_rights.filter(right="grant_rights").delete()
    assert bob_client.get(location).headers["Location"].startswith(NEW)
    assert not User.objects.filter(email=PERSON["email"]).exists()


@pytest.mark.parametrize("fault", [PermissionDenied("Dat mag je niet geven."), EditConflict()], ids=["denied", "gone"])
@KINDS
def test_what_the_action_refuses_is_said_in_the_form(
    alice_client: Client, kind: LoginMethod, team: Team, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any, **_named: Any) -> None:
        raise fault

    monkeypatch.setattr(teams.actions, "change_members", refuse)
    code = "gone" if isinstance(fault, EditConflict) else "not_held"
    assert_no_user_created(send(alice_client, kind, teams=[team.pk]), "__all__", code)


@KINDS
def test_the_back_button_creates_no_second_user(
    alice_client: Client, kind: LoginMethod, team: Team, office: Provider
) -> None:
    data = fill(alice_client, kind, teams=[team.pk], rights=["view_users"])
    answer, url = alice_client.post(URLS[kind], data), URLS[kind]
    if kind == WEBSITE:
        url, data = MOBILE, {"concept": answer.headers["Location"].rpartition("=")[2], "mobile_number": "0612345678"}
        alice_client.post(url, data)
    person = made()
    teams.actions.change_members(team, remove=[person], by=actor())
    teams.actions.set_individual_rights(person, [], by=actor())
    assert alice_client.post(url, data).headers["Location"] == reverse("users:user_list")
    assert not person.memberships.exists()
    assert not checks.individual_rights(person)
    assert made() == person


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@KINDS
def test_a_double_click_equips_once(
    alice_client: Client, kind: LoginMethod, team: Team, hr: AuthorizationSet, office: Provider
) -> None:
    data, url = fill(alice_client, kind, teams=[team.pk], authorization_set=hr.pk, rights=["view_teams"]), URLS[kind]
    if kind == WEBSITE:
        concept = alice_client.post(url, data).headers["Location"].rpartition("=")[2]
        url, data = MOBILE, {"concept": concept, "mobile_number": "0612345678"}
    barrier, answers = Barrier(3), []

    def click() -> None:
        client = Client()
        client.cookies = alice_client.cookies
        barrier.wait(10)
        try:
            answers.append(client.post(url, data).headers["Location"])
        finally:
            connection.close()

    threads = [Thread(target=click) for _number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == [reverse("users:user_list")] * 3
    events = list(Event.objects.filter(target_id=made().pk).values_list("verb", flat=True))
    assert (events.count(Verb.TEAMS_CHANGED), events.count(Verb.SET_APPLIED)) == (1, 1)
    assert events.count(Verb.RIGHTS_CHANGED) == 2


def test_a_generated_password_keeps_what_was_chosen(alice_client: Client, team: Team, hr: AuthorizationSet) -> None:
    data = fill(alice_client, SERVICE, teams=[team.pk], authorization_set=str(hr.pk), rights=["view_users"])
    page = alice_client.post(reverse("users:generate_new_user_password"), data)
    form = page.context["form"]
    assert [form[name].value() for name in ("teams", "authorization_set", "rights")] == [
        [str(team.pk)], str(hr.pk), ["view_users"]
    ]  # fmt: skip
    assert len(re.findall(r' name="[^>]* checked', page.text)) == 3
    assert not User.objects.filter(email=PERSON["email"]).exists()


@KINDS
def test_the_form_costs_the_same_however_many_teams(
    alice_client: Client, kind: LoginMethod, office: Provider, django_assert_max_num_queries: Any
) -> None:
    Team.objects.bulk_create(
        Team(provider=office, name=f"T{n}", sort_name=f"t{n}") for n in range(MAX_TEAMS_SHOWN + 50)
    )
    for number in range(5):
        teams.sets.create_set(office, name=f"Set {number}", contents=[Right.VIEW_HRM], by=actor())
    with django_assert_max_num_queries(12):
        form = alice_client.get(URLS[kind]).context["form"]
    assert len(form.fields["teams"].widget.choices) == MAX_TEAMS_SHOWN
    assert form.fields["teams"].help_text


@pytest.mark.slow
def test_teams_beyond_are_those_of_which_one_does_not_hold_all() -> None:
    """The list and the check agree in random offices, for every user."""
    seen = 0
    for seed in range(25):
        random_office = random_offices.make_random_office(Random(seed), rights=4)  # noqa: S311 test data, not secrets
        for user in random_office.users:
            beyond = checks.find_ungrantable_teams(user, checks.get_grantable_rights(user))
            expected = {
                team.pk
                for team in random_office.teams
                if checks.find_missing_right(actor(user), get_team_rights(team), get_team_employer_ids(team))
            }
            assert beyond == expected
            seen += len(expected) not in (0, len(random_office.teams))
    assert seen > 10


def test_what_a_chosen_team_gives_is_not_granted_by_the_set(
    alice_client: Client, team: Team, hr: AuthorizationSet
) -> None:
    teams.actions.set_team_rights(team, [Right.VIEW_USERS], by=actor())
    data = fill(alice_client, WEBSITE, teams=[team.pk], authorization_set=str(hr.pk))
    page = alice_client.get(alice_client.post(URLS[WEBSITE], data).headers["Location"])
    assert page.context["given"]["set_difference"] == ([Right.VIEW_AUDIT], [], [Right.VIEW_USERS])
    assert "Overgeslagen, want een team geeft deze al" in page.text
    send(alice_client, WEBSITE, teams=[team.pk], authorization_set=str(hr.pk))
    assert checks.individual_rights(made()) == {Right.VIEW_AUDIT}
