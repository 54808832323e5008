"""The user list."""

from datetime import timedelta

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import LoginMethod, Provider, User
from core.paging import PAGE_SIZE
from permissions.checks import Right
from permissions.models import IndividualRight
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
URL = reverse("users:user_list")


def names(client: Client, **query: str) -> list[str]:
    return [person.last_name for person, *_chips in client.get(URL, query).context["rows"]]


def colleagues(office: Provider, *last_names: str, **fields: object) -> None:
    for number, name in enumerate(last_names):
        make_user(office, last_name=name, username=f"{name}{number}", email=f"{number}@devries.example", **fields)


def test_it_needs_the_right(bob_client: Client) -> None:
    assert bob_client.get(URL).status_code == 403


def test_it_asks_a_stranger_to_log_in(client: Client, db: None) -> None:
    assert client.get(URL).headers["Location"] == f"{reverse('authentication:login')}?next=%2Fgebruikers%2F"


def test_it_shows_the_own_office_only(alice_client: Client, bob: User, charlie: User) -> None:
    assert names(alice_client) == ["Bakker", "Vries"]


def test_it_sorts_as_dutch_does(alice_client: Client, office: Provider) -> None:
    colleagues(office, "Émile", "eva", "Zoë", "aap", "Özil")
    assert names(alice_client) == ["aap", "Émile", "eva", "Özil", "Vries", "Zoë"]
    assert names(alice_client, sort="-name") == ["Zoë", "Vries", "Özil", "eva", "Émile", "aap"]


@pytest.mark.parametrize(
    "sort", ["name", "-name", "username", "-username", "email", "-email", "last_login", "-last_login"]
)
def test_it_pages_both_ways_without_losing_anybody(alice_client: Client, office: Provider, sort: str) -> None:
    for number in range(2 * PAGE_SIZE + 20):
        # Equal keys and empty ones must not be skipped between two pages.
        moment = timezone.now() - timedelta(days=number % 3) if number % 2 else None
        make_user(
            office, last_name=f"Naam{number % 7}", username=f"u{number}", email=f"{number % 5}@x.example",
            last_login=moment,
        )  # fmt: skip
    whole = list(User.objects.filter(provider=office).values_list("pk", flat=True))
    seen, pages, query = [], [], f"?sort={sort}"
    while query:
        context = alice_client.get(URL + query).context
        pages.append([person.pk for person, *_chips in context["rows"]])
        seen += pages[-1]
        query = context["next_url"]
    assert len(seen) == len(set(seen)) == len(whole)
    assert len(pages) == 3
    back, query = [], context["previous_url"]
    while query:
        context = alice_client.get(URL + query).context
        back.insert(0, [person.pk for person, *_chips in context["rows"]])
        query = context["previous_url"]
    assert back == pages[:-1]


@pytest.mark.parametrize(
    "cursor", ["x", "AAAA", "W10", "\x00", "WyJuYW1lIiwiYSIsIjEiLGZhbHNlXQ", "W251bGwsbnVsbCxudWxsLG51bGxd", "🙂"]
)
def test_it_takes_a_damaged_cursor_for_the_first_page(alice_client: Client, cursor: str) -> None:
    assert names(alice_client, page=cursor) == ["Vries"]


@pytest.mark.parametrize(
    "cursor",
    [
        "[" * 3000,
        r'["name", "\ud800", "{id}", false]',
        '["last_login", "0001-01-01T00:00:00+23:59", "{id}", false]',
        '["last_login", "9999-12-31T23:59:59-23:59", "{id}", false]',
        '["last_login", "2026-01-01T00:00:00+15:59:30", "{id}", true]',
    ],
)
def test_it_survives_a_forged_cursor(alice_client: Client, alice: User, cursor: str) -> None:
    written = signing.b64_encode(cursor.replace("{id}", alice.pk.hex).encode()).decode()
    sort = "last_login" if "last_login" in cursor else "name"
    assert alice_client.get(URL, {"sort": sort, "page": written}).status_code == 200


def test_it_searches_every_word_in_name_username_and_email(alice_client: Client, office: Provider) -> None:
    make_user(office, last_name="Boér", initials="P.", username="pietje", email="piet@post.example")
    make_user(office, last_name="Boer", initials="K.", username="klaas", email="klaas@post.example")
    assert len(names(alice_client, q="boer")) == 2
    assert names(alice_client, q="BOER pietje") == ["Boér"]
    assert names(alice_client, q="klaas@post") == ["Boer"]
    assert names(alice_client, q="100%") == []


@pytest.mark.parametrize("q", ["\x00", "x" * 200, "🙂", "\u202e", "<script>alert(1)</script>", "%_\\"])
def test_it_survives_odd_searches(alice_client: Client, q: str) -> None:
    response = alice_client.get(URL, {"q": q})
    assert response.status_code == 200
    assert b"<script>alert" not in response.content


def test_it_filters_on_kind_and_status(alice_client: Client, office: Provider) -> None:
    make_user(office, last_name="Machine", login_method=LoginMethod.SSO_WEBSERVICE)
    make_user(office, last_name="Weg", blocked_at=timezone.now())
    make_user(office, last_name="Oud", access_until=timezone.localdate() - timedelta(days=1))
    assert names(alice_client, login_method="sso_webservice") == ["Machine"]
    assert names(alice_client, status="blocked") == ["Weg"]
    assert names(alice_client, status="ended") == ["Oud"]
    assert names(alice_client, status="active") == ["Machine", "Vries"]
    response = alice_client.get(URL, {"status": "nonsense"})
    assert response.context["form"].errors.as_data()["status"][0].code == "invalid_choice"


def test_it_costs_the_same_queries_for_one_as_for_many(
    alice_client: Client, office: Provider, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(4):  # session, person, rights, list
        alice_client.get(URL)
    colleagues(office, *[f"Naam{number}" for number in range(PAGE_SIZE)])
    with django_assert_num_queries(4):
        alice_client.get(URL)


def test_it_offers_to_add_only_to_who_may(bob_client: Client, bob: User, office: Provider) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    response = bob_client.get(URL)
    assert response.status_code == 200
    assert reverse("users:invite_user") not in response.text
