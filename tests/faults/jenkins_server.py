"""A Jenkins in a process of its own, by what is published of its remote API: the witness of what was really started.

    python -m tests.faults.jenkins_server PORT_FILE        its port, once it listens
    with serving() as server: ...                          the same in a thread: `server.url`, `server.jenkins`

Speaks /crumbIssuer, /job/X/api/json, /job/X/buildWithParameters (201 and the queue item's Location), /job/X/N/api/json,
/job/X/N/stop, /job/X/N/wfapi/describe, /job/X/N/logText/progressiveText (X-Text-Size, X-More-Data), /queue/api/json,
/queue/item/N/api/json, /queue/cancelItem and the root. Wants USER and TOKEN, a POST where something changes, and with it
the crumb of the same session; drops undeclared parameters. Jobs at first: `team-web/build-web`, `team-web/build-sized`
and `team-pay/build-payments`. A REF that begins with `broken` fails.

To be told what goes wrong: POST /control/arm with [{"how": "before", "nth": 1}]: which call from now. `how`:
before (reset, nothing done), after (done, then reset), late (reset, done `seconds` later), delay (`seconds`, then as usual),
duplicate (done twice), status (`status`, nothing done), served (done, then `status`). `on`: effects (the default: start,
stop, cancel), reads, crumbs, any.
POST /control/set with {"quiet": 0.2, "duration": 1.0, "is_held": false}; POST /control/purge with {"operation": "op-7"}.
Counters: GET /control/builds is {"op-7": 1}, how often each operation was really started; GET /control/writes is every
effect (method build, stop or cancel; operation, job, number, at, user); GET /control/requests is every request line.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from tests.faults.jenkins_state import Jenkins, NotFoundError, Thing, shown

USER = "pilothouse"
TOKEN = "jenkins-canary-token-11aa22bb"
CRUMB_FIELD = "Jenkins-Crumb"
EFFECTS = re.compile(r"/(buildWithParameters|build|stop|cancelItem)$")


def scene() -> Jenkins:
    made = Jenkins()
    for name in ("team-web/build-web", "team-web/build-sized", "team-pay/build-payments"):
        made.add_job(name)
    return made


class Faults:
    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._armed: list[Thing] = []

    def arm(self, given: list[Thing]) -> None:
        with self._guard:
            self._armed = [dict(each) for each in given]

    def take(self, kind: str) -> Thing | None:
        with self._guard:
            for each in self._armed:
                if each.get("on", "effects") not in {kind, "any"}:
                    continue
                each["nth"] = each.get("nth", 1) - 1
                if each["nth"] == 0:
                    self._armed.remove(each)
                    return each
        return None


class RefusedError(Exception):
    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


Answer = tuple[int, dict[str, str], bytes]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Jetty(12.0.22)"
    jenkins: Jenkins
    faults: Faults
    sessions: dict[str, str]
    requests: list[str]

    def do_GET(self) -> None:
        self._handle(b"")

    def do_POST(self) -> None:
        self._handle(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _handle(self, body: bytes) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/control/"):
            self._send(self._control(path, body))
            return
        self.requests.append(f"{self.command} {self.path}")
        is_effect = bool(EFFECTS.search(path)) and self.command == "POST"
        kind = "effects" if is_effect else "crumbs" if path.startswith("/crumbIssuer") else "reads"
        fault = self.faults.take(kind)

        def apply() -> Answer:
            return self._answer(path, body)

        match fault and fault["how"]:
            case None:
                self._send(apply())
            case "before":
                self._reset()
            case "after":
                apply()
                self._reset()
            case "late":
                threading.Timer(fault["seconds"] if fault else 1, apply).start()
                self._reset()
            case "delay":
                time.sleep(fault["seconds"] if fault else 1)
                self._send(apply())
            case "duplicate":
                answer = apply()
                self.jenkins.begin()
                apply()
                self._send(answer)
            case "status" | "served" as how:
                if how == "served":
                    apply()
                status = fault["status"] if fault else 503
                words = f"<html>Oops! {body.decode()} {self.headers.get('Authorization')}</html>"
                self._send((status, {"Retry-After": "7"}, words.encode()))

    # --- what is asked --------------------------------------------------------------------------

    def _answer(self, path: str, body: bytes) -> Answer:
        try:
            with self.jenkins.guard:
                self.jenkins.advance()
                self._authenticate()
                return self._route(path, body)
        except RefusedError as refused:
            return refused.status, {}, f"<html><body>{refused}</body></html>".encode()
        except NotFoundError:
            return 404, {}, b"<html><body>Not Found</body></html>"

    def _authenticate(self) -> None:
        expected = "Basic " + base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        if self.headers.get("Authorization") != expected:
            raise RefusedError(401, "Invalid password/token for user")

    def _route(self, path: str, body: bytes) -> Answer:
        if path == "/api/json":
            return self._json({"_class": "hudson.model.Hudson", "mode": "NORMAL", "useCrumbs": True})
        if path == "/crumbIssuer/api/json":
            return self._crumb()
        if path == "/queue/api/json":
            return self._json(self.jenkins.show_queue())
        if found := re.fullmatch(r"/queue/item/(\d+)/api/json", path):
            return self._json(self.jenkins.show_item(self.jenkins.item(int(found[1]))))
        if path == "/queue/cancelItem":
            self._require_post()
            self.jenkins.cancel(int(self._form(body).get("id", "0")), user=USER)
            return 204, {}, b""
        if found := re.fullmatch(r"((?:/job/[^/]+)+)/(.+)", path):
            return self._job("/".join(found[1].split("/job/")[1:]), found[2], body)
        raise NotFoundError(path)

    def _job(self, name: str, rest: str, body: bytes) -> Answer:
        if rest == "api/json":
            return self._json(self.jenkins.show_job(name))
        if rest == "buildWithParameters":
            return self._build(name, body)
        number, _, what = rest.partition("/")
        if not number.isdigit():
            raise NotFoundError(rest)
        match what:
            case "api/json":
                return self._json(self.jenkins.show_build(self.jenkins.build(name, int(number))))
            case "wfapi/describe" | "wfapi/describe/":
                return self._json(self.jenkins.show_stages(name, int(number)))
            case "logText/progressiveText":
                return self._log(name, int(number))
            case "stop":
                self._require_post()
                self.jenkins.stop(name, int(number), user=USER)
                return 302, {"Location": f"{self.jenkins.url_of(name)}{number}/"}, b""
            case _:
                raise NotFoundError(rest)

    def _build(self, name: str, body: bytes) -> Answer:
        job = self.jenkins.job(name)
        self._require_post()
        if not job.parameters:
            raise RefusedError(400, f"{name} is not parameterized")
        if not job.is_enabled:
            raise RefusedError(409, f"{name} is not buildable")
        item = self.jenkins.schedule(name, self._form(body), user=USER)
        return 201, {"Location": f"{self.jenkins.root}queue/item/{item.id}/"}, b""

    def _log(self, name: str, number: int) -> Answer:
        build = self.jenkins.build(name, number)
        text = build.log.encode()
        start = int(parse_qs(urlsplit(self.path).query).get("start", ["0"])[0])
        part = text[start if start <= len(text) else 0 :]
        headers = {"X-Text-Size": str(len(text)), "Content-Type": "text/plain;charset=UTF-8"}
        if build.result is None:
            headers["X-More-Data"] = "true"
        return 200, headers, part

    def _form(self, body: bytes) -> dict[str, str]:
        given = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            given |= dict(parse_qsl(body.decode(), keep_blank_values=True))
        return given

    def _crumb(self) -> Answer:
        session = self._session() or secrets.token_hex(8)
        crumb = self.sessions[session] = secrets.token_hex(16)
        status, headers, body = self._json(
            {"_class": "hudson.security.csrf.DefaultCrumbIssuer", "crumb": crumb, "crumbRequestField": CRUMB_FIELD}
        )
        return status, {**headers, "Set-Cookie": f"JSESSIONID={session}; Path=/; HttpOnly"}, body

    def _session(self) -> str:
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("JSESSIONID")
        return cookie.value if cookie else ""

    def _require_post(self) -> None:
        if self.command != "POST":
            raise RefusedError(405, "You must use POST method to trigger builds")
        crumb = self.sessions.get(self._session(), "")
        if not crumb or self.headers.get(CRUMB_FIELD) != crumb:
            raise RefusedError(403, "No valid crumb was included in the request")

    # --- being told -----------------------------------------------------------------------------

    def _control(self, path: str, body: bytes) -> Answer:
        given: Any = json.loads(body) if body else {}
        with self.jenkins.guard:
            self.jenkins.advance()
            match path.removeprefix("/control/"):
                case "arm":
                    self.faults.arm(given)
                case "set":
                    for name in {"quiet", "duration", "is_held"} & set(given):
                        setattr(self.jenkins, name, given[name])
                case "purge":
                    self.jenkins.purge(operation=given.get("operation", ""))
                case "builds":
                    return self._json(dict(self.jenkins.counts()))
                case "writes":
                    return self._json([asdict(each) for each in self.jenkins.effects])
                case "requests":
                    return self._json(self.requests)
                case _:
                    return 404, {}, b""
        return self._json({})

    def _json(self, value: Any) -> Answer:
        tree = parse_qs(urlsplit(self.path).query).get("tree", [""])[0]
        if tree and not self.path.startswith("/control/"):
            try:
                value = shown(value, tree)
            except ValueError as bad:
                raise RefusedError(400, f"bad tree {bad}") from bad
        return (
            200,
            {"Content-Type": "application/json;charset=utf-8", "X-Jenkins": "2.541.1"},
            json.dumps(value).encode(),
        )

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close_connection = True
        self.connection.close()

    def _send(self, answer: Answer) -> None:
        status, headers, data = answer
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that were broken, by us or by a process that was killed; all else is a fault of this server."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class JenkinsServer:
    def __init__(self, jenkins: Jenkins | None = None) -> None:
        self.jenkins = jenkins or scene()
        self.faults = Faults()
        self.requests: list[str] = []
        bound = type(
            "Bound",
            (Handler,),
            {"jenkins": self.jenkins, "faults": self.faults, "sessions": {}, "requests": self.requests},
        )
        self._server = _Server(("127.0.0.1", 0), bound)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.jenkins.root = f"{self.url}/"

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.02)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def serving(change: Callable[[Jenkins], None] = lambda _: None) -> Iterator[JenkinsServer]:
    server = JenkinsServer()
    change(server.jenkins)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(5)


def main(port_file: Path) -> None:
    server = JenkinsServer()
    fresh = port_file.with_suffix(".new")
    fresh.write_text(str(server.port))
    os.replace(fresh, port_file)
    server.serve()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
