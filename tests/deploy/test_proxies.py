"""The Caddyfile, by Caddy itself; the configuration of nginx has tests/loket/test_nginx.py."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.helpers.demo_process import ROOT

CADDYFILE = ROOT / "deploy" / "caddy" / "Caddyfile"


@pytest.mark.caddy
def test_caddy_accepts_the_file(tmp_path: Path) -> None:
    done = subprocess.run(
        ["caddy", "validate", "--adapter", "caddyfile", "--config", CADDYFILE],
        env=os.environ | {"HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    formatted = subprocess.run(["caddy", "fmt", CADDYFILE], capture_output=True, text=True, check=False)
    assert formatted.stdout == CADDYFILE.read_text()
