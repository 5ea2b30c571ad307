"""A Kubernetes API server and a registry in a process of their own: the witness of what was really done.

    python -m tests.faults.kubernetes_server PORT_FILE

Loses, delays and repeats what it is told to (POST /control/arm); says what was applied (GET /control/writes).
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.faults.objects import Object, Objects, Refused

CLUSTER_UID = "c1u57e4"
NAMESPACE = "web-prod"
REPOSITORY = "registry.test/web"
TAGS = ("1.0.0", "1.1.0", "1.2.0", "2.0.0")
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
EXTRA = "impersonate-extra-pilothouse.io%2foperation"


def manifest_of(tag: str) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": {}, "layers": [], "tag": tag}).encode()


def digest_of(tag: str) -> str:
    return "sha256:" + hashlib.sha256(manifest_of(tag)).hexdigest()


def template_of(name: str, tag: str) -> Object:
    return {
        "metadata": {"labels": {"app": name}},
        "spec": {
            "containers": [
                {
                    "name": name,
                    "image": f"registry.test/{name}@{digest_of(tag)}",
                    "readinessProbe": {"httpGet": {"path": "/ready", "port": 80}},
                    "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
                }
            ]
        },
    }


def deployment(name: str, *, replicas: int = 3, tag: str = "1.1.0") -> Object:
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/name": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template_of(name, tag),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}},
            "minReadySeconds": 0,
        },
    }


def collection(kind: str) -> str:
    group = {
        "deployments": "/apis/apps/v1",
        "horizontalpodautoscalers": "/apis/autoscaling/v2",
    }.get(kind, "/api/v1")
    return f"{group}/namespaces/{NAMESPACE}/{kind}"


def scene() -> Objects:
    """Two apps: web, and sized, which an autoscaler sizes."""
    made = Objects()
    for name in ("web", "sized"):
        made.create(collection("deployments"), deployment(name))
        made.create(
            collection("services"),
            {
                "kind": "Service",
                "metadata": {"name": name, "namespace": NAMESPACE},
                "spec": {"selector": {"app": name}, "sessionAffinity": "None"},
            },
        )
    made.create(
        collection("horizontalpodautoscalers"),
        {
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "sized", "namespace": NAMESPACE},
            "spec": {
                "minReplicas": 2,
                "maxReplicas": 6,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "sized"},
                "metrics": [],
            },
            "status": {"currentReplicas": 3},
        },
    )
    return made


class Faults:
    """`{"how": "after", "nth": 2}`: which write from now; how: before, after, late, delay, duplicate."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._armed: list[dict[str, Any]] = []

    def arm(self, given: list[dict[str, Any]]) -> None:
        with self._guard:
            self._armed = [dict(each) for each in given]

    def take(self) -> dict[str, Any] | None:
        with self._guard:
            for each in self._armed:
                each["nth"] = each.get("nth", 1) - 1
                if each["nth"] == 0:
                    self._armed.remove(each)
                    return each
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: Objects
    faults: Faults

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        match url.path.strip("/").split("/"):
            case ["control", "writes"]:
                self._send(200, [each.to_json() for each in self.objects.writes])
            case ["control", "objects"]:
                path = parse_qs(url.query)["path"][0]
                self._send(200, self.objects.all_of(path))
            case ["v2", *rest]:
                self._registry(rest)
            case ["version"]:
                self._send(200, {"gitVersion": "v1.36.3"})
            case ["api", "v1", "namespaces", "kube-system"]:
                self._send(200, {"metadata": {"name": "kube-system", "uid": CLUSTER_UID}})
            case _:
                self._answer(lambda: self._read(url.path))

    def do_POST(self) -> None:
        if self.path == "/control/arm":
            self.faults.arm(self._body())
            self._send(200, {})
            return
        body = self._body()
        self._write(lambda: (201, self.objects.create(urlsplit(self.path).path, body, **self._who())))

    def do_PATCH(self) -> None:
        base, _, name = urlsplit(self.path).path.rpartition("/")
        body = self._body()
        self._write(lambda: (200, self.objects.patch(base, name, body, **self._who())))

    def do_DELETE(self) -> None:
        base, _, name = urlsplit(self.path).path.rpartition("/")
        body = self._body() or {}

        def apply() -> tuple[int, Object]:
            self.objects.delete(base, name, body, **self._who())
            return 200, {"kind": "Status", "status": "Success"}

        self._write(apply)

    def _read(self, path: str) -> tuple[int, object]:
        base, _, name = path.rpartition("/")
        if base.rpartition("/")[2] in _KINDS:
            return 200, self.objects.get(base, name)
        return 200, {"metadata": {}, "items": self.objects.all_of(path)}

    def _who(self) -> dict[str, str]:
        return {"user": self.headers.get("Impersonate-User", "?"), "asked_for": self.headers.get(EXTRA, "")}

    def _body(self) -> Any:
        length = int(self.headers.get("Content-Length", "0"))
        return json.loads(self.rfile.read(length)) if length else None

    # --- faults ---------------------------------------------------------------------------------

    def _write(self, apply: Any) -> None:
        fault = self.faults.take()
        match fault and fault["how"]:
            case None:
                self._answer(apply)
            case "before":
                self._reset()
            case "after":
                self._quietly(apply)
                self._reset()
            case "late":
                threading.Timer(fault["seconds"] if fault else 1, lambda: self._quietly(apply)).start()
                self._reset()
            case "delay":
                time.sleep(fault["seconds"] if fault else 1)
                self._answer(apply)
            case "duplicate":
                self._answer(apply)
                self._quietly(apply)

    @staticmethod
    def _quietly(apply: Any) -> None:
        try:
            apply()
        except Refused:
            return

    def _answer(self, apply: Any) -> None:
        try:
            code, body = apply()
        except Refused as refused:
            status = {"kind": "Status", "code": refused.code, "reason": refused.reason, "message": str(refused)}
            self._send(refused.code, status)
        else:
            self._send(code, body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close_connection = True
        self.connection.close()

    # --- the rest -------------------------------------------------------------------------------

    def _registry(self, rest: list[str]) -> None:
        match rest:
            case [_, "manifests", ref]:
                tag = next((tag for tag in TAGS if ref in {tag, digest_of(tag)}), None)
                if tag is None:
                    self._send(404, {})
                    return
                self._send_bytes(200, manifest_of(tag), MANIFEST_TYPE)
            case [_, "tags", "list"]:
                self._send(200, {"tags": list(TAGS)})
            case _:
                self._send(200, {})

    def _send(self, code: int, body: object) -> None:
        self._send_bytes(code, json.dumps(body).encode(), "application/json")

    def _send_bytes(self, code: int, data: bytes, kind: str) -> None:
        try:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


_KINDS = frozenset({"deployments", "rollouts", "services", "horizontalpodautoscalers", "configmaps"})


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections that were broken, by us or by a process that was killed."""


def kubeconfig_of(port: int) -> Mapping[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "bot-token"}}],
        "contexts": [{"name": "faults", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "faults",
    }


def server_of(objects: Objects) -> Server:
    """On a free port of loopback; does not serve yet."""
    return Server(("127.0.0.1", 0), type("Bound", (Handler,), {"objects": objects, "faults": Faults()}))


def main(port_file: Path) -> int:
    server = server_of(scene())
    fresh = port_file.with_suffix(".new")
    fresh.write_text(str(server.server_address[1]))
    os.replace(fresh, port_file)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
