"""A storm of alerts against a Slack that keeps its limits: how long until everybody reads what is, and who waits meanwhile.

10,000 alerts of 200 groups in 5 channels arrive as Alertmanager delivers them, each group five times and growing. The
optimum is what Slack's limits alone permit: max(ceil(M/K), M x 60/W) seconds for M messages in K channels at W a minute.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

from bot.alerts.card import draw
from bot.alerts.threads import AlertDesk, thread_key
from bot.app.clock import SystemClock
from bot.domain.clock import Clock
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Paragraph, Reply, text
from bot.playground.seed import ChannelSeed, Conduct, Seed, default_seed
from bot.playground.server import PlaygroundServer
from bot.ports.apps import App, Apps
from bot.ports.observing import Alert, AlertGroup
from bot.ports.store import MessageClass, Store, Tx
from bot.slack.connect import Line
from bot.slack.sender import Sender
from bot.steps.codec import load_reply
from integrations.database.store import open_store
from tests.bench.figures import Figure, Goal
from tests.slack.stage import MACS, NAMES, account, our_manifest

CHANNELS, GROUPS, ALERTS, DELIVERIES = 5, 200, 10_000, 5
EACH = ALERTS // GROUPS
A_MINUTE = 300
APPROVAL_EVERY = 2.0
"""Seconds between two cards for approval that are wanted while the storm goes on."""
APPROVAL = '{"text":"approve this"}'
BEGAN = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)


def channel(number: int) -> str:
    return f"C0S{number % CHANNELS:06}"


def seeded() -> Seed:
    seed = default_seed()
    channels = tuple(ChannelSeed(channel(n), f"storm-{n}", (seed.app.bot_user,)) for n in range(CHANNELS))
    return replace(seed, channels=(*seed.channels, *channels))


def alert_sender(store: Store, line: Line, clock: Clock) -> Sender:
    """Draws the cards of alerts, as the bot's own does."""

    def drawn(subject: str) -> Reply | None:
        thread = store.read(lambda tx: tx.alerts.of_card(subject))
        return None if thread is None else draw(thread)

    return Sender(
        store=store,
        line=line,
        clock=clock,
        names=lambda: NAMES,
        macs=MACS,
        draw=drawn,
        load=load_reply,
        owner="bench",
        messages=A_MINUTE,
    )


class Owners:
    """The part of bot.ports.apps.Apps that the desk asks: each app has a channel for its alerts."""

    def owner(self, namespace: str, workload: str) -> App:
        number = int(workload.rpartition("-")[2])
        return App(AppName(workload), EnvName("prod"), "team", (), channel(number))


def group(number: int, count: int) -> AlertGroup:
    """With so many of its alerts."""
    labels = {"alertname": f"Storm{number}", "namespace": "prod", "app": f"app-{number}", "severity": "critical"}
    alerts = tuple(
        Alert(f"{number}-{n}", labels["alertname"], {**labels, "pod": f"p{n}"}, {"summary": "bad"}, BEGAN, None, True)
        for n in range(count)
    )
    return AlertGroup(f"group-{number}", "pilothouse", True, labels, alerts)


@dataclass(slots=True)
class Approvals:
    """Wants a card for approval now and then, and sees how long it takes until it stands."""

    store: Store
    wake: threading.Event
    waits: list[float]

    def run(self, sender: Sender) -> None:
        number = 0
        while not self.wake.wait(APPROVAL_EVERY):
            key = f"approval/{number}"
            started = time.perf_counter()
            self.store.transact(partial(_want, key, channel(number)))
            sender.wake()
            while not _stands(self.store, key):
                time.sleep(0.02)
            self.waits.append(time.perf_counter() - started)
            number += 1


def _want(key: str, place: str, tx: Tx) -> None:
    tx.outbox.want(key, channel=place, kind=MessageClass.APPROVAL, body=APPROVAL)


def _stands(store: Store, key: str) -> bool:
    found = store.read(lambda tx: tx.outbox.get(key))
    return found is not None and bool(found.ts)


def figures() -> Iterator[Figure]:
    conduct = Conduct(messages_a_minute=A_MINUTE, log_entries=20_000)
    with (
        tempfile.TemporaryDirectory() as name,
        PlaygroundServer(manifest=our_manifest(), seed=seeded(), conduct=conduct) as slack,
    ):
        store = open_store(f"sqlite:///{name}/pilothouse.db", clock=SystemClock())
        yield from _storm(Path(name), slack, store)
        store.close()


def _storm(folder: Path, slack: PlaygroundServer, store: Store) -> Iterator[Figure]:
    clock = SystemClock()
    line = Line(account(slack), clock)
    looked = Reply(text("What stands there"), (Paragraph(text("Looked at while the storm came.")),))
    asked = {f"status app-{n} in prod" for n in range(GROUPS)}
    desk = AlertDesk(
        store=store,
        apps=cast(Apps, Owners()),
        ask=lambda words: looked if words in asked else None,
        default_channel=channel(0),
        needs_votes=lambda app: True,
    )

    sender = alert_sender(store, line, clock)
    approvals = Approvals(store, threading.Event(), [])
    asker = threading.Thread(target=approvals.run, args=(sender,))
    started = time.perf_counter()
    sender.start()
    asker.start()
    for part in range(1, DELIVERIES + 1):
        for number in range(GROUPS):
            desk.receive(group(number, EACH * part // DELIVERIES), inbox=None)
            sender.wake()
    taken_in = time.perf_counter() - started
    keys = [f"alert/{thread_key(group(number, 1))}" for number in range(GROUPS)]
    while not store.read(lambda tx: _all_told(tx, keys)):
        time.sleep(0.05)
    took = time.perf_counter() - started
    approvals.wake.set()
    asker.join()
    sender.stop()
    line.close()
    yield from _found(slack, took, taken_in, approvals.waits)


def _all_told(tx: Tx, keys: list[str]) -> bool:
    rows = [row for key in keys for row in (tx.outbox.get(key), tx.outbox.get(f"{key}/1"))]
    return all(row is not None and row.sent_rev == row.rev and row.ts for row in rows)


def _found(slack: PlaygroundServer, took: float, taken_in: float, waits: list[float]) -> Iterator[Figure]:
    posts = [call for call in slack.calls("chat.postMessage") if call.status == "ok"]
    edits = [call for call in slack.calls("chat.update") if call.status == "ok"]
    refused = [call for call in slack.calls() if call.status == "429"]
    roots = [each for n in range(CHANNELS) for each in slack.messages(channel(n)) if "Storm" in str(each)]
    current = [each for each in roots if f"{EACH}" in str(each["text"])]
    best = max(-(-len(posts) // CHANNELS), len(posts) * 60 / A_MINUTE)
    said = f"{len(posts)} messages and {len(edits)} edits; Slack's limits alone: {best:.0f} s"
    yield Figure("storm", f"{ALERTS} alerts, {GROUPS} groups told", f"{took:.1f} s", said, took / best, Goal(1.1))
    yield Figure("storm", "taken in", f"{ALERTS / taken_in:.0f} alerts/s", "", ALERTS / taken_in)
    lost = GROUPS - len(current)
    yield Figure("storm", "groups lost, doubled or old", f"{lost}", f"{len(roots)} cards", lost, Goal(0, ""))
    yield Figure("storm", "refused by Slack (429)", f"{len(refused)}", "", len(refused), Goal(0, ""))
    p99 = sorted(waits)[min(len(waits) - 1, int(len(waits) * 0.99))]
    yield Figure("storm", "card for approval meanwhile, p99", f"{p99:.2f} s", f"{len(waits)} cards", p99, Goal(3, " s"))
