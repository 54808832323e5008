"""What contributors and forges run is what `make check` and `.ci/run` run, without fetching anything else."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE_LINES = 100
SCRIPT = (ROOT / ".ci" / "run").read_text()
CHECK = (ROOT / "Makefile").read_text().split("\ncheck:")[1].split("\n\n")[0]


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def test_hooks_run_the_installed_tools_of_make_check() -> None:
    (repo,) = read(".pre-commit-config.yaml")["repos"]
    assert repo["repo"] == "local"
    tools = {re.match(r"\.venv/bin/([\w-]+) ?", hook["entry"])[1] for hook in repo["hooks"]}
    assert tools == {"ruff", "djade", "django-upgrade", "codespell", "mypy"}
    assert {tool for tool in tools if f"$(RUN)/{tool}" not in CHECK} == set()
    assert {hook["language"] for hook in repo["hooks"]} == {"unsupported"}, "no environment is built"
    versions = re.findall(r"--target-version (\S+)", CHECK + (ROOT / ".pre-commit-config.yaml").read_text())
    assert len(versions) == 2
    assert len(set(versions)) == 1


def test_forges_only_call_the_script() -> None:
    github, gitlab = read(".github/workflows/ci.yml")["jobs"]["ci"], read(".gitlab-ci.yml")["ci"]
    used = [step["uses"] for step in github["steps"] if "uses" in step]
    assert used
    assert all(re.search(r"@[0-9a-f]{40}$", name) for name in used), "a tag can be moved"
    assert github["container"] == gitlab["image"]
    commands = [step["run"] for step in github["steps"] if "run" in step]
    assert commands == gitlab["script"]
    assert [command.split()[0] for command in commands] == ["apt-get", "git", ".ci/run"], "and prepare for it"
    assert commands[0].count("&&") == 1
    assert gitlab.keys() == {"image", "timeout", "variables", "script"}
    assert [name.partition("@")[0] for name in used] == ["actions/checkout"]


@pytest.mark.parametrize("with_podman", [True, False])
def test_the_script_runs_the_containers_or_says_that_it_does_not(tmp_path: Path, with_podman: bool) -> None:
    """With programs that do nothing in place of every one that it calls."""
    script, programs = tmp_path / ".ci" / "run", tmp_path / "bin"
    script.parent.mkdir()
    shutil.copy(ROOT / ".ci" / "run", script)
    programs.mkdir()
    names = [*re.findall(r"command -v ([\w-]+)", SCRIPT), "apt-get", "rm"]
    for name in {*names} - (set() if with_podman else {"podman"}):
        (programs / name).symlink_to("/bin/true")
    for name in ("bash", "dirname"):
        (programs / name).symlink_to(str(shutil.which(name)))
    for name, answer in {"make": '"make $*"', "git": "false", "id": "0", "mktemp": "/nowhere"}.items():
        (programs / name).write_text(f"#!/bin/bash\necho {answer}\n")
        (programs / name).chmod(0o755)
    done = subprocess.run([script], env={"PATH": str(programs)}, capture_output=True, text=True, check=True)
    targets = ["make test COVERAGE=1", "make check", "make test-slow"]
    assert done.stdout.splitlines() == targets + (["make test-containers"] if with_podman else [])
    assert ("WARNING" in done.stderr) is not with_podman


def test_the_page_for_contributors_is_one_page() -> None:
    for name in ("CONTRIBUTING.md", "SECURITY.md", "docs/compare.md"):
        assert len((ROOT / name).read_text().splitlines()) <= PAGE_LINES, name
