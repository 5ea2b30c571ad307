"""A TCP proxy that sees no content but can hold requests back and lose answers, connection by connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True)
class Wire:
    """One connection. Requests go on while `is_open` is set; the next answer is lost, and the connection, once `loses`."""

    client: socket.socket
    server: socket.socket
    is_open: threading.Event = field(default_factory=threading.Event)
    loses: threading.Event = field(default_factory=threading.Event)
    is_lost: threading.Event = field(default_factory=threading.Event)
    is_held: threading.Event = field(default_factory=threading.Event)
    """Something is waiting to go on."""

    def forward(self) -> None:
        try:
            while data := self.client.recv(1 << 16):
                if not self.is_open.is_set():
                    self.is_held.set()
                    self.is_open.wait()
                self.server.sendall(data)
        except OSError:
            pass
        self._end(self.server)

    def back(self) -> None:
        try:
            while data := self.server.recv(1 << 16):
                if self.loses.is_set():
                    # Said first: whoever waits for the lost answer goes on at once.
                    self.is_lost.set()
                    self._end(self.client)
                    return
                self.client.sendall(data)
        except OSError:
            pass
        self._end(self.client)

    @staticmethod
    def _end(other: socket.socket) -> None:
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


@dataclass(slots=True)
class Proxy:
    port: int
    wires: list[Wire] = field(default_factory=list)
    """In the order in which the connections were opened."""


@contextmanager
def proxy(host: str, port: int) -> Iterator[Proxy]:
    listener = socket.create_server(("127.0.0.1", 0))
    found = Proxy(listener.getsockname()[1])
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            wire = Wire(client, socket.create_connection((host, port)))
            wire.is_open.set()
            found.wires.append(wire)
            for run in (wire.forward, wire.back):
                threads.append(threading.Thread(target=run, daemon=True))
                threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield found
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for wire in found.wires:
            wire.is_open.set()
            for end in (wire.client, wire.server):
                wire._end(end)
        for thread in threads:
            thread.join()
        for wire in found.wires:
            wire.client.close()
            wire.server.close()
