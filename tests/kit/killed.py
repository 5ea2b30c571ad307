"""A bot on the rig in a process of its own, which ends at a crash point as kill -9 ends it, and is started again.

The API server's audit log says what was written, and for which operation: nobody's own word counts.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.app.generated import manifest_of
from bot.audit.checkpoint import signer_from_file
from bot.playground.seed import Conduct, default_seed
from bot.playground.server import PlaygroundServer
from bot.settings import Settings
from tests.faults import nursery
from tests.kit.live import CLUSTER, PEOPLE, POLICY
from tests.rig.auditlog import AuditEvent
from tests.rig.rig import BOT, Namespace, Rig
from tests.rig.waiting import until

FINAL = {"done", "undone", "denied", "expired", "withdrawn", "closed", "refused"}


@dataclass
class Killed:
    rig: Rig
    slack: PlaygroundServer
    staging: Namespace
    folder: Path
    audit_from: int
    process: nursery.Child | None = None

    def start(self, points: str = "") -> None:
        latch = self.folder / "fired"
        self.process = nursery.bot(self.folder / "settings.yaml", points, str(latch), self.folder / "bot.log")
        self.slack.wait_for_app(60)

    def says(self, line: str) -> None:
        self.slack.person("ana").slash("/paas", line, channel="staging")

    def waits_for_the_kill(self) -> None:
        assert self.process is not None
        assert self.process.wait(120) == 137, (self.folder / "bot.log").read_text()[-2000:]

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(60) == 0

    # --- the operation --------------------------------------------------------------------------

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.folder}/data/pilothouse.db?mode=ro", uri=True, timeout=5)) as reader:
            return reader.execute(sql).fetchall()

    def phase(self, id: str) -> str:
        return str(self.rows(f"SELECT phase FROM operations WHERE id = '{id}'")[0][0])

    def plans(self, line: str) -> str:
        """The number of the operation that was asked for."""
        self.says(line)
        until("the plan", lambda: self.rows("SELECT id FROM operations"), seconds=30)
        ((id,),) = self.rows("SELECT id FROM operations")
        return str(id)

    def promotes_or_is_killed(self, id: str) -> None:
        """Before it holds, or once somebody has promoted it."""
        until("the canary to hold, or the kill", lambda: self._is_dead() or self._holds(), seconds=150)
        if not self._is_dead():
            self.says(f"promote {id}")

    def promotes(self, id: str) -> None:
        """If that is still to be done."""
        until("the canary to hold, or to end", lambda: self._is_promoted(id) or self._holds(), seconds=150)
        if not self._is_promoted(id):
            self.says(f"promote {id}")

    def _is_dead(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def _is_promoted(self, id: str) -> bool:
        return bool(self.rows(f"SELECT 1 FROM signals WHERE op = '{id}' AND kind = 'promote'"))

    def _holds(self) -> bool:
        return any("getting" in message["text"] for message in self.slack.messages("staging"))

    def ends(self, id: str) -> str:
        until(f"{id} to end", lambda: self.phase(id) in FINAL, seconds=240)
        return self.phase(id)

    def kinds_of_records(self, id: str) -> list[str]:
        return [kind for (kind,) in self.rows(f"SELECT kind FROM audit WHERE op = '{id}' ORDER BY id")]

    # --- the witness ----------------------------------------------------------------------------

    def writes(self) -> list[AuditEvent]:
        events = self.rig.audit_log.writes(namespace=self.staging.name, since=self.audit_from, user=BOT)
        return [event for event in events if event.is_done]

    def effects(self, id: str) -> Counter[str]:
        """What changed more than marks, by operation: `patch deployments/web`."""
        return Counter(
            f"{event.verb} {event.resource}/{event.name or _name_in(event.sent)}"
            for event in self.writes()
            if event.extra.get("pilothouse.io/operation") == (id,) and not _is_stamp(event)
        )


def _name_in(sent: object) -> str:
    match sent:
        case {"metadata": {"name": str(name)}}:
            return name
        case _:
            return ""


def _is_stamp(event: AuditEvent) -> bool:
    """A patch that tests what it wants and changes nothing but the marks."""
    if event.verb != "patch" or not isinstance(event.sent, list):
        return False
    changed = [each["path"] for each in event.sent if each["op"] != "test"]
    return all(str(path).startswith("/metadata/labels") for path in changed)


@contextmanager
def to_be_killed(rig: Rig, folder: Path) -> Iterator[Killed]:
    with ExitStack() as stack:
        staging = stack.enter_context(rig.namespace("staging"))
        staging.allow_bot(PEOPLE)
        seed = default_seed()
        conduct = Conduct(rate_limits=False, ack_seconds=15, trigger_seconds=15)
        slack = stack.enter_context(PlaygroundServer(manifest=manifest_of(Settings()), seed=seed, conduct=conduct))
        (folder / "data").mkdir()
        signer_from_file(folder / "data" / "audit-key")
        (folder / "policy.yaml").write_text(POLICY)
        uid = rig.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
        settings = {
            "slack": {
                "mode": "socket",
                "bot-token": seed.app.bot_token,
                "app-token": seed.app.app_token,
                "app-id": seed.app.id,
                "team-id": seed.team_id,
                "api-url": slack.api_url,
            },
            "data": {"folder": str(folder / "data")},
            "policy": {"path": str(folder / "policy.yaml")},
            "clusters": {CLUSTER: {"kubeconfig": rig.addresses.bot_kubeconfig, "context": "rig", "uid": uid}},
            "envs": {"staging": [{"cluster": CLUSTER, "namespaces": {"team-web": staging.name}}]},
            "registries": [{"prefix": rig.addresses.registry_in_pods, "url": rig.registry.url, "insecure": "yes"}],
            "web": {"port": "0"},
        }
        # JSON is YAML, too, with every text a text.
        (folder / "settings.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(settings))))
        found = Killed(rig, slack, staging, folder, rig.audit_log.position())
        stack.callback(_put_down, found)
        yield found


def _put_down(found: Killed) -> None:
    if found.process is not None and found.process.poll() is None:
        found.process.kill()
        found.process.wait(10)
