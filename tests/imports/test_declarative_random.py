"""Offices as a file, in random situations: the declared state is reached from any state, and only once."""

import json
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Provider, User
from audit.actors import build_operator
from audit.models import Event
from imports.declarative import export, reconcile, schema
from imports.declarative.reconcile import OfficeOutcome
from imports.declarative.secrets_file import OfficeSecrets
from imports.files.cells import UnreadableFile
from notifications import preferences
from notifications.preference_text import serialize_overrides
from outbox.models import Message
from tests.helpers.login_methods import TID, tenant_of

pytestmark = pytest.mark.django_db
LOOSE = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
RIGHTS = ["view_users", "manage_users", "view_teams", "view_wages", "view_hrm"]
NUMBERS = [7, 1001]
TEAMS = ["Loon", "Salaris é", 'Wijs; "N"']
PEOPLE = range(3)


def some(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), unique=True)


TEAM = st.fixed_dictionaries({"two_factor_required": st.booleans(), "employers": some(NUMBERS), "rights": some(RIGHTS)})
PERSON = st.fixed_dictionaries(
    {
        "initials": st.sampled_from(["N.", "O."]),
        "prefix": st.sampled_from(["", "van"]),
        "has_access_to_test_years": st.booleans(),
        "teams": some(TEAMS),
        "individual_rights": some(RIGHTS),
    },
    optional={
        "signals": st.sampled_from([[], ["birthday: on, 7 days, mail"], ["birthday: off", "sickness: mail"]]),
        "blocked": st.booleans(),
        "authorization_set": st.just("HR"),
        "phone_number": st.just("030 1234567"),
    },
)
WORLD = st.fixed_dictionaries(
    {
        "invitation_days": st.integers(1, 30),
        "two_factor_days": st.integers(0, 90),
        "products": some(["signals", "journal"]),
        "set": some(RIGHTS),
        "teams": st.lists(TEAM, min_size=3, max_size=3),
        "people": st.dictionaries(st.sampled_from(PEOPLE), PERSON),
    }
)


def table(name: str, values: dict[str, Any]) -> str:
    return f"[[{name}]]\n" + "".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()
    )


def written(office: str, world: dict[str, Any]) -> bytes:
    parts = [
        "format = 1\n",
        table("office", {"name": office} | {key: world[key] for key in ("invitation_days", "two_factor_days")}),
        *(table("office.employer", {"number": n, "name": f"W{n}", "products": world["products"]}) for n in NUMBERS),
        table("office.set", {"name": "HR", "rights": world["set"]}),
    ]
    for name, team in zip(TEAMS, world["teams"], strict=True):
        parts.append(table("office.team", {"name": name} | team))
    for number, person in world["people"].items():
        fixed = {
            "login_method": "azure_ad", "username": f"groen {number}", "last_name": f"Groen {number}",
            "email": f"g{number}@x.example", "external_tenant": str(TID),
            "external_user_id": f"2b1e9c04-77ad-4c3b-8d10-{number:012d}",
        }  # fmt: skip
        parts.append(table("office.user", fixed | person))
    return "".join(parts).encode()


def run(content: bytes, *, commit: bool = True) -> list[OfficeOutcome]:
    return reconcile.reconcile_offices(
        schema.parse_offices(content), OfficeSecrets(), by=build_operator("test"), commit=commit
    )


def exported(office: Provider) -> str:
    office.refresh_from_db()
    return "".join(export.export_offices([office]))


def person_of(world: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the expected state of a user once the file is applied; a set adds what no team gives already."""
    person = dict(world["people"][number])
    of_set = set(world["set"] if "authorization_set" in person else [])
    given = {
        right
        for name, team in zip(TEAMS, world["teams"], strict=True)
        if name in person["teams"]
        for right in team["rights"]
    }
    return person | {
        "teams": set(person["teams"]),
        "individual_rights": set(person["individual_rights"]),
        "of_set": of_set,
        "given": given,
    }


@pytest.mark.slow
@LOOSE
@given(before=WORLD, after=WORLD)
def test_declared_state_is_reached_and_applying_again_changes_nothing(
    office: Provider, alice: User, before: dict[str, Any], after: dict[str, Any]
) -> None:
    with transaction.atomic():
        tenant_of(office)
        run(written(office.name, before))
        planned = run(written(office.name, after), commit=False)
        (done,) = run(written(office.name, after))
        assert (done.faults, done.refusal, done.missing_secrets) == ([], "", [])
        assert [item["changes"] for item in planned[0].items] == [item["changes"] for item in done.items]
        for number in after["people"]:
            wanted, user = person_of(after, number), User.objects.filter(username=f"groen {number}").first()
            if user is None:
                assert wanted["blocked"]  # a user who does not exist
                continue
            assert {row.team.name for row in user.memberships.all()} == wanted["teams"]
            own, held = wanted["individual_rights"], {row.right for row in user.individual_rights.all()}
            assert own <= held <= own | wanted["of_set"]
            assert wanted["of_set"] <= held | wanted["given"]
            signals = serialize_overrides(preferences.load_overrides(user.notification_settings.all()))
            assert set(signals) == set(wanted.get("signals", signals))
            assert (user.initials, user.prefix) == (wanted["initials"], wanted["prefix"])
            assert (user.blocked_at is not None) == wanted.get("blocked", user.blocked_at is not None)
        counts = [Event.objects.count(), Message.objects.count()]
        assert all(one.is_empty for one in run(written(office.name, after)))
        assert all(one.is_empty for one in run(exported(office).encode()))
        assert [Event.objects.count(), Message.objects.count()] == counts
        transaction.set_rollback(True)


@pytest.mark.slow
@LOOSE
@given(world=WORLD)
def test_a_plan_writes_nothing(office: Provider, alice: User, world: dict[str, Any]) -> None:
    with transaction.atomic():
        tenant_of(office)
        before, counts = exported(office), [Event.objects.count(), Message.objects.count()]
        run(written(office.name, world), commit=False)
        assert exported(office) == before
        assert [Event.objects.count(), Message.objects.count()] == counts
        transaction.set_rollback(True)


SCALARS = st.one_of(
    st.text(max_size=12), st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["view_users", "azure_ad", "x" * 300, "\u202e", "06 12345678", str(TID)]),
)  # fmt: skip
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.lists(st.lists(SCALARS, max_size=2), max_size=2))
KEYS = {"office": schema.OFFICE_PARSERS} | {name: readers for name, (readers, _needed) in schema.TABLE_PARSERS.items()}


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Build a file whose tables can have any value for each key."""
    text = 'format = 1\n[[office]]\nname = "Kantoor"\n'
    for name in draw(st.lists(st.sampled_from(sorted(KEYS)), max_size=4)):
        values = draw(st.dictionaries(st.sampled_from([*KEYS[name], "password", "vreemd"]), VALUES, max_size=5))
        text += table(name if name == "office" else f"office.{name}", values)
    return text.replace("\x7f", "\\u007F").encode(errors="replace")


@pytest.mark.slow
@settings(LOOSE, max_examples=80)
@given(content=files())
def test_any_file_is_applied_or_says_what_is_wrong_with_it(content: bytes) -> None:
    with transaction.atomic():
        try:
            found = run(content)
        except UnreadableFile:
            found = []
        wrong = any(one.faults for one in found)
        assert not (wrong and Provider.objects.exists())
        for one in found:
            assert all(fault["what"] and fault["key"] and fault["number"] for fault in one.faults)
        transaction.set_rollback(True)
