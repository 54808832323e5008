"""The figures and charts of the home page: what they count, for whom, and how often."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import LoginMethod, Provider, User
from invitations.models import Invitation
from outbox.models import Message
from permissions.checks import Right
from permissions.coverage import find_single_payroll
from permissions.models import TeamEmployer
from tests.helpers.invited_users import invite
from tests.helpers.users import make_user
from tests.teams.test_user_rights import employer, give, put

pytestmark = pytest.mark.django_db
NOW = timezone.now
PAYROLL = (Right.MANAGE_ADMINISTRATION, Right.MANAGE_VARIABLE_DATA)


def user(office: Provider, **fields: Any) -> User:
    fields.setdefault("username", f"u{User.objects.count()}")
    fields.setdefault("accepted_at", NOW() - timedelta(days=30))
    return make_user(office, Right.VIEW_TEAMS, **fields)


def figures(client: Client) -> dict[str, int]:
    return {figure.label: figure.number for figure in client.get("/").context["figures"]}


def test_figures_count_the_office_and_lead_to_the_lists(
    alice_client: Client, alice: User, office: Provider, charlie: User
) -> None:
    user(office)
    user(office, blocked_at=NOW())
    user(office, access_until=timezone.localdate() - timedelta(days=1))
    invite(alice)
    revoked = invite(alice, email="revoked@devries.example").invitation
    Invitation.objects.filter(pk=revoked.pk).update(state="revoked", encrypted_phone=None)
    put(office, "Loon", [], [employer(office, 1), employer(office, 2)])
    employer(charlie.provider, 3)
    assert figures(alice_client) == {
        "gebruikers AK": 6, "hebben toegang": 2, "uitgenodigd": 1, "teams": 1, "werkgevers": 2,
    }  # fmt: skip
    assert alice_client.get("/gebruikers/?status=pending").text.count("<tr><td") == 1
    page = alice_client.get("/").text
    for url in ("/gebruikers/?status=active", "/teams/", "/werkgevers/"):
        assert f'<a href="{url}">' in page
    assert "style=" not in page


def test_two_factor_divides_those_who_have_access(alice_client: Client, office: Provider) -> None:
    user(office, second_factor_at=NOW())
    user(office, second_factor_at=NOW(), blocked_at=NOW())
    user(office, two_factor_required=True)
    user(office, login_method=LoginMethod.SSO_WEBSERVICE)
    page = alice_client.get("/")
    parts = [(part.label, part.count, part.total) for part in page.context["two_factor"].parts]
    assert parts == [
        ("Actief", 1, 4), ("Verplicht, niet ingesteld", 1, 4), ("Niet verplicht, niet ingesteld", 1, 4),
        ("Niet van toepassing", 1, 4),
    ]  # fmt: skip
    assert 'aria-label="Two-factor is actief bij 1 van de 4 gebruikers met toegang"' in page.text
    assert page.text.count('class="chart swatch"') == 4
    listed = alice_client.get("/gebruikers/", {"status": "active", "two_factor": "missing"}).context["rows"]
    assert len(listed) == 1


def test_who_came_and_left_this_week(alice_client: Client, alice: User, office: Provider) -> None:
    today = timezone.localdate()
    User.objects.filter(pk=alice.pk).update(accepted_at=NOW() - timedelta(days=300))
    user(office, accepted_at=NOW())
    user(office, accepted_at=NOW() - timedelta(days=7, hours=1))
    user(office, blocked_at=NOW(), last_name="Ligthart")
    user(office, access_until=today - timedelta(days=1))
    user(office, access_until=today - timedelta(days=9))
    user(office, access_until=today)
    page = alice_client.get("/")
    bars = page.context["week"].bars
    assert len(bars) == 7
    assert (bars[-1].up, bars[-1].down, bars[-1].is_current) == (1, 2, True)
    assert (page.context["came"], page.context["left"]) == (1, 2)
    assert page.context["leavers"][0].last_name == "Ligthart"
    assert "<b>1</b> erbij, <b>2</b> weg" in page.text
    assert "Als tabel" in page.text


def test_the_last_import_is_followed_until_nobody_is_invited(alice_client: Client, alice: User) -> None:
    users = [invite(alice).invitation.user for _number in range(4)]
    messages = Message.objects.filter(kind="invitation")
    messages.update(scheduled_at=NOW(), correlation_id="import-1")
    invite(alice)  # by hand
    bounced, opened, accepted, waiting = users
    messages.filter(pk=bounced.invitation.message_id).update(state="bounced", encrypted_body=None)
    messages.filter(pk=opened.invitation.message_id).update(state="sent", encrypted_body=None)
    Invitation.objects.filter(user=opened).update(opened_at=NOW())
    accepted.username, accepted.accepted_at, accepted.password = "acht", NOW(), make_password("x")
    accepted.save()
    Invitation.objects.filter(user=accepted).update(state="accepted", encrypted_phone=None)
    page = alice_client.get("/")
    assert [(part.label, part.count) for part in page.context["funnel_steps"]] == [
        ("Verstuurd", 4), ("Bezorgd", 2), ("Geopend", 2), ("Geaccepteerd", 1),
    ]  # fmt: skip
    assert (page.context["funnel"].open, page.context["funnel"].undelivered) == (3, 1)
    assert "Uitnodigingen van de import van" in page.text
    Invitation.objects.filter(user__in=[bounced, opened, waiting]).update(state="revoked", encrypted_phone=None)
    assert alice_client.get("/").context["funnel"] is None


def test_one_person_on_whom_a_payroll_hangs(alice_client: Client, office: Provider) -> None:
    first, second, third = (user(office) for _number in range(3))
    alone, shared, split, nobody = (employer(office, number) for number in range(1, 5))
    put(office, "Noord", [first], [alone, shared], *PAYROLL)
    team = put(office, "Zuid", [second, third], [shared], *PAYROLL)
    put(office, "Administratie", [first], [split, nobody], PAYROLL[0])
    assert [pk for pk, _name in find_single_payroll(office).employers] == [alone.pk]
    put(office, "Variabel", [first], [split], PAYROLL[1])  # both rights, from two teams
    assert [pk for pk, _name in find_single_payroll(office).employers] == [alone.pk, split.pk]
    page = alice_client.get("/")
    assert "Bij 2 werkgevers kan maar één collega verlonen" in page.text
    assert f'href="/werkgevers/{alone.pk}/"' in page.text
    TeamEmployer.objects.filter(team=team).delete()
    assert find_single_payroll(office).total == 3
    give(second, *PAYROLL)
    TeamEmployer.objects.create(provider=office, team=team, employer=split)
    assert find_single_payroll(office).total == 2, "two can at the employer with three teams"
    User.objects.filter(pk__in=[second.pk, third.pk]).update(blocked_at=NOW())
    assert find_single_payroll(office).total == 3, "the others cannot work now"
    User.objects.filter(pk=first.pk).update(blocked_at=NOW())
    assert find_single_payroll(office).total == 0


def test_the_worst_six_are_shown_and_the_rest_is_a_line(
    alice_client: Client, alice: User, office: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(office, "Loon", [user(office)], [employer(office, 1)], *PAYROLL)
    make_user(office, username="niets")
    user(office, two_factor_required=True)
    user(office, last_login=NOW() - timedelta(days=91), accepted_at=NOW() - timedelta(days=400))
    Invitation.objects.filter(pk=invite(alice).invitation.pk).update(state="locked", encrypted_phone=None)
    page = alice_client.get("/")
    assert [alert.tone for alert in page.context["tasks"]] == ["danger", "warning", "warning", "warning", ""]
    assert page.context["other_tasks"] == []
    monkeypatch.setattr("loket.views.MAX_TASKS", 2)
    page = alice_client.get("/")
    assert (len(page.context["tasks"]), len(page.context["other_tasks"]), page.context["task_count"]) == (2, 3, 5)
    assert '<a href="/gebruikers/?attention=dormant">1 account is 90 dagen niet gebruikt</a>' in page.text


def test_a_large_office_is_counted_once_a_minute(
    alice_client: Client, office: Provider, monkeypatch: pytest.MonkeyPatch, charlie_client: Client, charlie: User
) -> None:
    monkeypatch.setattr("users.overview.CACHE_FROM_USERS", 0)
    user(office)
    first = alice_client.get("/").context
    user(office, second_factor_at=NOW())
    again = alice_client.get("/").context
    assert again["two_factor_total"] == first["two_factor_total"]
    assert again["figures"][0].number == first["figures"][0].number + 1
    user(charlie.provider)
    assert charlie_client.get("/").context["two_factor_total"] == 2, "each office has figures of its own"
    cache.clear()
    assert alice_client.get("/").context["two_factor_total"] == first["two_factor_total"] + 1


def test_without_rights_on_users_there_are_no_figures(bob_client: Client, bob: User, office: Provider) -> None:
    user(office)
    for granted in (None, Right.VIEW_TEAMS, Right.MANAGE_USERS):
        if granted:
            give(bob, granted)
        page = bob_client.get("/")
        assert "figures" not in page.context
        assert "hebben toegang" not in page.text
    give(bob, Right.VIEW_USERS)
    page = bob_client.get("/")
    assert page.context["figures"]
    assert 'href="/werkgevers/"' not in page.text
    assert "/kantoor/twee-factor/" not in page.text, "the policy is not for bob"
