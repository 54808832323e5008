"""Teams, a set and individual rights for somebody who is being made, in each of the three forms."""

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

import accounts.kinds
import invitations.actions
import notifications.sets
import teams.actions
import teams.sets
from accounts.actions import Stale
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.models import Event, Verb
from invitations.texts import STANDARD
from notifications.catalogue import SignalType
from notifications.wishes import Wish, wishes_of
from outbox.models import Message
from teams import newcomers, rights
from teams.changes import employer_ids, team_rights
from teams.forms.newcomers import SHOWN
from teams.models import AuthorizationSet, IndividualRight, SetApplication, Team
from teams.rights import Right
from tests import worlds
from tests.kinds import GOOD, PERSON, tenant_of
from tests.people import actor, hash_of

pytestmark = pytest.mark.django_db
NEW, MOBILE = reverse("invitations:new"), reverse("invitations:mobile")
WEBSITE, SERVICE, AZURE = LoginMethod.WEBSITE_SSO, LoginMethod.SSO_WEBSERVICE, LoginMethod.AZURE_AD
URLS = {WEBSITE: NEW, SERVICE: reverse("accounts:new_webservice"), AZURE: reverse("accounts:new_azure")}
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
    return teams.sets.create(office, name="HR", contents=[Right.VIEW_USERS, Right.VIEW_AUDIT], by=actor())


def give(user: User, *given: Right) -> None:
    IndividualRight.objects.bulk_create(
        IndividualRight(provider=user.provider, user=user, right=right) for right in given
    )


def fill(client: Client, kind: LoginMethod, **chosen: Any) -> dict[str, Any]:
    """Return a form of that kind as it would be sent."""
    if kind == WEBSITE:
        return PERSON | {"subject": STANDARD.subject, "body": STANDARD.body} | chosen
    form = client.get(URLS[kind]).context["form"]
    filled = PERSON | {"concept": form["concept"].value(), "username": "nieuw iemand"} | chosen
    if kind == SERVICE:
        return filled | {"password": GOOD, "password_again": GOOD}
    tenant = form.fields["external_tenant"].queryset[0]
    return filled | {"external_tenant": tenant.pk, "external_user_id": OID}


def send(client: Client, kind: LoginMethod, **chosen: Any) -> Any:
    """Send a form of that kind, and its second step; return the last answer."""
    response = client.post(URLS[kind], fill(client, kind, **chosen))
    if kind != WEBSITE or response.status_code != 302:
        return response
    concept = response.headers["Location"].rpartition("=")[2]
    return client.post(MOBILE, {"concept": concept, "mobile_number": "0612345678"})


def made() -> User:
    return User.objects.get(email=PERSON["email"])


def nobody_was_made(response: Any, field: str, code: str) -> None:
    assert response.context["form"].errors.as_data()[field][0].code == code
    assert not User.objects.filter(email=PERSON["email"]).exists()
    assert not Message.objects.exists()


@KINDS
def test_it_gives_teams_a_set_and_rights_at_once(
    alices: Client, kind: LoginMethod, team: Team, hr: AuthorizationSet
) -> None:
    send(alices, kind, teams=[team.pk], authorization_set=hr.pk, rights=["manage_sets"])
    person = made()
    assert person.memberships.get().team == team
    assert rights.individual_rights(person) == {Right.VIEW_USERS, Right.VIEW_AUDIT, Right.MANAGE_SETS}
    assert SetApplication.objects.get().user == person
    verbs = list(Event.objects.filter(target_id=person.pk).order_by("id").values_list("verb", flat=True))
    given = [Verb.TEAMS_CHANGED, Verb.RIGHTS_CHANGED, Verb.SET_APPLIED, Verb.RIGHTS_CHANGED]
    assert verbs == [Verb.USER_CREATED, *given, *([Verb.INVITATION_SENT] if kind == WEBSITE else [])]
    answer = alices.get(reverse("accounts:list")).text
    assert "rust tot de uitnodiging" in answer if kind == WEBSITE else "werkt direct" in answer
    assert "kan nog niets" not in alices.get(reverse("accounts:user", args=[person.pk])).text


@KINDS
def test_it_gives_the_signals_of_a_set(alices: Client, office: Provider, kind: LoginMethod) -> None:
    birthdays = {SignalType.BIRTHDAY: Wish(True, 3, True)}
    calm = notifications.sets.create(office, name="Rustig", contents=birthdays, by=actor())
    send(alices, kind, signal_set=calm.pk)
    person = made()
    assert wishes_of(person)[SignalType.BIRTHDAY] == Wish(True, 3, True)
    assert Event.objects.filter(target_id=person.pk, verb=Verb.SIGNAL_SET_APPLIED).count() == 1
    assert "kan nog niets" in alices.get(reverse("accounts:user", args=[person.pk])).text, "signals are no right"


@KINDS
def test_who_does_not_manage_signals_chooses_none(bobs: Client, bob: User, charlie: User, kind: LoginMethod) -> None:
    give(bob, Right.VIEW_USERS, Right.MANAGE_USERS)
    calm = notifications.sets.create(bob.provider, name="Rustig", contents={}, by=actor())
    nobody_was_made(send(bobs, kind, signal_set=calm.pk), "__all__", "not_offered")
    give(bob, Right.MANAGE_SIGNALS)
    theirs = notifications.sets.create(charlie.provider, name="Rustig", contents={}, by=actor())
    nobody_was_made(send(bobs, kind, signal_set=theirs.pk), "signal_set", "invalid_choice")
    send(bobs, kind, signal_set=calm.pk)
    assert made()


def test_what_was_chosen_rests_until_acceptance(alices: Client, team: Team) -> None:
    send(alices, WEBSITE, teams=[team.pk], rights=["view_users"])
    person = made()
    assert rights.effective_rights(person) == frozenset()
    User.objects.filter(pk=person.pk).update(
        accepted_at=timezone.now(), username="p", username_key="p", password=hash_of(GOOD)
    )
    assert rights.effective_rights(person) == {Right.VIEW_USERS, Right.VIEW_TEAMS}


@KINDS
def test_without_any_the_page_says_that_he_can_do_nothing(alices: Client, kind: LoginMethod) -> None:
    send(alices, kind)
    person = made()
    for page in (
        alices.get(reverse("accounts:list")).text,
        alices.get(reverse("accounts:user", args=[person.pk])).text,
    ):
        for name in ("teams:user_teams", "teams:rights"):
            assert reverse(name, args=[person.pk]) in page
        assert "niets" in page
    give(person, Right.VIEW_WAGES)
    assert rights.holds_nothing(person), "no team brings him to an employer"
    teams.actions.set_individual_rights(person, [Right.VIEW_USERS], by=actor())
    assert not rights.holds_nothing(person)


@KINDS
@pytest.mark.parametrize("field", ["teams", "authorization_set", "rights"])
def test_who_may_give_nothing_sees_nothing_and_is_refused(
    bobs: Client, bob: User, kind: LoginMethod, field: str, team: Team, hr: AuthorizationSet
) -> None:
    give(bob, Right.MANAGE_USERS, Right.VIEW_TEAMS, Right.VIEW_USERS, Right.VIEW_AUDIT)
    page = bobs.get(URLS[kind])
    assert not page.context["form"].parts
    assert "Teams en rechten" not in page.text
    chosen = {"teams": [team.pk], "authorization_set": hr.pk, "rights": ["view_users"]}[field]
    nobody_was_made(send(bobs, kind, **{field: chosen}), "__all__", "not_offered")


@KINDS
def test_only_what_one_holds_is_offered(
    bobs: Client, bob: User, office: Provider, kind: LoginMethod, team: Team, hr: AuthorizationSet
) -> None:
    give(bob, Right.MANAGE_USERS, Right.MANAGE_TEAMS, Right.GRANT_RIGHTS, Right.VIEW_USERS)
    less = teams.sets.create(office, name="Minder", contents=[Right.VIEW_USERS], by=actor())
    own = teams.actions.create_team(office, name="Leeg", by=actor())
    parts = {part.name: part for part, _open in bobs.get(URLS[kind]).context["form"].parts}
    assert list(parts) == ["teams", "authorization_set", "rights"]
    assert [str(key) for key, _text in parts["teams"].field.widget.choices] == [str(own.pk)]
    assert list(parts["authorization_set"].field.queryset) == [less]
    assert {code for code, _text in parts["rights"].field.choices} == {
        "manage_users", "manage_teams", "grant_rights", "view_users"
    }  # fmt: skip
    nobody_was_made(send(bobs, kind, teams=[team.pk]), "teams", "invalid_choice")
    nobody_was_made(send(bobs, kind, authorization_set=hr.pk), "authorization_set", "invalid_choice")
    nobody_was_made(send(bobs, kind, rights=["view_audit"]), "rights", "invalid_choice")
    send(bobs, kind, teams=[own.pk], authorization_set=less.pk, rights=["manage_teams"])
    assert rights.individual_rights(made()) == {Right.VIEW_USERS, Right.MANAGE_TEAMS}


@KINDS
def test_rows_of_another_office_and_odd_values_are_refused(
    alices: Client, charlie: User, kind: LoginMethod, team: Team, hr: AuthorizationSet
) -> None:
    theirs = teams.actions.create_team(charlie.provider, name="Elders", by=actor())
    other = teams.sets.create(charlie.provider, name="Elders", contents=[], by=actor())
    for value in (theirs.pk, "x", "\x00", "🙂"):
        response = send(alices, kind, teams=[value])
        assert "teams" in response.context["form"].errors
    for value in (other.pk, "x", "\x00", team.pk):
        response = send(alices, kind, authorization_set=value)
        assert "authorization_set" in response.context["form"].errors
    nobody_was_made(send(alices, kind, rights=["view_users", "root"]), "rights", "invalid_choice")


def test_a_machine_is_offered_no_road_to_manage_the_office(alices: Client, office: Provider, team: Team) -> None:
    boss = teams.actions.create_team(office, name="Beheer", by=actor())
    teams.actions.set_team_rights(boss, [Right.MANAGE_PROVIDER], by=actor())
    all_of_it = teams.sets.create(office, name="Beheer", contents=[Right.MANAGE_PROVIDER], by=actor())
    for field, value in {"teams": [boss.pk], "authorization_set": all_of_it.pk, "rights": ["manage_provider"]}.items():
        response = send(alices, SERVICE, **{field: value})
        assert field in response.context["form"].errors or "__all__" in response.context["form"].errors
        assert not User.objects.filter(email=PERSON["email"]).exists()
    send(alices, WEBSITE, teams=[boss.pk], rights=["manage_provider"])
    assert rights.held_rights(made()) == frozenset(Right)


def ways(office: Provider, equip: Callable[[User], None], who: User) -> list[Callable[[], User]]:
    """Return the three actions that make somebody."""
    by, one = actor(who), PERSON | {"email": "actie@devries.example"}
    return [
        lambda: invitations.actions.invite(office, details=one, mobile_number="+31612345678", by=by, equip=equip),
        lambda: accounts.kinds.create_webservice_user(
            office, details=one, username="dienst 9", password=GOOD, by=by, equip=equip
        ),
        lambda: accounts.kinds.create_azure_user(
            office, details=one, username="azuur 9", tenant=ExternalTenant.objects.get(), by=by, equip=equip,
            external_user_id=OID,
        ),
    ]  # fmt: skip


def test_a_refusal_leaves_nobody_half_made(alice: User, bob: User, office: Provider, team: Team) -> None:
    give(bob, Right.MANAGE_USERS, Right.MANAGE_TEAMS, Right.GRANT_RIGHTS)
    empty = teams.actions.create_team(office, name="Leeg", by=actor())
    gone = teams.actions.create_team(office, name="Weg", by=actor())
    teams.actions.delete_team(gone, version=1, by=actor())
    beyond = partial(newcomers.equip, teams=[empty], individual=[Right.VIEW_AUDIT], by=actor(bob))
    stale = partial(newcomers.equip, individual=[Right.VIEW_AUDIT], teams=[empty, gone], by=actor(alice))
    before = Event.objects.count()
    for equip, who, error in ((beyond, bob, PermissionDenied), (stale, alice, Stale)):
        for way in ways(office, equip, who):
            with pytest.raises(error):
                way()
    assert not User.objects.filter(email="actie@devries.example").exists()
    assert Event.objects.count() == before
    assert not Message.objects.exists()


def test_what_went_between_the_two_steps_leads_back(alices: Client, team: Team) -> None:
    response = alices.post(NEW, fill(alices, WEBSITE, teams=[team.pk], rights=["view_users"]))
    step_2 = response.headers["Location"]
    assert "Loon Noord" in alices.get(step_2).text
    teams.actions.delete_team(team, version=2, by=actor())
    concept = step_2.rpartition("=")[2]
    answer = alices.post(MOBILE, {"concept": concept, "mobile_number": "0612345678"})
    assert answer.headers["Location"] == f"{NEW}?concept={concept}"
    form = alices.get(f"{NEW}?concept={concept}").context["form"]
    assert form["rights"].value() == ["view_users"], "what is still possible is kept"
    assert form["last_name"].value() == "Boer"
    assert not User.objects.filter(email=PERSON["email"]).exists()


def test_who_lost_the_right_between_the_two_steps_gives_nothing(bobs: Client, bob: User) -> None:
    give(bob, Right.MANAGE_USERS, Right.GRANT_RIGHTS, Right.VIEW_USERS)
    location = bobs.post(NEW, fill(bobs, WEBSITE, rights=["view_users"])).headers["Location"]
    bob.individual_rights.filter(right="grant_rights").delete()
    assert bobs.get(location).headers["Location"].startswith(NEW)
    assert not User.objects.filter(email=PERSON["email"]).exists()


@pytest.mark.parametrize("fault", [PermissionDenied("Dat mag je niet geven."), Stale()], ids=["denied", "gone"])
@KINDS
def test_what_the_action_refuses_is_said_in_the_form(
    alices: Client, kind: LoginMethod, team: Team, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any, **_named: Any) -> None:
        raise fault

    monkeypatch.setattr(teams.actions, "change_members", refuse)
    code = "gone" if isinstance(fault, Stale) else "not_held"
    nobody_was_made(send(alices, kind, teams=[team.pk]), "__all__", code)


@KINDS
def test_the_back_button_equips_nobody_again(alices: Client, kind: LoginMethod, team: Team, office: Provider) -> None:
    data = fill(alices, kind, teams=[team.pk], rights=["view_users"])
    answer, url = alices.post(URLS[kind], data), URLS[kind]
    if kind == WEBSITE:
        url, data = MOBILE, {"concept": answer.headers["Location"].rpartition("=")[2], "mobile_number": "0612345678"}
        alices.post(url, data)
    person = made()
    teams.actions.change_members(team, remove=[person], by=actor())
    teams.actions.set_individual_rights(person, [], by=actor())
    assert alices.post(url, data).headers["Location"] == reverse("accounts:list")
    assert not person.memberships.exists()
    assert not rights.individual_rights(person)
    assert made() == person


@pytest.mark.django_db(transaction=True)
@KINDS
def test_a_double_click_equips_once(
    alices: Client, kind: LoginMethod, team: Team, hr: AuthorizationSet, office: Provider
) -> None:
    data, url = fill(alices, kind, teams=[team.pk], authorization_set=hr.pk, rights=["view_teams"]), URLS[kind]
    if kind == WEBSITE:
        concept = alices.post(url, data).headers["Location"].rpartition("=")[2]
        url, data = MOBILE, {"concept": concept, "mobile_number": "0612345678"}
    barrier, answers = Barrier(3), []

    def click() -> None:
        client = Client()
        client.cookies = alices.cookies
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
    assert answers == [reverse("accounts:list")] * 3
    events = list(Event.objects.filter(target_id=made().pk).values_list("verb", flat=True))
    assert (events.count(Verb.TEAMS_CHANGED), events.count(Verb.SET_APPLIED)) == (1, 1)
    assert events.count(Verb.RIGHTS_CHANGED) == 2


def test_a_generated_password_keeps_what_was_chosen(alices: Client, team: Team, hr: AuthorizationSet) -> None:
    data = fill(alices, SERVICE, teams=[team.pk], authorization_set=str(hr.pk), rights=["view_users"])
    page = alices.post(reverse("accounts:new_webservice_password"), data)
    form = page.context["form"]
    assert [form[name].value() for name in ("teams", "authorization_set", "rights")] == [
        [str(team.pk)], str(hr.pk), ["view_users"]
    ]  # fmt: skip
    assert page.text.count(" checked") == 3
    assert not User.objects.filter(email=PERSON["email"]).exists()


@KINDS
def test_the_form_costs_the_same_however_many_teams(
    alices: Client, kind: LoginMethod, office: Provider, django_assert_max_num_queries: Any
) -> None:
    Team.objects.bulk_create(Team(provider=office, name=f"T{n}", sort_name=f"t{n}") for n in range(SHOWN + 50))
    for number in range(5):
        teams.sets.create(office, name=f"Set {number}", contents=[Right.VIEW_HRM], by=actor())
    with django_assert_max_num_queries(12):
        form = alices.get(URLS[kind]).context["form"]
    assert len(form.fields["teams"].widget.choices) == SHOWN
    assert form.fields["teams"].help_text


def test_teams_beyond_are_those_of_which_one_does_not_hold_all() -> None:
    """The list and the guard agree in random offices, about everybody."""
    seen = 0
    for seed in range(25):
        world = worlds.make_world(Random(seed), rights=4)  # noqa: S311 worlds, not secrets
        for user in world.users:
            beyond = rights.teams_beyond(user, rights.givable(user))
            expected = {
                team.pk
                for team in world.teams
                if not rights.can_give(actor(user), team_rights(team), employer_ids(team))
            }
            assert beyond == expected
            seen += len(expected) not in (0, len(world.teams))
    assert seen > 10
