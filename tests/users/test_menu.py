"""The menu: its entries, the counts beside them and what they cost."""

import re
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import Provider, User
from permissions.checks import Right
from permissions.models import Employer, Team
from tests.helpers.users import make_user, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.menu_counts]
PATH = "/profiel/"


def counts(client: Client) -> dict[str, str]:
    """Return the counts in the menu by the address of the page."""
    page = client.get(PATH)
    assert page.status_code == 200
    entries = re.findall(r'<li>\s*<a href="([^"]*)"[^>]*>.*?</a>', page.text, re.DOTALL)
    found = {}
    for address in entries:
        link = re.search(rf'<a href="{re.escape(address)}"(?: aria-current="page")?>(.*?)</a>', page.text, re.DOTALL)
        number = re.search(r'class="count[^"]*">([^<]*)<', link[1]) if link else None
        if number:
            found[address] = number[1]
    return found


def test_lists_have_the_numbers_of_the_own_office(
    alice_client: Client, alice: User, bob: User, charlie: User, office: Provider
) -> None:
    Team.objects.create(provider=office, name="Loon")
    Employer.objects.create(provider=office, number=1, name="Bakkerij")
    Employer.objects.create(provider=charlie.provider, number=1, name="Elders")
    shown = counts(alice_client)
    assert shown["/gebruikers/"] == str(User.objects.filter(provider=office).count())
    assert shown["/teams/"] == str(Team.objects.filter(provider=office).count())
    assert shown["/werkgevers/"] == "1"


def test_who_may_not_open_a_list_sees_no_number_of_it(office: Provider) -> None:
    client = signed_in(make_user(office, username="kijker"))
    assert set(counts(client)) == set()


def test_counts_cost_two_queries_a_minute(
    alice_client: Client, alice: User, office: Provider, django_assert_num_queries: Any
) -> None:
    from users.menu_counts import get_menu_counts

    held = frozenset(Right)
    with django_assert_num_queries(2):
        first = get_menu_counts(alice, held)
    make_user(office, username="erbij")
    with django_assert_num_queries(0):
        assert get_menu_counts(alice, held) == first
    cache.clear()
    assert get_menu_counts(alice, held)["users"] == first["users"] + 1


def test_an_office_is_not_counted_twice_at_once(alice: User, office: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    from users import menu_counts

    count, during = menu_counts._count_office, list[dict[str, int]]()

    def count_slowly(user: User) -> dict[str, int]:
        during.append(menu_counts.get_menu_counts(alice, frozenset(Right)))  # another request meanwhile
        return count(user)

    monkeypatch.setattr(menu_counts, "_count_office", count_slowly)
    first = menu_counts.get_menu_counts(alice, frozenset(Right))
    make_user(office, username="erbij")
    cache.delete(f"menu-{office.pk}-counted")  # a minute later
    assert menu_counts.get_menu_counts(alice, frozenset(Right))["users"] == first["users"] + 1
    assert [counts.get("users") for counts in during] == [None, first["users"]]


def test_alerts_wait_only_for_those_who_can_act(office: Provider, alice: User, alice_client: Client) -> None:
    make_user(office, username="zonder", accepted_at=timezone.now())  # no team and no rights
    assert counts(alice_client)["/"] == "1"
    viewer = signed_in(make_user(office, Right.VIEW_USERS, username="kijker"))
    assert "/" not in counts(viewer)
