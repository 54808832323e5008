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
GUIDE = (ROOT / "docs" / "how-to" / "deploy.md").read_text()
VERSIONS = ["1.30", "1.34"]  # the oldest that the guide names, and one that still gets fixes


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
    specs = [(one["metadata"]["name"], one.get("spec", {})) for one in manifests]
    owners = [(name, spec.get("jobTemplate", {}).get("spec", spec)) for name, spec in specs]
    return {name: owner["template"]["spec"] for name, owner in owners if "template" in owner}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_schemas_accept_it(built: Path, version: str) -> None:
    assert f"Kubernetes {VERSIONS[0]} or newer" in GUIDE
    command = [DEPLOY_TOOLS / "kubernetes-validate", "--strict", "--kubernetes-version", version, built]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_pod_is_confined_and_asks_for_resources(manifests: list[dict[str, Any]]) -> None:
    pods = pod_specs(manifests)
    assert pods.keys() == {"loket-web", "loket-worker", "loket-migrate", "loket-backup"}
    for pod in pods.values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


def test_only_migration_and_backup_get_the_owner(manifests: list[dict[str, Any]]) -> None:
    secrets = {
        name: {source["secretRef"]["name"] for source in pod["containers"][0]["envFrom"] if "secretRef" in source}
        for name, pod in pod_specs(manifests).items()
    }
    assert secrets.pop("loket-migrate") == secrets.pop("loket-backup") == {"loket", "loket-owner"}
    assert set(map(frozenset, secrets.values())) == {frozenset({"loket"})}


@pytest.fixture(scope="module")
def specs(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What each kind of manifest specifies, by name."""
    found: dict[str, dict[str, Any]] = {}
    for one in manifests:
        found.setdefault(one["kind"], {})[one["metadata"]["name"]] = one.get("spec")
    return found


def test_services_and_budgets_select_the_pods_of_one_part(specs: dict[str, dict[str, Any]]) -> None:
    labels = {name: spec["template"]["metadata"]["labels"] for name, spec in specs["Deployment"].items()}
    budgets = {name: spec["selector"]["matchLabels"] for name, spec in specs["PodDisruptionBudget"].items()}
    services = {name: spec["selector"] for name, spec in specs["Service"].items()}
    assert budgets == labels
    assert services == {"loket-web": labels["loket-web"]}


def test_only_the_proxy_and_prometheus_reach_the_web_servers(
    manifests: list[dict[str, Any]], specs: dict[str, dict[str, Any]]
) -> None:
    policies = specs["NetworkPolicy"]
    everything, web = policies["loket"], policies["loket-web"]
    assert everything == {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "loket"}}, "policyTypes": ["Ingress"],
    }  # fmt: skip
    assert web["podSelector"]["matchLabels"] == specs["Service"]["loket-web"]["selector"]
    (rule,) = web["ingress"]
    assert rule["ports"] == [{"port": "http"}]
    assert [list(source) for source in rule["from"]] == [["namespaceSelector"]] * 2
    pods = [one["spec"] for one in manifests if one["kind"] in ("Deployment", "Job")]
    pods.append(specs["CronJob"]["loket-backup"]["jobTemplate"]["spec"])
    assert {pod["template"]["metadata"]["labels"]["app.kubernetes.io/name"] for pod in pods} == {"loket"}


def test_no_proxy_is_trusted_until_the_overlay_names_it(manifests: list[dict[str, Any]]) -> None:
    (settings,) = (one["data"] for one in manifests if one["kind"] == "ConfigMap")
    assert "LOKET_TRUSTED_PROXIES" not in settings


def test_the_commands_of_the_guide_turn_the_backup_into_a_restore(manifests: list[dict[str, Any]]) -> None:
    (script,) = re.findall(r"^    sed -i '(.*)' restore\.yaml$", GUIDE, re.M)
    (job,) = (one["spec"]["jobTemplate"] for one in manifests if one["kind"] == "CronJob")
    changed = yaml.safe_load(subprocess.check_output(["sed", script], input=yaml.safe_dump(job), text=True))
    (container,) = changed["spec"]["template"]["spec"]["containers"]
    assert container.pop("args") == ["restore", "/var/backups/loket/loket-20270331T020000Z.backup"]
    before = job["spec"]["template"]["spec"]["containers"][0]
    assert container == {name: value for name, value in before.items() if name != "args"}


def test_the_overlay_of_the_guide_changes_what_it_says(tmp_path: Path) -> None:
    (overlay,) = re.findall(r"^( +resources: \[loket/deploy/kubernetes\]\n(?: {7}.*\n)+)", GUIDE, re.M)
    overlay = overlay.replace("loket.example", "loket.test").replace("ingress-nginx", "traefik")
    (tmp_path / "kustomization.yaml").write_text(textwrap.dedent(overlay))
    shutil.copytree(FOLDER, tmp_path / "loket" / "deploy" / "kubernetes")
    made = build(tmp_path)
    assert made.count("image: registry.example/loket:0.1.0") == 4
    assert "kubernetes.io/metadata.name: traefik" in made
    assert "LOKET_URL: https://loket.test" in made
    assert "LOKET_TRUSTED_PROXIES: 10.42.0.0/16" in made
    assert "host: loket.test" in made
    assert "loket.example" not in made.replace("loket@loket.example", "")
