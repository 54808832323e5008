"""The page of an employer: who works here and may do what, and which work hangs on one person."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Provider, User
from permissions.checks import Right
from permissions.models import Employer
from permissions.products import Product
from tests.helpers.users import make_user
from tests.teams.test_user_rights import employer, give, put

pytestmark = pytest.mark.django_db
PAYROLL = (Right.MANAGE_ADMINISTRATION, Right.MANAGE_VARIABLE_DATA)


@pytest.fixture
def bakery(office: Provider) -> Employer:
    return employer(office, 7, Product.JOURNAL)


def url(place: Employer) -> str:
    return f"/werkgevers/{place.pk}/"


def marks(client: Client, place: Employer, **query: str) -> dict[str, list[str]]:
    return {row.user.username: row.marks for row in client.get(url(place), query).context["rows"]}


def test_marks_say_who_may_do_what(alice_client: Client, bob: User, office: Provider, bakery: Employer) -> None:
    eve = make_user(office, username="eve", blocked_at=timezone.now())
    put(office, "Loon Noord", [bob, eve], [bakery], Right.MANAGE_EMPLOYMENTS, Right.VIEW_WAGES, Right.EXPORT_JOURNAL)
    put(office, "Elders", [bob], [employer(office, 8)], Right.MANAGE_WAGES)
    give(bob, Right.VIEW_TAX_RETURNS)
    rights = ["manage", "view", "", "", "", "", "manage", ""]
    assert marks(alice_client, bakery) == {"bob": [*rights[:5], "view", *rights[6:]], "eve": rights}
    page = alice_client.get(url(bakery))
    by_name = {row.user.username: row for row in page.context["rows"]}
    assert [team.name for team in by_name["bob"].teams] == ["Loon Noord"]
    assert str(by_name["eve"].short_reason) == "geblokkeerd"
    assert page.text.count('class="access-mark manage inactive"') == 2 + 1  # and the legend
    assert "Beheer, werkt nu niet" in page.text
    assert marks(alice_client, bakery, only="1").keys() == {"bob"}
    assert marks(alice_client, bakery, q="eve").keys() == {"eve"}
    Employer.objects.filter(pk=bakery.pk).update(products=[])
    assert marks(alice_client, bakery)["bob"][6] == "", "the product is off"


def test_the_person_on_whom_the_payroll_hangs_is_named(
    alice_client: Client, bob: User, office: Provider, bakery: Employer
) -> None:
    eve = make_user(office, username="eve", last_name="Hendriks", two_factor_required=True)
    put(office, "Loon", [bob, eve], [bakery], *PAYROLL)
    page = alice_client.get(url(bakery))
    assert page.context["payroll"]["only"] == bob
    assert f"Maar één collega kan hier verlonen: {bob.full_name}" in page.text
    assert f"{eve.full_name} heeft de rechten ook, maar ze werken nu niet" in page.text
    coverage = {part.label: part.count for part, _right in page.context["coverage"]}
    assert coverage["Verlonen"] == 1
    assert coverage["Beheer beloningen"] == 0
    User.objects.filter(pk=eve.pk).update(second_factor_at=timezone.now())
    page = alice_client.get(url(bakery))
    assert page.context["payroll"] is None
    assert "Maar één collega" not in page.text
    User.objects.filter(pk__in=[bob.pk, eve.pk]).update(blocked_at=timezone.now())
    assert "Geen collega kan hier nu verlonen" in alice_client.get(url(bakery)).text


def test_an_employer_where_nobody_works_says_what_to_do(alice_client: Client, bakery: Employer) -> None:
    page = alice_client.get(url(bakery)).text
    assert "Nog geen collega heeft rechten bij deze werkgever" in page
    assert f'href="{url(bakery)}teams/"' in page


def test_only_those_who_may_see_users_of_this_office(
    bob_client: Client, bob: User, charlie_client: Client, charlie: User, bakery: Employer, office: Provider
) -> None:
    put(office, "<b>Loon</b>", [bob], [bakery], Right.VIEW_WAGES)
    assert Client().get(url(bakery)).status_code == 302
    assert bob_client.get(url(bakery)).status_code == 403
    give(bob, Right.VIEW_USERS)
    page = bob_client.get(url(bakery))
    assert page.status_code == 200
    assert "&lt;b&gt;Loon&lt;/b&gt;" in page.text
    assert '<a class="tag"' not in page.text, "bob may not see teams"
    assert "gegevens/" not in page.text
    assert "historie/op" not in page.text
    assert charlie_client.get(url(bakery)).status_code == 404
    assert bob_client.post(url(bakery)).status_code == 405


def test_many_users_are_paged_with_a_fixed_number_of_queries(
    alice_client: Client, office: Provider, bakery: Employer, django_assert_num_queries: Any
) -> None:
    for count in (1, 60):
        users = [make_user(office, username=f"u{count}-{number}") for number in range(count)]
        for name in ("Loon", "Verlof"):
            put(office, f"{name} {count}", users, [bakery], *PAYROLL, Right.VIEW_WAGES)
        # session, user, rights, employer, rights here (2), page, teams; and the names of those who are the only one
        with django_assert_num_queries(9 if count == 1 else 8):
            page = alice_client.get(url(bakery))
    assert len(page.context["rows"]) == 50
    second = alice_client.get(url(bakery) + page.context["next_url"])
    assert len(second.context["rows"]) == 11
