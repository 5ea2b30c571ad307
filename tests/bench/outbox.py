"""How fast the outbox is emptied, in order, by a Slack that limits nothing: against its client alone, as many calls at once.

Budgets are set out of the way and each channel gets no more than its burst: what is measured is the work, not the waiting.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from slack_sdk import WebClient

from bot.app.clock import SystemClock
from bot.domain.reply import Reply
from bot.playground.seed import ChannelSeed, Conduct, Seed, default_seed
from bot.playground.server import PlaygroundServer
from bot.ports.store import MessageClass, Store, Tx
from bot.slack.connect import Line
from bot.slack.sender import AT_ONCE, Sender
from integrations.database.store import open_store
from tests.bench.figures import Figure
from tests.slack.stage import MACS, NAMES, account, our_manifest

CHANNELS, EACH = 150, 3
NO_LIMIT = 1_000_000


def seeded() -> Seed:
    seed = default_seed()
    bot = seed.app.bot_user
    channels = tuple(ChannelSeed(f"C0B{n:06}", f"bench-{n}", (bot,)) for n in range(CHANNELS))
    return replace(seed, channels=(*seed.channels, *channels))


def channel(number: int) -> str:
    return f"C0B{number % CHANNELS:06}"


def figures() -> Iterator[Figure]:
    with (
        tempfile.TemporaryDirectory() as name,
        PlaygroundServer(manifest=our_manifest(), seed=seeded(), conduct=Conduct(rate_limits=False)) as slack,
    ):
        count = CHANNELS * EACH
        base = _client_alone(slack, count)
        store = open_store(f"sqlite:///{name}/pilothouse.db", clock=SystemClock())
        ours = _sender(Path(name), slack, store, count)
        store.close()
        _check_order(slack)
    said = f"WebClient alone, {AT_ONCE} at once, nothing kept: {base:.0f}/s"
    yield Figure("outbox", f"{count} messages in {CHANNELS} channels, in order", f"{ours:.0f}/s", said, ours / base)


def _client_alone(slack: PlaygroundServer, count: int) -> float:
    client = WebClient(slack.bot_token, base_url=slack.api_url)

    def post(number: int) -> None:
        client.chat_postMessage(channel=channel(number), text=f"plain {number}")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        started = time.perf_counter()
        list(pool.map(post, range(count)))
    return count / (time.perf_counter() - started)


def _sender(folder: Path, slack: PlaygroundServer, store: Store, count: int) -> float:
    def want(tx: Tx) -> None:
        for n in range(count):
            body = f'{{"text":"ours {n:06}"}}'
            tx.outbox.want(f"bench/{n}", channel=channel(n), kind=MessageClass.OPERATION, body=body)

    store.transact(want)
    clock = SystemClock()
    line = Line(account(slack), clock)
    sender = Sender(
        store=store,
        line=line,
        clock=clock,
        names=lambda: NAMES,
        macs=MACS,
        draw=lambda subject: None,
        load=lambda body: Reply(None, ()),
        owner="bench",
        messages=NO_LIMIT,
        updates=NO_LIMIT,
    )
    started = time.perf_counter()
    sender.start()
    pause = threading.Event()
    while store.read(lambda tx: tx.outbox.due(limit=1)) or _unsent(store, count):
        pause.wait(0.02)
    took = time.perf_counter() - started
    sender.stop()
    line.close()
    return count / took


def _unsent(store: Store, count: int) -> bool:
    last = store.read(lambda tx: [tx.outbox.get(f"bench/{n}") for n in range(count - CHANNELS, count)])
    return any(row is None or not row.ts for row in last)


def _check_order(slack: PlaygroundServer) -> None:
    for n in range(CHANNELS):
        shown = [each["text"] for each in slack.messages(channel(n)) if each["text"].startswith("ours")]
        assert shown == sorted(shown), shown
        assert len(shown) == EACH, shown
