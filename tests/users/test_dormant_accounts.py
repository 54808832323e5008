"""The page and the command for dormant accounts."""

import json
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
import time_machine
from django.core import signing
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from accounts.models import Provider, User
from audit.models import Event
from authentication.actions import delete_expired_data
from invitations.models import Invitation
from permissions.checks import Right
from tests.helpers.invited_users import invite
from tests.helpers.login_methods import GOOD, make_azure, make_service
from tests.helpers.users import hash_of, make_user
from users import dormant_accounts
from users.dormant_accounts import ReviewReason, ReviewThresholds

pytestmark = pytest.mark.django_db
URL = "/gebruikers/opruimen/"


def ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


def listed(client: Client, reason: ReviewReason, **values: object) -> list[User]:
    """Return the users whom the page shows in a list."""
    lists = client.get(URL, values).context["lists"]
    return [user for user, _chip in next(one for one in lists if one["reason"] == reason)["rows"]]


def test_it_finds_who_has_not_logged_in_for_so_many_days(office: Provider, alice_client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(last_login=ago(0))
    seen = make_user(office, username="gezien", accepted_at=ago(400), last_login=ago(89))
    long_ago = make_user(office, username="lang", accepted_at=ago(400), last_login=ago(91))
    never = make_user(office, username="nooit", accepted_at=ago(200))
    new = make_user(office, username="nieuw", accepted_at=ago(3))
    azure = make_azure(office, accepted_at=ago(300), last_login=ago(120))
    service = make_service(office, accepted_at=ago(300), last_login=ago(100))
    make_user(office, username="dicht", accepted_at=ago(400), last_login=ago(300), blocked_at=ago(1))
    make_user(office, username="weg", accepted_at=ago(400), last_login=ago(300), access_until=date(2020, 1, 1))
    assert listed(alice_client, ReviewReason.DORMANT) == [never, azure, service, long_ago]
    assert seen in listed(alice_client, ReviewReason.DORMANT, days=60)
    assert listed(alice_client, ReviewReason.DORMANT, days=150) == [never]
    assert new not in listed(alice_client, ReviewReason.DORMANT, days=60)


def test_a_token_counts_as_the_login_of_a_program(office: Provider, alice_client: Client, client: Client) -> None:
    service = make_service(office, username="boekhoudpakket", password=hash_of(GOOD), accepted_at=ago(300))
    assert service in listed(alice_client, ReviewReason.DORMANT)
    answer = client.post(
        "/oauth/token/",
        {"grant_type": "client_credentials", "client_id": "boekhoudpakket", "client_secret": GOOD},
    )
    assert answer.status_code == 200
    assert service not in listed(alice_client, ReviewReason.DORMANT)


def test_it_finds_whose_end_date_has_passed(office: Provider, alice_client: Client) -> None:
    today = timezone.localdate()
    long_ago = make_user(office, username="lang", access_until=date(2020, 1, 1))
    yesterday = make_user(office, username="gisteren", access_until=today - timedelta(days=1))
    make_user(office, username="vandaag", access_until=today)
    make_user(office, username="dicht", access_until=date(2020, 1, 1), blocked_at=ago(1))
    assert listed(alice_client, ReviewReason.ENDED) == [long_ago, yesterday]


def test_it_finds_whose_invitation_works_no_more(alice_client: Client, alice: User) -> None:
    gone, open_, revoked, blocked = (
        invite(alice, email=f"{name}@devries.example").invitation for name in ("weg", "open", "in", "dicht")
    )
    for one in (gone, blocked):
        Invitation.objects.filter(pk=one.pk).update(expires_at=ago(1))
    Invitation.objects.filter(pk=revoked.pk).update(state="revoked", encrypted_phone=None)
    User.objects.filter(pk=blocked.user_id).update(blocked_at=ago(0))
    assert listed(alice_client, ReviewReason.UNACCEPTED) == [gone.user, revoked.user]
    with time_machine.travel(open_.expires_at + timedelta(minutes=1), tick=False):
        delete_expired_data()
        alice_client.force_login(alice)
        assert listed(alice_client, ReviewReason.UNACCEPTED) == [gone.user, open_.user, revoked.user]


def test_it_finds_old_passwords_of_programs_only(office: Provider, alice_client: Client) -> None:
    old = make_service(office, username="oud", password_changed_at=ago(181))
    make_service(office, username="nieuw", password_changed_at=ago(179))
    make_service(office, username="dicht", password_changed_at=ago(500), blocked_at=ago(1))
    make_user(office, username="mens", password_changed_at=ago(500))
    assert listed(alice_client, ReviewReason.PASSWORD) == [old]
    assert listed(alice_client, ReviewReason.PASSWORD, password_days=200) == []


@pytest.mark.slow
def test_it_says_what_to_do_and_links_to_it(office: Provider, alice_client: Client, alice: User) -> None:
    idle = make_user(office, username="lang", accepted_at=ago(300))
    ended = make_user(office, username="weg", access_until=date(2020, 1, 1))
    service = make_service(office, password_changed_at=ago(300), last_login=ago(0))
    invited = invite(alice).invitation
    Invitation.objects.filter(pk=invited.pk).update(expires_at=ago(1))
    page = alice_client.get(URL).content.decode()
    for user, names in (
        (idle, ["users:user_detail", "users:block_user"]),
        (ended, ["users:user_detail", "users:edit_user", "users:block_user"]),
        (invited.user, ["users:user_detail", "users:resend_invitation", "users:block_user"]),
        (service, ["users:user_detail", "users:set_password"]),
    ):
        for name in names:
            address = reverse(name, args=[user.pk])
            assert f'href="{address}"' in page
            assert alice_client.get(address).status_code in (200, 302)
    assert page.count("(1)") == 4
    assert "nooit ingelogd" in page
    assert "1 januari 2020" in page


def test_a_day_in_may_is_no_permission(office: Provider, alice_client: Client) -> None:
    make_user(office, username="lang", accepted_at=ago(900), last_login=datetime(2025, 5, 9, 12, tzinfo=UTC))
    page = alice_client.get(URL).content.decode()
    assert "9 mei 2025" in page
    assert "Mag" not in page


def test_one_does_not_block_oneself_here(alice_client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(accepted_at=ago(300), last_login=ago(200))
    page = alice_client.get(URL).content.decode()
    assert reverse("users:user_detail", args=[alice.pk]) in page
    assert reverse("users:block_user", args=[alice.pk]) not in page


@pytest.mark.slow
@pytest.mark.parametrize("reason", [ReviewReason.DORMANT, ReviewReason.ENDED])
def test_each_list_has_its_own_pages(office: Provider, alice_client: Client, reason: ReviewReason) -> None:
    for number in range(45):
        values = {"access_until": date(2020, 1, 1 + number % 5)} if reason is ReviewReason.ENDED else {}
        make_user(office, username=f"u{number}", accepted_at=ago(300 - number), **values)
        make_user(office, username=f"v{number}", access_until=date(2021, 1, 1), blocked_at=ago(1))
    seen: list[UUID] = []
    url = f"{URL}?days=90&password_days=180"
    backwards = []
    while url:
        lists = {one["reason"]: one for one in alice_client.get(url).context["lists"]}
        assert lists[reason]["count"] == 45
        seen += [user.pk for user, _chip in lists[reason]["rows"]]
        backwards.append(lists[reason]["previous_url"])
        url = lists[reason]["next_url"] and URL + lists[reason]["next_url"]
        assert not url or url.endswith(f"#{reason}")
    assert len(seen) == len(set(seen)) == 45
    assert [bool(url) for url in backwards] == [False, True, True]
    before = {one["reason"]: one for one in alice_client.get(URL + backwards[2]).context["lists"]}
    assert [user.pk for user, _chip in before[reason]["rows"]] == seen[20:40]


@pytest.mark.parametrize("value", ["0", "-1", "x", "3651", "1" * 400, "\x00"])
def test_days_that_are_no_good_are_refused_beside_the_field(alice_client: Client, value: str) -> None:
    answer = alice_client.get(URL, {"days": value})
    assert answer.status_code == 200
    assert "days" in answer.context["form"].errors
    assert answer.context["thresholds"] == ReviewThresholds(90, 180)


@pytest.mark.slow
@pytest.mark.parametrize("key", ["2026-13-40", "x", None, 5, "0001-01-01", "9999-12-31T23:59:59+00:00"])
def test_a_damaged_cursor_is_the_first_page(office: Provider, alice_client: Client, key: object) -> None:
    make_user(office, username="weg", access_until=date(2020, 1, 1))
    for reason in ReviewReason:
        cursor = signing.b64_encode(json.dumps([reason, key, "0" * 32, False]).encode()).decode()
        assert alice_client.get(URL, {reason: cursor}).status_code == 200


def test_it_takes_the_same_queries_however_many_there_are(office: Provider, alice_client: Client) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            alice_client.get(URL)
        return len(queries)

    make_user(office, username="a", accepted_at=ago(300))
    first = count()
    for number in range(30):
        make_user(office, username=f"u{number}", accepted_at=ago(300))
        make_service(office, username=f"s{number}", password_changed_at=ago(300))
    assert count() == first <= 20


def test_another_office_is_not_seen(charlie_client: Client, office: Provider) -> None:
    make_user(office, username="lang", last_name="Geheim", accepted_at=ago(300))
    make_service(office, password_changed_at=ago(300))
    answer = charlie_client.get(URL)
    assert answer.status_code == 200
    assert [one["count"] for one in answer.context["lists"]] == [0, 0, 0, 0]
    assert "Geheim" not in answer.content.decode()


def test_who_may_not_manage_users_is_refused(bob_client: Client, office: Provider, client: Client) -> None:
    viewer = make_user(office, Right.VIEW_USERS, username="kijker")
    client.force_login(viewer)
    for one in (bob_client, client):
        assert one.get(URL).status_code == 403
        assert one.post(f"{URL}mail/", {"days": 90, "password_days": 180}).status_code == 403
        assert one.post(f"{URL}mail/stoppen/").status_code == 403


def test_looking_changes_nothing(alice_client: Client) -> None:
    alice_client.get(URL)
    before = Event.objects.count()
    alice_client.get(URL, {"days": 3, "password_days": 7})
    assert Event.objects.count() == before
    assert alice_client.get(f"{URL}mail/").status_code == 405
    assert alice_client.post(URL).status_code == 405


def command(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("review_dormant_accounts", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_the_command_prints_what_the_page_shows(office: Provider, alice: User) -> None:
    idle = make_user(office, username="lang", last_name="Lang", initials="L.", accepted_at=ago(300))
    make_user(office, username="weg", last_name="Weg", initials="W.", access_until=date(2020, 1, 1))
    lines = command("--provider", office.name)
    assert lines[0] == "90 dagen niet ingelogd: 1"
    assert lines[1] == f"    Lang, L., nooit ingelogd, http://localhost:8000/gebruikers/{idle.pk}/"
    assert lines[2] == "Einddatum voorbij: 1"
    assert lines[3].startswith("    Weg, W., 2020-01-01, http://localhost:8000/gebruikers/")
    assert lines[4:] == [
        "Uitnodiging nooit geaccepteerd: 0",
        "Wachtwoord van een gebruiker via SSO/Webservice ouder dan 180 dagen: 0",
    ]


def test_the_command_answers_programs_in_json_lines(office: Provider, charlie: User) -> None:
    idle = make_user(office, username="lang", accepted_at=datetime(2024, 1, 1, tzinfo=UTC))
    service = make_service(office, password_changed_at=datetime(2024, 2, 1, tzinfo=UTC), last_login=ago(0))
    head, *rows = map(json.loads, command("--provider", str(office.pk), "--days", "30", "--json"))
    assert head == {
        "provider": str(office.pk),
        "days": 30,
        "password_days": 180,
        "counts": {"dormant": 1, "ended": 0, "unaccepted": 0, "password": 1},
    }
    assert [(row["list"], row["id"], row["since"]) for row in rows] == [
        ("dormant", str(idle.pk), "2024-01-01T00:00:00+00:00"),
        ("password", str(service.pk), "2024-02-01T00:00:00+00:00"),
    ]
    assert rows[0]["url"] == f"http://localhost:8000/gebruikers/{idle.pk}/"


@pytest.mark.parametrize("arguments", [["--provider", "Nergens"], ["--provider", "%s", "--days", "0"]])
def test_the_command_refuses_what_it_cannot_use(office: Provider, arguments: list[str]) -> None:
    with pytest.raises(CommandError) as error:
        command(*[argument.replace("%s", office.name) for argument in arguments])
    assert error.value.returncode == 1


def test_what_the_lists_are_called_in_english(office: Provider) -> None:
    with translation.override("en"):
        assert ReviewReason.DORMANT.get_title(ReviewThresholds(30, 60)) == "Not logged in for 30 days"
        assert ReviewReason.PASSWORD.get_title(ReviewThresholds(30, 60)) == "SSO/Webservice password older than 60 days"


def test_a_large_list_is_found_by_its_index(office: Provider) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
    names = ["user_by_last_seen", "user_by_end", "user_not_accepted", "user_by_password_age"]
    for reason, name in zip(ReviewReason, names, strict=True):
        plan = dormant_accounts.filter_users_to_review(
            User.objects.filter(provider=office), reason, ReviewThresholds()
        )[:20].explain()
        assert name in plan, plan
