"""The Kubernetes manifests, as kubectl builds them, by the schemas of Kubernetes."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import DEPLOY_TOOLS
from tests.helpers.demo_process import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]
FOLDER = ROOT / "deploy" / "kubernetes"
VERSION = "1.34"  # an old one that still gets fixes: what it accepts, later ones do


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All manifests in one file."""
    done = subprocess.run(["kubectl", "kustomize", FOLDER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    path = tmp_path_factory.mktemp("kubernetes") / "built.yaml"
    path.write_text(done.stdout)
    return path


@pytest.fixture(scope="module")
def manifests(built: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(built.read_text()))


def pod_specs(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    pods = [one for one in manifests if "template" in one.get("spec", {})]
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in pods}


def test_the_schemas_accept_it(built: Path) -> None:
    command = [DEPLOY_TOOLS / "kubernetes-validate", "--strict", "--kubernetes-version", VERSION, built]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_pod_is_confined_and_asks_for_resources(manifests: list[dict[str, Any]]) -> None:
    pods = pod_specs(manifests)
    assert pods.keys() == {"loket-web", "loket-worker", "loket-migrate"}
    for pod in pods.values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


def test_only_the_migration_gets_the_owner(manifests: list[dict[str, Any]]) -> None:
    secrets = {
        name: {source["secretRef"]["name"] for source in pod["containers"][0]["envFrom"] if "secretRef" in source}
        for name, pod in pod_specs(manifests).items()
    }
    assert secrets.pop("loket-migrate") == {"loket", "loket-owner"}
    assert set(map(frozenset, secrets.values())) == {frozenset({"loket"})}


def test_services_and_budgets_select_the_pods_of_one_part(manifests: list[dict[str, Any]]) -> None:
    found: dict[str, dict[str, Any]] = {}
    for one in manifests:
        found.setdefault(one["kind"], {})[one["metadata"]["name"]] = one.get("spec")
    labels = {name: spec["template"]["metadata"]["labels"] for name, spec in found["Deployment"].items()}
    budgets = {name: spec["selector"]["matchLabels"] for name, spec in found["PodDisruptionBudget"].items()}
    services = {name: spec.get("selector") for name, spec in found["Service"].items()}
    assert budgets == labels
    assert services == {"loket-web": labels["loket-web"], "loket-closed": None}
