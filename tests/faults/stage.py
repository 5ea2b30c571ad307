"""Everything around a cell: a Slack, a Kubernetes in its own process, a database, one or two bots in theirs.

Starts, watches and stops processes, and lets people speak. Judges nothing.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import yaml

from bot.app.generated import manifest_of
from bot.audit.checkpoint import Signer, signer_from_file
from bot.playground.errors import PersonError
from bot.playground.seed import Conduct, Seed, default_seed
from bot.playground.server import PlaygroundServer
from bot.settings import Settings
from tests.faults import nursery
from tests.faults.jenkins_server import TOKEN, USER
from tests.faults.kubernetes_server import CLUSTER_UID, NAMESPACE, kubeconfig_of

ROOT = Path(__file__).parents[2]
CHANNEL = "C0PROD001"
LEASE = 5.0

POLICY = """
keepers: [lee]
people:
  ana: {name: Ana, slack: [U0ANA0001], kubernetes: ana@example.com}
  bo: {name: Bo, slack: [U0BOB0002], kubernetes: bo@example.com}
  lee: {name: Lee, slack: [U0LEE0003], kubernetes: lee@example.com}
groups:
  sre: {members: [bo, lee], kubernetes: sre}
  team-web: {members: [ana], kubernetes: team-web}
roles:
  developer: ["workloads:*", "builds:*", "operations:*", "self:*"]
grants:
  - {role: developer, to: ["group:team-web", "group:sre"], tenant: ["*"], env: ["*"]}
approvals:
  - {for: [deploy, rollback, scale, autoscale, restart, canary, lock], env: [prod], votes: "1", from: sre}
timings:
  - {approval-expiry: 15m, bake: 1s, deadline: 60s, canary-deadline: 5m}
"""


@dataclass
class History:
    """What happened, as JSON lines."""

    path: Path
    began: float = field(default_factory=time.time)
    events: list[dict[str, Any]] = field(default_factory=list)

    def note(self, what: str, **details: Any) -> None:
        event = {"t": round(time.time() - self.began, 3), "what": what, **details}
        self.events.append(event)
        with self.path.open("a") as file:
            file.write(json.dumps(event, default=str) + "\n")


class Database:
    """Looked at from outside, beside the bots."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        if not self.is_sqlite:
            with psycopg.connect(self.url) as connection:
                return connection.execute(sql.encode()).fetchall()
        path = self.url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
            return connection.execute(sql).fetchall()


@dataclass
class Replica:
    number: int
    settings: Path
    log: Path
    url: str
    process: nursery.Child | None = None
    is_stopped: bool = False

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Stage:
    def __init__(self, folder: Path, *, database: str = "", replicas: int = 1, is_http: bool = False) -> None:
        """`is_http`: the bots are reached by signed HTTP, each at its own port, and not over Socket Mode."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.history = History(folder / "history.jsonl")
        self.database = Database(database or f"sqlite:///{folder}/bot-0/pilothouse.db")
        self.latch = folder / "fired"
        seed = default_seed()
        conduct = Conduct(rate_limits=False, event_retry_seconds=(0.5, 1.0, 2.0), log_entries=5000)
        self.slack = PlaygroundServer(manifest=manifest_of(Settings()), seed=seed, conduct=conduct)
        self.slack.start()
        self._kubernetes, self.port = self._serve("kubernetes", nursery.kubernetes)
        self._jenkins, self.jenkins_port = self._serve("jenkins", nursery.jenkins)
        (folder / "kubeconfig").write_text(json.dumps(kubeconfig_of(self.port)))
        (folder / "policy.yaml").write_text(POLICY)
        self.jenkins = httpx.Client(base_url=f"http://127.0.0.1:{self.jenkins_port}", trust_env=False)
        self.kubernetes = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False)
        self.signer: Signer = signer_from_file(folder / "audit-key")
        self.seed = seed
        self.is_http = is_http
        self.replicas = [self._replica(number, seed) for number in range(replicas)]

    def _serve(self, name: str, begin: Callable[[Path, Path], nursery.Child]) -> tuple[nursery.Child, int]:
        port_file = self.folder / f"{name}-port"
        process = begin(port_file, self.folder / f"{name}.log")
        try:
            wait_for(port_file.exists, 120, name)
        except TimeoutError:
            process.kill()
            raise
        return process, int(port_file.read_text())

    def _replica(self, number: int, seed: Seed) -> Replica:
        data = self.folder / f"bot-{number}"
        data.mkdir()
        (data / "audit-key").write_bytes((self.folder / "audit-key").read_bytes())
        port = free_port() if self.is_http else 0
        settings: dict[str, Any] = {
            "slack": {
                "mode": "socket",
                "bot-token": seed.app.bot_token,
                "app-token": seed.app.app_token,
                "app-id": seed.app.id,
                "team-id": seed.team_id,
                "api-url": self.slack.api_url,
            },
            "data": {"folder": str(data)},
            "policy": {"path": str(self.folder / "policy.yaml")},
            "clusters": {
                "one": {"kubeconfig": str(self.folder / "kubeconfig"), "context": "faults", "uid": CLUSTER_UID}
            },
            "envs": {"prod": [{"cluster": "one", "namespaces": {"team-web": NAMESPACE}}]},
            "registries": [
                {"prefix": "registry.test", "url": f"http://127.0.0.1:{self.port}", "insecure": "yes"},
            ],
            "jenkins": {
                "url": f"http://127.0.0.1:{self.jenkins_port}",
                "user": USER,
                "token": TOKEN,
                "jobs": {"web": "team-web/build-web"},
            },
            "timeouts": {"connect": "1s", "read": "3s", "search": "2s"},
            "web": {"port": str(port)},
        }
        if self.is_http:
            settings["slack"] |= {"mode": "http", "signing-secrets": [seed.app.signing_secret]}
            del settings["slack"]["app-token"]
        if not self.database.is_sqlite:
            settings["database"] = {"url": self.database.url}
        path = self.folder / f"settings-{number}.yaml"
        path.write_text(yaml.safe_dump(settings))
        return Replica(number, path, self.folder / f"bot-{number}.log", f"http://127.0.0.1:{port}")

    # --- processes ------------------------------------------------------------------------------

    def start(self, replica: Replica, points: str = "", *, latch: Path | None = None) -> None:
        self.history.note("start", replica=replica.number, points=points)
        fired = str(latch or self.latch) if points else ""
        replica.process = nursery.bot(replica.settings, points, fired, replica.log)

    def wait_until_ready(self) -> None:
        wait_for(lambda: self._live() and self.are_connected(), 180, "the bots to connect")

    def are_connected(self) -> bool:
        return self._connections() >= len(self.replicas)

    def _live(self) -> bool:
        for replica in self.replicas:
            if not replica.is_running and replica.process is not None:
                raise AssertionError(f"the bot ended at its start: {replica.log.read_text()[-2000:]}")
        return True

    def _connections(self) -> int:
        if self.is_http:
            return sum(_answers(replica.url) for replica in self.replicas)
        return self.slack.run(lambda: len(self.slack._delivery.connections))

    def kill(self, replica: Replica) -> None:
        if replica.process is not None and replica.is_running:
            self.history.note("kill", replica=replica.number)
            replica.process.kill()
            replica.process.wait(10)

    def cont(self, replica: Replica) -> None:
        assert replica.process is not None
        self.history.note("cont", replica=replica.number)
        os.kill(replica.process.pid, signal.SIGCONT)

    def stands_still(self, replica: Replica) -> bool:
        """It has stopped itself."""
        if replica.process is None or not replica.is_running:
            return False
        status = Path(f"/proc/{replica.process.pid}/stat").read_text()
        return status.rpartition(")")[2].split()[0] == "T"

    def stop(self) -> list[int]:
        """SIGTERM to all; their exit codes."""
        codes = []
        running = [replica for replica in self.replicas if replica.process is not None and replica.is_running]
        for replica in running:
            assert replica.process is not None
            replica.process.terminate()
        for replica in running:
            assert replica.process is not None
            try:
                codes.append(replica.process.wait(90))
            except subprocess.TimeoutExpired:
                self.history.note("would not stop", replica=replica.number)
                replica.process.kill()
                codes.append(replica.process.wait(10))
        return codes

    def close(self) -> None:
        for replica in self.replicas:
            self.kill(replica)
        self.slack.stop()
        self.kubernetes.close()
        self.jenkins.close()
        for server in (self._kubernetes, self._jenkins):
            server.kill()
            server.wait(10)

    # --- people ---------------------------------------------------------------------------------

    def says(self, who: str, line: str) -> bool:
        """In the channel; False where Slack told the person that it did not work."""
        try:
            self.slack.person(who).slash("/paas", line, channel=CHANNEL)
        except PersonError as error:
            self.history.note("says", who=who, line=line, error=error.code)
            return False
        self.history.note("says", who=who, line=line)
        return True

    # --- the target -----------------------------------------------------------------------------

    def arm(self, faults: list[dict[str, Any]]) -> None:
        self.history.note("arm", faults=faults)
        self.kubernetes.post("/control/arm", json=faults).raise_for_status()

    def writes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.kubernetes.get("/control/writes").json()
        return found

    def arm_jenkins(self, faults: list[dict[str, Any]]) -> None:
        self.history.note("arm", jenkins=faults)
        self.jenkins.post("/control/arm", json=faults).raise_for_status()

    def starts(self) -> list[dict[str, Any]]:
        """Builds that were really started at Jenkins."""
        return [each for each in self.jenkins.get("/control/writes").json() if each["method"] == "build"]

    def objects(self, path: str) -> dict[str, dict[str, Any]]:
        found = self.kubernetes.get("/control/objects", params={"path": path}).json()
        return {each["metadata"]["name"]: each for each in found}


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False, timeout=2).is_success
    except httpx.HTTPError:
        return False


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(wanted: Callable[[], object], seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while not wanted():
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.05)
