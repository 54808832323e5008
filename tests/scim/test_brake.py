"""The brake: an unusual wave of a directory is held until an administrator releases or rejects it."""

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection as database
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Provider, User
from audit.models import Event, Verb
from core.ids import build_min_uuid7
from outbox.models import Message
from permissions.checks import Right
from permissions.models import Team, TeamMember
from scim.alerts import find_directory_alert
from scim.jobs import apply_pending_users
from scim.journal import remove_old_calls
from scim.models import AccessLoss, DirectoryConnection, DirectoryUser
from tests.helpers.users import letter, make_user, signed_in
from tests.scim.conftest import Directory, make_connection
from tests.scim.test_groups import ADD, REMOVE, make_group, make_team, map_group, members_of, patch_group
from tests.scim.test_users import entra_user

pytestmark = pytest.mark.django_db
OUT = {"op": "Replace", "path": "active", "value": "False"}
IN = {"op": "Replace", "path": "active", "value": "True"}


def make_people(office: Provider, count: int) -> list[User]:
    made = [make_user(office, username=f"u{number:02}", last_name=f"U{number:02}") for number in range(count)]
    User.objects.filter(pk__in=[user.pk for user in made]).update(created_at=timezone.now() - timedelta(days=90))
    return made


def count_blocked(users: list[User]) -> int:
    return User.objects.filter(pk__in=[user.pk for user in users], blocked_at__isnull=False).count()


def let_leave(directory: Directory, users: list[User]) -> None:
    for user in users:
        directory.patch(user.pk, OUT)
        assert directory.call("GET", f"/Users/{user.pk}")["active"] is False, "or Entra sends it again for ever"


def decide(client: Client, directory: Directory, what: str) -> Any:
    page = client.get(reverse("scim:connection_detail", args=[directory.connection.pk]))
    address = reverse(f"scim:{what}_held", args=[directory.connection.pk])
    answer = client.post(address, {"until": page.context["held_until"]})
    while apply_pending_users():
        pass
    return answer


@pytest.fixture
def people(alice: User) -> list[User]:
    return make_people(alice.office, 60)


def test_more_than_five_in_an_hour_are_held(entra: Directory, alice: User, people: list[User]) -> None:
    let_leave(entra, people[:8])
    assert count_blocked(people) == 5
    alert = find_directory_alert(alice, frozenset(Right))
    assert alert is not None
    assert "3 wijzigingen van Entra ID worden tegengehouden" in alert.sentence
    (message,) = Message.objects.filter(kind="directory_held")
    assert message.user_id == alice.pk
    text = letter(message)
    assert reverse("scim:connection_detail", args=[entra.connection.pk]) in text
    assert not any(user.last_name in text for user in people)


def test_more_than_ten_percent_are_held_but_one_alone_never(entra: Directory, alice: User) -> None:
    people = make_people(alice.office, 9)  # ten with the administrator: the second is more than ten percent
    let_leave(entra, people[:2])
    assert count_blocked(people) == 1
    AccessLoss.objects.update(at=timezone.now() - timedelta(minutes=61))
    let_leave(entra, people[2:3])
    assert count_blocked(people) == 2


def test_limits_are_adjustable(entra: Directory, alice_client: Client, people: list[User]) -> None:
    page = reverse("scim:connection_detail", args=[entra.connection.pk])
    values = alice_client.get(page).context["form"].initial
    values |= {"tenant": entra.connection.tenant_id, "max_blocked_count": 2, "max_removed_percent": 50}
    assert alice_client.post(page, values).status_code == 302
    let_leave(entra, people[:4])
    assert count_blocked(people) == 2
    assert alice_client.post(page, values | {"max_blocked_count": 0, "version": 2}).status_code == 200


def test_release_blocks_and_reject_keeps(entra: Directory, alice_client: Client, people: list[User]) -> None:
    let_leave(entra, people[:7])
    browser = signed_in(people[6])
    assert decide(alice_client, entra, "release").status_code == 302
    assert count_blocked(people) == 7
    assert browser.get("/").status_code == 302
    assert Event.objects.get(verb=Verb.DIRECTORY_WAVE_RELEASED).changes == {"directory_losses": [None, 2]}
    let_leave(entra, people[10:12])  # released ones count no longer, the five do
    assert count_blocked(people) == 7
    decide(alice_client, entra, "reject")
    assert count_blocked(people) == 7
    AccessLoss.objects.update(at=timezone.now() - timedelta(hours=2))
    let_leave(entra, people[10:11])  # what was rejected is not done by a repetition
    assert count_blocked(people) == 7
    entra.patch(people[10].pk, IN)
    let_leave(entra, people[10:11])
    assert count_blocked(people) == 8
    assert not AccessLoss.objects.filter(state=AccessLoss.State.HELD).exists()


def test_deleted_users_and_returning_ones(entra: Directory, people: list[User], alice_client: Client) -> None:
    let_leave(entra, people[:5])
    for user in people[5:7]:
        entra.call("DELETE", f"/Users/{user.pk}", status=204)
        entra.call("GET", f"/Users/{user.pk}", status=404)
    let_leave(entra, people[7:8])
    assert count_blocked(people) == 5
    entra.patch(people[7].pk, IN)
    assert AccessLoss.objects.filter(state=AccessLoss.State.HELD).count() == 2
    decide(alice_client, entra, "release")
    assert count_blocked(people) == 7
    assert User.objects.get(pk=people[7].pk).blocked_at is None


def test_decision_is_about_what_was_seen(entra: Directory, people: list[User], alice_client: Client) -> None:
    let_leave(entra, people[:7])
    page = alice_client.get(reverse("scim:connection_detail", args=[entra.connection.pk]))
    let_leave(entra, people[7:9])
    address = reverse("scim:release_held", args=[entra.connection.pk])
    alice_client.post(address, {"until": page.context["held_until"]})
    apply_pending_users()
    assert count_blocked(people) == 7
    alice_client.post(address, {"until": "x"})
    assert alice_client.get(address).status_code == 405


def test_who_is_created_again_after_a_held_deletion_has_no_groups(
    entra: Directory, alice: User, alice_client: Client, people: list[User]
) -> None:
    team, pk = fill(entra, alice_client, alice.office, people[:10])
    bodies = []
    for user in people[:10]:
        body = entra_user(user.username or "")
        entra.patch(user.pk, {"op": "Add", "path": "externalId", "value": body["externalId"]})
        bodies.append(body | {"userName": user.username})
    let_leave(entra, people[10:15])
    for user in people[:10]:
        entra.call("DELETE", f"/Users/{user.pk}", status=204)
    assert (team.members.count(), count_blocked(people[:10])) == (10, 0)
    for number, body in enumerate(bodies, 1):
        assert entra.call("POST", "/Users", body, 201)["id"] == str(people[number - 1].pk)
        assert "members" not in entra.call("GET", f"/Groups/{pk}")
        assert team.members.count() == 10 - min(number, 2), "and a wave of that is held as well"
    assert count_blocked(people[:10]) == 0
    decide(alice_client, entra, "release")
    assert not team.members.exists()
    patch_group(entra, pk, *ADD["Okta"]([str(people[0].pk)]))
    assert team.members.get().user == people[0]


def test_users_created_for_a_test_are_no_wave(entra: Directory, alice_client: Client) -> None:
    for number in range(8):
        made = entra.call("POST", "/Users", entra_user(f"test{number}"), 201)
        pk = make_group(entra, f"Test {number}", members=[{"value": made["id"]}])
        entra.call("DELETE", f"/Groups/{pk}", status=204)
        entra.call("DELETE", f"/Users/{made['id']}", status=204)
    assert User.objects.filter(blocked_at=None).count() == 1
    assert not AccessLoss.objects.exists()


def fill(directory: Directory, client: Client, office: Provider, people: list[User]) -> tuple[Team, str]:
    team = make_team(office, Right.VIEW_USERS, name="Lonen")
    pk = make_group(directory)
    map_group(client, pk, team)
    patch_group(directory, pk, *ADD["Okta"]([str(user.pk) for user in people]))
    make_memberships_old()
    return team, pk


def make_memberships_old() -> None:
    day = build_min_uuid7(timezone.now() - timedelta(days=1)).int
    for number, member in enumerate(TeamMember.objects.all()):
        TeamMember.objects.filter(pk=member.pk).update(id=UUID(int=day + number))


def test_a_fifth_of_a_team_is_held(entra: Directory, alice: User, alice_client: Client, people: list[User]) -> None:
    team, pk = fill(entra, alice_client, alice.office, people[:10])
    for user in people[:2]:
        patch_group(entra, pk, REMOVE["path filter"](str(user.pk)))
    assert len(members_of(team)) == 8
    patch_group(entra, pk, REMOVE["path filter"](str(people[2].pk)))
    assert "U02" in members_of(team)
    assert len(entra.call("GET", f"/Groups/{pk}")["members"]) == 7
    decide(alice_client, entra, "release")
    assert len(members_of(team)) == 7
    entra.call("DELETE", f"/Groups/{pk}", status=204)  # all others at once
    assert len(members_of(team)) == 7
    decide(alice_client, entra, "reject")
    assert set(members_of(team).values()) == {"manual"}


def test_members_who_are_held_stay_by_hand_when_the_connection_goes(
    entra: Directory, alice: User, alice_client: Client, people: list[User]
) -> None:
    team, pk = fill(entra, alice_client, alice.office, people[:10])
    entra.call("DELETE", f"/Groups/{pk}", status=204)
    assert set(members_of(team).values()) == {"directory"}
    alice_client.post(reverse("scim:delete_connection", args=[entra.connection.pk]), {"sure": 1})
    assert not DirectoryConnection.objects.exists()
    assert list(members_of(team).values()) == ["manual"] * 10


def test_a_held_owner_stays_by_hand(entra: Directory, alice: User, alice_client: Client, people: list[User]) -> None:
    team, pk = fill(entra, alice_client, alice.office, people[:10])
    entra.call("DELETE", f"/Groups/{pk}", status=204)
    people[0].individual_rights.create(provider=alice.office, right=Right.MANAGE_PROVIDER)
    DirectoryConnection.objects.update(owner=people[0])
    decide(alice_client, entra, "release")
    assert members_of(team) == {"U00": "manual"}


def test_adding_again_does_not_pass_the_brake_of_a_team(
    entra: Directory, alice: User, alice_client: Client, people: list[User]
) -> None:
    team, pk = fill(entra, alice_client, alice.office, people[:10])
    for user in people[:10]:
        for operation in (REMOVE["path filter"](str(user.pk)), *ADD["Okta"]([str(user.pk)])):
            patch_group(entra, pk, operation)
        patch_group(entra, pk, REMOVE["path filter"](str(user.pk)))
    assert len(members_of(team)) == 8
    assert AccessLoss.objects.filter(state=AccessLoss.State.HELD).count() == 8


def test_a_partial_replace_empties_no_team(
    entra: Directory, alice: User, alice_client: Client, people: list[User]
) -> None:
    team, pk = fill(entra, alice_client, alice.office, people[:10])
    patch_group(entra, pk, *ADD["replace of all"]([str(people[0].pk)]))
    assert len(members_of(team)) == 10
    patch_group(entra, pk, *ADD["Okta"]([str(user.pk) for user in people[:9]]))  # as it should have been
    assert AccessLoss.objects.get(state=AccessLoss.State.HELD).row_id == people[9].pk


def test_group_that_blocks_is_a_wave_as_well(entra: Directory, alice_client: Client, people: list[User]) -> None:
    pk = make_group(entra)
    map_group(alice_client, pk, None, blocks_removed="on")
    patch_group(entra, pk, *ADD["Okta"]([str(user.pk) for user in people[:9]]))
    entra.call("DELETE", f"/Groups/{pk}", status=204)
    assert count_blocked(people) == 0
    decide(alice_client, entra, "release")
    assert count_blocked(people) == 9


def test_two_connections_count_together(entra: Directory, alice: User, people: list[User]) -> None:
    other = Directory(make_connection(alice, "website_sso", name="Okta"))
    let_leave(entra, people[:4])
    let_leave(other, people[4:8])
    assert count_blocked(people) == 5


def test_shadow_holds_nothing_and_its_plan_is_a_decision(alice: User, alice_client: Client, people: list[User]) -> None:
    shadow: dict[str, Any] = {"state": DirectoryConnection.State.SHADOW, "went_live_at": None}
    directory = Directory(make_connection(alice, **shadow))
    let_leave(directory, people[:8])
    assert (AccessLoss.objects.exists(), count_blocked(people)) == (False, 0)
    address = reverse("scim:go_live", args=[directory.connection.pk])
    page = alice_client.get(address)
    assert "8 gebruikers worden geblokkeerd" in page.content.decode()
    alice_client.post(address, dict(page.context["hidden"]))
    while apply_pending_users():
        pass
    assert (AccessLoss.objects.exists(), count_blocked(people)) == (False, 8)


def test_who_may_decide(entra: Directory, people: list[User], bob_client: Client, charlie_client: Client) -> None:
    let_leave(entra, people[:7])
    newest = AccessLoss.objects.latest("pk").pk
    for what in ("release", "reject"):
        address = reverse(f"scim:{what}_held", args=[entra.connection.pk])
        posted = {"until": newest}
        assert [client.post(address, posted).status_code for client in (bob_client, charlie_client)] == [403, 404]
    weak = make_user(people[0].office, Right.MANAGE_INTEGRATIONS, username="zwak")
    signed_in(weak).post(reverse("scim:release_held", args=[entra.connection.pk]), {"until": newest})
    assert AccessLoss.objects.filter(state=AccessLoss.State.HELD).count() == 2


def test_one_mail_an_hour_however_often_it_is_provoked(entra: Directory, people: list[User]) -> None:
    let_leave(entra, people[:5])
    for _again in range(3):
        let_leave(entra, people[5:6])
        entra.patch(people[5].pk, IN)
    assert Message.objects.filter(kind="directory_held").count() == 1


def test_counted_losses_go_after_a_day(entra: Directory, people: list[User]) -> None:
    let_leave(entra, people[:7])
    AccessLoss.objects.update(at=timezone.now() - timedelta(days=2))
    remove_old_calls()
    assert set(AccessLoss.objects.values_list("state", flat=True)) == {AccessLoss.State.HELD}


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_do_not_slip_past_the_count(alice: User) -> None:
    people = make_people(alice.office, 60)
    directory = Directory(make_connection(alice))
    barrier = threading.Barrier(4)

    def leave(users: list[User]) -> None:
        try:
            barrier.wait(30)
            for user in users:
                directory.patch(user.pk, OUT)
        finally:
            database.close()

    threads = [threading.Thread(target=leave, args=[people[start::4][:3]]) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert count_blocked(people) == 5
    assert AccessLoss.objects.filter(state=AccessLoss.State.HELD).count() == 7


def test_connection_that_is_off_releases_nothing(entra: Directory, alice_client: Client, people: list[User]) -> None:
    let_leave(entra, people[:8])
    alice_client.post(reverse("scim:turn_off", args=[entra.connection.pk]))
    page = alice_client.get(reverse("scim:connection_detail", args=[entra.connection.pk])).content.decode()
    assert "Zet de koppeling aan om dit vrij te geven" in page
    assert reverse("scim:release_held", args=[entra.connection.pk]) not in page
    assert decide(alice_client, entra, "release").status_code == 403
    assert AccessLoss.objects.filter(state=AccessLoss.State.HELD).count() == 3
    decide(alice_client, entra, "reject")
    assert not AccessLoss.objects.filter(state=AccessLoss.State.HELD).exists()


def test_removing_the_connection_says_what_is_held(entra: Directory, alice_client: Client, people: list[User]) -> None:
    address = reverse("scim:delete_connection", args=[entra.connection.pk])
    let_leave(entra, people[:5])
    assert "tegengehouden" not in alice_client.get(address).content.decode()
    let_leave(entra, people[5:8])
    text = alice_client.get(address).content.decode()
    assert "3 tegengehouden wijzigingen vervallen" in text
    assert "gedaan moet worden" not in text
    DirectoryUser.objects.filter(user=people[0]).update(pending=True)
    assert "Wat nog voor 1 gebruiker gedaan moet worden, vervalt." in alice_client.get(address).content.decode()


def test_page_says_how_many_more_are_held(
    entra: Directory, alice_client: Client, people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scim.views.connections.MAX_HELD_SHOWN", 2)
    let_leave(entra, people[:7])
    page = reverse("scim:connection_detail", args=[entra.connection.pk])
    assert alice_client.get(page).context["held_more"] == 0
    let_leave(entra, people[7:9])
    assert "<li>en nog 2</li>" in alice_client.get(page).content.decode()


def test_words_of_the_guide_are_those_of_the_buttons(
    entra: Directory, alice_client: Client, people: list[User]
) -> None:
    let_leave(entra, people[:7])
    page = alice_client.get(reverse("scim:connection_detail", args=[entra.connection.pk])).content.decode()
    alert, mail = alice_client.get("/").content.decode(), letter(Message.objects.get(kind="directory_held"))
    guide = (settings.BASE_DIR / "docs/how-to/directory.md").read_text()
    for word in ("Vrijgeven", "Verwerpen"):
        assert f">{word}</button>" in page
        assert f"*{word}*" in guide
    for text in (alert, mail):
        assert "verwerp" in text


def test_team_that_the_owner_cannot_change_holds_up_no_block(
    entra: Directory, alice: User, alice_client: Client, people: list[User]
) -> None:
    team, pk = fill(entra, alice_client, alice.office, people[:10])
    let_leave(entra, people[10:17])
    entra.call("DELETE", f"/Groups/{pk}", status=204)
    rights = [right for right in Right if right is not Right.MANAGE_PROVIDER]
    DirectoryConnection.objects.update(owner=make_user(alice.office, *rights, username="o"))
    team.rights.create(provider=alice.office, right=Right.MANAGE_PROVIDER)
    answer = decide(alice_client, entra, "release")
    assert (answer.status_code, count_blocked(people), team.members.count()) == (302, 7, 10)
    assert AccessLoss.objects.filter(state=AccessLoss.State.HELD, team=team).count() == 10
    page = alice_client.get(reverse("scim:connection_detail", args=[entra.connection.pk])).content.decode()
    assert "2 wijzigingen zijn vrijgegeven" in page
    assert "wordt nog tegengehouden" in page
    assert decide(alice_client, entra, "release").status_code == 403, "nothing could be done"
