"""What is slow the first time: a list of 5,000 pods, and the first message of an alert while nothing else happens."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import urllib3

from bot.alerts.threads import AlertDesk, thread_key
from bot.app.clock import SystemClock
from bot.domain.refs import ObjectRef, Secret
from bot.playground.server import PlaygroundServer
from bot.ports.apps import Apps
from bot.ports.observing import AlertGroup
from bot.ports.store import Arrival, Store
from bot.slack.connect import Line
from bot.slack.sender import Sender
from bot.web.hooks import Hook
from integrations.alertmanager.webhook import AlertmanagerWebhook
from integrations.database.store import open_store
from integrations.kubernetes.cluster import KubernetesCluster
from integrations.kubernetes.connection import Kubeconfig
from tests.bench.alerts import HEADERS, SECRET, delivery
from tests.bench.figures import Figure, Goal, cpu_in_turns, us
from tests.bench.storm import CHANNELS, Owners, alert_sender, channel, seeded
from tests.slack.stage import account, our_manifest

PODS, PAGE = 5000, 500
MESSAGES, BETWEEN = 30, 0.5
"""Seconds between, in five channels in turn: Slack takes one message a second in each."""
WEB = ObjectRef("eu-1", "shop", "Deployment", "web", "d")

SERVER = """
import http.server, sys, urllib.parse
folder, = sys.argv[1:]
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        path = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(path.query)
        kind = "deployments" if path.path.endswith("/web") else path.path.rpartition("/")[2]
        body = open(f"{folder}/{kind}-{query.get('continue', ['0'])[0]}.json", "rb").read()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def figures() -> Iterator[Figure]:
    yield from _list()
    yield from _alert()


# --- a list of pods ---------------------------------------------------------------------------------


def _pod(number: int) -> dict[str, object]:
    """As a cluster says it, with what the kubelet and the Deployment's controller note about its fields."""
    name, at = f"web-1-{number:05}", "2026-11-26T03:00:00Z"
    manager = {"manager": "kubelet", "operation": "Update", "time": at, "fieldsV1": {f"f:{n}": {} for n in range(40)}}
    state = {"name": "web", "ready": True, "restartCount": 0, "imageID": f"registry.test/web@sha256:{number:064}"}
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{name}",
            "creationTimestamp": at,
            "labels": {"app": "web", "pod-template-hash": "1"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "r"}],
            "managedFields": [manager, {**manager, "manager": "kube-controller-manager"}],
        },
        "spec": {
            "nodeName": f"node-{number % 50}",
            "containers": [
                {
                    "name": "web",
                    "image": "registry.test/web:1",
                    "env": [{"name": f"NAME_{n}", "value": "value"} for n in range(10)],
                    "resources": {"requests": {"cpu": "250m", "memory": "128Mi"}, "limits": {"memory": "384Mi"}},
                    "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets", "readOnly": True}],
                }
            ],
        },
        "status": {
            "phase": "Running",
            "startTime": at,
            "conditions": [
                {"type": kind, "status": "True", "lastTransitionTime": at}
                for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
            ],
            "containerStatuses": [{**state, "state": {"running": {"startedAt": at}}, "lastState": {}}],
        },
    }


def _write(folder: Path) -> None:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "x"}]}}
    hashed = {**template, "metadata": {"labels": {"app": "web", "pod-template-hash": "1"}}}
    deployment = {
        "metadata": {"name": "web", "namespace": "shop", "uid": "d"},
        "spec": {"replicas": PODS, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }
    owned = {"name": "web-1", "uid": "r", "ownerReferences": [{"uid": "d"}]}
    sets = {"metadata": {}, "items": [{"metadata": owned, "spec": {"template": hashed}}]}
    (folder / "deployments-0.json").write_text(json.dumps(deployment))
    (folder / "replicasets-0.json").write_text(json.dumps(sets))
    for first in range(0, PODS, PAGE):
        following = {"continue": f"{first + PAGE}"} if first + PAGE < PODS else {}
        page = {"metadata": following, "items": [_pod(n) for n in range(first, first + PAGE)]}
        (folder / f"pods-{first}.json").write_text(json.dumps(page))


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """In a process of its own: its work is not ours."""
    _write(folder)
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _access(folder: Path, url: str) -> Kubeconfig:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "eu-1", "context": {"cluster": "c", "user": "u"}}],
    }
    file = folder / "kubeconfig"
    file.write_text(json.dumps(config))
    return Kubeconfig(str(file), "eu-1")


def _list() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name, _served(Path(name)) as url:
        cluster = KubernetesCluster("eu-1", _access(Path(name), url), expected_uid="", clock=SystemClock())
        pool = urllib3.PoolManager()

        def ours() -> None:
            assert len(cluster.reads().workloads.rollout(WEB).pods) == PODS

        def plain() -> None:
            """Every page read, and of each pod its name and phase kept."""
            kept, following = [], "0"
            while following:
                page = pool.request("GET", f"{url}/api/v1/namespaces/shop/pods?limit={PAGE}&continue={following}")
                raw = json.loads(page.data)
                kept += [(pod["metadata"]["name"], pod["status"]["phase"]) for pod in raw["items"]]
                following = raw["metadata"].get("continue", "")
            assert len(kept) == PODS

        found = cpu_in_turns({"ours": ours, "plain": plain}, rounds=5, times=1)
        cluster.close()
        pool.clear()
    said = f"urllib3 and json.loads, two fields kept: {us(found['plain'])}"
    yield Figure(
        "first",
        f"a rollout of {PODS} pods seen, CPU",
        us(found["ours"]),
        said,
        found["ours"] / found["plain"],
        Goal(1.5),
    )


# --- an alert ---------------------------------------------------------------------------------------


class _Owners(Owners):
    """An app for each delivery, known by the number of its group."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def owner(self, namespace: str, workload: str):  # type: ignore[no-untyped-def]
        return super().owner(namespace, f"app-{next(self._numbers)}")


def _alert() -> Iterator[Figure]:
    """From the delivery to the message that stands in its channel, as a local Slack server has it."""
    with tempfile.TemporaryDirectory() as name, PlaygroundServer(manifest=our_manifest(), seed=seeded()) as slack:
        clock = SystemClock()
        store = open_store(f"sqlite:///{name}/pilothouse.db", clock=clock)
        line = Line(account(slack), clock)
        desk = AlertDesk(
            store=store,
            apps=cast(Apps, _Owners()),
            ask=lambda words: None,
            default_channel=channel(0),
            needs_votes=lambda app: True,
        )

        sender = alert_sender(store, line, clock)
        sender.start()
        spans = sorted(_waits(store, desk, sender))
        sender.stop()
        line.close()
        store.close()
    slowest = spans[-1] * 1e3
    said = f"median of {MESSAGES}: {us(spans[len(spans) // 2])}"
    yield Figure("first", "alert to its message, idle", f"{slowest:.1f} ms", said, slowest, Goal(100, " ms"))


def _waits(store: Store, desk: AlertDesk, sender: Sender) -> Iterator[float]:
    keys: list[str] = []

    def take(group: AlertGroup, body: bytes) -> None:
        digest = hashlib.sha256(body).hexdigest()
        (inbox,) = store.accept(
            (Arrival(digest, digest, "alertmanager", "alert", "alertmanager", "", body.decode()),),
        )
        desk.receive(group, inbox=inbox)
        sender.wake()
        keys.append(f"alert/{thread_key(group)}")

    hook = Hook("alertmanager", AlertmanagerWebhook((Secret(SECRET),)), take)
    for number in range(MESSAGES + CHANNELS):
        body = delivery(number, 1)
        started = time.perf_counter()
        assert hook(HEADERS, body).status == 200
        while not _stands(store, keys[-1]):
            time.sleep(0.001)
        # Before that each channel is met for the first time.
        if number >= CHANNELS:
            yield time.perf_counter() - started
        time.sleep(BETWEEN)


def _stands(store: Store, key: str) -> bool:
    found = store.read(lambda tx: tx.outbox.get(key))
    return found is not None and bool(found.ts)
