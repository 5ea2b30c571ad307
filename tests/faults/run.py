"""One cell: people ask for an operation, the fault happens at its point, and everything comes to its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.app.clock import SystemClock
from bot.domain.refs import Principal
from bot.domain.templates import Template
from bot.ports.store import Proof, Release, Store
from integrations.database.store import open_store
from tests.faults.cells import DEEDS, Cell, Fault
from tests.faults.judge import Outcome, judge
from tests.faults.kubernetes_server import digest_of, template_of
from tests.faults.stage import CHANNEL, LEASE, Replica, Stage

PATIENCE = 240.0
"""Seconds for a whole cell."""
AGAIN = 4.0
"""After which a person who sees nothing happen says it again."""
STOPPED_FOR = LEASE + 1.5
FINAL = {"done", "undone", "denied", "expired", "withdrawn", "closed", "refused"}
SLACK_POINTS = {"CP5": "chat.postMessage", "CP6": "chat.postMessage", "CP15": "chat.update"}
ACK_POINTS = {
    "CP1": "lost_delivery",
    "CP2": "lost_ack",
    "CP3": "lost_ack",
    "CP4": "lost_ack",
    "CP7": "duplicate_delivery",
}


@dataclass
class Run:
    cell: Cell
    stage: Stage
    said: dict[str, float] = field(default_factory=dict)
    ended_at: dict[int, float] = field(default_factory=dict)
    stopped_at: dict[int, float] = field(default_factory=dict)
    recovered: float | None = None
    """Seconds from the kill to the next thing that the operation did."""
    _dead: float | None = None
    _state: tuple[Any, ...] = ()

    @property
    def second(self) -> Path:
        """Of the second fault of CP16: inside the recovery from the first."""
        return self.stage.folder / "fired-again"

    def points(self) -> str:
        if self.cell.fault is Fault.LOST:
            return ""
        if self.cell.point == "CP16" and self.cell.kind.name != "abort":
            return "CP11=exit"
        # Each process counts its own hits, and replicas share the work.
        hit = max(1, self.cell.hit // len(self.stage.replicas))
        return f"{self.cell.point}={DEEDS[self.cell.fault]}@{hit}"

    def prepare(self) -> None:
        if self.cell.kind.name == "rollback":
            _remember_releases(self.stage)
        if self.cell.fault is not Fault.LOST:
            return
        if method := SLACK_POINTS.get(self.cell.point):
            how = "reset_before" if self.cell.lost == "before" else "reset_after"
            self.stage.slack.arm(**{how: {method: 1}})
            self.stage.history.note("arm", slack={how: method})
        elif switch := ACK_POINTS.get(self.cell.point):
            self.stage.slack.arm(**{switch: 1})
            self.stage.history.note("arm", slack=switch)
        elif self.cell.kind.builds:
            self.stage.arm_jenkins([{"how": self.cell.lost, "nth": 1, "seconds": 4.5}])
        else:
            seconds = 4.5 if self.cell.lost == "delay" else 0
            writes = max(1, len(self.cell.kind.effects))
            self.stage.arm([{"how": self.cell.lost, "nth": (self.cell.hit - 1) % writes + 1, "seconds": seconds}])

    # --- watching ---------------------------------------------------------------------------------

    def watch(self) -> None:
        """Starts what ended, wakes what stopped itself."""
        now = time.monotonic()
        for replica in self.stage.replicas:
            if replica.process is None:
                continue
            if not replica.is_running:
                self._ended(replica, now)
            elif self.stage.stands_still(replica):
                since = self.stopped_at.setdefault(replica.number, now)
                if now - since > STOPPED_FOR:
                    del self.stopped_at[replica.number]
                    self.stage.cont(replica)
        state = self._looked()
        if state != self._state:
            self._state = state
            self.stage.history.note("operations", rows=[list(row) for row in state])
            if self._dead is not None and self.recovered is None:
                self.recovered = time.monotonic() - self._dead

    def _looked(self) -> tuple[Any, ...]:
        return tuple(self.stage.database.rows("SELECT id, phase, step, version FROM operations ORDER BY number"))

    def _ended(self, replica: Replica, now: float) -> None:
        assert replica.process is not None
        if replica.number not in self.ended_at:
            self.ended_at[replica.number] = now
            self.stage.history.note("ended", replica=replica.number, code=replica.process.returncode)
            if replica.process.returncode == 137 and self._dead is None:
                self._dead = now
                self._state = self._looked()
        if now - self.ended_at[replica.number] >= self.cell.pause:
            del self.ended_at[replica.number]
            again = ""
            if self.cell.point == "CP16" and self.cell.kind.name != "abort" and not self.second.exists():
                again = f"CP16={DEEDS[self.cell.fault]}"
            self.stage.start(replica, again, latch=self.second)

    # --- people -----------------------------------------------------------------------------------

    def _once_more(self, who: str, line: str) -> None:
        if time.monotonic() - self.said.get(line, 0.0) > AGAIN:
            self.stage.says(who, line)
            # From when Slack has said that it did not work: a stored request is then still carried out.
            self.said[line] = time.monotonic()

    def people(self) -> bool:
        """Each does what is theirs to do; True when the operation has come to its end."""
        columns = "id, phase, step, requester, final"
        rows = self.stage.database.rows(f"SELECT {columns} FROM operations ORDER BY number DESC")
        if not rows:
            self._once_more("ana", self.cell.kind.line)
            return False
        begun = [row for row in rows if row[1] != "draft"]
        id, phase, *_ = begun[0] if begun else rows[0]
        match phase:
            case "draft":
                self._once_more("ana", f"ask {id}")
            case "waiting":
                self._once_more("bo", f"approve {id}")
            case "running" if self.cell.kind.builds and self._asks_a_person():
                self._once_more("ana", f"abort {id}")
            case "running" | "paused" if self.cell.kind.signal and self._holds(id):
                self._once_more("ana", f"{self.cell.kind.signal} {id}")
            case _:
                pass
        return phase in FINAL

    def _asks_a_person(self) -> bool:
        """Whether the build was started cannot be known: she has looked, and ends it."""
        return any("not started a second time" in message["text"] for message in self.stage.slack.messages(CHANNEL))

    def _holds(self, id: str) -> bool:
        """The canary waits for somebody, and nobody has said anything yet."""
        given = self.stage.database.rows(f"SELECT kind FROM signals WHERE op = '{id}'")
        has_canary = any(w["verb"] == "POST" and w["path"].endswith("web-canary") for w in self.stage.writes())
        waits = "Canary at" in " ".join(m["text"] for m in self.stage.slack.messages(CHANNEL))
        return (self.cell.kind.signal,) not in given and has_canary and waits


def run(cell: Cell, folder: Path, *, database: str = "", replicas: int = 1) -> Outcome:
    with _staged(folder, database, replicas) as stage:
        made = Run(cell, stage)
        made.prepare()
        for replica in stage.replicas:
            stage.start(replica, made.points())
        stage.wait_until_ready()
        began = time.monotonic()
        while not made.people():
            made.watch()
            if time.monotonic() - began > PATIENCE:
                stage.history.note("patience ended")
                break
            time.sleep(0.15)
        _settle(made)
        codes = stage.stop()
        outcome = judge(cell, stage, codes, recovered=made.recovered)
        stage.history.note("judged", problems=outcome.problems)
        return outcome


def _settle(made: Run) -> None:
    """Until what was stopped runs again, what ended was started, and every message has been sent."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        made.watch()
        stage = made.stage
        unsent = stage.database.rows("SELECT key FROM messages WHERE sent_rev < rev AND channel <> ''")
        all_run = all(r.is_running and not stage.stands_still(r) for r in stage.replicas)
        if all_run and not unsent and not made.ended_at and not made.stopped_at and stage.are_connected():
            time.sleep(1.0)  # whoever woke up may still want to write something
            if all(r.is_running and not stage.stands_still(r) for r in stage.replicas):
                return
        time.sleep(0.2)
    made.stage.history.note("did not settle")


@contextmanager
def _staged(folder: Path, database: str, replicas: int) -> Iterator[Stage]:
    stage = Stage(folder, database=database, replicas=replicas)
    try:
        yield stage
    finally:
        stage.close()


def opened(stage: Stage) -> Store:
    return open_store(stage.database.url, clock=SystemClock())


def _remember_releases(stage: Stage) -> None:
    """1.0.0 was proven once, 1.1.0 runs."""
    store = opened(stage)
    for tag in ("1.0.0", "1.1.0"):
        release = Release(
            app="web",
            env="prod",
            number=0,
            version=tag,
            image=f"registry.test/web@{digest_of(tag)}",
            container="web",
            template=Template.of(template_of("web", tag)).json,
            config="{}",
            proof=Proof.PROVEN,
            operation=f"op-{tag}",
            at=datetime.now(UTC),
            by=Principal("ana"),
        )
        store.transact(lambda tx, release=release: tx.releases.put(release))  # type: ignore[misc]
    store.close()
