"""ZIP archives written while they are sent."""

import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, cast

_CHUNK_BYTES = 64 * 1024
ZipEntry = tuple[str, Iterable[bytes]]  # name and content


class _Buffer:
    """A file that can only be written; what was written is taken out by `drain`."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes, /) -> int:
        self.data += data
        return len(data)

    def flush(self) -> None:
        """Do nothing: `drain` takes the data."""

    def drain(self) -> bytes:
        data, self.data = bytes(self.data), bytearray()
        return data


def iter_zip(entries: Iterable[ZipEntry]) -> Iterator[bytes]:
    """Yield an archive of `entries`, each of which is read when its turn comes."""
    buffer = _Buffer()
    with zipfile.ZipFile(cast(IO[bytes], buffer), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            with archive.open(name, "w") as file:
                for data in content:
                    file.write(data)
                    if len(buffer.data) >= _CHUNK_BYTES:
                        yield buffer.drain()
    yield buffer.drain()
