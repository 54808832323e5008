"""Random directories: what a plan foretells is what happens, and the state here follows that of the directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Provider, User
from core.models import Throttle
from permissions.checks import Right
from permissions.models import ManagedBy, Team
from scim.announcements import report_steps
from scim.jobs import apply_pending_users
from scim.models import AccessLoss, DirectoryConnection, DirectoryUser, ShadowStep
from scim.plans import build_plan
from tests.helpers.users import make_user, signed_in
from tests.scim.conftest import Directory, make_connection
from tests.scim.test_brake import decide, make_memberships_old
from tests.scim.test_cycles import ENTRA, ENTRA_WITH_FLAG, operations, replace
from tests.scim.test_groups import ADD, GROUP, REMOVE, make_group, make_team, map_group, patch_group
from tests.scim.test_shadow import SHADOW, go_live
from tests.scim.test_users import CORE, entra_user

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
EXISTING, NEW, GROUPS = ["anna", "boris", "cees", "dora"], ["eva", "fred"], ["Lonen", "Salaris"]
FAMILIES = ["van Dam", "Smit", "de Wit"]
CHANGES = ["create", "rename", "put", "disable", "enable", "delete", "join", "leave", "fill", "rename_group"]
DECISIONS = ["age", "release", "reject", "end_group"]


class RandomDirectory:
    """A directory that tells the connection of every change, in one of two dialects."""

    def __init__(self, directory: Directory, client: Client) -> None:
        office = directory.connection.provider
        self.directory, self.client = directory, client
        old = timezone.now() - timedelta(days=90)
        people = [_make_colleague(office, name) for name in EXISTING]
        User.objects.filter(pk__in=[user.pk for user in people]).update(created_at=old)
        self.ids = {user.username: str(user.pk) for user in people}
        self.active = dict.fromkeys(EXISTING, True)
        self.family: dict[str, str] = {}  # that the directory sent
        self.external = {name: str(uuid4()) for name in EXISTING + NEW}
        self.teams = {name: make_team(office, Right.VIEW_USERS, name=f"Team {name}") for name in GROUPS}
        self.groups = {name: make_group(directory, name) for name in GROUPS}
        self.members: dict[str, set[str]] = {name: set() for name in GROUPS}
        self.rejected: set[str] = set()  # names, and ids of those who are deleted, who keep their access
        self.by_hand: set[tuple[str, str]] = set()  # team and id of those whose removal was rejected
        for name in GROUPS:
            assert map_group(client, self.groups[name], self.teams[name]).status_code == 302

    def take(self, step: str, name: str, group: str, family: str, *, flag: bool) -> None:
        if step in ("join", "leave", "fill", "rename_group", "end_group"):
            if group in self.groups:
                getattr(self, f"_{step}")(name, group, flag)
        elif step in ("age", "release", "reject"):
            getattr(self, f"_{step}")()
        elif step == "create" and name not in self.active:
            self._create(name, family)
        elif step != "create" and name in self.active:
            getattr(self, f"_{step}")(name, family, flag)

    def _create(self, name: str, family: str) -> None:
        body = entra_user(name, externalId=self.external[name], name={"familyName": family, "givenName": name.title()})
        self.ids[name] = self.directory.call("POST", "/Users", body, 201)["id"]
        self.active[name], self.family[name] = True, family

    def _rename(self, name: str, family: str, flag: bool) -> None:
        self.directory.send("PATCH", f"/Users/{self.ids[name]}", operations(replace("name.familyName", family)))
        self.family[name] = family

    def _put(self, name: str, family: str, flag: bool) -> None:
        known = self.directory.call("GET", f"/Users/{self.ids[name]}")
        names = {"familyName": family, "givenName": name.title()}
        body = {"schemas": [CORE], "userName": known["userName"], "active": flag, "name": names}
        self.directory.call("PUT", f"/Users/{self.ids[name]}", body | {"externalId": self.external[name]})
        self._note(name, flag)
        self.family[name] = family

    def _disable(self, name: str, family: str, flag: bool) -> None:
        bodies = ENTRA_WITH_FLAG if flag else ENTRA
        self.directory.send("PATCH", f"/Users/{self.ids[name]}", bodies["disable"])
        self._note(name, False)

    def _enable(self, name: str, family: str, flag: bool) -> None:
        bodies = ENTRA_WITH_FLAG if flag else ENTRA
        self.directory.send("PATCH", f"/Users/{self.ids[name]}", bodies["enable"])
        self._note(name, True)

    def _note(self, name: str, active: bool) -> None:
        self.active[name] = active
        if active:
            self.rejected.discard(name)

    def _delete(self, name: str, family: str, flag: bool) -> None:
        self.directory.call("DELETE", f"/Users/{self.ids[name]}", status=204)
        del self.active[name]
        self.rejected.discard(name)
        self.family.pop(name, None)
        for members in self.members.values():
            members.discard(name)

    def _join(self, name: str, group: str, flag: bool) -> None:
        if name in self.active:
            add = ADD["Entra one by one" if flag else "without a path"]
            patch_group(self.directory, self.groups[group], *add([self.ids[name]]))
            self.members[group].add(name)

    def _leave(self, name: str, group: str, flag: bool) -> None:
        if name in self.active:
            remove = REMOVE["Entra without the flag" if flag else "path filter"]
            patch_group(self.directory, self.groups[group], remove(self.ids[name]))
            self.members[group].discard(name)

    def _fill(self, name: str, group: str, flag: bool) -> None:
        """Replace all members: by everybody, or by one."""
        wanted = set(self.active) if flag else {name} & set(self.active)
        members = [{"value": self.ids[member]} for member in wanted]
        if flag:
            body = {"schemas": [GROUP], "displayName": f"{group} 2", "members": members}
            self.directory.call("PUT", f"/Groups/{self.groups[group]}", body)
        else:
            patch_group(self.directory, self.groups[group], {"op": "replace", "path": "members", "value": members})
        self.members[group] = wanted

    def _rename_group(self, name: str, group: str, flag: bool) -> None:
        body = {"op": "replace", "value": {"displayName": f"{group} {flag}"}}
        patch_group(self.directory, self.groups[group], body)

    def _end_group(self, name: str, group: str, flag: bool) -> None:
        self.directory.call("DELETE", f"/Groups/{self.groups.pop(group)}", status=204)
        self.members[group] = set()

    def _age(self) -> None:
        make_memberships_old()

    def _release(self) -> None:
        if AccessLoss.objects.filter(state=AccessLoss.State.HELD).exists():
            assert decide(self.client, self.directory, "release").status_code == 302

    def _reject(self) -> None:
        held = list(AccessLoss.objects.filter(state=AccessLoss.State.HELD).select_related("row", "team"))
        names = {pk: name for name, pk in self.ids.items() if name in self.active}
        for loss in held:
            pk = str(loss.row_id)
            if loss.team is None:
                self.rejected.add(names.get(pk, pk))
                if pk not in names:  # deleted: who keeps their access keeps their teams
                    self.by_hand |= {(str(team.pk), pk) for team in self.teams.values() if is_member(team, pk)}
            else:
                self.by_hand.add((str(loss.team.pk), pk))
        if held:
            assert decide(self.client, self.directory, "reject").status_code == 302

    def check(self) -> None:
        """Compare the accounts and teams here with the directory."""
        for name, active in self.active.items():
            assert self.directory.call("GET", f"/Users/{self.ids[name]}")["active"] is active, "also if rejected"
            user = User.objects.filter(pk=self.ids[name]).first()
            if user is None:
                assert not active, name  # inactive ever since they were announced
                continue
            assert (user.blocked_at is None) is (active or name in self.rejected), name
            if active and name in self.family:
                assert f"{user.prefix} {user.last_name}".strip() == self.family[name]
        gone = User.objects.filter(blocked_at=None).exclude(pk=self.directory.connection.owner_id)
        gone = gone.exclude(pk__in=[self.ids[name] for name in self.active]).exclude(
            pk__in=[pk for pk in self.rejected if pk not in self.ids]
        )
        assert not gone.exists()
        for group, team in self.teams.items():
            wanted = {self.ids[name] for name in self.members[group]}
            if group in self.groups:
                read = self.directory.call("GET", f"/Groups/{self.groups[group]}").get("members", [])
                assert {member["value"] for member in read} == wanted
            kept = {pk for pk, managed_by in list_members(team) if managed_by != ManagedBy.MANUAL}
            assert kept == {str(pk) for pk in User.objects.filter(pk__in=wanted).values_list("pk", flat=True)}, group
            by_hand = {pk for team_id, pk in self.by_hand if team_id == str(team.pk)}
            assert {pk for pk, _managed_by in list_members(team)} <= wanted | by_hand


def _make_colleague(office: Provider, name: str) -> User:
    return make_user(office, username=name, last_name=name.title(), email=f"{name}@devries.example")


def list_members(team: Team) -> list[tuple[str, str]]:
    return [(str(pk), managed_by) for pk, managed_by in team.members.values_list("user_id", "managed_by")]


def is_member(team: Team, pk: str) -> bool:
    return team.members.filter(user=pk).exists()


@contextmanager
def undone() -> Iterator[None]:
    """Roll one example back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def build_steps(names: list[str], *, size: int) -> Any:
    step = st.tuples(
        st.sampled_from(names), st.sampled_from(EXISTING + NEW), st.sampled_from(GROUPS), st.sampled_from(FAMILIES),
        st.booleans(),
    )  # fmt: skip
    return st.lists(step, min_size=2, max_size=size)


quietly = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quietly
@given(steps=build_steps(CHANGES, size=12))
def test_plan_foretells_what_happens(alice: User, steps: list[Any]) -> None:
    with undone():
        connection = make_connection(alice, **SHADOW)
        model = RandomDirectory(Directory(connection), signed_in(alice))
        for step, name, group, family, flag in steps:
            model.take(step, name, group, family, flag=flag)
        before = snapshot(model)
        assert not any(members for _team, members in before["teams"].items()), "a shadow changes nothing"
        plan = build_plan(connection)
        foretold = {step: {row.pk for row in rows} for step, rows in plan.steps.items()}
        joining = {group.team: {row.pk for row in rows} for group, rows in plan.joining}
        go_live(model.client, model.directory)
        after, happened = snapshot(model), {}
        known = before["names"].keys()
        happened[ShadowStep.CREATE] = after["names"].keys() - known
        happened[ShadowStep.BLOCK] = before["open"] - after["open"]
        happened[ShadowStep.CHANGE] = {pk for pk in known if before["names"][pk] != after["names"][pk]}
        assert {step: found for step, found in happened.items() if found} == foretold
        assert after["teams"] == joining
        announced = [len(found) for found in (*foretold.values(), *joining.values()) if found]
        connection = DirectoryConnection.objects.get(pk=connection.pk)
        reports = report_steps(connection)
        assert sorted(report.announced for report in reports) == sorted(announced)
        assert all((report.done, report.refused) == (report.announced, 0) for report in reports)
        left = build_plan(connection)
        assert not left.steps
        assert not any(rows for _group, rows in left.joining)
        model.check()


def snapshot(model: RandomDirectory) -> dict[str, Any]:
    people = User.objects.exclude(pk=model.directory.connection.owner_id)
    return {
        "names": {user.pk: (user.first_name, user.prefix, user.last_name, user.username) for user in people},
        "open": {user.pk for user in people if user.blocked_at is None},
        "teams": {team: set(team.members.values_list("user_id", flat=True)) for team in model.teams.values()},
    }


@quietly
@given(steps=build_steps(CHANGES + DECISIONS, size=16))
def test_state_follows_the_directory_through_the_brake(alice: User, steps: list[Any]) -> None:
    """Whatever a directory does and an administrator decides, in the end who is active there has access here."""
    with undone():
        connection = make_connection(alice, max_blocked_count=1, max_blocked_percent=100)
        model = RandomDirectory(Directory(connection), signed_in(alice))
        for step, name, group, family, flag in steps:
            model.take(step, name, group, family, flag=flag)
            held = AccessLoss.objects.filter(state=AccessLoss.State.HELD)
            assert not held.filter(team=None, row__user__blocked_at__isnull=False).exists()
        model.take("release", "", "", "", flag=False)
        while apply_pending_users():
            pass
        model.check()


class BlockingGroups:
    """Two groups that block whom they lose, one of which keeps a team, and users whom not every call may change."""

    def __init__(self, office: Provider, client: Client) -> None:
        self.owner = make_user(office, *(set(Right) - {Right.MANAGE_PROVIDER}), username="eigenaar", last_name="Baas")
        self.people = {name: _make_colleague(office, name) for name in EXISTING}
        self.people["sterk"] = make_user(office, Right.MANAGE_PROVIDER, username="sterk", last_name="Sterk")
        limits = {"max_blocked_count": 1000, "max_blocked_percent": 100, "max_removed_percent": 100}
        self.directory = Directory(make_connection(self.owner, **limits))
        self.team = make_team(office, Right.VIEW_USERS, name="Team")
        self.groups = {name: make_group(self.directory, name) for name in GROUPS}
        for name, team in zip(GROUPS, (self.team, None), strict=True):
            assert map_group(client, self.groups[name], team, blocks_removed="on").status_code == 302
        self.members: dict[str, set[str]] = {name: set() for name in GROUPS}
        self.out: set[str] = set()

    def change(self, group: str, wanted: set[str], how: str) -> None:
        """Change the members; only a call that would do nothing but block the stronger user is refused."""
        added, removed = wanted - self.members[group], self.members[group] - wanted
        lost = removed - set().union(*(self.members[other] for other in GROUPS if other != group))
        is_refused = not added and removed == {"sterk"} == lost
        self.send(group, wanted, how, added, removed, is_refused=is_refused)
        if not is_refused:
            self.members[group], self.out = wanted, (self.out | lost) - added
        Throttle.objects.all().delete()  # of messages
        self.check()

    def send(
        self, group: str, wanted: set[str], how: str, added: set[str], removed: set[str], *, is_refused: bool
    ) -> None:
        pk, known = self.groups[group], self.people | {"eigenaar": self.owner}
        listed = [[{"value": str(known[name].pk)} for name in names] for names in (wanted, added, removed)]
        if how == "PUT":
            body = {"schemas": [GROUP], "displayName": group, "members": listed[0]}
            self.directory.call("PUT", f"/Groups/{pk}", body, 403 if is_refused else 200)
            return
        replacing = [{"op": "replace", "path": "members", "value": listed[0]}]
        adding = [{"op": "add", "path": "members", "value": listed[1]}] if added else []
        removing = [{"op": "remove", "path": "members", "value": listed[2]}] if removed else []
        steps = replacing if how == "replace" else adding + removing
        if steps:
            patch_group(self.directory, pk, *steps, status=403 if is_refused else 204)

    def check(self) -> None:
        for name, user in self.people.items():
            blocked = User.objects.get(pk=user.pk).blocked_at is not None
            assert blocked is (name in self.out and name != "sterk"), name
        refused = DirectoryUser.objects.exclude(refusal="").values_list("user__username", flat=True)
        assert set(refused) == {"sterk"} & self.out
        in_team = set(self.team.members.values_list("user__username", flat=True))
        assert in_team == self.members[GROUPS[0]] - {"eigenaar"}


@quietly
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(GROUPS),
            st.sets(st.sampled_from([*EXISTING, "sterk"])),
            st.sampled_from(["PUT", "replace", "by id"]),
        ),
        min_size=2,
        max_size=8,
    ),
    end=st.sampled_from(["PUT", "DELETE"]),
)
def test_no_leaver_stays_in_because_of_a_neighbor(alice: User, steps: list[Any], end: str) -> None:
    with undone():
        model = BlockingGroups(alice.office, signed_in(alice))
        for group, wanted, how in steps:
            model.change(group, wanted, how)
        for group in GROUPS:
            model.change(group, {*model.people, "eigenaar"}, "PUT")
        for group in GROUPS:  # the office leaves, with the owner of the connection and one who has more rights
            if end == "DELETE":
                model.directory.call("DELETE", f"/Groups/{model.groups[group]}", status=204)
            else:
                model.directory.call(
                    "PUT", f"/Groups/{model.groups[group]}", {"schemas": [GROUP], "displayName": group}
                )
        left = User.objects.filter(provider=alice.office, blocked_at=None).exclude(pk=alice.pk)
        assert [user.username for user in left] == ["sterk"]
