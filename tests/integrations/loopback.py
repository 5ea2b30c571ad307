"""A small real HTTP server on loopback that answers as a test says: rightly, late, never, cut short, or with garbage."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    peer: str = ""
    """Address and port of who sent it."""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> Mapping[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}


@dataclass(frozen=True)
class Sent:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False
    """Says nothing until the test is over."""
    is_cut: bool = False
    """Closes after half of the body."""
    drips: bool = False
    """A byte of the body at a time, until the test is over."""


class Loopback:
    """Counts what it received; `url` is where it is."""

    def __init__(self, answer: Callable[[Received], Sent]) -> None:
        self.received: list[Received] = []
        self.over = threading.Event()
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                headers = {name.lower(): value for name, value in self.headers.items()}
                peer = "{}:{}".format(*self.client_address[:2])
                request = Received(self.command, self.path, headers, self.rfile.read(length), peer)
                loopback.received.append(request)
                sent = answer(request)
                if sent.hangs:
                    loopback.over.wait(60)
                    self.close_connection = True
                    return
                self.send_response(sent.status)
                for name, value in sent.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(sent.body)))
                self.end_headers()
                if sent.drips:
                    for byte in sent.body:
                        if loopback.over.wait(0.02):
                            break
                        self.wfile.write(bytes([byte]))
                    self.close_connection = True
                    return
                self.wfile.write(sent.body[: len(sent.body) // 2] if sent.is_cut else sent.body)
                self.close_connection = self.close_connection or sent.is_cut

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _do  # noqa: N815 - the names that http.server looks for

            def log_message(self, format: str, *args: object) -> None:
                """Nowhere."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A client that gave up is what many tests are about."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def serving(answer: Callable[[Received], Sent]) -> Iterator[Loopback]:
    server = Loopback(answer)
    try:
        yield server
    finally:
        server.close()


def closed_port() -> str:
    """An address at which nobody listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    port = server.server_address[1]
    server.server_close()
    return f"http://127.0.0.1:{port}"
