"""The user list."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags
from pytest_django import DjangoAssertNumQueries

from accounts.models import LoginMethod, Provider, User
from core.paging import PAGE_SIZE
from core.search import mark_words
from invitations.models import Invitation
from permissions.checks import Right
from permissions.models import IndividualRight, Team, TeamMember
from tests.helpers.invited_users import invite
from tests.helpers.users import make_user
from users.alerts import AlertReason
from users.forms.users import MAX_TEAMS_SHOWN
from users.status import AccountStatus

pytestmark = pytest.mark.django_db
URL = reverse("users:user_list")


def names(client: Client, **query: Any) -> list[str]:
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    with django_assert_num_queries(12):  # session, person, rights, teams, list, preference, teams of rows, five counts
        alice_client.get(URL)
    colleagues(office, *[f"Naam{number}" for number in range(PAGE_SIZE)])
    with django_assert_num_queries(12):
        alice_client.get(URL)
    with django_assert_num_queries(9):  # the choices are not swapped
        alice_client.get(URL, headers={"HX-Request": "true"})


@pytest.mark.slow
def test_each_choice_says_how_many_users_it_finds(
    alice_client: Client, office: Provider, bob: User, charlie: User
) -> None:
    colleagues(office, "Een", "Twee", "Drie")
    first, second = User.objects.filter(last_name__in=["Een", "Twee"]).order_by("last_name")
    User.objects.filter(pk=first.pk).update(blocked_at=timezone.now(), second_factor_at=timezone.now())
    User.objects.filter(pk=second.pk).update(access_until=timezone.localdate(), last_login=timezone.now())
    team = Team.objects.create(provider=office, name="Loon")
    TeamMember.objects.create(provider=office, team=team, user=first)
    form = alice_client.get(URL).context["form"]
    shown = 0
    for name in ("status", "login_method", "two_factor", "team", "access_until", "last_login"):
        for value, label in form.fields[name].choices:
            total = alice_client.get(URL, {name: value}).context["span"].total if value else 0
            text = strip_tags(str(label))
            assert ("count" in str(label), text.endswith(f" {total}") or not total) == (total > 0, True), (value, text)
            shown += bool(total)
    assert shown > 9
    pill = alice_client.get(URL, {"status": AccountStatus.BLOCKED}).context["pills"][0]
    assert pill.value == AccountStatus.BLOCKED.label, "the pill itself has no count"


def test_it_offers_to_add_only_to_who_may(bob_client: Client, bob: User, office: Provider) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    response = bob_client.get(URL)
    assert response.status_code == 200
    assert reverse("users:invite_user") not in response.text


def test_rows_say_teams_login_method_and_status_on_one_line(alice_client: Client, office: Provider) -> None:
    user = make_user(office, last_name="Aap", initials="B.", login_method=LoginMethod.SSO_WEBSERVICE)
    for name in ("Zuid", "Noord", "Oost"):
        TeamMember.objects.create(provider=office, team=Team.objects.create(provider=office, name=name), user=user)
    page = alice_client.get(URL).text
    row = page.partition("<tbody>")[2].partition("</tr>")[0]
    assert '<span class="tag">Noord</span> +2' in row
    assert 'title="Noord, Oost, Zuid"' in row
    assert "Alleen via SSO/Webservice</span>" in row
    assert 'class="status mark good">Heeft toegang' in row
    assert f'href="{user.pk}/acties/"' in row


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status": ["blocked", "ended"]}, ["Ende", "Weg"]),
        ({"status": "pending"}, []),
        ({"login_method": ["sso_webservice", "azure_ad"]}, ["Machine"]),
        ({"two_factor": "none"}, ["Noord", "Vries"]),
        ({"two_factor": ["active"]}, ["Factor"]),
        ({"team": "none"}, ["Ende", "Factor", "Machine", "Vries", "Weg"]),
        ({"access_until": "set"}, ["Ende"]),
        ({"access_until": "passed"}, ["Ende"]),
        ({"access_until": "ending"}, []),
        ({"access_until": "none", "status": "blocked"}, ["Weg"]),
        ({"last_login": "never"}, ["Ende", "Machine", "Noord", "Weg"]),
        ({"last_login": "over_90"}, ["Factor"]),
        ({"last_login": "over_180"}, []),
        ({"attention": "any"}, ["Factor", "Machine"]),
    ],
)
def test_filters_of_several_values(
    alice_client: Client, office: Provider, query: dict[str, Any], found: list[str]
) -> None:
    now = timezone.now()
    make_user(office, last_name="Machine", login_method=LoginMethod.SSO_WEBSERVICE)
    make_user(office, last_name="Weg", blocked_at=now)
    make_user(office, last_name="Ende", access_until=timezone.localdate() - timedelta(days=1))
    make_user(office, Right.VIEW_TEAMS, last_name="Factor", second_factor_at=now, last_login=now - timedelta(days=100))
    team = Team.objects.create(provider=office, name="Noord")
    TeamMember.objects.create(provider=office, team=team, user=make_user(office, last_name="Noord"))
    assert names(alice_client, **query) == found
    assert names(alice_client, team=str(team.pk)) == ["Noord"]


def test_a_team_of_another_office_filters_nothing_and_is_not_named(
    alice_client: Client, charlie: User, office: Provider
) -> None:
    other = Team.objects.create(provider=charlie.provider, name="Elders")
    response = alice_client.get(URL, {"team": str(other.pk)})
    assert response.context["form"].errors.as_data()["team"][0].code == "invalid_choice"
    assert "Elders" not in response.text


def test_many_teams_are_offered_on_request(alice_client: Client, office: Provider) -> None:
    for number in range(MAX_TEAMS_SHOWN + 1):
        Team.objects.create(provider=office, name=f"Team {number:02}")
    assert "Team 03" not in alice_client.get(URL).text
    whole = alice_client.get(URL, {"teams": "1"}).text
    assert "Team 03" in whole
    assert "Team 15" in whole


@pytest.mark.slow
def test_the_count_is_exact_up_to_a_bound(
    alice_client: Client, office: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    colleagues(office, *[f"Naam{number}" for number in range(PAGE_SIZE + 9)])
    first = alice_client.get(URL)
    assert str(first.context["span"]) == "1–50 van 60"
    second = alice_client.get(URL + first.context["next_url"])
    assert str(second.context["span"]) == "51–60 van 60"
    assert str(alice_client.get(URL + second.context["previous_url"]).context["span"]) == "1–50 van 60"
    assert str(alice_client.get(URL + first.context["next_url"].partition("&at")[0]).context["span"]) == "60"
    assert str(alice_client.get(URL, {"q": "naam5"}).context["span"]) == "1–10 van 10"
    monkeypatch.setattr("core.paging.MAX_COUNT", 30)
    monkeypatch.setattr("users.user_list.MAX_COUNT", 30)
    large = alice_client.get(URL)
    assert str(large.context["span"]) == "1–50 van ruim 30"
    assert [view.number for view in large.context["views"]] == [31, None, None, None, None]


def test_tabs_count_the_office_and_mark_the_current_one(alice_client: Client, alice: User, office: Provider) -> None:
    make_user(office, last_name="Weg", blocked_at=timezone.now())
    invite(alice)
    response = alice_client.get(URL, {"status": "blocked", "q": "weg"})
    assert [(view.number, view.is_current) for view in response.context["views"]] == [
        (3, False), (1, False), (1, False), (1, False), (1, True)
    ]  # fmt: skip
    assert names(alice_client, status="blocked") == ["Weg"]


def test_the_best_match_comes_first_and_is_marked(alice_client: Client, office: Provider) -> None:
    make_user(office, last_name="Boerma", initials="A.")
    make_user(office, last_name="Boer", prefix="de", initials="P.")
    make_user(office, last_name="Boer", prefix="de", initials="K.")
    make_user(office, last_name="Smit", initials="B.", email="p.de.boer@devries.example")
    response = alice_client.get(URL, {"q": "Boer, P. de"})
    assert [row.user.list_name for row in response.context["rows"]] == ["Boer, P. de", "Smit, B."]
    assert "<mark>Boer</mark>, <mark>P.</mark> <mark>de</mark>" in response.text
    assert "beste eerst" in response.text
    assert "beste eerst" not in alice_client.get(URL).text


@pytest.mark.parametrize(
    ("text", "words", "marked"),
    [
        ("Bakker-Smit, S.", ["bakker", "s"], "<mark>Bakker</mark>-<mark>S</mark>mit, <mark>S</mark>."),
        ("Émile", ["emi"], "<mark>Émi</mark>le"),
        ("sdejongbakker@x.example", ["bakker"], "sdejong<mark>bakker</mark>@x.example"),
        ("<b>&", ["b"], "&lt;<mark>b</mark>&gt;&amp;"),
        ("Straße", ["strasse"], "<mark>Straße</mark>"),
        ("Vries", ["s"], "Vries"),
    ],
)
def test_what_matches_is_marked(text: str, words: list[str], marked: str) -> None:
    assert mark_words(text, words) == marked


def test_nothing_found_says_what_was_searched_and_who_is_near(alice_client: Client, office: Provider) -> None:
    make_user(office, last_name="Bakker", initials="S.")
    near = alice_client.get(URL, {"q": "bakker", "status": "blocked"}).text
    assert "Niemand gevonden met “bakker”, status: Geblokkeerd" in near
    assert "Zonder de filters:" in near
    assert "Bakker</mark>, S." in near
    misspelled = alice_client.get(URL, {"q": "<baker>"}).text
    assert "“&lt;baker&gt;”" in misspelled
    assert "Bedoelde je:" not in misspelled
    assert "Bakker, S." in alice_client.get(URL, {"q": "baker"}).text


def test_htmx_gets_the_parts_that_change(alice_client: Client) -> None:
    response = alice_client.get(URL, {"q": "vries", "sort": "", "status": ["active"]}, headers={"HX-Request": "true"})
    assert "<html" not in response.text
    for part in ("user-views", "pill-status", "clear-status", "list-count", "list-pager", "select-all"):
        assert re.search(f'id="{part}"[^>]*hx-swap-oob', response.text), part
    assert response.headers["HX-Push-Url"] == f"{URL}?q=vries&status=active"


def test_actions_of_a_row_fit_the_status(alice_client: Client, alice: User, bob: User, office: Provider) -> None:
    def labels(user: User) -> list[str]:
        page = alice_client.get(reverse("users:row_actions", args=[user.pk]))
        return [action.label for action in page.context["actions"]]

    assert labels(invite(alice).invitation.user)[0] == "Opnieuw versturen…"
    assert labels(make_user(office, blocked_at=timezone.now(), last_name="Weg"))[0] == "Deblokkeren"
    active = labels(make_user(office, last_name="Actief", second_factor_at=timezone.now()))
    assert active[0] == "Rechten bekijken"
    assert "Two-factor resetten…" in active
    assert active[-2:] == ["Vertrek…", "Blokkeren…"]
    assert labels(alice) == ["Rechten bekijken"]


@pytest.mark.parametrize(
    ("values", "is_link"),
    [
        ({}, False),
        ({"state": "revoked", "encrypted_phone": None}, False),
        ({"state": "locked", "encrypted_phone": None}, True),
        ({"expires_at": timezone.now() - timedelta(days=1)}, True),
        ({"refused_at": timezone.now()}, True),
    ],
)
def test_the_status_of_an_invitation_that_failed_leads_to_sending_it_again(
    alice_client: Client, alice: User, office: Provider, values: dict[str, Any], is_link: bool
) -> None:
    invited = invite(alice).invitation
    Invitation.objects.filter(pk=invited.pk).update(**values)
    link = f'<a href="{invited.user.pk}/opnieuw-versturen/">'
    assert (link in alice_client.get(URL).text) == is_link
    reader = Client()
    reader.force_login(make_user(office, Right.VIEW_USERS, last_name="Lezer"))
    assert link not in reader.get(URL).text


def test_actions_of_a_row_need_rights_and_stay_in_the_office(
    alice_client: Client, bob_client: Client, bob: User, charlie: User, office: Provider
) -> None:
    url = reverse("users:row_actions", args=[bob.pk])
    assert bob_client.get(url).status_code == 403
    assert alice_client.get(reverse("users:row_actions", args=[charlie.pk])).status_code == 404
    reader = make_user(office, Right.VIEW_USERS, last_name="Lezer")
    other = make_user(office, last_name="Ander")
    client = Client()
    client.force_login(reader)
    page = client.get(reverse("users:row_actions", args=[other.pk]), headers={"HX-Request": "true"})
    assert "Blokkeren" not in page.text
    assert "Rechten bekijken" in page.text


@pytest.mark.slow
@pytest.mark.parametrize(
    "invitation",
    [
        {},
        {"expires_at": timezone.now() + timedelta(days=1)},
        {"expires_at": timezone.now() - timedelta(days=1)},
        {"state": "locked", "encrypted_phone": None},
        {"state": "revoked", "encrypted_phone": None},
        {"refused_at": timezone.now()},
    ],
)
def test_the_counts_of_the_tabs_are_those_of_their_lists(
    alice_client: Client, alice: User, office: Provider, invitation: dict[str, Any]
) -> None:
    invited = invite(alice).invitation
    Invitation.objects.filter(pk=invited.pk).update(**invitation)
    Team.objects.create(provider=office, name="Noord")
    TeamMember.objects.create(provider=office, team=Team.objects.get(), user=invited.user)
    views = alice_client.get(URL).context["views"]
    assert [view.number for view in views] == [len(names_of(alice_client, view.query)) for view in views]
    reasons = [len(names(alice_client, attention=reason)) for reason in AlertReason.values]
    assert views[1].number == bool(sum(reasons))


def names_of(client: Client, query: str) -> list[str]:
    return [row.user.last_name for row in client.get(URL + query).context["rows"]]


def test_choices_of_a_large_office_are_counted_once_a_minute(
    alice_client: Client, office: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("users.user_list.CACHE_FROM_USERS", 0)

    def read_count() -> str:
        labels = dict(alice_client.get("/gebruikers/").context["form"].fields["last_login"].choices)
        return strip_tags(labels["never"])

    user = make_user(office, username="u")
    before = read_count()
    User.objects.filter(pk=user.pk).update(last_login=timezone.now())
    assert read_count() == before, "kept"
    User.objects.filter(pk=user.pk).update(last_login=None, blocked_at=timezone.now())
    make_user(office, username="v")
    assert read_count() != before, "counted anew once a tab has another number"
