"""The Kubernetes manifests, as kubectl builds them, by the schemas of Kubernetes."""

import re
import shutil
import subprocess
import textwrap
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
    path = tmp_path_factory.mktemp("kubernetes") / "built.yaml"
    path.write_text(build(FOLDER))
    return path


def build(folder: Path) -> str:
    """Return the manifests of a folder, as `kubectl apply -k` sends them."""
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


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


def test_the_overlay_of_the_guide_changes_what_it_says(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "how-to" / "deploy.md").read_text()
    (overlay,) = re.findall(r"^( +resources: \[loket/deploy/kubernetes\]\n(?: {7}.*\n)+)", guide, re.M)
    (tmp_path / "kustomization.yaml").write_text(textwrap.dedent(overlay).replace("loket.example", "loket.test"))
    shutil.copytree(FOLDER, tmp_path / "loket" / "deploy" / "kubernetes")
    made = build(tmp_path)
    assert made.count("image: registry.example/loket:0.1.0") == 3
    assert "LOKET_URL: https://loket.test" in made
    assert "LOKET_TRUSTED_PROXIES: 10.42.0.0/16" in made
    assert "host: loket.test" in made
    assert "loket.example" not in made.replace("loket@loket.example", "")
