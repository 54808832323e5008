"""The home page: alerts, the rights of the user, and the first steps of an office."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import LoginMethod, Provider, User
from audit.models import Event, Verb
from authentication.models import RecoveryCodes
from core.models import Throttle
from invitations.models import Invitation
from outbox.models import Message
from permissions.checks import Right
from permissions.models import Employer, Team, TeamRight
from permissions.products import Product
from tests.helpers import mfa as factors
from tests.helpers.invited_users import invite
from tests.helpers.users import make_user
from tests.teams.test_user_rights import employer, give, put
from users.alerts import AlertReason, count_alerts

pytestmark = pytest.mark.django_db
LIST = "/gebruikers/"
NOW = timezone.now


def asked(client: Client) -> dict[str, int]:
    """Return the count of each alert, after checking that its link leads to exactly those users."""
    page = client.get("/")
    found = {one.reason: one.count for one in page.context["alerts"]}
    for one in page.context["alerts"]:
        assert f'href="{LIST}?attention={one.reason.value}"' in page.text
        assert one.sentence in page.text
        assert len(listed(client, one.reason)) == one.count
    assert all(not listed(client, reason) for reason in AlertReason if reason not in found)
    return {reason.name: number for reason, number in found.items()}


def listed(client: Client, reason: AlertReason) -> set[User]:
    return {person for person, *_chips in client.get(LIST, {"attention": reason.value}).context["rows"]}


def invited(alice: User, **changes: Any) -> User:
    """Return an invited user who already has a right; `changes` are fields of the invitation."""
    person: User = invite(alice).invitation.user
    give(person, Right.VIEW_TEAMS)
    Invitation.objects.filter(user=person).update(**changes)
    return person


def working(office: Provider, **fields: Any) -> User:
    """Return a colleague without alerts except for `fields`."""
    fields.setdefault("username", f"u{User.objects.count()}")
    return make_user(office, Right.VIEW_TEAMS, **fields)


@pytest.mark.slow
def test_home_page_says_in_one_line_that_nothing_needs_attention(alice_client: Client, office: Provider) -> None:
    working(office)
    assert asked(alice_client) == {}
    assert "Er is niets dat aandacht vraagt." in alice_client.get("/").text


@pytest.mark.slow
def test_invitations_that_went_wrong_or_are_about_to(alice_client: Client, alice: User) -> None:
    fine = invited(alice, expires_at=NOW() + timedelta(days=3))
    bounced, locked, refused, gone, late = (invited(alice) for _number in range(5))
    closed = {"encrypted_phone": None}
    Message.objects.filter(pk=bounced.invitation.message_id).update(state="bounced", encrypted_body=None)
    Invitation.objects.filter(user=locked).update(state="locked", **closed)
    Invitation.objects.filter(user=refused).update(refused_at=NOW())
    Invitation.objects.filter(user=gone).update(expires_at=NOW() - timedelta(minutes=1))
    Invitation.objects.filter(user=bounced).update(expires_at=NOW() + timedelta(days=3))
    Invitation.objects.filter(user=late).update(expires_at=NOW() + timedelta(hours=47))
    assert asked(alice_client) == {"UNDELIVERED": 1, "LOCKED": 1, "REFUSED": 1, "EXPIRED": 1, "EXPIRING": 1}
    found = [listed(alice_client, reason) for reason in list(AlertReason)[:5]]
    assert found == [{bounced}, {locked}, {refused}, {gone}, {late}]
    User.objects.exclude(pk__in=[alice.pk, fine.pk]).update(blocked_at=NOW())
    assert asked(alice_client) == {}, "who is blocked asks for nothing"


@pytest.mark.slow
def test_two_factor_is_asked_for_from_the_day_that_the_policy_says(alice_client: Client, office: Provider) -> None:
    working(office, second_factor_at=NOW())
    working(office, blocked_at=NOW())
    working(office, login_method=LoginMethod.SSO_WEBSERVICE)
    day = timezone.localdate() + timedelta(days=9)
    Provider.objects.update(two_factor_from=day)
    assert asked(alice_client) == {"TWO_FACTOR": 1}, "the administrator herself"
    (one,) = alice_client.get("/").context["alerts"]
    assert one.first == day
    assert f"Vanaf {day.day} " in one.advice
    Provider.objects.update(two_factor_from=None)
    must = working(office, two_factor_required=True)
    assert asked(alice_client) == {"TWO_FACTOR": 1}
    assert listed(alice_client, AlertReason.TWO_FACTOR) == {must}
    assert alice_client.get("/").context["alerts"][0].advice.startswith("Zonder two-factor werken de rechten niet.")


@pytest.mark.slow
def test_without_team_and_rights_about_to_end_and_dormant(alice_client: Client, office: Provider) -> None:
    today = timezone.localdate()
    nothing = make_user(office, username="niets")
    in_team = make_user(office, username="team")
    put(office, "Loon", [in_team], [])
    ends = {working(office, access_until=today), working(office, access_until=today + timedelta(days=14))}
    working(office, access_until=today + timedelta(days=15))
    make_user(office, username="weg", access_until=today - timedelta(days=1))
    make_user(office, username="dicht", blocked_at=NOW())
    asleep = working(office, accepted_at=NOW() - timedelta(days=400), last_login=NOW() - timedelta(days=91))
    assert asked(alice_client) == {"WITHOUT_RIGHTS": 1, "ENDING": 2, "DORMANT": 1}
    assert listed(alice_client, AlertReason.WITHOUT_RIGHTS) == {nothing}
    assert listed(alice_client, AlertReason.ENDING) == ends
    assert listed(alice_client, AlertReason.DORMANT) == {asleep}


def test_home_page_says_so_in_english(alice_client: Client, office: Provider) -> None:
    make_user(office, username="niets")
    alice_client.post("/taal/", {"language": "en"})
    page = alice_client.get("/").text
    assert "1 colleague has no team and no rights" in page
    assert "Users without a team cannot do anything. Choose a team." in page
    alice_client.post("/taal/", {"language": "nl"})
    assert "1 collega heeft geen team en geen rechten" in alice_client.get("/").text


def test_the_export_of_the_list_keeps_to_who_asks_for_attention(alice_client: Client, office: Provider) -> None:
    make_user(office, username="niets")
    response = alice_client.get(reverse("users:export_csv"), {"attention": "without_rights"})
    (line,) = b"".join(response.streaming_content).decode().splitlines()[1:]
    assert "niets" in line
    assert "without_rights" in str(Event.objects.get(verb=Verb.EXPORTED).changes)


@pytest.mark.slow
def test_many_are_counted_exactly(alice_client: Client, office: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    users = [
        User(provider=office, login_method=LoginMethod.WEBSITE_SSO, initials="A.", last_name=f"N{n}", email="n@x.nl")
        for n in range(1_032)
    ]  # fmt: skip
    User.objects.bulk_create(users)
    (alert,) = alice_client.get("/").context["alerts"]
    assert (alert.count, alert.sentence) == (1_032, "1.032 collega’s hebben geen team en geen rechten")
    page = alice_client.get("/")
    assert "<b>1.033</b>" in page.text
    for module in ("users.alerts", "users.overview", "core.paging"):
        monkeypatch.setattr(f"{module}.MAX_COUNT", 1_000)
    page = alice_client.get("/")
    (alert,) = page.context["alerts"]
    assert (alert.count, alert.sentence) == (1_001, "Ruim 1.000 collega’s hebben geen team en geen rechten")
    assert "<b>ruim 1.000</b>" in page.text


@pytest.mark.slow
def test_two_factor_by_each_rule_is_counted_as_listed(alice_client: Client, alice: User, office: Provider) -> None:
    """The page counts sets, the list computes the day of each user."""
    today = timezone.localdate()
    required, in_team, manager, *_others = (working(office, accepted_at=NOW() - timedelta(days=n)) for n in range(5))
    team = put(office, "Loon", [in_team, working(office, second_factor_at=NOW())], [])
    give(manager, Right.MANAGE_PROVIDER)
    for user in (required, in_team, manager):  # users who are denied access are not counted
        User.objects.filter(pk=user.pk).update(two_factor_required=user is required)
    working(office, blocked_at=NOW(), two_factor_required=True)
    assert asked(alice_client) == {"TWO_FACTOR": 1}
    Team.objects.filter(pk=team.pk).update(two_factor_required=True)
    assert asked(alice_client) == {"TWO_FACTOR": 2}
    Provider.objects.filter(pk=office.pk).update(two_factor_managers=True)
    User.objects.filter(pk=alice.pk).update(second_factor_at=NOW())
    # alice's session has not passed a factor: count as the page does
    counted = {alert.reason: (alert.count, alert.first) for alert in count_alerts(reload(alice), list(AlertReason))}
    assert counted == {AlertReason.TWO_FACTOR: (3, None)}
    Provider.objects.filter(pk=office.pk).update(two_factor_days=30, two_factor_days_since=today - timedelta(days=9))
    counted = {alert.reason: (alert.count, alert.first) for alert in count_alerts(reload(alice), list(AlertReason))}
    assert counted == {AlertReason.TWO_FACTOR: (5, None)}, "some need it now"
    User.objects.update(two_factor_required=False)
    Team.objects.update(two_factor_required=False)
    Provider.objects.filter(pk=office.pk).update(two_factor_managers=False)
    counted = {alert.reason: (alert.count, alert.first) for alert in count_alerts(reload(alice), list(AlertReason))}
    assert counted == {AlertReason.TWO_FACTOR: (5, today + timedelta(days=26))}, "who accepted four days ago"


def reload(user: User) -> User:
    return User.objects.get(pk=user.pk)


@pytest.mark.slow
def test_home_page_takes_a_constant_number_of_queries(
    alice_client: Client, alice: User, office: Provider, django_assert_num_queries: Any
) -> None:
    working(office)
    make_user(office, username="weg", blocked_at=NOW())
    for count in (0, 1, 20):
        for _number in range(count):
            invited(alice, expires_at=NOW() + timedelta(hours=1))
            Throttle.objects.all().delete()  # all of them have one address
            make_user(office, username=f"x{User.objects.count()}", access_until=timezone.localdate())
            working(office, two_factor_required=True)
        # session, person, rights, attention, anybody else, figures, two-factor (2), week, payroll, import, leavers,
        # sender, directory, reviews, signals
        with django_assert_num_queries(16):
            alice_client.get("/")


def test_only_who_can_do_something_is_asked(bob_client: Client, bob: User, office: Provider) -> None:
    make_user(office, username="niets")
    give(bob, Right.VIEW_USERS)
    assert bob_client.get("/").context["alerts"] == []
    give(bob, Right.MANAGE_USERS)
    assert bob_client.get("/").context["alerts"] == [], "bob cannot add users to a team"
    make_user(office, Right.VIEW_TEAMS, username="eindigt", access_until=timezone.localdate())
    assert asked_names(bob_client) == ["ENDING"]
    give(bob, Right.GRANT_RIGHTS)
    assert asked_names(bob_client) == ["WITHOUT_RIGHTS", "ENDING"]


def asked_names(client: Client) -> list[str]:
    return [one.reason.name for one in client.get("/").context["alerts"]]


@pytest.mark.slow
def test_another_office_asks_for_nothing(alice_client: Client, charlie_client: Client, office: Provider) -> None:
    make_user(office, username="niets")
    team = put(office, "Loon", [], [])
    assert asked_names(alice_client) == ["WITHOUT_RIGHTS"]
    page = charlie_client.get("/")
    assert page.context["alerts"] == []
    assert page.context["beginning"].team is None, "a team of another office is no beginning"
    assert str(team.pk) not in page.text
    assert all(not listed(charlie_client, reason) for reason in AlertReason)


def test_a_user_without_rights_is_told_so(bob_client: Client, alice_client: Client) -> None:
    page = bob_client.get("/")
    assert "Je hebt nog geen rechten." in page.text
    assert page.context["alerts"] == []
    assert page.context["beginning"] is None
    assert LIST not in page.text


def rows_of(client: Client) -> dict[str, list[tuple[Right, str, list[str]]]]:
    """Return for each group of the home page the rights, where they apply and via which teams."""
    return {
        group.title: [
            (held_right.right, scope, [team.name for team in held_right.teams])
            for held_right, scope, _page in group.rows
        ]
        for group in client.get("/").context["access_groups"]
    }


def test_a_user_sees_their_rights_and_where_they_count(bob_client: Client, bob: User, office: Provider) -> None:
    one, two = employer(office, 1), employer(office, 2)
    Employer.objects.filter(pk=two.pk).update(products=[Product.JOURNAL])
    put(office, "Loon", [bob], [one, two], Right.VIEW_WAGES, Right.EXPORT_JOURNAL, Right.VIEW_BILLING)
    give(bob, Right.VIEW_TEAMS)
    assert rows_of(bob_client) == {
        "Op dit kantoor": [(Right.VIEW_TEAMS, "hele kantoor", [])],
        "Salarisverwerking voor het hele kantoor": [(Right.VIEW_BILLING, "hele kantoor", ["Loon"])],
        "Salarisverwerking bij werkgevers": [
            (Right.VIEW_WAGES, f"{one}, {two}", ["Loon"]), (Right.EXPORT_JOURNAL, str(two), ["Loon"]),
        ],
    }  # fmt: skip
    page = bob_client.get("/").text
    assert str(Right.VIEW_WAGES.permits) in page
    assert 'href="/teams/"' in page
    assert "<details>" not in page, "every employer is named already"
    assert f'href="/teams/{Team.objects.get().pk}/"' in page, "bob may see teams"
    for number in range(3, 6):
        put(office, f"Team {number}", [bob], [employer(office, number)], Right.VIEW_WAGES)
    assert rows_of(bob_client)["Salarisverwerking bij werkgevers"][0][1] == "5 werkgevers"
    page = bob_client.get("/").text
    assert "Je 5 werkgevers" in page
    assert ", ".join(str(one) for one in Employer.objects.order_by("sort_name")) in page


def test_a_colleague_reads_it_in_english(bob_client: Client, bob: User, office: Provider) -> None:
    put(office, "Loon", [bob], [employer(office, 1)], Right.VIEW_WAGES)
    bob_client.post("/taal/", {"language": "en"})
    page = bob_client.get("/").text
    for words in ("What you can do", "Payroll at employers", "View what employees earn.", "1 Bakkerij 1"):
        assert words in page


def test_what_has_no_effect_is_not_promised(bob_client: Client, bob: User, office: Provider) -> None:
    put(office, "Loon", [bob], [], Right.VIEW_WAGES)
    assert rows_of(bob_client) == {}
    put(office, "Journaal", [bob], [employer(office, 1)], Right.EXPORT_JOURNAL)
    Employer.objects.update(products=[])
    assert rows_of(bob_client) == {}


def test_the_list_of_rights_takes_a_fixed_number_of_queries(
    bob_client: Client, bob: User, office: Provider, django_assert_num_queries: Any
) -> None:
    for count in (1, 30):
        for part in range(count):
            place = employer(office, count * 100 + part)
            put(office, f"T{count}-{part}", [bob], [place], Right.VIEW_WAGES, Right.VIEW_TEAMS, Right.VIEW_BILLING)
        with django_assert_num_queries(10):  # session, person, rights, six about rights, notifications
            assert bob_client.get("/").context["access_groups"]


def test_few_recovery_codes_are_told(bob: User) -> None:
    client = factors.signed_in(bob, factors.give_app(bob))
    for left, told in ((4, False), (3, True), (1, True), (0, True)):
        RecoveryCodes.objects.all().delete()
        RecoveryCodes.objects.create(provider=bob.provider, user=bob, code_hashes=["x"] * left)
        page = client.get("/")
        assert (page.context["codes_left"] == left) is told
        assert ('href="/profiel/twee-factor/herstelcodes/"' in page.text) is told
    assert "Je hebt geen herstelcodes." in page.text


@pytest.mark.slow
def test_an_office_is_led_to_its_first_colleague(alice_client: Client, alice: User, office: Provider) -> None:
    """Three steps, each completed by a fact; the last one opens the form with the team selected."""
    put(office, "Beheer", [alice], [], Right.MANAGE_PROVIDER)
    working(office, login_method=LoginMethod.SSO_WEBSERVICE)
    for page in (alice_client.get("/"), alice_client.get("/teams/")):
        assert (page.context["beginning"].team, page.context["beginning"].gives_rights) == (None, False)
        assert done(page) == 0
        assert 'href="/teams/nieuw/"' in page.text
    assert "Er is niets dat aandacht vraagt." not in alice_client.get("/").text
    made = alice_client.post("/teams/nieuw/", {"name": "Loon"})
    team = Team.objects.get(name="Loon")
    assert f"/gebruikers/nieuw/website/?team={team.pk}" in alice_client.get(made.headers["Location"]).text
    assert done(alice_client.get("/")) == 1
    TeamRight.objects.create(provider=office, team=team, right=Right.VIEW_WAGES)
    page = alice_client.get("/")
    assert done(page) == 2
    assert f'href="/gebruikers/nieuw/website/?team={team.pk}"' in page.text
    form = alice_client.get("/gebruikers/nieuw/website/", {"team": team.pk})
    assert chosen(form) == [str(team.pk)]
    invite(alice)
    assert alice_client.get("/").context["beginning"] is None
    assert alice_client.get("/teams/").context["beginning"] is None


def chosen(page: Any) -> list[str]:
    """Return the selected teams of the form, which offers more."""
    boxes = page.context["form"]["teams"].subwidgets
    assert boxes
    return [str(box.data["value"]) for box in boxes if box.data["selected"]]


def done(page: Any) -> int:
    assert page.text.count('aria-current="step"') == 1, "there is one thing to do now"
    return int(page.text.count('<li class="done"'))


def test_the_list_of_people_leads_there_while_one_is_alone(alice_client: Client, office: Provider) -> None:
    assert "drie stappen</a>" in alice_client.get(LIST).text
    assert "drie stappen</a>" not in alice_client.get(LIST, {"q": "vries"}).text
    working(office)
    assert "drie stappen</a>" not in alice_client.get(LIST).text


@pytest.mark.parametrize("wrong", ["", "x", "\x00", "00000000-0000-0000-0000-000000000000"])
def test_an_odd_team_in_the_address_chooses_nothing(alice_client: Client, office: Provider, wrong: str) -> None:
    put(office, "Loon", [], [], Right.VIEW_WAGES)
    page = alice_client.get("/gebruikers/nieuw/website/", {"team": wrong})
    assert page.status_code == 200
    assert chosen(page) == []


def test_no_team_of_another_office_is_chosen(charlie_client: Client, charlie: User, office: Provider) -> None:
    theirs = put(office, "Loon", [], [], Right.VIEW_WAGES)
    own = put(charlie.provider, "Smit", [], [], Right.VIEW_WAGES)
    page = charlie_client.get("/gebruikers/nieuw/website/", {"team": theirs.pk})
    assert chosen(page) == []
    assert [str(box.data["value"]) for box in page.context["form"]["teams"].subwidgets] == [str(own.pk)]


def test_only_who_may_do_the_steps_is_led(bob_client: Client, bob: User) -> None:
    give(bob, Right.VIEW_USERS, Right.MANAGE_USERS)
    assert bob_client.get("/").context["beginning"] is None
    give(bob, Right.MANAGE_TEAMS)
    assert bob_client.get("/").context["beginning"] is not None
