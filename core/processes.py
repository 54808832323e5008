"""Processes: how to start the web server, how to end with the parent, and how to return memory."""

import ctypes
import signal

from core.paths import BASE_DIR

_PR_SET_PDEATHSIG = 1  # prctl.h
_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES = -3, 128 * 1024  # malloc.h of glibc, with its default
_libc = ctypes.CDLL(None)
_prctl = getattr(_libc, "prctl", None)
_mallopt = getattr(_libc, "mallopt", None)
_malloc_trim = getattr(_libc, "malloc_trim", None)


def return_large_blocks() -> None:
    """Have glibc give the 19 MiB of each password hash back to the system.

    By itself it raises the size from which it does so to the largest block that was freed, and keeps these for good.
    Nothing happens with another C library.
    """
    if _mallopt is not None:
        _mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)


def return_freed_memory() -> None:
    """Have glibc give what was freed back to the system, for a moment after which little is freed.

    Nothing happens with another C library.
    """
    if _malloc_trim is not None:
        _malloc_trim(0)


def terminate_with_parent() -> None:
    """Ask Linux to send SIGTERM to this process when its parent dies, even by kill -9."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def build_granian_arguments(port: int, *, host: str = "127.0.0.1", workers: int = 1) -> list[str]:
    """Return the Python arguments that serve the product on `host` and `port`.

    Granian serves /healthz from a file, because every thread may be busy. Only with HTTP/1 does it close connections
    that send nothing, after 10 seconds. With a path, it imports nothing from the current folder, where an `api` or
    `users` of another program may be.
    """
    return [
        *("-P", "-m", "granian", "--interface", "rsgi", "--no-ws", "--http", "1"),
        *("--http1-header-read-timeout", "10000"),
        *("--host", host, "--port", str(port), "--workers", str(workers)),
        *("--working-dir", str(BASE_DIR)),
        *("--static-path-route", "/healthz", "--static-path-mount", str(BASE_DIR / "loket" / "healthz")),
        *("--static-path-dir-to-file", "alive.json", "--static-path-expires", "0"),
        f"{BASE_DIR / 'loket' / 'rsgi.py'}:application",
    ]
