"""The columns, saved views and shortcuts of the list of users."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Provider, User
from audit.models import Event
from permissions.models import Team
from tests.helpers.users import make_user
from users.list_preferences import MAX_COLUMNS, MAX_VIEWS, ListColumn
from users.models import UserListPreference

pytestmark = pytest.mark.django_db
LIST, COLUMNS, VIEW, REMOVE = (
    reverse(f"users:{name}") for name in ("user_list", "save_columns", "save_view", "remove_view")
)


def test_columns_are_kept_for_their_user_only(alice_client: Client, alice: User, office: Provider) -> None:
    before = Event.objects.count()
    response = alice_client.post(f"{COLUMNS}?status=blocked", {"columns": ["username", "email"], "shortcuts": "on"})
    assert response.headers["Location"] == f"{LIST}?status=blocked"
    page = alice_client.get(LIST)
    assert [header.column for header in page.context["headers"]] == ["name", "email", "username"]
    assert "data-shortcuts" in page.text
    alice_client.post(COLUMNS, {"columns": ["username"]})
    assert "data-shortcuts" not in alice_client.get(LIST).text
    assert UserListPreference.objects.get().user == alice
    assert Event.objects.count() == before
    other = make_user(office, "view_users", last_name="Ander")
    client = Client()
    client.force_login(other)
    assert len(client.get(LIST).context["headers"]) == 6


def test_too_many_or_unknown_columns_are_refused(alice_client: Client) -> None:
    for columns in (ListColumn.values[: MAX_COLUMNS + 1], ["password"]):
        assert alice_client.post(COLUMNS, {"columns": columns}, follow=True).context["messages"]
    assert not UserListPreference.objects.exists()


def test_a_view_keeps_filters_and_no_names(alice_client: Client, office: Provider) -> None:
    team = Team.objects.create(provider=office, name="Noord")
    query = f"status=blocked&status=ended&team={team.pk}&q=bakker&sort=-name"
    alice_client.post(f"{VIEW}?{query}", {"name": "Oud in Noord"})
    kept = UserListPreference.objects.get().views
    assert kept == [{"name": "Oud in Noord", "query": f"?status=blocked&status=ended&team={team.pk}"}]
    shown = f'href="{LIST}?status=blocked&amp;status=ended&amp;team={team.pk}"'
    assert shown in alice_client.get(LIST).text
    alice_client.post(REMOVE, {"name": "Oud in Noord"})
    assert UserListPreference.objects.get().views == []


@pytest.mark.slow
def test_views_are_bounded(alice_client: Client) -> None:
    for number in range(MAX_VIEWS + 1):
        response = alice_client.post(f"{VIEW}?status=blocked", {"name": f"Weergave {number}"}, follow=True)
    assert "Je hebt al 10 weergaven" in response.text
    assert len(UserListPreference.objects.get().views) == MAX_VIEWS
    alice_client.post(f"{VIEW}?status=ended", {"name": "Weergave 3"})
    assert UserListPreference.objects.get().views[-1] == {"name": "Weergave 3", "query": "?status=ended"}
    alice_client.post(VIEW, {"name": "x" * 31})
    alice_client.post(VIEW, {"name": ""})
    assert len(UserListPreference.objects.get().views) == MAX_VIEWS


@pytest.mark.parametrize("url", [COLUMNS, VIEW, REMOVE])
def test_it_needs_the_right_and_a_post(alice_client: Client, bob_client: Client, url: str) -> None:
    assert bob_client.post(url, {"name": "x"}).status_code == 403
    assert alice_client.get(url).status_code == 405


def test_an_erased_user_leaves_no_preference(alice_client: Client, alice: User) -> None:
    alice_client.post(COLUMNS, {"columns": ["username"]})
    User.objects.filter(pk=alice.pk).delete()
    assert not UserListPreference.objects.exists()
