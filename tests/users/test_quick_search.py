"""Quick search: what each user may open, and nothing else."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Provider, User
from permissions.checks import Right
from permissions.models import Employer, IndividualRight, Team, TeamMember
from tests.helpers.users import make_user, signed_in

pytestmark = pytest.mark.django_db
URL = reverse("users:quick_search")


@pytest.fixture(autouse=True)
def _named(office: Provider, charlie: User) -> None:
    """One of everything that is called "bakk", and namesakes at another office."""
    for number, provider in enumerate([office, charlie.office]):
        user = make_user(provider, initials="S.", last_name="Bakker", username=f"s.bakker{number}")
        team = Team.objects.create(provider=provider, name="Bakkers Zuid")
        TeamMember.objects.create(provider=provider, team=team, user=user)
        Employer.objects.create(provider=provider, number=1001, name="Bakkerij Het Volkoren")


def find(client: Client, q: str, **query: str) -> dict[str, list[str]]:
    """Return the titles of the hits by group, without markup."""
    search = client.get(URL, {"q": q, **query}).context["search"]
    strip = {"<mark>": "", "</mark>": ""}
    found = {group.title: [hit.title for hit in group.hits] for group in search.groups}
    for mark, nothing in strip.items():
        found = {title: [hit.replace(mark, nothing) for hit in hits] for title, hits in found.items()}
    return found


def test_it_finds_everything_of_the_own_office_only(alice_client: Client) -> None:
    found = find(alice_client, "bakk")
    assert list(found.values())[:3] == [["Bakker, S."], ["Bakkers Zuid"], ["1001 Bakkerij Het Volkoren"]]
    assert [group.total for group in alice_client.get(URL, {"q": "bakk"}).context["search"].groups] == [1, 1, 1, 0]
    assert "Heeft toegang · Bakkers Zuid" in alice_client.get(URL, {"q": "bakk"}).text


def test_it_finds_pages_and_settings(alice_client: Client) -> None:
    text = alice_client.get(URL, {"q": "tenants"}).text
    assert reverse("users:tenant_list") in text.partition('id="main"')[2]
    assert "Afwijkingen" in str(find(alice_client, "afwijk"))
    assert "Wie mag iets?" in str(find(alice_client, "wie"))


def test_an_employer_opens_on_who_may_do_what(alice_client: Client, office: Provider, client: Client) -> None:
    def get_url(browser: Client) -> str:
        (group,) = [group for group in browser.get(URL, {"q": "volkoren"}).context["search"].groups if group.total]
        url: str = group.hits[0].url
        assert browser.get(url).status_code == 200
        return url

    employer = Employer.objects.get(provider=office)
    assert get_url(alice_client) == reverse("teams:employer_detail", args=[employer.pk])
    client.force_login(make_user(office, Right.MANAGE_EMPLOYERS, username="iemand", last_name="Anders"))
    assert get_url(client) == reverse("teams:edit_employer", args=[employer.pk])


def test_a_page_that_needs_two_rights_is_found_with_both(office: Provider) -> None:
    auditor = make_user(office, Right.VIEW_AUDIT, username="auditor", last_name="Anders")
    client = signed_in(auditor)
    assert "Auditpakket" not in str(find(client, "auditpakket"))
    IndividualRight.objects.create(provider=office, user=auditor, right=Right.VIEW_USERS)
    assert "Auditpakket" in str(find(client, "auditpakket"))
    assert client.get(reverse("history:audit_package")).status_code == 200


@pytest.mark.parametrize(
    ("right", "page"),
    [(Right.VIEW_USERS, "teams:employer_detail"), (Right.MANAGE_EMPLOYERS, "teams:edit_employer")],
)
def test_an_employer_leads_to_a_page_that_the_user_may_open(
    office: Provider, client: Client, right: Right, page: str
) -> None:
    client.force_login(make_user(office, right, username="iemand", last_name="Anders"))
    groups = client.get(URL, {"q": "volkoren"}).context["search"].groups
    (hit,) = [hit for group in groups for hit in group.hits if "Volkoren" in hit.title]
    assert hit.url == reverse(page, args=[Employer.objects.get(provider=office).pk])
    assert client.get(hit.url).status_code == 200


@pytest.mark.parametrize(
    ("right", "count"),
    [(Right.VIEW_USERS, 2), (Right.VIEW_TEAMS, 1), (Right.MANAGE_EMPLOYERS, 1), (Right.VIEW_AUDIT, 0)],
)
def test_each_kind_needs_its_right(office: Provider, client: Client, right: Right, count: int) -> None:
    client.force_login(make_user(office, right, username="iemand", last_name="Anders"))
    search = client.get(URL, {"q": "bakk"}).context["search"]
    assert search.total == count
    assert not any("uitnodigen" in hit.url for group in search.groups for hit in group.hits)
    assert not find(client, "tenants"), "a page of the office's settings"


def test_without_rights_only_pages_are_found(bob_client: Client) -> None:
    assert find(bob_client, "bakk") == {}
    assert "Profiel" in str(find(bob_client, "prof"))


def test_acts_lead_to_their_question(alice_client: Client, office: Provider) -> None:
    user = User.objects.get(provider=office, last_name="Bakker")
    urls = [hit.url for hit in alice_client.get(URL, {"q": "bakk"}).context["search"].groups[-1].hits]
    assert urls == [
        reverse("users:invite_user") + "?naam=bakk",
        reverse("teams:explain_user_right", args=[user.pk]),
        reverse("departures:departure", args=[user.pk]),
        reverse("users:block_user", args=[user.pk]),
    ]
    assert alice_client.get(urls[0]).context["form"]["last_name"].value() == "bakk"
    assert "Vertrek van S. Bakker" in alice_client.get(urls[2]).text
    assert "S. Bakker blokkeren?" in alice_client.get(urls[3]).text
    user.refresh_from_db()
    assert user.blocked_at is None


def test_nobody_is_offered_to_block_themselves_or_who_is_blocked(alice: User, alice_client: Client) -> None:
    for q in (alice.last_name, alice.email):
        assert not any(
            "blokkeren" in hit.url for hit in alice_client.get(URL, {"q": q}).context["search"].groups[-1].hits
        )


def test_at_most_five_of_a_kind_and_the_number_of_all(alice_client: Client, office: Provider) -> None:
    for number in range(7):
        make_user(office, initials="X.", last_name=f"Zeldzaam{number}", username=f"z{number}")
    (users, *_acts) = alice_client.get(URL, {"q": "zeldzaam"}).context["search"].groups
    assert ([hit.url for hit in users.hits].__len__(), users.total) == (5, 7)
    assert reverse("users:user_list") + "?q=zeldzaam" in alice_client.get(URL, {"q": "zeldzaam"}).text


def test_what_is_typed_is_text(alice_client: Client) -> None:
    answer = alice_client.get(URL, {"q": "<script>alert(1)</script>"})
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert" in answer.text
    for odd in ("", " ", ",", "\x00", "%", "x" * 5000):
        assert alice_client.get(URL, {"q": odd}).status_code < 500


def test_the_fragment_has_the_hits_and_no_page(alice_client: Client) -> None:
    answer = alice_client.get(URL, {"q": "bakk", "fragment": "1"})
    assert "<mark>Bakk</mark>er, S." in answer.text
    assert "<html" not in answer.text


def test_it_takes_the_same_queries_however_much_is_found(
    alice_client: Client, office: Provider, django_assert_num_queries
) -> None:
    alice_client.get(URL, {"q": "bakk"})
    for number in range(12):
        make_user(office, initials="S.", last_name="Bakkersma", username=f"bm{number}")
        Team.objects.create(provider=office, name=f"Bakkersteam {number}")
    with django_assert_num_queries(3 + len(_own_queries(alice_client))):
        alice_client.get(URL, {"q": "bakk", "fragment": "1"})


def _own_queries(client: Client) -> list[object]:
    """Return the queries of the page without a search."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        client.get(URL, {"fragment": "1"})
    return list(queries)


def test_other_pages_open_it_and_support_has_none(alice_client: Client, dora_client: Client) -> None:
    assert f'action="{URL}"' in alice_client.get("/").text
    assert dora_client.get(URL).status_code == 403
    assert "quick-search" not in dora_client.get("/admin/", follow=True).text


def test_it_needs_a_session(client: Client) -> None:
    assert client.get(URL).status_code == 302
