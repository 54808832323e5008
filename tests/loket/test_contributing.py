"""What contributors and forges run is what `make check` and `.ci/run` run, without fetching anything else."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PAGE_LINES = 100
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
    programs = [part.split()[0] for command in commands for part in re.split(r"&&|\|+|;", command)]
    assert programs == ["apt-get", "apt-get", "git", ".ci/run"]


def test_the_page_for_contributors_is_one_page() -> None:
    for name in ("CONTRIBUTING.md", "SECURITY.md", "docs/compare.md"):
        assert len((ROOT / name).read_text().splitlines()) <= PAGE_LINES, name
