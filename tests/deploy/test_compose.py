"""Containerfile and compose.yaml, without running them."""

import re
import subprocess
from typing import Any

import pytest
import yaml

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
