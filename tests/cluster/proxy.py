"""A proxy on loopback that can stop forwarding: the server behind it is cut off without notice."""

import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread


class Proxy:
    """Forwards connections from `listen` to `target`, until it is cut."""

    def __init__(self, listen: tuple[str, int], target: tuple[str, int]) -> None:
        self.target, self.passing = target, Event()
        self.passing.set()
        self.server = socket.create_server(listen, backlog=64)
        self.connections: set[socket.socket] = set()
        self.threads: list[Thread] = []
        self._start(self._accept)

    def cut(self) -> None:
        """Stop forwarding in both directions; every connection stays open."""
        self.passing.clear()

    def close(self) -> None:
        """Stop, and close every connection."""
        self.passing.set()
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self._hang_up(*self.connections)
        for thread in self.threads:
            thread.join(2)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _address = self.server.accept()
                self._start(self._open, near)

    def _start(self, function: Callable[..., None], *arguments: socket.socket) -> Thread:
        thread = Thread(target=function, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()
        return thread

    def _open(self, near: socket.socket) -> None:
        self.passing.wait()
        with near, suppress(OSError), socket.create_connection(self.target, timeout=5) as far:
            far.settimeout(None)
            self.connections |= {near, far}
            back = self._start(self._pass, far, near)
            self._pass(near, far)
            back.join()
            self.connections -= {near, far}

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.passing.wait()
                sink.sendall(data)
        self.passing.wait()
        self._hang_up(source, sink)

    def _hang_up(self, *connections: socket.socket) -> None:
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
