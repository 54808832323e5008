"""Whole cycles of every directory, played: after each step office and directory agree, also after a shadow."""

from typing import Any, NamedTuple

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from permissions.checks import Right
from permissions.models import TeamMember
from scim.jobs import apply_pending_users
from scim.models import DirectoryConnection, DirectoryGroup, DirectoryUser
from tests.helpers.users import signed_in
from tests.scim.conftest import Directory, make_connection
from tests.scim.recordings import RECORDINGS, Player, load_recording
from tests.scim.test_groups import make_team, map_group

pytestmark = pytest.mark.django_db


class State(NamedTuple):
    """The user after a step: last name with its prefix, whether they have access, and their teams."""

    name: str
    is_in: bool
    teams: frozenset[str] = frozenset()


STORY = {
    "create": State("van der Berg", True),
    "groups": State("van der Berg", True),
    "add": State("van der Berg", True, frozenset({"Lonen"})),
    "rename": State("Smit", True, frozenset({"Lonen"})),
    "move": State("Smit", True, frozenset({"Controle"})),
    "disable": State("Smit", False, frozenset({"Controle"})),
    "enable": State("Smit", True, frozenset({"Controle"})),
    "rename group": State("Smit", True, frozenset({"Controle"})),
    "remove": State("Smit", True),
    "delete group": State("Smit", True),
    "delete": State("Smit", False),
}
GROUPS_READ = {"rename group": {"Interne controle"}, "remove": set[str](), "delete group": set[str]()}


def connect(owner: User, name: str, **values: Any) -> Player:
    """Return a player for a new connection."""
    method = load_recording(name)["login_method"]
    return Player(Directory(make_connection(owner, method, **values)), name)


def map_teams(player: Player, client: Client) -> None:
    """Let two teams follow the groups, as an administrator does once these are there."""
    for name, right in (("Lonen", Right.VIEW_USERS), ("Controle", Right.VIEW_AUDIT)):
        team = make_team(player.directory.connection.provider, right, name=name)
        assert map_group(client, player.ids[name.lower()], team).status_code == 302


def invite_who_waits(player: Player, client: Client) -> None:
    """Enter the mobile number that the directory does not send."""
    row = DirectoryUser.objects.get(pk=player.ids["eva"])
    if row.user is None:
        address = reverse("scim:invite_waiting_user", args=[row.connection_id, row.pk])
        assert client.post(address, {"mobile_number": "0612345678"}).status_code == 302


def read_office(pk: str) -> State:
    user = User.objects.get(pk=pk)
    teams = TeamMember.objects.filter(user=user).values_list("team__name", flat=True)
    return State(f"{user.prefix} {user.last_name}".strip(), user.blocked_at is None, frozenset(teams))


def require_agreement(player: Player, step: str) -> None:
    """Compare what the directory reads with what it said."""
    wanted = STORY[step]
    found = player.read_user()
    assert (found["name"]["familyName"], found["active"]) == (wanted.name, wanted.is_in), step
    assert player.list_groups() == GROUPS_READ.get(step, wanted.teams), step


def test_every_directory_tells_the_whole_story() -> None:
    assert len(RECORDINGS) == 6
    for name in RECORDINGS:
        assert list(load_recording(name)["steps"]) == ["test", *STORY], name


@pytest.mark.parametrize("name", RECORDINGS)
def test_cycle(name: str, alice: User, alice_client: Client) -> None:
    player = connect(alice, name)
    player.play("test")
    assert list(User.objects.values_list("username", flat=True)) == ["alice"], "the test leaves nobody"
    assert not DirectoryGroup.objects.exists()
    for step, wanted in STORY.items():
        player.play(step)
        if step == "create":
            invite_who_waits(player, alice_client)
        if step == "groups":
            map_teams(player, alice_client)
        if step == "enable":
            browser = signed_in(User.objects.get(pk=player.ids["eva"]))
        assert read_office(player.ids["eva"]) == wanted, step
        if step != "delete":
            require_agreement(player, step)
    assert browser.get("/").status_code == 302


@pytest.mark.parametrize("name", RECORDINGS)
def test_shadow_becomes_what_it_announced(name: str, alice: User, alice_client: Client) -> None:
    shadow: dict[str, Any] = {"state": DirectoryConnection.State.SHADOW, "went_live_at": None}
    player = connect(alice, name, **shadow)
    steps = list(STORY)
    live_after = steps.index("move")
    for step in ("test", *steps[: live_after + 1]):
        player.play(step)
        if step == "groups":
            map_teams(player, alice_client)
        if step != "test":
            require_agreement(player, step)
        assert list(User.objects.values_list("username", flat=True)) == ["alice"], step
        assert not TeamMember.objects.exists(), step
    address = reverse("scim:go_live", args=[player.directory.connection.pk])
    page = alice_client.get(address)
    assert alice_client.post(address, dict(page.context["hidden"])).status_code == 302
    while apply_pending_users():
        pass
    invite_who_waits(player, alice_client)
    assert read_office(player.ids["eva"]) == STORY["move"]
    for step in steps[live_after + 1 :]:
        player.play(step)
        assert read_office(player.ids["eva"]) == STORY[step], step
        if step != "delete":
            require_agreement(player, step)
