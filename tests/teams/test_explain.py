"""The pages Why? and Who?."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import gettext

from accounts.models import Provider, User
from permissions.checks import Right
from permissions.models import Employer
from tests.helpers.users import make_user
from tests.teams.test_user_rights import employer, give, put

pytestmark = pytest.mark.django_db


def why(user: User) -> str:
    return reverse("teams:explain_user_right", args=[user.pk])


WHO = reverse("teams:right_holders")


@pytest.fixture
def bakery(office: Provider) -> Employer:
    return employer(office, 7)


def test_why_names_the_team_and_the_smallest_change(
    alice_client: Client, bob: User, office: Provider, bakery: Employer
) -> None:
    put(office, "Loon Noord", [bob], [bakery], Right.VIEW_WAGES)
    response = alice_client.get(why(bob), {"right": "view_wages", "employer": bakery.pk})
    assert response.context["explanation"].is_allowed
    page = response.content.decode()
    assert (
        gettext("Team %(team)s grants “%(right)s”.") % {"team": "Loon Noord", "right": Right.VIEW_WAGES.label} in page
    )
    assert gettext("Remove the user from team %(team)s.") % {"team": "Loon Noord"} in page


def test_why_not_names_the_product_that_is_off(
    alice_client: Client, bob: User, office: Provider, bakery: Employer
) -> None:
    put(office, "Loon Noord", [bob], [bakery], Right.EXPORT_JOURNAL)
    response = alice_client.get(why(bob), {"right": "export_journal", "employer": bakery.pk})
    assert not response.context["explanation"].is_allowed
    assert "940" in response.content.decode()


def test_why_without_any_team_has_an_answer(alice_client: Client, bob: User, bakery: Employer) -> None:
    response = alice_client.get(why(bob), {"right": "view_wages", "employer": bakery.pk})
    assert response.context["explanation"].grant is None


def test_a_right_at_an_employer_asks_for_one(alice_client: Client, bob: User, bakery: Employer) -> None:
    for url in (why(bob), WHO):
        form = alice_client.get(url, {"right": "view_wages"}).context["form"]
        assert form.errors.as_data()["employer"][0].code == "employer_needed"
        assert not alice_client.get(url, {"right": "view_users", "employer": bakery.pk}).context["form"].errors
        assert not alice_client.get(url).context["form"].is_bound


def test_employers_of_others_and_odd_rights_do_not_exist(alice_client: Client, bob: User, charlie: User) -> None:
    theirs = employer(charlie.provider, 1)
    for url in (why(bob), WHO):
        for asked, field in (
            ({"right": "view_wages", "employer": theirs.pk}, "employer"),
            ({"right": "view_wages", "employer": "x\x00"}, "employer"),
            ({"right": "root\x00"}, "right"),
        ):
            response = alice_client.get(url, asked)
            assert field in response.context["form"].errors.as_data()
            assert "explanation" not in response.context
            assert "rows" not in response.context


def test_who_shows_everybody_and_how(alice_client: Client, alice: User, bob: User, office: Provider) -> None:
    put(office, "Controle", [bob], [], Right.VIEW_AUDIT)
    response = alice_client.get(WHO, {"right": "view_audit"})
    assert [(row.user, bool(row.teams), row.individual) for row in response.context["rows"]] == [
        (bob, True, False),
        (alice, False, True),
    ]


@pytest.mark.parametrize("count", [1, 9])
def test_queries_do_not_grow(
    alice_client: Client, bob: User, office: Provider, bakery: Employer, count: int, django_assert_max_num_queries
) -> None:
    for number in range(count):
        put(office, f"Team {number}", [bob], [bakery], Right.VIEW_WAGES)
    for url in (why(bob), WHO):
        with django_assert_max_num_queries(16):
            alice_client.get(url, {"right": "view_wages", "employer": bakery.pk})


def test_other_offices_and_users_without_the_right_are_refused(
    alice_client: Client, bob_client: Client, charlie_client: Client, alice: User, bob: User
) -> None:
    assert charlie_client.get(why(alice)).status_code == 404
    assert bob_client.get(why(alice)).status_code == 403
    assert bob_client.get(WHO).status_code == 403
    give(bob, Right.VIEW_USERS)
    assert bob_client.get(why(alice)).status_code == 200
    assert alice_client.post(WHO).status_code == 405


def test_a_team_is_recommended_with_whom_it_reaches(alice_client: Client, bob: User, office: Provider) -> None:
    others = [make_user(office, username=f"u{number}") for number in range(3)]
    bakker = Employer.objects.create(provider=office, number=7, name="Bakker")
    put(office, "Loon Noord", [bob, *others], [bakker], Right.VIEW_WAGES)
    give(bob, Right.VIEW_HRM)
    path = reverse("teams:explain_user_right", args=[bob.pk])
    for right in (Right.VIEW_HRM, Right.VIEW_TAX_RETURNS):  # an individual right, and one that the user lacks
        page = alice_client.get(path, {"right": right, "employer": bakker.pk})
        assert "via team Loon Noord (raakt 3 collega’s)" in page.text
        assert "aanbevolen" in page.text
    page = alice_client.get(path, {"right": Right.VIEW_WAGES, "employer": bakker.pk})
    assert "aanbevolen" not in page.text, "a team gives it already"


def test_the_ways_show_the_missing_link_and_the_shortest_break_first(
    alice_client: Client, bob: User, office: Provider, bakery: Employer
) -> None:
    put(office, "Loon Breda", [bob], [], Right.VIEW_WAGES)
    put(office, "Verlof <Utrecht>", [bob], [bakery], Right.VIEW_HRM)
    put(office, "Beide kwijt", [bob], [], Right.VIEW_HRM)
    put(office, "Loon Noord", [], [bakery], Right.VIEW_WAGES)
    put(office, "Ver weg", [], [], Right.VIEW_WAGES)
    response = alice_client.get(why(bob), {"right": "view_wages", "employer": bakery.pk})
    drawn = [[(link.is_there, link.text) for link in one.way.links] for one in response.context["diagram"].ways]
    assert drawn == [
        [(True, "zit in het team"), (True, "geeft het recht"), (False, "heeft deze werkgever niet")],
        [(True, "zit in het team"), (False, "geeft dit recht niet"), (True, "heeft deze werkgever")],
        [(False, "zit niet in dit team"), (True, "geeft het recht"), (True, "heeft deze werkgever")],
    ]
    page = response.content.decode()
    assert "nog 1 weg" in page
    assert page.count('class="link bad dashed"') == 3
    assert 'role="img" aria-labelledby="answer"' in page
    assert "Nee, nu niet" in page
    assert "Verlof &lt;Utrecht&gt;" in page
    assert page.count('<details name="way"') == 3
    assert "Beide kwijt: zit in het team, geeft dit recht niet, heeft deze werkgever niet" in page


def test_a_right_that_works_is_drawn_with_complete_ways_only(
    alice_client: Client, bob: User, office: Provider, bakery: Employer
) -> None:
    put(office, "Loon", [bob], [bakery], Right.VIEW_WAGES)
    put(office, "Verlof", [bob], [bakery], Right.VIEW_HRM)
    give(bob, Right.VIEW_WAGES)
    response = alice_client.get(why(bob), {"right": "view_wages", "employer": bakery.pk})
    ways = response.context["diagram"].ways
    assert [(one.way.individual, one.way.missing, one.way.team.name) for one in ways] == [
        (False, 0, "Loon"), (True, 0, "Loon"), (True, 0, "Verlof"),
    ]  # fmt: skip
    page = response.content.decode()
    assert "link bad" not in page.replace('path class="link bad" d="M2', "")
    assert "Verder houdt niets het tegen" in page


def test_what_else_stops_a_right_is_marked(alice_client: Client, bob: User, office: Provider, bakery: Employer) -> None:
    put(office, "Loon", [bob], [bakery], Right.EXPORT_JOURNAL)
    User.objects.filter(pk=bob.pk).update(two_factor_required=True)
    response = alice_client.get(why(bob), {"right": "export_journal", "employer": bakery.pk})
    assert [(check.is_fine, check.text) for check in response.context["checks"]] == [
        (True, "Uitnodiging geaccepteerd"), (True, "Niet geblokkeerd"), (False, "Two-factor is nog niet ingesteld"),
        (False, "Product Journaliseren staat uit"),
    ]  # fmt: skip


def test_office_administration_includes_the_right_in_the_drawing(alice_client: Client, alice: User) -> None:
    response = alice_client.get(why(alice), {"right": "view_users"})
    (way,) = response.context["diagram"].ways
    assert [step.node.kind for step in way.steps] == ["Collega", "Recht", "Recht"]
    assert way.steps[-1].link.text == "omvat dit recht"
