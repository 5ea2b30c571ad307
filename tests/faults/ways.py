"""A way to an HTTP server (or any TCP server, but for WRONG) that can be shut, slow, or lead somewhere else.

Stands before every dependency of tests/faults/test_dependencies.py. Knows no protocol beyond the end of a request's headers.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from enum import StrEnum

PAGE = b"<html><title>Please sign in</title><body>This network wants to know who you are.</body></html>"
WRONG = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(PAGE)
) + PAGE
AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: a reset instead of a polite end."""


class How(StrEnum):
    WELL = "well"
    DOWN = "down"
    """Connections are reset."""
    SLOW = "slow"
    """Requests get there, answers do not come back before it is well again."""
    WRONG = "wrong"
    """Something else answers, with a page and a 200."""


class Way:
    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self.how = How.WELL
        self._is_well = threading.Event()
        self._is_well.set()
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def be(self, how: How) -> None:
        self.how = how
        if how is How.WELL:
            self._is_well.set()
        else:
            self._is_well.clear()
        if how in {How.DOWN, How.WRONG}:
            # What is kept open was opened to whom is not there any more.
            self._reset_all()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._is_well.set()
        self._reset_all()

    # --- connections ------------------------------------------------------------------------------

    def _reset_all(self) -> None:
        with self._guard:
            ends = tuple(self._open)
        for end in ends:
            _reset(end)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            match self.how:
                case How.DOWN:
                    _reset(client)
                case How.WRONG:
                    self._mislead(client)
                case How.WELL | How.SLOW:
                    with suppress(OSError), socket.create_connection(self._to) as server:
                        self._join(client, server)

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        with self._guard:
            self._open |= {client, server}
        back = threading.Thread(target=self._back, args=(server, client), daemon=True)
        back.start()
        with suppress(OSError):
            while data := client.recv(1 << 16):
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)
        back.join()
        with self._guard:
            self._open -= {client, server}

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                self._is_well.wait()
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)

    @staticmethod
    def _mislead(client: socket.socket) -> None:
        seen = b""
        with suppress(OSError):
            client.settimeout(10)
            while b"\r\n\r\n" not in seen:
                data = client.recv(1 << 16)
                if not data:
                    return
                seen += data
            client.sendall(WRONG)
            client.shutdown(socket.SHUT_WR)
            while client.recv(1 << 16):
                """The rest of the request: to end before it has been read would be a reset."""


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        end.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        end.close()
