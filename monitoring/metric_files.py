"""Preallocated files in which the processes of a web server count requests.

`prometheus_client` maps sparse files into memory: on a full disk, writing to such a page kills the process with SIGBUS,
which Python cannot catch. Here the file system allocates the blocks first (posix_fallocate); if it cannot, counting is
disabled with a line in the log. Counting never makes a page fail.
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

INITIAL_FILE_BYTES = 1 << 18  # some 1,500 combinations of method, route and status; a full file doubles
_MAX_ENTRY_OVERHEAD_BYTES = 28  # maximum bytes that the library adds to a name
ArgumentsP = ParamSpec("ArgumentsP")
log = structlog.get_logger("monitoring.metrics")
_counting = SimpleNamespace(on=False)  # of this process


def is_counting() -> bool:
    return bool(_counting.on)


def enable_counting(folder: Path) -> None:
    """Count in `folder` if it is writable. Must run before the first metric is created."""
    files = [folder / f"{kind}_{os.getpid()}.db" for kind in ("counter", "histogram")]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in files:
            _allocate_file(file)
    except OSError as error:
        _disable_counting(error)
        return
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # read by the library for each new file
    values.MmapedDict = _PreallocatedMmapDict  # type: ignore[attr-defined]
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
    _counting.on = True


def disable_on_error(count: Callable[ArgumentsP, None]) -> Callable[ArgumentsP, None]:
    """Decorate a counting function: skip it while counting is off, and disable counting instead of raising errors."""

    @wraps(count)
    def guarded(*args: ArgumentsP.args, **kwargs: ArgumentsP.kwargs) -> None:
        if not _counting.on:
            return
        try:
            count(*args, **kwargs)
        except Exception as error:
            _disable_counting(error)

    return guarded


def _disable_counting(error: Exception) -> None:
    _counting.on = False
    log.error("requests not counted", error=type(error).__name__, reason=getattr(error, "strerror", None))


def _allocate_file(file: Path) -> None:
    """Allocate the first blocks of `file`. Raises OSError on a full disk and leaves no empty file."""
    size = file.stat().st_size if file.exists() else 0
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, max(size, INITIAL_FILE_BYTES))
    except OSError:
        if size == 0:
            file.unlink()
        raise
    finally:
        os.close(descriptor)


class _PreallocatedMmapDict(MmapedDict):
    """The file of the library with its blocks allocated before they are written."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            _allocate_file(Path(filename))
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        size = self._capacity
        while self._used + len(key.encode()) + _MAX_ENTRY_OVERHEAD_BYTES > size:
            size *= 2
        if size > self._capacity:
            os.posix_fallocate(self._f.fileno(), 0, size)
        super()._init_value(key)  # type: ignore[no-untyped-call]
