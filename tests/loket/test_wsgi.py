"""The application as a web server loads it."""

import subprocess
import sys
from pathlib import Path

from tests.helpers.demo_process import ROOT
from tests.helpers.servers import own_environment

LOADED = """
import gc, sys
import loket.wsgi
print("loket.urls" in sys.modules, gc.get_freeze_count() > 10 * len(gc.get_objects()))
"""


def test_what_was_loaded_at_the_start_is_not_looked_through_again(tmp_path: Path) -> None:
    asked = [sys.executable, "-c", LOADED]
    told = subprocess.run(asked, cwd=ROOT, env=own_environment(tmp_path), capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True", "True"]
