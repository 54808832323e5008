"""The guides for Entra ID and Okta: in the words of their screens, and each step tried against what these send."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import LoginMethod, User
from permissions.models import TeamMember
from scim.models import DirectoryConnection, DirectoryUser
from tests.scim.conftest import Directory, make_connection
from tests.scim.recordings import Player, load_recording
from tests.scim.test_dialogues import STORY, map_teams

pytestmark = pytest.mark.django_db
GUIDE = (Path(__file__).parents[2] / "docs" / "how-to" / "directory.md").read_text()
# What a directory sends once something of its screens is pressed or ticked.
TRIED = {
    "Entra ID": {
        "Test Connection": ["test"],
        "Provision on demand": ["create"],
        "Start provisioning": ["groups", *list(STORY)[2:]],
    },
    "Okta": {
        "Test Connector Configuration": ["test"],
        "Create Users": ["create"],
        "Update User Attributes": ["rename"],
        "Deactivate Users": ["disable", "enable"],
        "Renaming": ["groups", "add", "rename group"],
        "Push now": ["move", "remove"],
        "Unlink pushed group": ["delete group"],
        "Assignments": ["delete"],
    },
}
GUIDES = [("Entra ID", "entra"), ("Okta", "okta-put")]
OWN_WORDS = {"Aanroepen"}  # of our pages


def read_section(heading: str) -> str:
    return GUIDE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def list_words(heading: str) -> list[str]:
    """Return what the steps call by the words of the screens, in order; a path has several."""
    steps = read_section(heading).partition("\n1. ")[2]
    marked = [" ".join(text.split()) for text in re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", steps)]
    return [word for text in marked for word in text.split(" → ")]


def read_mapping(heading: str) -> dict[str, str]:
    """Return the source of each attribute in the table of the guide."""
    rows = re.findall(r"^ *\| `(.+?)` \| `(.+?)` \|$", read_section(heading), re.M)
    return {target: source for source, target in rows}


def read_path(body: dict[str, Any], path: str) -> Any:
    """Return the value at a path such as `name.givenName` or `emails[type eq "work"].value`."""
    found = re.fullmatch(r'(\w+)(?:\[type eq "(\w+)"\])?(?:\.(\w+))?', path)
    assert found, path
    name, kind, part = found.groups()
    value = body[name]
    if kind:
        (value,) = [entry for entry in value if entry["type"] == kind]
    return value[part] if part else value


def get_user_body(recording: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = recording["steps"]["create"][-1]["body"]
    return body


def connect_by_pages(client: Client, owner: User, method: str, name: str) -> Player:
    """Make a connection on the pages; return a player with the address and the token that they show."""
    initial = client.get(reverse("scim:add_connection")).context["form"].initial
    values = {name: "" if value is None else value for name, value in initial.items()}
    values |= {"name": "Gids", "login_method": method}
    if method == LoginMethod.AZURE_AD:
        other = make_connection(owner)
        values["tenant"] = str(other.tenant_id)
        other.delete()
    client.post(reverse("scim:add_connection"), values)
    connection = DirectoryConnection.objects.get()
    page = client.get(reverse("scim:connection_detail", args=[connection.pk])).content.decode()
    (address,) = re.findall(r"<code>(http[^<]+)</code>", page)
    adding = reverse("scim:add_token", args=[connection.pk])
    posted = {"encrypted_secret": client.get(adding).context["form"].initial["encrypted_secret"]}
    (secret,) = re.findall(r"<code>([\w-]{43})</code>", client.post(adding, posted).content.decode())
    player = Player(Directory(connection), name)
    player.directory.root, player.directory.secret = urlsplit(address).path.rstrip("/"), secret
    return player


@pytest.mark.parametrize(("heading", "name"), GUIDES)
def test_guide_has_the_words_of_the_screens(heading: str, name: str) -> None:
    assert (
        list(dict.fromkeys(word for word in list_words(heading) if word not in OWN_WORDS))
        == load_recording(name)["screens"]
    )


@pytest.mark.parametrize(("heading", "name"), GUIDES)
def test_each_step_is_tried(heading: str, name: str, alice: User, alice_client: Client) -> None:
    player = connect_by_pages(alice_client, alice, load_recording(name)["login_method"], name)
    DirectoryConnection.objects.update(state=DirectoryConnection.State.ON)
    played: list[str] = []
    text = " ".join(read_section(heading).split())
    assert sorted(TRIED[heading], key=text.index) == list(TRIED[heading]), "the order is that of the guide"
    for steps in TRIED[heading].values():
        for step in steps:
            player.play(step)
            if step == "groups":
                map_teams(player, alice_client)
            if step in ("add", "move"):
                assert TeamMember.objects.get().team.name == ("Lonen" if step == "add" else "Controle")
            if step in ("disable", "enable", "delete"):
                assert (User.objects.get(pk=player.ids["eva"]).blocked_at is None) is (step == "enable")
            played.append(step)
    assert set(played) == {"test", *STORY}
    log = alice_client.get(reverse("scim:call_list", args=[player.directory.connection.pk])).content.decode()
    assert "Aanroepen" in log


@pytest.mark.parametrize(("heading", "name"), GUIDES)
def test_attributes_are_those_of_the_table(heading: str, name: str, alice: User) -> None:
    recording, mapping = load_recording(name), read_mapping(heading)
    body = get_user_body(recording)
    assert {target: read_path(body, target) for target in mapping} == {
        target: recording["person"][source] for target, source in mapping.items()
    }
    player = Player(Directory(make_connection(alice, recording["login_method"])), name)
    player.play("create")
    found = player.read_user()
    for target in mapping.keys() - {'phoneNumbers[type eq "mobile"].value'}:
        assert read_path(found, target) == read_path(body, target), target
    user = User.objects.get(pk=player.ids["eva"])
    assert (user.email, user.first_name, user.prefix, user.last_name) == (
        "eva@devries.example", "Eva", "van der", "Berg",
    )  # fmt: skip


def test_the_default_of_entra_for_the_external_id_is_refused_with_what_to_do(entra: Directory) -> None:
    person, body = load_recording("entra")["person"], get_user_body(load_recording("entra"))
    assert "from `mailNickname` to `objectId`" in " ".join(read_section("Entra ID").split())
    refused = entra.call("POST", "/Users", body | {"externalId": person["mailNickname"]}, 400)
    assert "objectId" in refused["detail"]
    entra.call("POST", "/Users", body | {"externalId": person["objectId"]}, 201)


def test_the_flag_of_entra_may_be_behind_the_address(entra: Directory) -> None:
    assert "?aadOptscim062020" in read_section("Entra ID")
    body = get_user_body(load_recording("entra-flag"))
    pk = entra.call("POST", "/Users?aadOptscim062020", body, 201)["id"]
    assert entra.call("GET", "/Users?aadOptscim062020&filter=active%20eq%20true&count=1")["itemsPerPage"] == 1
    out = load_recording("entra-flag")["steps"]["disable"][1]["body"]
    entra.call("PATCH", f"/Users/{pk}?aadOptscim062020", out, 204)
    entra.call("DELETE", f"/Users/{pk}?aadOptscim062020=", status=204)


@pytest.mark.parametrize("name", ["entra", "entra-flag"])
def test_groups_of_entra_have_the_attributes_of_the_guide(name: str) -> None:
    (step,) = re.findall(r"^4\. (.*?)^5\. ", read_section("Entra ID"), re.M | re.S)
    bodies = [call.get("body", {}) for call in load_recording(name)["steps"]["groups"]]
    sent = {key for body in bodies for key in body} - {"schemas", "meta"} | {"members"}
    assert set(re.findall(r"`(\w+)`", step)) == sent
    assert '"path": "members"' in json.dumps(load_recording(name)["steps"]["add"])


def test_okta_looks_users_up_by_the_identifier_of_the_guide(okta: Directory) -> None:
    (identifier,) = re.findall(r"\*Unique identifier\s+field for users\* is `(\w+)`", read_section("Okta"))
    lookup = load_recording("okta-put")["steps"]["create"][0]["path"]
    assert f"filter={identifier} eq " in lookup
    password = get_user_body(load_recording("okta-put"))["password"]
    Player(okta, "okta-put").play("create")
    assert password not in json.dumps(list(DirectoryUser.objects.values("attributes")))
