"""Bulk actions: users selected in the list, planned, and applied to those for whom it is possible."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import teams.actions
from accounts.models import LoginMethod, Provider, User
from audit.models import Event, EventOrigin, Verb
from core.encryption import DecryptionError
from core.ids import uuid7
from core.paging import PAGE_SIZE
from imports import actions, bulk_actions, runner
from imports.bulk_actions import BulkAction
from imports.models import ImportJob, ImportJobProgress
from invitations.models import Invitation
from outbox.models import Message
from permissions.checks import Right
from permissions.models import Team, TeamMember
from tests.helpers.import_files import team_of
from tests.helpers.invited_users import NUMBER, invite, token_of
from tests.helpers.login_methods import confirmed, make_azure, make_service, tenant_of
from tests.helpers.users import actor, change_user, confirm_now, make_user
from tests.imports.test_user_jobs import send

pytestmark = pytest.mark.django_db
FIELDS = ("act", "team", "access_until")


def address(*people: User, name: str = "bulk_action", **filters: str) -> str:
    return f"{reverse(f'imports:{name}')}?{urlencode([('users', user.pk) for user in people] + list(filters.items()))}"


def planned(client: Client, *people: User, name: str = "bulk_action", **fields: object) -> ImportJob:
    """Select users in the list and an action; return the plan."""
    filters = {key: str(fields.pop(key)) for key in ("all", "q", "status") if key in fields}
    response = client.post(address(*people, name=name, **filters), fields)
    assert response.status_code == 302, response.text
    found = ImportJob.objects.latest("created_at")
    assert response["Location"] == reverse("imports:plan", args=[found.pk])
    return found


def page(client: Client, job: ImportJob) -> str:
    return client.get(reverse("imports:plan", args=[job.pk])).text


def done(client: Client, job: ImportJob) -> str:
    """Apply a plan; return its page."""
    assert client.post(reverse("imports:plan", args=[job.pk])).status_code == 302
    assert runner.run_due_jobs() == 1
    return page(client, job)


def left(job: ImportJob, client: Client) -> dict[str, str]:
    """Return the users who are skipped, and why."""
    response = client.get(reverse("imports:plan", args=[job.pk]))
    return {fault["value"]: fault["what"] for fault in response.context["faults"]["rows"]}


def folk(office: Provider, count: int, **fields: object) -> list[User]:
    return [
        make_user(office, username=f"{fields.get('last_name', 'Lid')} {number}", last_name=f"Lid {number}", **fields)
        for number in range(count)
    ]


def test_several_are_blocked_and_the_others_named(office: Provider, alice: User, bob: User) -> None:
    client = confirmed(alice)
    make_user(office, Right.VIEW_USERS, username="weg", blocked_at="2026-01-01T00:00Z")
    gone = User.objects.get(username="weg")
    plan = planned(client, alice, bob, gone, act="block")
    assert list(left(plan, client)) == [alice.list_name]
    shown = page(client, plan)
    assert "Bakker, B., geblokkeerd" in shown
    assert "Dit is al zo" in shown
    assert "1 blijft zoals het is" in shown
    bob.refresh_from_db()
    assert bob.blocked_at is None
    assert "Uitgevoerd voor meerdere gebruikers" in done(client, plan)
    bob.refresh_from_db()
    assert bob.blocked_at is not None
    (event,) = Event.objects.filter(verb=Verb.USER_BLOCKED)
    assert (event.target_id, event.actor_id, event.origin) == (bob.pk, alice.pk, EventOrigin.PAGE)
    csv = client.get(reverse("imports:result", args=[plan.pk])).content.decode("utf-8-sig")
    assert "Bakker, B." in csv
    assert "niet gedaan" in csv


@pytest.mark.slow
def test_what_is_done_to_each(office: Provider, alice: User) -> None:
    client, team = confirmed(alice), team_of(office, "Noord", Right.VIEW_TEAMS)
    people, until = folk(office, 3), timezone.localdate() + timedelta(days=30)
    shown = page(client, plan := planned(client, *people, act="join", team=team.pk))
    assert shown.count("Krijgt: Raadplegen teams") == 3
    done(client, plan)
    assert team.members.count() == 3
    assert Event.objects.filter(verb=Verb.TEAM_CHANGED).count() == 1
    plan = planned(client, *people[:2], act="leave", team=team.pk)
    assert page(client, plan).count("Verliest: Raadplegen teams") == 2
    done(client, plan)
    assert [row.user for row in team.members.all()] == [people[2]]
    done(client, planned(client, *people, act="two_factor"))
    done(client, planned(client, *people, act="end", access_until=until))
    done(client, planned(client, *people, act="block"))
    done(client, planned(client, *people, act="unblock"))
    for user in User.objects.filter(pk__in=[user.pk for user in people]):
        assert (user.two_factor_required, user.access_until, user.blocked_at) == (True, until, None)


@pytest.mark.slow
def test_all_that_match_are_chosen(office: Provider, alice: User, bob: User, charlie: User) -> None:
    client = confirmed(alice)
    folk(office, PAGE_SIZE + 5)
    shown = client.get(reverse("users:user_list"), {"q": "lid"}).text
    assert '<input type="checkbox" name="all" value="1">' in shown
    assert '<input type="hidden" name="q" value="lid">' in shown
    selected = client.get(reverse("imports:bulk_action"), {"all": "1", "q": "lid", "act": "block"})
    assert f"{PAGE_SIZE + 5} gebruikers gekozen" in selected.text
    assert selected.context["form"]["act"].value() == "block"
    done(client, planned(client, all="1", q="lid", act="block"))
    assert User.objects.filter(blocked_at__isnull=False).count() == PAGE_SIZE + 5
    bob.refresh_from_db()
    assert bob.blocked_at is None


def test_more_than_can_be_changed_at_once_are_refused(
    office: Provider, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    folk(office, 3)
    monkeypatch.setattr("imports.views.bulk_actions.MAX_SELECTED", 2)
    client = confirmed(alice)
    for name in ("bulk_action", "bulk_action_numbers"):
        response = client.get(reverse(f"imports:{name}"), {"all": "1", "q": "lid"}, follow=True)
        assert response.redirect_chain == [(f"{reverse('users:user_list')}?q=lid", 302)]
        assert "Selecteer hoogstens 2 gebruikers tegelijk" in response.text


def test_users_of_another_office_are_not_chosen(office: Provider, alice: User, charlie: User) -> None:
    client = confirmed(alice)
    response = client.get(address(charlie), follow=True)
    assert "niemand gekozen" in response.text
    assert "niemand gekozen" in client.get(address(charlie, name="bulk_action_numbers"), follow=True).text
    team = team_of(charlie.provider, "Elders")
    response = client.post(address(alice), {"act": "join", "team": team.pk})
    assert response.context["form"].has_error("team")
    wish = bulk_actions.BulkActionRequest("block", [str(charlie.pk)])
    assert bulk_actions.plan_bulk_action(office, wish, by=actor(alice)).is_empty


@pytest.mark.slow
def test_who_may_and_who_may_not(office: Provider, alice: User, bob: User, charlie: User) -> None:
    plan = planned(confirmed(alice), bob, act="block")
    for name in ("plan", "revert", "result", "replan", "discard"):
        url = reverse(f"imports:{name}", args=[plan.pk])
        for user, status in ((charlie, 404), (bob, 403)):
            client = confirmed(user)
            assert {client.get(url).status_code, client.post(url).status_code} <= {status, 405}
    for name in ("bulk_action", "bulk_action_numbers"):
        assert confirmed(bob).get(address(bob, name=name)).status_code == 403
        assert Client().get(address(bob, name=name))["Location"].startswith(reverse("authentication:login"))
    assert (
        'name="users"' not in confirmed(make_user(office, Right.VIEW_USERS, username="kijker")).get("/gebruikers/").text
    )


def test_reauthentication_is_required(alice_client: Client, bob: User) -> None:
    confirm_now(alice_client, seconds_ago=1801)
    assert alice_client.get(address(bob))["Location"].startswith(reverse("authentication:reauthenticate"))


def test_a_manager_without_a_right_sees_whom_it_is_refused_for(office: Provider, alice: User, bob: User) -> None:
    manager = make_user(office, Right.MANAGE_USERS, username="chef")
    client, team = confirmed(manager), team_of(office, "Noord")
    plan = planned(client, alice, bob, act="block")
    assert "rechten die jij niet hebt" in left(plan, client)[alice.list_name]
    done(client, plan)
    alice.refresh_from_db()
    bob.refresh_from_db()
    assert (alice.blocked_at is None, bob.blocked_at is None) == (True, False)
    page = client.get(address(bob))
    assert 'name="team"' not in page.text
    assert client.post(address(bob), {"act": "join", "team": team.pk}).context["form"].has_error("act")


def test_two_factor_is_for_website_users(office: Provider, alice: User, bob: User) -> None:
    client, azure, service = confirmed(alice), make_azure(office), make_service(office, last_name="Dienst")
    plan = planned(client, bob, azure, service, act="two_factor")
    assert set(left(plan, client)) == {azure.list_name, service.list_name}
    done(client, plan)
    assert list(User.objects.filter(two_factor_required=True)) == [bob]


def test_the_last_administrator_stays(office: Provider, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(access_until=timezone.localdate() + timedelta(days=9))
    other = make_user(office, Right.MANAGE_PROVIDER, username="tweede")
    client = confirmed(User.objects.get(pk=alice.pk))
    plan = planned(client, other, act="block")
    shown = page(client, plan)
    assert "Dit plan uitvoeren" not in shown
    assert "Er is niets gewijzigd" in done(client, plan)
    other.refresh_from_db()
    assert other.blocked_at is None


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"act": ""}, "act"), ({"act": "x"}, "act"), ({"act": "join"}, "team"), ({"act": "leave", "team": "x"}, "team"),
        ({"act": "end"}, "access_until"), ({"act": "end", "access_until": "2020-01-01"}, "access_until"),
        ({"act": "end", "access_until": "31-31-31"}, "access_until"),
    ],
)  # fmt: skip
def test_what_is_missing_is_asked(alice: User, bob: User, fields: dict[str, str], wrong: str) -> None:
    response = confirmed(alice).post(address(bob), fields)
    assert response.status_code == 200
    assert set(response.context["form"].errors) == {wrong}
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize("text", ["", "x", "\x00", "🙂", "1" * 50])
def test_a_url_without_known_users(alice: User, text: str) -> None:
    response = confirmed(alice).get(reverse("imports:bulk_action"), {"users": text}, follow=True)
    assert "niemand gekozen" in response.text


@pytest.mark.slow
def test_what_changed_meanwhile_stops_it(office: Provider, alice: User, bob: User) -> None:
    client, team = confirmed(alice), team_of(office, "Noord", Right.VIEW_TEAMS)
    plan = planned(client, bob, *folk(office, 2), act="join", team=team.pk)
    teams.actions.set_individual_rights(bob, [Right.VIEW_AUDIT], by=actor())
    shown = done(client, plan)
    assert "Er is niets gewijzigd" in shown
    assert not team.members.exists()
    client.post(reverse("imports:replan", args=[plan.pk]))
    done(client, plan)
    assert team.members.count() == 3


def test_a_team_that_was_deleted_meanwhile(office: Provider, alice: User, bob: User) -> None:
    client, team = confirmed(alice), team_of(office, "Noord")
    plan = planned(client, bob, act="join", team=team.pk)
    team.delete()
    assert "kan bij niemand meer" in done(client, plan)
    client.post(reverse("imports:replan", args=[plan.pk]))
    assert "Dit team bestaat niet meer" in left(plan, client)[bob.list_name]
    assert not TeamMember.objects.exists()


def test_two_tabs_and_a_double_click(office: Provider, alice: User, bob: User) -> None:
    client = confirmed(alice)
    first, second = planned(client, bob, act="block"), planned(client, bob, act="block")
    for plan in (first, first, second):
        client.post(reverse("imports:plan", args=[plan.pk]))
    assert runner.run_due_jobs() == 2
    assert Event.objects.filter(verb=Verb.USER_BLOCKED).count() == 1
    assert client.post(reverse("imports:discard", args=[first.pk]))["Location"] == reverse(
        "imports:plan", args=[first.pk]
    )
    assert ImportJob.objects.filter(pk=first.pk).exists(), "what was done is not thrown away"


def test_a_user_whose_right_was_revoked(office: Provider, alice: User, bob: User) -> None:
    manager = make_user(office, Right.MANAGE_USERS, username="chef")
    client = confirmed(manager)
    plan = planned(client, bob, act="block")
    client.post(reverse("imports:plan", args=[plan.pk]))
    teams.actions.set_individual_rights(manager, [], by=actor())
    assert runner.run_due_jobs() == 1
    bob.refresh_from_db()
    plan.refresh_from_db()
    assert (bob.blocked_at, plan.state) == (None, ImportJob.State.PLANNED)


def test_invitations_are_sent_again_with_the_number_given_again(office: Provider, alice: User, bob: User) -> None:
    client = confirmed(alice)
    guests = [invite(alice, email=f"gast{n}@devries.example", last_name=f"Gast {n}") for n in range(3)]
    people = [guest.invitation.user for guest in guests]
    azure = make_azure(office)
    response = client.post(address(*people, bob, azure), {"act": "resend"})
    url = response["Location"]
    assert url.startswith(reverse("imports:bulk_action_numbers"))
    assert [field.label for field in client.get(url).context["form"]] == [user.list_name for user in people]
    plan = planned(client, *people, bob, azure, name="bulk_action_numbers", **{f"number-{people[0].pk}": "06 12345678"})
    reasons = left(plan, client)
    assert set(reasons) == {people[1].list_name, people[2].list_name, bob.list_name, azure.list_name}
    assert "mobiel nummer" in reasons[people[1].list_name]
    assert "geaccepteerd" in reasons[bob.list_name]
    old = guests[0].token
    shown = done(client, plan)
    assert "opnieuw uitgenodigd" in shown
    assert token_of(Invitation.objects.get(user=people[0])) != old
    assert Event.objects.filter(verb=Verb.INVITATION_SENT).count() == 4
    assert "Terugdraaien" not in shown, "a mail that was sent is not undone"
    plan.refresh_from_db()
    assert plan.encrypted_input is None


def test_invitations_behind_many_that_cannot_be_sent_again_are_offered(office: Provider, alice: User) -> None:
    fields = {"accepted_at": None, "blocked_at": timezone.now(), "username": None}
    User.objects.bulk_create(
        User(provider=office, login_method="website_sso", initials="A.", last_name=f"A{number:03}", password="!",
             email=f"a{number}@x.example", **fields)
        for number in range(2 * PAGE_SIZE)
    )  # fmt: skip
    guests = [invite(alice, last_name=f"Z{number:02}", email=f"z{number}@x.example") for number in range(2)]
    client = confirmed(alice)
    context = client.get(address(name="bulk_action_numbers", all="1")).context
    assert [*context["form"].fields] == [f"number-{guest.invitation.user_id}" for guest in guests]
    assert (context["invitable"], context["more"]) == (2, False)


def test_numbers_are_checked_and_stored_encrypted(office: Provider, alice: User) -> None:
    client = confirmed(alice)
    person = invite(alice).invitation.user
    url, name = address(person, name="bulk_action_numbers"), f"number-{person.pk}"
    for number in ("020 1234567", "x", "\x00"):
        assert client.post(url, {name: number}).context["form"].has_error(name)
    assert client.post(url, {name: ""}).context["form"].non_field_errors()
    assert not ImportJob.objects.exists()
    plan = planned(client, person, name="bulk_action_numbers", **{name: "0612345678"})
    for part in (plan.encrypted_input, plan.encrypted_summary, *plan.pages.values_list("encrypted_values", flat=True)):
        assert b"12345678" not in bytes(part)
    assert NUMBER not in page(client, plan)


def test_an_invitation_that_was_accepted_meanwhile(office: Provider, alice: User) -> None:
    client, person = confirmed(alice), invite(alice).invitation.user
    plan = planned(client, person, name="bulk_action_numbers", **{f"number-{person.pk}": "0612345678"})
    change_user(person, accepted_at=timezone.now(), username="gast", password="argon2$x")
    sent = Message.objects.filter(kind="invitation").count()
    done(client, plan)
    assert Message.objects.filter(kind="invitation").count() == sent


def test_without_an_open_invitation_that_is_said(alice: User, bob: User) -> None:
    assert "geen openstaande uitnodiging" in confirmed(alice).get(address(bob, name="bulk_action_numbers")).text


def test_single_invitations_do_not_hold_up_a_bulk_resend(office: Provider, alice: User, settings: Any) -> None:
    settings.LOKET_SMS_PER_HOUR = 1
    client, person = confirmed(alice), invite(alice).invitation.user
    plan = planned(client, person, name="bulk_action_numbers", **{f"number-{person.pk}": "0612345678"})
    assert "Dit plan uitvoeren" in page(client, plan)
    assert "Nog te versturen uitnodigingen: 1" in done(client, plan)


@pytest.mark.slow
def test_what_was_done_is_undone(office: Provider, alice: User, bob: User) -> None:
    client, team = confirmed(alice), team_of(office, "Noord", Right.VIEW_TEAMS)
    people = folk(office, 2)
    plan = planned(client, bob, *people, act="join", team=team.pk)
    assert "Terugdraaien" not in page(client, plan)
    assert client.post(reverse("imports:revert", args=[plan.pk])).status_code == 404
    assert "Terugdraaien" in done(client, plan)
    teams.actions.change_members(team, remove=[bob], by=actor())
    teams.actions.create_team(office, name="Zuid", by=actor())
    teams.actions.change_members(Team.objects.get(name="Zuid"), add=[bob], by=actor())
    response = client.post(reverse("imports:revert", args=[plan.pk]))
    undo = ImportJob.objects.latest("created_at")
    assert response["Location"] == reverse("imports:plan", args=[undo.pk])
    assert set(left(undo, client)) == {bob.list_name}
    assert team.members.count() == 2
    assert "Teruggedraaid" in done(client, undo)
    assert not team.members.exists()
    assert "Dit is teruggedraaid" in page(client, plan)
    for one in (plan, undo):
        assert client.post(reverse("imports:revert", args=[one.pk])).status_code == 404


@pytest.mark.slow
def test_a_blocking_says_which_mails_stay_sent(office: Provider, alice: User, bob: User) -> None:
    client = confirmed(alice)
    plan = planned(client, bob, act="block")
    done(client, plan)
    client.post(reverse("imports:revert", args=[plan.pk]))
    undo = ImportJob.objects.latest("created_at")
    assert "blijven verstuurd" in page(client, undo)
    done(client, undo)
    bob.refresh_from_db()
    assert bob.blocked_at is None


@pytest.mark.slow
def test_result_is_stored_for_a_week(office: Provider, alice: User, bob: User) -> None:
    client = confirmed(alice)
    plan = planned(client, bob, act="block")
    client.post(reverse("imports:plan", args=[plan.pk]))
    ImportJob.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    call_command("worker", once=True)
    plan.refresh_from_db()
    assert plan.is_done, "what was asked for is not swept away"
    assert timedelta(days=6, hours=23) < plan.expires_at - timezone.now() <= timedelta(days=7)
    assert plan.name in client.get(reverse("imports:upload_users")).text
    ImportJob.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    call_command("worker", once=True)
    assert not ImportJob.objects.exists()


@pytest.mark.slow
def test_queries_do_not_grow(office: Provider, alice: User) -> None:
    client, people, counts = confirmed(alice), folk(office, 40), []
    for some in (people[:5], people):
        with CaptureQueriesContext(connection) as captured:
            client.get(address(*some))
            page(client, planned(client, *some, act="block"))
        counts.append(len(captured))
    assert counts[0] == counts[1]


@pytest.mark.slow
def test_more_than_a_page_is_paged(office: Provider, alice: User) -> None:
    client = confirmed(alice)
    tenant = tenant_of(office)
    folk(office, 150)
    for number in range(120):
        make_azure(office, tenant=tenant, username=f"azuur {number}", last_name=f"Azuur {number}")
    plan = planned(client, all="1", act="two_factor")
    url, seen, out = reverse("imports:plan", args=[plan.pk]), [], []
    for typed in ("", "2", "3", "x", "-1", "٣", "9" * 30):
        response = client.get(url, {"page": typed, "faults": typed})
        seen.append(len(response.context["items"]["rows"]))
        out.append(len(response.context["faults"]["rows"]))
    assert seen == [100, 50, 0, 100, 100, 0, 100]
    assert out == [100, 21, 0, 100, 100, 0, 100], "alice is one of them"
    assert "page=2" in client.get(url).text
    assert User.objects.filter(login_method=LoginMethod.AZURE_AD).count() == 120
    assert str(BulkAction.TWO_FACTOR.label) in page(client, plan)


@pytest.mark.slow
def test_a_long_plan_is_made_by_the_worker(office: Provider, alice: User, bob: User) -> None:
    """A user selected 1,800 times is in the plan once; the limit counts the submitted selection."""
    client, gone = confirmed(alice), [str(uuid7()) for _number in range(1_800)]
    wish = bulk_actions.BulkActionRequest("block", [str(bob.pk), *gone])
    plan = actions.create_bulk_action(alice, wish, name="Blokkeren", by=actor(alice))
    assert (plan.state, plan.progress.done) == (ImportJob.State.PLAN_REQUESTED, 0)
    response = client.get(reverse("imports:plan", args=[plan.pk]))
    assert response["Refresh"] == "1"
    assert "Het plan wordt gemaakt" in response.text
    client.post(reverse("imports:plan", args=[plan.pk]))
    plan.refresh_from_db()
    assert plan.state == ImportJob.State.PLAN_REQUESTED, "there is no plan yet to be done"
    assert runner.run_due_jobs() == 1
    shown = page(client, plan)
    assert "Bakker, B., geblokkeerd" in shown
    assert "(1800×)" in shown
    done(client, plan)
    client.post(reverse("imports:replan", args=[plan.pk]))
    assert runner.run_due_jobs() == 0


@pytest.mark.slow
def test_a_long_file_that_cannot_be_read(office: Provider, alice: User) -> None:
    client = confirmed(alice)
    content = b"Achternaam;Voorletters\n" + b"Boer;P.\n" * 10_000 + b"\xff\x00\n"
    plan = send(client, content=content, is_planned=False)
    assert "wordt gemaakt" in page(client, plan)
    assert runner.run_due_jobs() == 1
    shown = page(client, plan)
    assert "Er is niets gewijzigd" in shown
    assert "Dit plan uitvoeren" not in shown
    assert client.post(reverse("imports:replan", args=[plan.pk])).status_code == 302


def test_an_unexpected_error_is_shown_and_raised(office: Provider, alice: User, bob: User) -> None:
    client = confirmed(alice)
    plan = planned(client, bob, act="end", access_until=timezone.localdate())
    client.post(reverse("imports:plan", args=[plan.pk]))
    ImportJob.objects.filter(pk=plan.pk).update(encrypted_input=plan.encrypted_summary)  # encrypted for another purpose
    with pytest.raises(DecryptionError):
        runner.run_due_jobs()
    assert "bij ons iets mis" in page(client, plan)
    assert runner.run_due_jobs() == 0
    bob.refresh_from_db()
    assert bob.access_until is None


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_workers_and_two_administrators_at_once(office: Provider, alice: User, bob: User) -> None:
    """Each blocks the other and bob: one goes first, and the plan of the other is outdated."""
    other = make_user(office, Right.MANAGE_PROVIDER, username="tweede", last_name="Tweede")
    plans = [
        actions.create_bulk_action(
            user, bulk_actions.BulkActionRequest("block", [str(person.pk), str(bob.pk)]), name="x", by=actor(user)
        )
        for user, person in ((alice, other), (other, alice))
    ]
    for plan in plans:
        actions.request_execution(plan, by=actor(plan.user))

    def work(_number: int) -> int:
        try:
            return runner.run_due_jobs()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(work, range(2))) == 2
    states = sorted(ImportJob.objects.values_list("state", flat=True))
    assert states == [ImportJob.State.DONE, ImportJob.State.PLANNED]
    assert User.objects.filter(pk__in=[alice.pk, other.pk], blocked_at=None).count() == 1
    assert Event.objects.filter(verb=Verb.USER_BLOCKED, target_id=bob.pk).count() == 1


@pytest.mark.django_db(transaction=True)
def test_how_far_it_is_can_be_seen_meanwhile(office: Provider, alice: User) -> None:
    people = folk(office, 3)
    plan = actions.create_bulk_action(
        alice, bulk_actions.BulkActionRequest("block", [str(user.pk) for user in people]), name="x", by=actor(alice)
    )
    actions.request_execution(plan, by=actor(alice))
    assert runner.run_due_jobs() == 1
    progress = ImportJobProgress.objects.get(operation=plan)
    assert (progress.done, progress.total, progress.percent) == (6, 6, 99)
