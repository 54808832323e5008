"""Processes: how to start the web server, and how to end with the parent."""

import ctypes
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_prctl = getattr(ctypes.CDLL(None), "prctl", None)


def terminate_with_parent() -> None:
    """Ask Linux to send SIGTERM to this process when its parent dies, even by kill -9."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def build_granian_arguments(port: int, *, workers: int = 1) -> list[str]:
    """Return the Python arguments that serve on `port` of loopback, as in docs/operating.md.

    Granian serves /healthz from a file, because every thread may be busy. Only with HTTP/1 does it close connections
    that send nothing, after 10 seconds.
    """
    alive = Path(__file__).parent.parent / "loket" / "healthz"
    return [
        *f"-m granian --interface rsgi --no-ws --host 127.0.0.1 --port {port}".split(),
        *f"--workers {workers} --http 1 --http1-header-read-timeout 10000".split(),
        *("--static-path-route", "/healthz", "--static-path-mount", str(alive)),
        *("--static-path-dir-to-file", "alive.json", "--static-path-expires", "0"),
        "loket.rsgi:application",
    ]
