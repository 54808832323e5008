"""Offices as a file: reading, planning, applying and exporting."""

import json
import re
import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connection

from accounts import passwords
from accounts.models import ExternalTenant, Provider, User
from audit.models import Event, Verb
from imports.declarative import schema
from imports.files.budget import COMMAND_LIMITS
from notifications.models import NotificationSetting
from outbox.models import Message
from permissions import checks
from permissions.checks import Right
from permissions.models import AuthorizationSet, Employer, Team
from permissions.products import Product
from tests.helpers.import_files import command, team_of
from tests.helpers.invited_users import invite
from tests.helpers.login_methods import make_azure, make_service, tenant_of
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
GUIDE = (Path(__file__).parents[2] / "docs" / "how-to" / "offices-as-a-file.md").read_text()
Write = Callable[[str], Path]


def block(language: str) -> str:
    """Return the guide's only code block in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.M | re.S)
    return str(found)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of offices, starting with "format = 1"."""

    def written(text: str) -> Path:
        path = tmp_path / "kantoren.toml"
        path.write_text(text if text.startswith("format") else f"format = 1\n{text}")
        return path

    return written


def apply(path: Path, *options: object) -> tuple[int, list[str]]:
    code, said = command("offices", "apply", path, *options)
    return code, said.splitlines()


def outcomes(path: Path, *options: object) -> tuple[int, list[dict[str, Any]]]:
    code, said = command("offices", "apply", path, "--json", *options)
    return code, [json.loads(line) for line in said.splitlines()]


def faults(path: Path) -> list[tuple[str, int, str]]:
    code, found = outcomes(path, "--plan")
    assert code == 1
    return [(fault["table"], fault["number"], fault["key"]) for one in found for fault in one["faults"]]


def state() -> list[int]:
    return [model.objects.count() for model in (Provider, User, Team, Employer, AuthorizationSet, Event, Message)]


@pytest.fixture
def guide(tmp_path: Path) -> tuple[Path, Path]:
    """The two files of the guide, as printed."""
    path, apart = tmp_path / "kantoren.toml", tmp_path / "geheimen.csv"
    path.write_text(block("toml"))
    apart.write_text(block("csv"))
    return path, apart


@pytest.mark.slow
def test_the_guide_does_what_it_says(guide: tuple[Path, Path]) -> None:
    path, apart = guide
    before = state()
    code, lines = apply(path, "--plan")
    assert (code, state()) == (0, before)
    assert lines[0] == "Kantoor Jansen: wordt gedaan"
    assert lines[-1] == "Er is niets geschreven."
    assert apply(path, "--secrets", apart)[0] == 0
    office = Provider.objects.get(name="Kantoor Jansen")
    assert (office.invitation_days, office.two_factor_days, office.checkpoint_addresses) == (
        7, 14, "archief@jansen.example",
    )  # fmt: skip
    assert office.tenants.get().confirmation_method == "support"
    invited, azure, service = (
        office.users.order_by("last_name").exclude(last_name="x").order_by("login_method", "pk")[::-1]
    )
    assert invited.invitation.state == "open"
    assert [member.team.name for member in invited.memberships.all()] == ["Beheer"]
    azure, service = office.users.get(username="n.groen"), office.users.get(username="koppeling-jansen")
    assert checks.effective_rights(azure) == {Right.VIEW_USERS, Right.VIEW_TEAMS}
    employer = Employer.objects.get(number=1001)
    assert checks.effective_rights_at(azure, employer) == {Right.VIEW_WAGES}
    assert passwords.verify_password("Regenboog-17", service.password)
    assert Provider.objects.filter(name="Kantoor Smit").exists()


@pytest.mark.slow
def test_the_commands_of_the_guide_run_as_printed(guide: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path, _apart = guide
    monkeypatch.chdir(path.parent)
    commands = re.findall(r"^    loket (offices .*)$", GUIDE, re.M)
    assert len(commands) == 4
    for line in commands:
        name, *arguments = shlex.split(line)
        assert command(name, *arguments)[0] == 0, line
    assert (path.parent / "jansen.toml").read_text().count("[[office]]") == 1
    assert outcomes(path)[0] == 0


def test_every_key_and_product_is_in_the_guide() -> None:
    for readers in (schema.OFFICE_PARSERS, *(readers for readers, _needed in schema.TABLE_PARSERS.values())):
        for key in readers:
            assert re.search(rf"`{key}`|^{key} = ", GUIDE, re.M), key
    assert {product.name.lower() for product in Product if f"`{product.name.lower()}`" not in GUIDE} == set()


@pytest.mark.slow
def test_applied_again_it_changes_nothing(guide: tuple[Path, Path]) -> None:
    path, apart = guide
    apply(path, "--secrets", apart)
    before = state()
    for options in ([], ["--secrets", apart], ["--plan"]):
        code, found = outcomes(path, *options)
        assert code == 0
        assert [one["status"] for one in found] == ["unchanged", "unchanged"]
        assert [one["waiting"] for one in found] == [[], []]
    assert state() == before


@pytest.mark.slow
def test_who_needs_a_secret_waits_for_it_and_the_rest_is_done(guide: tuple[Path, Path]) -> None:
    path, apart = guide
    code, lines = apply(path)
    assert code == 0
    assert "    [[office.user]] 1: Jansen, A., wacht op een mobiel nummer, te geven met --secrets" in lines
    assert "    [[office.user]] 3: Koppeling, ICT, wacht op een wachtwoord, te geven met --secrets" in lines
    assert list(User.objects.values_list("username", flat=True)) == ["n.groen"]
    assert Team.objects.count() == 3
    _code, (jansen, _smit) = outcomes(path, "--secrets", apart)
    assert [(item["kind"], item["name"]) for item in jansen["items"]] == [
        ("user", "Jansen, A."), ("user", "Koppeling, ICT"),
    ]  # fmt: skip
    assert User.objects.count() == 3


@pytest.mark.slow
def test_no_secret_is_in_what_it_says_or_in_the_history(guide: tuple[Path, Path]) -> None:
    path, apart = guide
    said = command("offices", "apply", path, "--json", "--secrets", apart)[1]
    assert "12345678" not in said
    assert "Regenboog" not in said
    for event in Event.objects.all():
        assert "Regenboog" not in str(event.changes)
        assert "12345678" not in str(event.changes)


@pytest.mark.slow
def test_the_operator_did_it_and_all_of_one_file_belongs_together(guide: tuple[Path, Path]) -> None:
    path, apart = guide
    apply(path, "--secrets", apart)
    events = Event.objects.all()
    assert {event.actor_name for event in events} == {"manage.py offices apply"}
    assert {event.origin for event in events} == {"command"}
    assert len({event.correlation_id for event in events}) == 1
    assert events.filter(verb=Verb.PROVIDER_CREATED).count() == 2


def furnish(office: Provider, alice: User) -> None:
    """Give an office everything that an export can contain."""
    team_of(office, 'Loon "Noord"; \\ é', Right.VIEW_WAGES, members=(alice,), numbers=(7, 1001))
    Team.objects.create(provider=office, name="Leeg", two_factor_required=True)
    Employer.objects.filter(number=7).update(products=[290, 500])
    AuthorizationSet.objects.create(provider=office, name="HR", codes=["view_hrm", "view_users"])
    make_azure(office, Right.VIEW_USERS, tenant=tenant_of(office), access_until="2035-01-01")
    make_service(office, email="alice@devries.example", phone_number="030 1234567", has_access_to_test_years=True)
    NotificationSetting.objects.create(provider=office, user=alice, type="birthday", is_on=True, days=7, mail=False)
    invite(alice)
    make_user(office, username="dicht", email="d@devries.example", blocked_at="2026-01-01T00:00Z")
    make_user(office, username="weg", email="w@devries.example", access_until="2020-01-01", last_name="O\u200dX")
    Provider.objects.filter(pk=office.pk).update(
        checkpoint_addresses="a@x.example\nb@x.example", two_factor_from="2031-01-01", invitation_days=9
    )


def test_an_export_applied_again_is_an_empty_plan(office: Provider, alice: User, charlie: User, tmp_path: Path) -> None:
    furnish(office, alice)
    path = tmp_path / "alles.toml"
    assert command("offices", "export", path)[0] == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert Event.objects.filter(verb=Verb.EXPORTED).count() == 2
    before = state()
    code, found = outcomes(path)
    assert code == 0
    assert [(one["status"], one["faults"], one["waiting"], one["not_in_file"]) for one in found] == [
        ("unchanged", [], [], {}), ("unchanged", [], [], {}),
    ]  # fmt: skip
    assert state() == before
    first = path.read_text()
    command("offices", "export", path)
    assert path.read_text() == first


def test_two_offices_of_one_name_are_told_apart_by_id(office: Provider, alice: User, tmp_path: Path) -> None:
    Provider.objects.create(name=office.name)
    path = tmp_path / "alles.toml"
    command("offices", "export", path)
    assert path.read_text().count("\nid = ") == 2
    assert [one["status"] for one in outcomes(path)[1]] == ["unchanged", "unchanged"]
    path.write_text(f'format = 1\n[[office]]\nname = "{office.name}"\n')
    code, (one,) = outcomes(path)
    assert (code, one["status"]) == (2, "refused")


@pytest.mark.slow
def test_an_export_makes_the_same_office_elsewhere(office: Provider, alice: User, tmp_path: Path) -> None:
    tenant = tenant_of(office)
    team_of(office, "Loon", Right.VIEW_WAGES, numbers=(7,))
    AuthorizationSet.objects.create(provider=office, name="HR", codes=["view_hrm"])
    path = tmp_path / "een.toml"
    command("offices", "export", path, "--provider", office.name)
    text = (
        path.read_text()
        .replace(office.name, "Elders")
        .replace('name = "Groep"', 'name = "Groep"\nconfirmed = "Gezien"')
    )
    path.write_text(text)
    apart = tmp_path / "geheim.csv"
    apart.write_text("Email,Mobiel nummer\nALICE@devries.example,06 12345678\n")
    assert outcomes(path, "--secrets", apart)[0] == 0
    again = tmp_path / "twee.toml"
    command("offices", "export", again, "--provider", "Elders")
    assert again.read_text() == text.replace('\nconfirmed = "Gezien"', "")
    assert ExternalTenant.objects.filter(tenant_id=tenant.tenant_id, confirmation_method="support").count() == 1


def test_what_is_not_in_the_file_is_left_alone_and_this_is_said(office: Provider, alice: User, write: Write) -> None:
    team_of(office, "Loon", Right.VIEW_WAGES, members=(alice,))
    path = write(f'[[office]]\nname = "{office.name}"\ninvitation_days = 12\n')
    code, lines = apply(path)
    assert code == 0
    assert lines == [
        f"{office.name}: gedaan",
        f"    [[office]] 1: {office.name}, gewijzigd",
        "        invitation_days: 4 → 12",
        "    Niet in het bestand, en zo gelaten: team 1, user 1",
        "Wat het bestand zegt is gedaan.",
    ]


def test_lists_are_whole_and_the_plan_says_who_loses_what(office: Provider, alice: User, write: Write) -> None:
    bob = make_user(office, Right.VIEW_USERS, username="bob", email="bob@devries.example", last_name="Bakker")
    team_of(office, "Loon", Right.VIEW_TEAMS, Right.VIEW_USERS, members=(bob,))
    path = write(f"""
        [[office]]
        name = "{office.name}"
        [[office.team]]
        name = "loon"
        rights = ["view_teams"]
        [[office.user]]
        email = "bob@devries.example"
        teams = ["Loon"]
        individual_rights = []
        """)
    code, lines = apply(path)
    assert code == 0
    assert any("- Raadplegen gebruikers AK" in line for line in lines)
    assert any("Verliest: Raadplegen gebruikers AK" in line for line in lines)
    assert checks.effective_rights(bob) == {Right.VIEW_TEAMS}
    assert outcomes(path)[1][0]["status"] == "unchanged"


BAD = [
    ("[[office]]\n", [("office", 1, "name")]),
    ('[[office]]\nname = ""\n', [("office", 1, "name")]),
    ('kleur = 1\ninvitation_days = 31\n', [("office", 1, "kleur"), ("office", 1, "invitation_days")]),
    ('invitation_days = true\n', [("office", 1, "invitation_days")]),
    ('two_factor_days = 91\n', [("office", 1, "two_factor_days")]),
    ('two_factor_from = "2030-01-01"\n', [("office", 1, "two_factor_from")]),
    ('checkpoint_addresses = ["geen adres"]\n', [("office", 1, "checkpoint_addresses")]),
    ('[[office]]\nname = "A"\n[[office]]\nname = "A"\n', [("office", 2, "name")]),
    ('team = 3\n', [("office", 1, "team")]),
    ('id = "0190a5b4-0000-7000-8000-000000000000x"\n', [("office", 1, "id")]),
    ('[[office.team]]\nname = "T"\nrights = ["vliegen"]\n', [("team", 1, "rights")]),
    ('[[office.team]]\nname = "T"\nemployers = [9]\n', [("team", 1, "employers")]),
    ('[[office.team]]\nname = "T"\n[[office.team]]\nname = "t"\n', [("team", 2, "name")]),
    ('[[office.employer]]\nnumber = 9\n', [("employer", 1, "name")]),
    ('[[office.employer]]\nnumber = -1\nname = "x"\n', [("employer", 1, "number")]),
    ('[[office.employer]]\nnumber = 1\nname = "x"\nproducts = ["taart"]\n', [("employer", 1, "products")]),
    ('[[office.set]]\nname = "S"\n[[office.set]]\nname = "s"\n', [("set", 2, "name")]),
    ('[[office.set]]\nname = "S\\u0000"\n', [("set", 1, "name")]),
    ('[[office.tenant]]\ntenant_id = "x"\nname = "T"\n', [("tenant", 1, "tenant_id")]),
    ('[[office.user]]\nemail = "geen adres"\n', [("user", 1, "email")]),
    ('[[office.user]]\nemail = "a@x.nl"\nmobile_number = "06 12345678"\n', [("user", 1, "mobile_number")]),
    ('[[office.user]]\nemail = "a@x.nl"\nteams = "Beheer"\n', [("user", 1, "teams")]),
    ('[[office.user]]\nemail = "a@x.nl"\nblocked = "ja"\n', [("user", 1, "blocked")]),
    ('[[office.user]]\nemail = "a@x.nl"\naccess_until = 2030-01-01T00:00:00\n', [("user", 1, "access_until")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "places"), BAD)
def test_what_is_wrong_is_named_by_table_and_key(write: Write, text: str, places: list[tuple[str, int, str]]) -> None:
    before = state()
    path = write(text if text.startswith("[[office]]") else f'[[office]]\nname = "A"\n{text}')
    assert faults(path) == places
    assert apply(path)[0] == 1
    assert state() == before


def test_every_fault_is_named_at_once_and_nothing_is_written_anywhere(write: Write) -> None:
    path = write("""
        [[office]]
        name = "Goed"
        [[office]]
        name = "Fout"
        invitation_days = 99
        [[office.team]]
        name = "Loon"
        employers = [5]
        [[office.user]]
        login_method = "azure_ad"
        initials = "N."
        last_name = "Groen"
        email = "n@x.example"
        teams = ["Loon", "Bestaat niet"]
        [[office.user]]
        login_method = "telefoon"
        """)
    code, lines = apply(path)
    assert code == 1
    assert faults(path) == [
        ("office", 2, "invitation_days"), ("user", 2, "login_method"), ("team", 1, "employers"),
        ("user", 1, "teams"), ("user", 1, "username"), ("user", 1, "external_tenant"), ("user", 1, "external_user_id"),
    ]  # fmt: skip
    says = "Er is geen werkgever met dit nummer. Controleer het nummer, of voeg de werkgever eerst toe."
    assert f"    [[office.team]] 1, employers: “5”: {says}" in lines
    assert not Provider.objects.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"format = 1\n[[office]\n", "line 2, column"),
        (b'format = 1\n[[office]]\nname = "\xff"\n', "Regel 3"),
        (b"", "format = 1"),
        (b"format = 2\n", "format = 1"),
        (b"format = 1\nkantoor = 3\n", "kantoor"),
        (b"format = 1\noffice = 3\n", "[[office]]"),
        (b"format = 1\noffice = [1]\n", "[[office]]"),
        (b"a = " + b"[" * 100_000, "TOML"),
        (b"format = 1\nx = 1979-13-40\n", "TOML"),
        (b"#" * (COMMAND_LIMITS.file_bytes + 1), "MB"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "kantoren.toml"
    path.write_bytes(content)
    with pytest.raises(CommandError) as error:
        command("offices", "apply", path)
    assert error.value.returncode == 1
    assert said in str(error.value)


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path, write: Write) -> None:
    for arguments in ([tmp_path / "niets.toml"], [write(""), "--secrets", tmp_path / "niets.csv"]):
        with pytest.raises(CommandError) as error:
            command("offices", "apply", *arguments)
        assert error.value.returncode == 1


def test_a_bad_number_in_the_secrets_is_a_fault_without_the_number(guide: tuple[Path, Path]) -> None:
    path, apart = guide
    apart.write_text("Email;Mobiel nummer\na.jansen@jansen.example;020 7654321\n")
    code, lines = apply(path, "--secrets", apart)
    assert code == 1
    assert lines[0].startswith("--secrets 2, mobile_number: “…”")
    assert "7654321" not in "\n".join(lines)
    assert not Provider.objects.exists()


def test_an_office_that_is_refused_does_not_stop_the_others(office: Provider, alice: User, write: Write) -> None:
    path = write(f"""
        [[office]]
        name = "{office.name}"
        invitation_days = 20
        [[office.user]]
        username = "alice"
        individual_rights = []
        [[office]]
        name = "Ander"
        """)
    code, (refused, done) = outcomes(path)
    assert code == 2
    assert (refused["status"], done["status"]) == ("refused", "done")
    assert "beheren" in refused["refusal"]
    office.refresh_from_db()
    assert office.invitation_days == 4
    assert Provider.objects.filter(name="Ander").exists()


def test_an_office_is_renamed_by_its_id(office: Provider, charlie: User, write: Write) -> None:
    path = write(f'[[office]]\nid = "{office.pk}"\nname = "Nieuwe naam"\n')
    assert apply(path)[0] == 0
    office.refresh_from_db()
    assert office.name == "Nieuwe naam"
    assert outcomes(path)[1][0]["status"] == "unchanged"
    assert apply(write(f'[[office]]\nid = "{office.pk}"\nname = "{charlie.provider.name}"\n'))[0] == 2
    assert apply(write('[[office]]\nid = "0190a5b4-0000-7000-8000-000000000000"\nname = "X"\n'))[0] == 2


def test_a_user_of_another_office_is_not_taken(office: Provider, charlie: User, write: Write) -> None:
    path = write(f"""
        [[office]]
        name = "{office.name}"
        [[office.user]]
        username = "{charlie.username}"
        initials = "X."
        """)
    assert ("user", 1, "username") in faults(path)
    charlie.refresh_from_db()
    assert charlie.initials == "C."


def test_who_is_not_there_and_is_to_be_blocked_is_not_made(office: Provider, alice: User, write: Write) -> None:
    path = write(f"""
        [[office]]
        name = "{office.name}"
        [[office.user]]
        login_method = "website_sso"
        email = "weg@devries.example"
        blocked = true
        [[office.user]]
        email = "bob@devries.example"
        blocked = true
        """)
    make_user(office, username="bob", email="bob@devries.example")
    code, (one,) = outcomes(path)
    assert (code, one["waiting"], one["faults"]) == (0, [], [])
    assert User.objects.get(username="bob").blocked_at is not None
    assert User.objects.count() == 2


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_office(guide: tuple[Path, Path]) -> None:
    path, apart = guide

    def work(_number: int) -> int:
        try:
            return apply(path, "--secrets", apart)[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(work, range(3))) == [0, 0, 0]
    assert sorted(Provider.objects.values_list("name", flat=True)) == ["Kantoor Jansen", "Kantoor Smit"]
    assert (User.objects.count(), Team.objects.count()) == (3, 3)
    assert Event.objects.filter(verb=Verb.PROVIDER_CREATED).count() == 2


def test_faults_of_the_same_kind_are_one_line(write: Write) -> None:
    users = "".join(
        f'[[office.user]]\nlogin_method = "website_sso"\ninitials = "A."\nlast_name = "B"\n'
        f'email = "u{number}@x.example"\nteams = ["{team}"]\n'
        for number, team in enumerate(["Loon", "Weg", *["Loon"] * 20])
    )
    path = write(f'[[office]]\nname = "Kantoor"\n{users}')
    code, said = apply(path, "--plan")
    assert code == 1
    loon, weg = (line.strip() for line in said if "teams:" in line)
    assert loon.startswith("[[office.user]] 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, … (21×), teams: “Loon”: Er is geen team")
    assert weg.startswith("[[office.user]] 2, teams: “Weg”: Er is geen team")
    assert len(faults(path)) == 22, "programs get every fault"


@pytest.mark.parametrize("second", ["kantoor\u00a0jansen", "KANTOOR JANSEN", "Kantoor Jansen"])
def test_an_office_that_is_in_the_file_twice_is_a_fault(write: Write, second: str) -> None:
    text = f'[[office]]\nname = "Kantoor Jansen"\n[[office]]\nname = "{second}"\ninvitation_days = 3\n'
    assert faults(write(text)) == [("office", 2, "name")]
    known = Provider.objects.create(name="Kantoor Jansen")
    assert faults(write(text)) == [("office", 2, "name")]
    by_id = text.replace('Jansen"\n', f'Jansen"\nid = "{known.pk}"\n', 1)
    assert faults(write(by_id)) == [("office", 2, "name")], "once by its ID, once by its name"
    other = Provider.objects.create(name="Kantoor Jansen", suspended_at=None)
    both = by_id + f'id = "{other.pk}"\n'
    assert outcomes(write(both), "--plan")[0] == 0, "two offices may have one name"
