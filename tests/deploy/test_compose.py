"""Containerfile and compose.yaml, without running them."""

import re
import runpy
import shutil
import subprocess
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from dotenv import dotenv_values

from loket import env_validators
from tests.conftest import DEPLOY_TOOLS
from tests.helpers.demo_process import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
GUIDE = (ROOT / "docs" / "how-to" / "deploy.md").read_text()
OURS = {name: service for name, service in COMPOSE["services"].items() if name != "database"}
SECRET = re.compile(r"(KEYS?|PASSWORD|TOKEN|DATABASE_URL)(_FILE)?$")


@pytest.mark.slow
@pytest.mark.hadolint
def test_hadolint_accepts_the_containerfile() -> None:
    command = [DEPLOY_TOOLS / "hadolint", "--failure-threshold", "style", ROOT / "Containerfile"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_no_image_names_a_registry() -> None:
    images = re.findall(r"^ARG BASE=(.*)$", (ROOT / "Containerfile").read_text(), re.M)
    images += [re.sub(r"\$\{\w+:-(.*)\}", r"\1", service["image"]) for service in COMPOSE["services"].values()]
    assert set(images) == {"debian:trixie-slim", "loket", "postgres:17"}


def test_every_container_is_confined_and_limited() -> None:
    for service in COMPOSE["services"].values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert {"pids_limit", "mem_limit"} <= service.keys()


def test_one_service_builds_the_image_and_none_fetches_it() -> None:
    assert [name for name, service in OURS.items() if "build" in service] == ["secrets"]
    assert {service["pull_policy"] for service in OURS.values()} == {"never"}


def test_every_package_of_the_image_is_pinned_by_its_hash() -> None:
    """The builder of the wheel as well, which pip would fetch into an environment of its own."""
    commands = re.findall(r"^\s*(?:RUN )?/pip/bin/pip (.*)$", (ROOT / "Containerfile").read_text(), re.M)
    assert len(commands) == 4
    assert [one for one in commands if "--require-hashes" not in one and "--no-index" not in one] == []


def test_the_database_reaches_no_other_network() -> None:
    networks = {name: service.get("networks") for name, service in COMPOSE["services"].items()}
    assert COMPOSE["networks"]["data"] == {"internal": True}
    assert networks == {
        "secrets": None, "database": ["data"], "migrate": ["data"], "backup": ["data"],
        "web": ["data", "front"], "worker": ["data", "front"], "mail": ["front"],
    }  # fmt: skip
    assert COMPOSE["services"]["secrets"]["network_mode"] == "none"


def test_the_guide_trusts_the_first_address_of_the_network_of_the_proxy() -> None:
    ((network,),) = [subnet.values() for subnet in COMPOSE["networks"]["front"]["ipam"]["config"]]
    (default,) = re.findall(r"^\$\{LOKET_SUBNET:-(\S+)\}$", network)
    assert f"    LOKET_TRUSTED_PROXIES={next(ip_network(default).hosts())}\n" in GUIDE
    assert default in GUIDE.replace("    LOKET_TRUSTED", "")


def test_settings_are_in_a_file_that_no_build_and_no_commit_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make dev` reads `.env`, and Compose takes PORT from it."""
    for name in ("web", "worker"):
        defaults, own = COMPOSE["services"][name]["env_file"]
        assert own == {"path": "${LOKET_ENV_FILE:-settings.env}", "required": False}
        assert not [variable for variable in COMPOSE["services"][name]["environment"] if not variable.endswith("_FILE")]
    assert {name for name, service in OURS.items() if "env_file" in service} == {"web", "worker"}
    assert "settings.env" in (ROOT / ".gitignore").read_text().split()
    assert "*.env" in (ROOT / ".dockerignore").read_text().split()
    monkeypatch.setenv("PORT", "9000")
    assert dotenv_values(ROOT / defaults) == {"LOKET_URL": "http://localhost:9000", "EMAIL_URL": "smtp://mail:1025"}


def test_no_secret_is_in_the_file() -> None:
    """Each is in a file of a volume."""
    given = {
        name: value
        for service in COMPOSE["services"].values()
        for name, value in service.get("environment", {}).items()
        if SECRET.search(name)
    }
    assert len(given) > 5
    for name, value in given.items():
        assert name.endswith("_FILE"), name
        assert value.startswith("/"), name


def test_each_part_sees_its_own_secrets_only() -> None:
    volumes = {
        name: [volume.partition(":")[0] for volume in service.get("volumes", [])]
        for name, service in COMPOSE["services"].items()
    }
    assert volumes.pop("secrets")[1:] == ["app-secrets", "owner-secrets", "database-secrets"]
    assert volumes == {
        "database": ["database-secrets", "database"],
        "migrate": ["app-secrets", "owner-secrets"],
        "backup": ["app-secrets", "owner-secrets", "backups"],
        "web": ["app-secrets"],
        "worker": ["app-secrets"],
        "mail": [],
    }


def test_only_this_machine_reaches_the_trial() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:${PORT:-8000}:8000"]


def generate_secrets(folder: Path) -> dict[str, str]:
    """Run the program of the service `secrets` on a folder, and return what each file contains."""
    program = runpy.run_path(str(ROOT / "deploy" / "compose" / "generate_secrets.py"))
    places = {name: folder / name for name in ("APP", "OWNER", "DATABASE")}
    for place in places.values():
        place.mkdir(exist_ok=True)
    program["main"].__globals__.update(places)
    program["main"]()
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_generated_secrets_are_valid_and_stay(tmp_path: Path) -> None:
    made = generate_secrets(tmp_path)
    env_validators.validate_secret_key(made["APP/secret_key"])
    env_validators.validate_keys([made["APP/sealing_keys"], made["APP/checkpoint_key"]])
    for role, url in (("loket_app", made["APP/database_url"]), ("loket", made["OWNER/database_url"])):
        env_validators.validate_postgresql_url(url)
        (password,) = re.findall(rf"^postgres://{role}:([\w-]{{43}})@database/loket$", url)
        assert f"CREATE ROLE {role} LOGIN PASSWORD '{password}';" in made["DATABASE/roles.sql"]
    assert len(set(made.values())) == len(made) == 7
    assert (tmp_path / "APP" / "secret_key").stat().st_mode & 0o077 == 0
    assert generate_secrets(tmp_path) == made


@pytest.mark.parametrize("kept", [{"APP", "OWNER"}, {"APP"}, {"OWNER"}])
def test_what_exists_is_kept_when_the_rest_is_generated(tmp_path: Path, kept: set[str]) -> None:
    """As after an interruption, and on another machine, where a copy of a volume was restored."""
    made = generate_secrets(tmp_path)
    for name in {"APP", "OWNER", "DATABASE"} - kept:
        shutil.rmtree(tmp_path / name)
    again = generate_secrets(tmp_path)
    assert again.keys() == made.keys()
    changed = {name.partition("/")[0] for name, text in again.items() if text != made[name]}
    assert changed == {"APP", "OWNER", "DATABASE"} - kept
    for role, place in (("loket_app", "APP"), ("loket", "OWNER")):
        password = urlsplit(again[f"{place}/database_url"]).password
        assert f"CREATE ROLE {role} LOGIN PASSWORD '{password}';" in again["DATABASE/roles.sql"]
