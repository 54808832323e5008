"""Containerfile and compose.yaml, without running them."""

import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from loket import env_validators
from tests.conftest import DEPLOY_TOOLS
from tests.helpers.demo_process import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
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


def test_every_container_of_the_product_is_confined() -> None:
    for service in OURS.values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_no_secret_is_in_the_file() -> None:
    """Each is in a file of a volume, or given from outside, without a default."""
    given = {
        name: value
        for service in COMPOSE["services"].values()
        for name, value in service.get("environment", {}).items()
        if SECRET.search(name)
    }
    assert len(given) > 5
    for name, value in given.items():
        assert value.startswith("/") if name.endswith("_FILE") else value == f"${{{name}:-}}", name


def test_each_part_sees_its_own_secrets_only() -> None:
    volumes = {
        name: [volume.partition(":")[0] for volume in service["volumes"]]
        for name, service in COMPOSE["services"].items()
    }
    assert volumes.pop("secrets")[1:] == ["app-secrets", "owner-secrets", "database-secrets"]
    assert volumes == {
        "database": ["database-secrets", "database"],
        "migrate": ["app-secrets", "owner-secrets"],
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
