"""An API server that says what a test tells it to: for what a real one cannot be brought to do on demand."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from integrations.kubernetes.connection import Kubeconfig


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: object

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass(frozen=True, slots=True)
class Answer:
    code: int = 200
    body: object = field(default_factory=dict)
    """Text is sent as it is, anything else as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds_a_byte: float = 0
    """Sends in drops."""
    is_lost: bool = False
    """The connection is reset instead."""
    seconds_before: float = 0


@dataclass(slots=True)
class ApiServer:
    kubeconfig: Kubeconfig
    answer: Callable[[Request], Answer]
    requests: list[Request] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def says(self, code: int = 200, body: object = None, **headers: str) -> None:
        """The same to every request; in the names of headers an underscore is a dash."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answer = lambda _: Answer(code, {} if body is None else body, named)


def status(code: int, reason: str, message: str, **details: object) -> dict[str, object]:
    return {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}


@contextmanager
def serve(folder: Path) -> Iterator[ApiServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    file = folder / "kubeconfig"
    file.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "other",
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
                "users": [{"name": "u", "user": {"token": "bot-token"}}],
                "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u"}}],
            }
        )
    )
    found = ApiServer(Kubeconfig(str(file), "test"), lambda _: Answer())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            sent = json.loads(self.rfile.read(length)) if length else None
            request = Request(self.command, self.path, tuple(self.headers.items()), sent)
            found.requests.append(request)
            answer = found.answer(request)
            found.over.wait(answer.seconds_before)
            if answer.is_lost:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                self.close_connection = True
                self.connection.close()
                return
            self._send(answer)

        def _send(self, answer: Answer) -> None:
            data = answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
            try:
                self.send_response(answer.code)
                for name, value in {"Content-Length": str(len(data)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if not answer.seconds_a_byte:
                    self.wfile.write(data)
                    return
                for byte in data:
                    self.wfile.write(bytes([byte]))
                    found.over.wait(answer.seconds_a_byte)
            except OSError:
                self.close_connection = True

        do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Connections that the test itself broke."""

    address = server.server_address
    server.server_close()
    quiet = Quiet((str(address[0]), int(address[1])), Handler)
    thread = threading.Thread(target=quiet.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.over.set()
        quiet.shutdown()
        quiet.server_close()
        thread.join()
