"""The files in which the processes of a web server count requests, allocated before anything is written to them.

`prometheus_client` maps them into memory and leaves them sparse: where the disk is full, writing to such a page kills
the process with SIGBUS, which no code can catch. Here the file system promises the blocks first (posix_fallocate), and
where it does not, counting is switched off with a line in the log. Counting never costs a page.
"""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import SimpleNamespace
from typing import ParamSpec

import structlog
from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

FIRST_BYTES = 1 << 18  # of a file: some 1,500 combinations of method, route and status; when it is full it doubles
_ENTRY = 28  # bytes that the library adds to a name at most
Arguments = ParamSpec("Arguments")
log = structlog.get_logger("loket.metrics")
_state = SimpleNamespace(on=False)  # of this process


def is_on() -> bool:
    """Return whether this process counts."""
    return bool(_state.on)


def switch_on(folder: Path) -> None:
    """Count in `folder` from now on, unless it cannot be written in. Called before the first metric is made."""
    files = [folder / f"{kind}_{os.getpid()}.db" for kind in ("counter", "histogram")]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in files:
            _allocate(file)
    except OSError as error:
        _switch_off(error)
        return
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # where the library looks for each new file
    values.MmapedDict = _AllocatedDict  # type: ignore[attr-defined]
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
    _state.on = True


def never_in_the_way(count: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Have a function that counts do nothing while counting is off, and switch it off instead of raising anything."""

    @wraps(count)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        if not _state.on:
            return
        try:
            count(*args, **kwargs)
        except Exception as error:
            _switch_off(error)

    return guarded


def _switch_off(error: Exception) -> None:
    _state.on = False
    log.error("requests not counted", error=type(error).__name__, reason=getattr(error, "strerror", None))


def _allocate(file: Path) -> None:
    """Give `file` its first blocks. Raises OSError when there are none, and leaves no empty file."""
    size = file.stat().st_size if file.exists() else 0
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, max(size, FIRST_BYTES))
    except OSError:
        if size == 0:
            file.unlink()
        raise
    finally:
        os.close(descriptor)


class _AllocatedDict(MmapedDict):
    """The library's file, which has its blocks before they are written to."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            _allocate(Path(filename))
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        size = self._capacity
        while self._used + len(key.encode()) + _ENTRY > size:
            size *= 2
        if size > self._capacity:
            os.posix_fallocate(self._f.fileno(), 0, size)
        super()._init_value(key)  # type: ignore[no-untyped-call]
