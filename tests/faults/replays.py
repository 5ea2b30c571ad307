"""Requests that were captured on their way to the bot, sent again and again, to every replica: none has a further effect.

python -m tests.faults.replays [--count 1000] [--postgres]
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import httpx

from tests.faults.stage import CHANNEL, Stage, wait_for
from tests.integrations.database.postgres_server import Server


@dataclass(frozen=True)
class Captured:
    """One signed request, byte for byte."""

    body: bytes
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Figures:
    sent: int
    answers: Counter[int]
    operations: int
    effects: int
    requests: int
    """Rows of the inbox."""
    before: tuple[int, int, int]
    """Operations, effects and requests before anything was sent again."""


class Sender:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._number = 0
        self.client = httpx.Client(trust_env=False, timeout=10)

    def slash(self, user: str, line: str) -> Captured:
        self._number += 1
        app = self._stage.seed.app
        form = {
            "command": "/paas",
            "text": line,
            "user_id": user,
            "team_id": self._stage.seed.team_id,
            "channel_id": CHANNEL,
            "channel_name": "prod",
            "api_app_id": app.id,
            "trigger_id": f"1.2.{self._number}",
            "response_url": f"{self._stage.slack.url}/actions/none/none",
        }
        body = urlencode(form).encode()
        return self.signed(body, "application/x-www-form-urlencoded", time.time())

    def signed(self, body: bytes, kind: str, at: float) -> Captured:
        stamp = str(int(at))
        secret = self._stage.seed.app.signing_secret.encode()
        digest = hmac.new(secret, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
        }
        return Captured(body, tuple(headers.items()))

    def send(self, captured: Captured, replica: int = 0) -> int:
        url = self._stage.replicas[replica % len(self._stage.replicas)].url
        return self.client.post(
            f"{url}/slack/events", content=captured.body, headers=dict(captured.headers)
        ).status_code


def _counts(stage: Stage) -> tuple[int, int, int]:
    (operations,) = stage.database.rows("SELECT count(*) FROM operations")[0]
    (requests,) = stage.database.rows("SELECT count(*) FROM inbox")[0]
    return int(operations), sum(write["is_effect"] for write in stage.writes()), int(requests)


def replay(folder: Path, *, count: int, database: str = "", replicas: int = 1, seed: int = 1) -> Figures:
    chance = random.Random(seed)
    with _staged(folder, database, replicas) as stage:
        for replica in stage.replicas:
            stage.start(replica)
        stage.wait_until_ready()
        sender = Sender(stage)
        captured = [sender.slash("U0ANA0001", "scale web 5 to prod")]
        sender.send(captured[0])
        wait_for(lambda: stage.database.rows("SELECT 1 FROM operations"), 20, "the plan")
        for user, line, phase in (("U0ANA0001", "ask op-1", "waiting"), ("U0BOB0002", "approve op-1", "done")):
            captured.append(sender.slash(user, line))
            sender.send(captured[-1])
            sql = f"SELECT 1 FROM operations WHERE phase = '{phase}'"
            wait_for(lambda sql=sql: stage.database.rows(sql), 30, phase)  # type: ignore[misc]
        before = _counts(stage)
        order = [(chance.choice(captured), chance.randrange(replicas)) for _ in range(count)]
        with ThreadPoolExecutor(8) as pool:
            answers = Counter(pool.map(lambda each: sender.send(*each), order))
        time.sleep(2.0)
        operations, effects, requests = _counts(stage)
        sender.client.close()
        stage.stop()
        return Figures(count, answers, operations, effects, requests, before)


@contextmanager
def _staged(folder: Path, database: str, replicas: int) -> Iterator[Stage]:
    stage = Stage(folder, database=database, replicas=replicas, is_http=True)
    try:
        yield stage
    finally:
        stage.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.replays")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--postgres", action="store_true")
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "replays"
        database, replicas = "", 1
        if args.postgres:
            server = Server()
            stack.callback(server.remove)
            database, replicas = server.fresh(), 2
        found = replay(folder, count=args.count, database=database, replicas=replicas)
    print(
        f"{found.sent} requests sent again to {replicas} replicas, answers {json.dumps(dict(found.answers))}: operations, "
        f"effects, requests were {found.before} and are {(found.operations, found.effects, found.requests)}"
    )


if __name__ == "__main__":
    main()
