"""The departure of a user: what depends on them, the plan, and its execution as a whole."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from pytest_django import DjangoAssertNumQueries

import users.actions
from accounts.models import LoginMethod, User
from audit.models import Event, Verb
from departures.plans import join_names
from invitations.models import Invitation
from outbox.models import Message
from permissions.catalog import Right
from permissions.models import Employer, IndividualRight, Team, TeamEmployer, TeamMember
from tests.helpers.invited_users import invite
from tests.helpers.users import actor, make_user
from tests.scim.conftest import make_connection

pytestmark = pytest.mark.django_db


@pytest.fixture
def leaver(alice: User) -> User:
    return make_user(alice.office, username="leaver", last_name="Vertrekker")


@pytest.fixture
def heir(alice: User) -> User:
    return make_user(alice.office, username="heir", last_name="Opvolger")


@pytest.fixture
def team(leaver: User) -> Team:
    """The leaver's team, with an employer where nobody else works."""
    team = Team.objects.create(provider=leaver.office, name="Loon Noord")
    employer = Employer.objects.create(provider=leaver.office, number=7, name="Bakkerij De Kroon")
    TeamMember.objects.create(provider=leaver.office, team=team, user=leaver)
    TeamEmployer.objects.create(provider=leaver.office, team=team, employer=employer)
    return team


def address(user: User) -> str:
    return reverse("departures:departure", args=[user.pk])


def confirm(client: Client, user: User, **values: Any) -> tuple[dict[str, Any], Any]:
    """Fill in the form; return what the confirmation page posts, and the page."""
    page = client.post(address(user), {"moment": "now", **values})
    assert page.status_code == 200
    posted: dict[str, Any] = {}
    for name, value in page.context["hidden"]:
        posted.setdefault(name, []).append(value)
    return posted, page


def test_it_shows_what_would_have_nobody_left(alice_client: Client, leaver: User, heir: User, team: Team) -> None:
    page = alice_client.get(address(leaver))
    assert page.context["situation"].empty_teams == [team]
    assert "7 Bakkerij De Kroon" in page.text
    TeamMember.objects.create(provider=heir.office, team=team, user=heir)
    situation = alice_client.get(address(leaver)).context["situation"]
    assert (situation.empty_teams, situation.uncovered_employers) == ([], [])
    User.objects.filter(pk=heir.pk).update(access_until=timezone.localdate())
    assert alice_client.get(address(leaver)).context["situation"].empty_teams == [team], "who leaves too is no help"


@pytest.mark.slow
def test_one_plan_says_everything_and_does_it(alice_client: Client, leaver: User, heir: User, team: Team) -> None:
    IndividualRight.objects.create(provider=leaver.office, user=leaver, right=Right.MANAGE_USERS)
    sent = invite(leaver)
    posted, page = confirm(alice_client, leaver, successor=heir.pk, teams=[team.pk], revokes_invitations="on")
    assert not Event.objects.filter(actor_id=page.context["request"].user.pk).exists(), "nothing before it is confirmed"
    for name in ("Vertrekker", "Opvolger", "Loon Noord", sent.invitation.user.full_name):
        assert name in page.text
    assert "Bakkerij" not in page.text
    assert alice_client.post(address(leaver), posted)["Location"] == reverse("users:user_detail", args=[leaver.pk])
    leaver.refresh_from_db()
    assert leaver.blocked_at is not None
    assert set(team.members.values_list("user__username", flat=True)) == {"leaver", "heir"}
    sent.invitation.refresh_from_db()
    assert sent.invitation.state == Invitation.State.REVOKED
    events = Event.objects.filter(actor_id=page.context["request"].user.pk)
    assert {event.verb for event in events} >= {
        Verb.TEAM_CHANGED,
        Verb.TEAMS_CHANGED,
        Verb.USER_BLOCKED,
        Verb.INVITATION_REVOKED,
    }
    assert len({event.correlation_id for event in events}) == 1


def test_an_end_date_keeps_access_until_then(alice_client: Client, leaver: User) -> None:
    until = timezone.localdate() + timedelta(days=10)
    posted, _page = confirm(alice_client, leaver, moment="date", access_until=until.isoformat())
    alice_client.post(address(leaver), posted)
    leaver.refresh_from_db()
    assert (leaver.access_until, leaver.blocked_at) == (until, None)


def test_a_double_click_does_it_once(alice_client: Client, leaver: User) -> None:
    posted, _page = confirm(alice_client, leaver)
    for _click in range(2):
        assert alice_client.post(address(leaver), posted).status_code == 302
    assert Event.objects.filter(verb=Verb.USER_BLOCKED).count() == 1
    assert Message.objects.filter(kind="blocked").count() == 1


@pytest.mark.parametrize("change", ["team", "invitation", "choice"])
def test_another_situation_is_another_plan(
    alice_client: Client, leaver: User, heir: User, team: Team, change: str
) -> None:
    IndividualRight.objects.create(provider=leaver.office, user=leaver, right=Right.MANAGE_USERS)
    posted, _page = confirm(alice_client, leaver, successor=heir.pk, teams=[team.pk])
    if change == "team":
        other = Team.objects.create(provider=leaver.office, name="Erbij")
        TeamMember.objects.create(provider=leaver.office, team=other, user=leaver)
    elif change == "invitation":
        invite(leaver)
    else:
        posted |= {"moment": "date", "access_until": timezone.localdate().isoformat()}
    before = Event.objects.count()
    alice_client.post(address(leaver), posted)
    leaver.refresh_from_db()
    assert (leaver.blocked_at, leaver.access_until) == (None, None)
    assert Event.objects.count() == before


def test_it_is_all_or_nothing(
    alice_client: Client, leaver: User, heir: User, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    from permissions.checks import LastAdministrator

    def refuse(*_args: object, **_options: object) -> None:
        raise LastAdministrator

    posted, _page = confirm(alice_client, leaver, successor=heir.pk, teams=[team.pk])
    monkeypatch.setattr(users.actions, "block_user", refuse)
    assert alice_client.post(address(leaver), posted)["Location"] == address(leaver)
    assert team.members.count() == 1
    assert not Event.objects.exists()


def test_the_last_administrator_cannot_leave(alice: User, bob: User, bob_client: Client) -> None:
    for right in (Right.VIEW_USERS, Right.MANAGE_USERS, Right.MANAGE_PROVIDER):
        IndividualRight.objects.create(provider=bob.office, user=bob, right=right)
    User.objects.filter(pk=bob.pk).update(access_until=timezone.localdate() + timedelta(days=5))
    page = bob_client.get(address(alice))
    assert page.context["obstacle"]
    bob_client.post(address(alice), {"moment": "now", "sure": "1"})
    alice.refresh_from_db()
    assert alice.blocked_at is None


def test_who_may_not_grant_a_team_does_not_hand_it_over(
    bob: User, bob_client: Client, leaver: User, heir: User
) -> None:
    for right in (Right.VIEW_USERS, Right.MANAGE_USERS, Right.VIEW_TEAMS, Right.MANAGE_TEAMS):
        IndividualRight.objects.create(provider=bob.office, user=bob, right=right)
    mine = Team.objects.create(provider=bob.office, name="Gewoon")
    TeamMember.objects.create(provider=bob.office, team=mine, user=leaver)
    assert list(bob_client.get(address(leaver)).context["form"].fields["teams"].queryset) == [mine]
    mine.rights.create(provider=bob.office, right=Right.MANAGE_PROVIDER)
    assert bob_client.get(address(leaver)).status_code == 403, "the leaver has more rights than Bob"
    mine.rights.all().delete()
    page = bob_client.post(address(leaver), {"moment": "now", "successor": bob.pk, "teams": [mine.pk]})
    assert page.context["form"].errors["successor"], "nobody takes over to grow"


def test_without_the_right_for_teams_nobody_takes_over(bob: User, bob_client: Client, leaver: User, team: Team) -> None:
    for right in (Right.VIEW_USERS, Right.MANAGE_USERS):
        IndividualRight.objects.create(provider=bob.office, user=bob, right=right)
    fields = bob_client.get(address(leaver)).context["form"].fields
    assert "successor" not in fields
    assert "teams" not in fields


def test_who_may_not_see_users_does_not_see_what_depends_on_one(
    bob: User, bob_client: Client, leaver: User, team: Team
) -> None:
    IndividualRight.objects.create(provider=bob.office, user=bob, right=Right.MANAGE_USERS)
    refused = bob_client.get(address(leaver))
    assert refused.status_code == 403
    assert team.name not in refused.text
    IndividualRight.objects.create(provider=bob.office, user=bob, right=Right.VIEW_USERS)
    assert team.name in bob_client.get(address(leaver)).text


def test_no_more_invitations_are_revoked_than_a_request_can(
    alice: User, alice_client: Client, leaver: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        sent = invite(alice, email=f"u{number}@devries.example").invitation
        type(sent).objects.filter(pk=sent.pk).update(sent_by=leaver)
    assert "revokes_invitations" in alice_client.get(address(leaver)).context["form"].fields
    monkeypatch.setattr("departures.forms.MAX_REVOKED", 1)
    assert "revokes_invitations" not in alice_client.get(address(leaver)).context["form"].fields


def test_others_are_refused(
    bob_client: Client, charlie_client: Client, alice_client: Client, alice: User, leaver: User
) -> None:
    assert bob_client.get(address(leaver)).status_code == 403
    assert charlie_client.get(address(leaver)).status_code == 404
    assert charlie_client.post(address(leaver), {"moment": "now", "sure": "1"}).status_code == 404
    assert alice_client.get(address(alice)).status_code == 403, "nobody arranges their own departure"
    assert not Event.objects.exists()


def test_a_successor_of_another_office_is_unknown(
    alice_client: Client, charlie: User, leaver: User, team: Team
) -> None:
    page = alice_client.post(address(leaver), {"moment": "now", "successor": charlie.pk, "teams": [team.pk]})
    assert page.context["form"].errors["successor"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"moment": "date"}, "access_until"),
        ({"moment": "date", "access_until": "2020-01-01"}, "access_until"),
        ({"moment": "ooit"}, "moment"),
        ({"moment": "now", "teams": ["x"]}, "teams"),
    ],
)
def test_bad_input_is_refused_beside_the_field(
    alice_client: Client, leaver: User, team: Team, values: dict[str, Any], field: str
) -> None:
    page = alice_client.post(address(leaver), values)
    assert page.context["form"].errors[field]
    assert not Event.objects.exists()


def test_teammates_come_first(alice_client: Client, leaver: User, heir: User, team: Team) -> None:
    mate = make_user(leaver.office, username="mate", last_name="Zwaan")
    TeamMember.objects.create(provider=leaver.office, team=team, user=mate)
    choices = alice_client.get(address(leaver)).context["form"].fields["successor"].widget.choices
    assert choices[0][0] == ""
    assert choices[1] == (gettext("In the same teams"), [(str(mate.pk), mate.list_name)])
    assert (str(heir.pk), heir.list_name) in choices[2][1]


def test_it_lists_twenty_and_says_how_many_more() -> None:
    assert join_names([f"t{number}" for number in range(25)]).endswith("t19 en nog 5")


def test_it_says_which_directories_are_refused_from_then_on(alice_client: Client, leaver: User) -> None:
    assert "Okta Vertrek" not in confirm(alice_client, leaver)[1].text
    make_connection(leaver, LoginMethod.WEBSITE_SSO, name="Okta Vertrek")
    assert "Okta Vertrek" in alice_client.get(address(leaver)).text
    posted, page = confirm(alice_client, leaver)
    warning = gettext("These directories are refused from then on, until a colleague becomes their owner: %(names)s.")
    assert warning % {"names": "Okta Vertrek"} in unescape(page.text)
    make_connection(leaver, LoginMethod.WEBSITE_SSO, name="Later")
    alice_client.post(address(leaver), posted)
    leaver.refresh_from_db()
    assert leaver.blocked_at is None, "another plan than was shown"


def test_the_number_of_queries_does_not_grow(
    alice_client: Client, leaver: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        team = Team.objects.create(provider=leaver.office, name=f"Team {number}")
        TeamMember.objects.create(provider=leaver.office, team=team, user=leaver)
    with django_assert_max_num_queries(21):
        page = alice_client.get(address(leaver))
    assert len(page.context["form"].fields["teams"].widget.choices) == 20


def test_the_page_of_the_user_leads_here(alice_client: Client, leaver: User) -> None:
    url = reverse("users:user_detail", args=[leaver.pk])
    assert address(leaver) in alice_client.get(url).text
    users.actions.block_user(leaver, by=actor())
    assert address(leaver) not in alice_client.get(url).text
    assert alice_client.get(address(leaver))["Location"] == url


def test_a_webservice_user_can_leave(alice_client: Client, leaver: User) -> None:
    machine = make_user(leaver.office, login_method=LoginMethod.SSO_WEBSERVICE)
    posted, _page = confirm(alice_client, machine)
    alice_client.post(address(machine), posted)
    machine.refresh_from_db()
    assert machine.blocked_at is not None
