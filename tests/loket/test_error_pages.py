"""Pages that say no access or not found: in the frame, naming who can help."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Provider, User
from permissions.checks import Right
from tests.helpers.users import make_user, signed_in

pytestmark = pytest.mark.django_db
UNKNOWN = "/bestaat-niet/"


def administrator(office: Provider, number: int, **fields: object) -> User:
    return make_user(
        office,
        Right.MANAGE_PROVIDER,
        username=f"beheerder{number}",
        last_name=f"Beheerder{number}",
        email=f"beheerder{number}@x.example",
        accepted_at=timezone.now(),
        **fields,
    )


@pytest.mark.parametrize("path", [UNKNOWN, "/kantoor/", "/gebruikers/01a22035-de3a-714f-893b-62033c56c56b/"])
def test_a_colleague_keeps_the_menu_and_sees_who_can_help(path: str, office: Provider) -> None:
    someone = administrator(office, 1)
    client = signed_in(make_user(office, Right.VIEW_USERS, username="kijker"))
    page = client.get(path)
    assert page.status_code in (403, 404)
    assert 'id="menu"' in page.text
    assert f'href="{reverse("users:user_list")}"' in page.text
    assert f'<a href="mailto:beheerder1@x.example">{someone.full_name}</a>' in page.text


def test_at_most_three_administrators_who_can_sign_in_are_named(office: Provider, charlie: User) -> None:
    for number in range(5):
        administrator(office, number, blocked_at=timezone.now() if number == 0 else None)
    administrator(charlie.provider, 9)
    client = signed_in(make_user(office, username="kijker"))
    page = client.get(UNKNOWN)
    assert page.text.count("mailto:") == 3
    assert "beheerder0@" not in page.text
    assert "beheerder9@" not in page.text


def test_an_administrator_is_not_referred_to_oneself(office: Provider) -> None:
    page = signed_in(administrator(office, 1)).get(UNKNOWN)
    assert page.status_code == 404
    assert "mailto:" not in page.text


def test_a_visitor_sees_no_menu_and_no_names(client: Client, office: Provider) -> None:
    administrator(office, 1)
    page = client.get(UNKNOWN)
    assert page.status_code == 404
    assert 'id="menu"' not in page.text
    assert "mailto:" not in page.text


def test_before_the_second_factor_there_is_no_menu(office: Provider) -> None:
    administrator(office, 1)
    user = make_user(office, username="kijker", second_factor_at=timezone.now())
    client = Client()
    client.force_login(user)
    page = client.get(UNKNOWN)
    assert page.status_code == 404
    assert 'id="menu"' not in page.text
    assert "mailto:" not in page.text


def test_support_keeps_its_own_menu(dora_client: Client) -> None:
    for path in (UNKNOWN, "/gebruikers/"):
        page = dora_client.get(path)
        assert page.status_code in (403, 404)
        assert 'href="/admin/wachtrij/"' in page.text
        assert "mailto:" not in page.text
