"""The page that shows which user had which right at a point in time."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import teams.actions
import teams.employers
import users.actions
from accounts.models import Provider, User
from audit.actors import build_operator
from core import db_roles
from history import erasure, point_in_time, retention
from history.past_access import compute_past_access
from history.presenters import past_state
from permissions.checks import Right
from permissions.models import Employer, Team
from permissions.products import Product
from tests.helpers.random_histories import RandomHistory
from tests.helpers.users import actor
from users import login_methods

pytestmark = pytest.mark.django_db
THEN = timezone.now().replace(microsecond=0, second=0) - timedelta(days=100)


def make(office: Provider, number: int = 1) -> User:
    details = {"initials": "P.", "last_name": f"Pietersen{number}", "email": "p@devries.example"}
    return login_methods.create_webservice_user(
        office, details=details, username=f"pieter {number}", password="Zonnebloem-42-Wolk", by=actor()
    )


@pytest.fixture
def pieter(office: Provider) -> User:
    """A user who was created a hundred days ago."""
    with time_machine.travel(THEN):
        return make(office)


@pytest.fixture
def team(office: Provider, pieter: User) -> Team:
    """A deleted team, of which Pieter was a member for fifty days."""
    with time_machine.travel(THEN):
        employer = teams.employers.create_employer(
            office, number=7, name="Bakkerij", products=[Product.JOURNAL], by=actor()
        )
        made = teams.actions.create_team(office, name="Loon Noord", by=actor())
        teams.actions.set_team_rights(made, [Right.VIEW_WAGES, Right.EXPORT_JOURNAL, Right.VIEW_TEAMS], by=actor())
        teams.actions.change_employers(made, add=[employer], by=actor())
        teams.actions.change_members(made, add=[pieter], by=actor())
        teams.actions.set_individual_rights(pieter, [Right.VIEW_USERS], by=actor())
    with time_machine.travel(THEN + timedelta(days=50)):
        teams.actions.delete_team(made, version=Team.objects.get().version, by=actor())
    return made


def asked(client: Client, moment: object = None, **about: object) -> str:
    """Return the text of the page for a point in time."""
    local = timezone.localtime(moment)
    query = {"day": f"{local:%Y-%m-%d}", "time": f"{local:%H:%M}"} | {name: str(value) for name, value in about.items()}
    response = client.get("/historie/op/", query)
    assert response.status_code == 200
    return " ".join(response.text.split())


def test_page_shows_past_rights_of_a_user_and_their_source(alice_client: Client, pieter: User, team: Team) -> None:
    text = asked(alice_client, THEN + timedelta(days=1), user=pieter.pk)
    assert "P. Pietersen1 – rechten op kantoorniveau: 2, werkgevers met rechten: 1." in text
    assert "7 Bakkerij" in text
    for right in (Right.VIEW_WAGES, Right.EXPORT_JOURNAL, Right.VIEW_TEAMS, Right.VIEW_USERS):
        assert str(right.label) in text
    assert "Loon Noord" in text
    assert "individueel" in text
    later = asked(alice_client, user=pieter.pk)
    assert "rechten op kantoorniveau: 1, werkgevers met rechten: 0." in later
    assert "Loon Noord" not in later
    assert "hoorde op dat moment niet bij het kantoor" in asked(alice_client, THEN - timedelta(days=1), user=pieter.pk)


def test_page_tells_why_rights_were_inactive(alice_client: Client, pieter: User, team: Team) -> None:
    with time_machine.travel(THEN + timedelta(days=2)):
        users.actions.block_user(pieter, by=actor())
    assert "kon toen niets (Geblokkeerd)" in asked(alice_client, THEN + timedelta(days=3), user=pieter.pk)
    assert "kon toen niets" not in asked(alice_client, THEN + timedelta(days=1), user=pieter.pk)


def test_page_tells_what_a_team_granted(alice_client: Client, pieter: User, team: Team) -> None:
    text = asked(alice_client, THEN + timedelta(days=1), team=team.pk)
    assert "Team Loon Noord – leden: 1, rechten: 3, werkgevers: 1." in text
    assert "Pietersen1, P." in text
    assert "Dit team was er op dat moment niet." in asked(alice_client, team=team.pk)


def test_page_shows_who_had_rights_at_an_employer(
    alice_client: Client, charlie_client: Client, pieter: User, team: Team
) -> None:
    with time_machine.travel(THEN):
        make(pieter.office, 2)  # of no team
    employer = Employer.objects.get(number=7)
    past = alice_client.get(reverse("teams:employer_detail", args=[employer.pk])).text
    assert f"?employer={employer.pk}" in past
    text = asked(alice_client, THEN + timedelta(days=1), employer=employer.pk)
    assert "7 Bakkerij – in 1 team, met leden: 1." in text
    assert f'name="employer" value="{employer.pk}"' in text, "another day keeps the employer"
    assert "Pietersen1, P." in text
    assert "Pietersen2, P." not in text
    assert str(Right.VIEW_WAGES.label) in text
    assert str(Right.VIEW_TEAMS.label) not in text, "a right at the office"
    assert "Pietersen1, P." not in asked(alice_client, employer=employer.pk), "the team is gone"
    assert "Deze werkgever was er op dat moment niet." in asked(
        alice_client, THEN - timedelta(days=1), employer=employer.pk
    )
    strange = asked(charlie_client, THEN + timedelta(days=1), employer=employer.pk)
    assert "Bakkerij" not in strange
    assert "Deze werkgever was er op dat moment niet." in strange


@pytest.mark.slow
def test_whole_office_is_shown_in_pages(alice_client: Client, office: Provider) -> None:
    with time_machine.travel(THEN):
        made = [make(office, number) for number in range(120)]
    url, seen, taken = "/historie/op/", [], set()
    while url:
        with CaptureQueriesContext(connection) as queries:
            context = alice_client.get(url).context
        taken.add(len(queries))
        seen += [row.id for row in context["part"].rows]
        url = context["next_url"] and f"/historie/op/{context['next_url']}"
    assert len(seen) == 120
    assert set(seen) == {user.pk for user in made}
    assert len(taken) == 1
    back = alice_client.get(f"/historie/op/{context['previous_url']}").context
    assert [row.id for row in back["part"].rows] == seen[50:100]
    assert "Er hoorde nog niemand bij het kantoor" in asked(alice_client, THEN - timedelta(days=1))


@pytest.mark.slow
def test_its_sources_are_together_what_the_evaluator_says() -> None:
    random_history = RandomHistory(11)
    compared = 0
    for snapshot in random_history.run(1)[::5]:
        office = point_in_time.rebuild_office(random_history.office.pk, snapshot.moment)
        for user_id, standing in compute_past_access(office, office.users).items():
            rows = past_state.present_user(office, office.users[user_id], "")["part"].rows
            told = {row.id: {right for source in row.sources for right in source.rights} for row in rows}
            held = {office.id: set(standing.office)} if standing.office else {}
            assert told == held | {place: set(rights) for place, rights in standing.at_employers.items()}
            compared += len(told)
    assert compared > 10


def test_who_was_erased_is_not_told_about(alice_client: Client, office: Provider, pieter: User) -> None:
    Provider.objects.update(erase_after_months=0)
    users.actions.block_user(pieter, by=actor())
    pieter.refresh_from_db()
    user_id = pieter.pk
    erasure.erase_user(pieter, by=actor())
    assert "1 is sindsdien gewist" in asked(alice_client, THEN + timedelta(days=1))
    text = asked(alice_client, THEN + timedelta(days=1), user=user_id)
    assert f"De historie vertelt niet meer wat verwijderde gebruiker {str(user_id)[-4:].upper()} kon." in text
    assert "Pietersen" not in text


@pytest.mark.django_db(transaction=True)
def test_before_the_history_begins_nothing_is_told(
    alice_client: Client, office: Provider, pieter: User, team: Team
) -> None:
    with db_roles.use_owner_role():
        retention.trim_events(office, before=THEN + timedelta(days=20), by=build_operator("trim_history"))
    assert "is verwijderd toen de bewaartermijn afliep" in asked(alice_client, THEN + timedelta(days=1))
    assert "Loon Noord" in asked(alice_client, THEN + timedelta(days=30), user=pieter.pk)


def test_a_moment_to_come_is_refused(alice_client: Client) -> None:
    assert "Dit moment moet nog komen." in asked(alice_client, timezone.now() + timedelta(days=1))
    response = alice_client.get("/historie/op/?day=&time=")
    assert "part" in response.context


def test_what_happened_in_that_minute_counts(alice_client: Client, office: Provider) -> None:
    with time_machine.travel(THEN + timedelta(seconds=40)):
        user = make(office)
    assert "niet bij het kantoor" not in asked(alice_client, THEN, user=user.pk)


def test_nasty_input_is_answered(alice_client: Client) -> None:
    for query in ("day=x", "time=25:99", "user=1", "team=%00", "page=-", "day=9999-12-31", "page=%00", "user[]=1"):
        assert alice_client.get(f"/historie/op/?{query}").status_code == 200
    assert alice_client.post("/historie/op/").status_code == 405


def test_charlie_is_told_nothing(charlie_client: Client, pieter: User, team: Team) -> None:
    for about in ({"user": pieter.pk}, {"team": team.pk}, {}):
        text = asked(charlie_client, THEN + timedelta(days=1), **about)
        assert "Pietersen" not in text
        assert "Loon" not in text


def test_bob_may_not_ask(bob_client: Client) -> None:
    assert bob_client.get("/historie/op/").status_code == 403


def test_links_lead_to_it(alice_client: Client, bob: User, office: Provider) -> None:
    team = teams.actions.create_team(office, name="Loon", by=actor())
    assert f"/historie/op/?user={bob.pk}" in alice_client.get(f"/gebruikers/{bob.pk}/historie/").text
    assert f"/historie/op/?team={team.pk}" in alice_client.get(f"/teams/{team.pk}/historie/").text
    assert "/historie/op/" in alice_client.get("/historie/").text
    assert f"/teams/{team.pk}/historie/" in alice_client.get(f"/teams/{team.pk}/").text


def test_a_user_without_rights_is_not_called_active(alice_client: Client, pieter: User) -> None:
    text = asked(alice_client, THEN + timedelta(days=1))
    assert "geen rechten" in text
    assert "werkte" not in text
