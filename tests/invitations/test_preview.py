"""What an invitation comes to while it is filled in, and what it copies from a colleague."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import notifications.actions
import notifications.sets
import teams.actions
import teams.sets
from accounts.models import Provider, User
from audit.models import Event
from invitations.emails import get_office_text
from notifications.catalog import NotificationType
from notifications.preferences import NotificationPreference
from outbox.models import Message
from permissions.checks import Right
from permissions.models import Employer, Team
from tests.helpers.invited_users import STANDARD_TEXT
from tests.helpers.users import actor, make_user
from tests.invitations.test_initial_access import give

pytestmark = pytest.mark.django_db
NEW, PREVIEW = reverse("users:invite_user"), reverse("users:preview_invitation")
TYPED = {"initials": "S.G.", "last_name": "Prins", "subject": STANDARD_TEXT.subject, "body": STANDARD_TEXT.body}


@pytest.fixture
def team(office: Provider) -> Team:
    made = teams.actions.create_team(office, name="Loon Noord", by=actor())
    teams.actions.set_team_rights(made, [Right.VIEW_TEAMS, Right.VIEW_WAGES], by=actor())
    employers = [Employer.objects.create(provider=office, number=number, name=f"W{number}") for number in (1, 2)]
    teams.actions.change_employers(made, add=employers, by=actor())
    return made


@pytest.fixture
def eve(office: Provider, team: Team) -> User:
    user = make_user(office, Right.VIEW_AUDIT, last_name="Evers", username="e.evers", two_factor_required=True)
    teams.actions.change_members(team, add=[user], by=actor())
    return user


def show(client: Client, **typed: Any) -> Any:
    return client.post(f"{PREVIEW}?fragment=1", TYPED | typed)


def test_it_shows_the_mail_with_what_is_typed(alice_client: Client, office: Provider) -> None:
    answer = show(alice_client)
    assert "Beste <mark>S.G.</mark> <mark>Prins</mark>," in answer.text
    assert office.name in answer.context["preview"]["subject"]
    assert "two-factor" not in answer.text.lower()
    assert "two-factor" in show(alice_client, two_factor_required="on").text.lower()
    assert "Beste P. de Boer," in show(alice_client, initials="", last_name="").text
    assert "<html" not in answer.text


def test_it_shows_the_text_of_this_invitation_even_if_it_is_not_valid_yet(alice_client: Client) -> None:
    assert "Hoi <mark>Prins</mark>" in show(alice_client, body="Hoi {GebruikerAchternaam}", email="geen adres").text
    assert "Beste <mark>" in show(alice_client, body="").text


def test_what_is_typed_is_text(alice_client: Client) -> None:
    answer = show(alice_client, last_name="<img src=x>", body="<b>{GebruikerAchternaam}</b> \ue000 {UitnodigingLink}")
    assert "<img" not in answer.text
    assert "&lt;b&gt;<mark>&lt;img src=x&gt;</mark>&lt;/b&gt;" in answer.text


@pytest.mark.slow
def test_it_counts_rights_and_employers(alice_client: Client, team: Team) -> None:
    access = show(alice_client, teams=[team.pk]).context["access"]
    assert (set(access.rights), access.employer_count) == ({Right.VIEW_TEAMS, Right.VIEW_WAGES}, 2)
    assert "2 rechten" in show(alice_client, teams=[team.pk]).text
    assert "bij 2 werkgevers" in show(alice_client, teams=[team.pk]).text
    more = show(alice_client, teams=[team.pk], rights=["manage_sets", "geen_recht"]).context["access"]
    assert more.rights == access.rights, "what is not valid counts as empty"
    assert show(alice_client, rights=["view_wages"]).context["access"] == ([], 0), "no team gives an employer"
    assert "geeft nog geen recht" in show(alice_client, rights=["view_wages"]).text
    assert show(alice_client).context["access"] == ([], 0)
    assert "kan de nieuwe gebruiker niets" in show(alice_client).text


def test_a_team_of_another_office_counts_for_nothing(alice_client: Client, charlie: User) -> None:
    theirs = teams.actions.create_team(charlie.office, name="Elders", by=actor())
    teams.actions.set_team_rights(theirs, [Right.VIEW_TEAMS], by=actor())
    assert show(alice_client, teams=[theirs.pk]).context["access"] == ([], 0)


def test_it_changes_and_sends_nothing(alice_client: Client, team: Team) -> None:
    before = User.objects.count(), Event.objects.count(), alice_client.session.get("drafts")
    show(alice_client, email="s.prins@devries.example", teams=[team.pk])
    assert (User.objects.count(), Event.objects.count(), alice_client.session.get("drafts")) == before
    assert not Message.objects.exists()


def test_without_javascript_the_page_comes_back_filled_in(alice_client: Client, team: Team) -> None:
    answer = alice_client.post(PREVIEW, TYPED | {"teams": [team.pk], "email": "geen adres"})
    assert not answer.context["form"].errors
    assert answer.context["form"]["email"].value() == "geen adres"
    assert f'value="{team.pk}" checked' in answer.text
    assert "Beste <mark>S.G.</mark>" in answer.text


def test_it_needs_the_right_and_a_post(bob_client: Client, alice_client: Client) -> None:
    assert show(bob_client).status_code == 403
    assert alice_client.get(PREVIEW).status_code == 405


def test_it_takes_at_most_20_queries(alice_client: Client, team: Team) -> None:
    with CaptureQueriesContext(connection) as queries:
        show(alice_client, teams=[team.pk])
    assert len(queries) <= 20


def test_it_copies_teams_two_factor_and_sets(alice_client: Client, office: Provider, eve: User, team: Team) -> None:
    hr = teams.sets.create_set(office, name="HR", contents=[Right.VIEW_USERS], by=actor())
    teams.sets.apply_set(hr, eve, by=actor())
    birthdays = {NotificationType.BIRTHDAY: NotificationPreference(True, 3, True)}
    told = notifications.sets.create_set(office, name="Jarig", contents=birthdays, by=actor())
    notifications.actions.apply_initial_set(eve, notification_set=told, by=actor())
    page = alice_client.get(NEW, {"zoals": eve.pk})
    form = page.context["form"]
    assert form["teams"].value() == [str(team.pk)]
    assert form["two_factor_required"].value() is True
    assert (form["authorization_set"].value(), form["signal_set"].value()) == (str(hr.pk), str(told.pk))
    assert not form["rights"].value()
    assert page.context["access"].employer_count == 2
    assert "Nodig uit zoals A. Evers" in page.text
    assert "individuele rechten niet" in page.text


def test_a_set_of_which_the_colleague_lost_a_right_is_not_copied(
    alice_client: Client, office: Provider, eve: User
) -> None:
    hr = teams.sets.create_set(office, name="HR", contents=[Right.VIEW_USERS], by=actor())
    teams.sets.apply_set(hr, eve, by=actor())
    teams.actions.set_individual_rights(eve, [], by=actor())
    assert not alice_client.get(NEW, {"zoals": eve.pk}).context["form"]["authorization_set"].value()


def test_it_names_the_teams_that_one_cannot_give(bob_client: Client, bob: User, eve: User, team: Team) -> None:
    give(bob, Right.MANAGE_USERS, Right.MANAGE_TEAMS, Right.VIEW_USERS)
    page = bob_client.get(NEW, {"zoals": eve.pk})
    assert page.context["left_out"] == [team]
    assert "Loon Noord" in page.text
    assert page.context["access"] == ([], 0)


def test_colleagues_of_other_offices_do_not_exist(alice_client: Client, charlie: User, eve: User) -> None:
    for pk in (charlie.pk, "x", ""):
        assert alice_client.get(NEW, {"zoals": pk}).status_code == 404
    found = alice_client.get(NEW, {"q": charlie.last_name, "options": "1"}).context["colleagues"]
    assert charlie not in found


def test_a_colleague_is_found_without_javascript(alice_client: Client, eve: User) -> None:
    page = alice_client.get(NEW, {"q": "evers"})
    assert f'href="{NEW}?zoals={eve.pk}"' in page.text
    fragment = alice_client.get(NEW, {"q": "evers", "options": "1"}).text
    assert f"?zoals={eve.pk}" in fragment
    assert "<html" not in fragment


def test_who_may_not_see_colleagues_copies_none(bob_client: Client, bob: User, eve: User) -> None:
    give(bob, Right.MANAGE_USERS, Right.MANAGE_TEAMS)
    page = bob_client.get(NEW, {"zoals": eve.pk})
    assert not page.context["form"]["two_factor_required"].value()
    assert "Evers" not in page.text
    assert not bob_client.get(NEW, {"q": "evers", "options": "1"}).context["colleagues"]


def test_it_is_the_text_of_the_office(alice_client: Client, office: Provider) -> None:
    assert alice_client.get(NEW).context["preview"]["subject"] == get_office_text(office).subject.replace(
        "{ProviderNaam}", office.name
    )
