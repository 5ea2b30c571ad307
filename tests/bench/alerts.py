"""Alertmanager's deliveries: verified, understood and durable before the 200, against one synced INSERT without the rest."""

from __future__ import annotations

import hashlib
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bot.app.clock import SystemClock
from bot.domain.refs import Secret
from bot.ports.observing import AlertGroup
from bot.ports.store import Arrival
from bot.web.hooks import Hook
from integrations.alertmanager.webhook import AlertmanagerWebhook
from integrations.database.store import DatabaseStore, open_store
from tests.bench.edges import plain_insert
from tests.bench.figures import Figure, loaded_in_turns, us

SECRET = "webhook-secret-0123456789"
HEADERS = [(b"authorization", f"Bearer {SECRET}".encode())]
IN_FLIGHT = 32
ROUNDS, TIMES = 6, 600


def delivery(number: int, alerts: int) -> bytes:
    one = {
        "status": "firing",
        "labels": {"alertname": "HighErrorRate", "namespace": "web-prod", "deployment": "web", "severity": "critical"},
        "annotations": {"summary": "5 % of requests fail", "description": "for five minutes"},
        "startsAt": "2026-03-02T09:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.test/graph",
        "fingerprint": "a1b2c3d4e5f60708",
    }
    return json.dumps(
        {
            "version": "4",
            "groupKey": f'{{}}:{{alertname="HighErrorRate", n="{number}"}}',
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "pilothouse",
            "groupLabels": {"alertname": "HighErrorRate"},
            "commonLabels": {"namespace": "web-prod"},
            "commonAnnotations": {},
            "externalURL": "http://alertmanager.test",
            "alerts": [{**one, "fingerprint": f"{number:08x}{n:08x}"} for n in range(alerts)],
        }
    ).encode()


def taking(store: DatabaseStore) -> Callable[[AlertGroup, bytes], None]:
    """What the bot does before the 200; what it does with a stored group comes after."""

    def take(_: AlertGroup, body: bytes) -> None:
        digest = hashlib.sha256(body).hexdigest()
        arrival = Arrival(
            nonce=digest,
            delivery=f"alertmanager-{digest}",
            source="alertmanager",
            kind="alert",
            actor="alertmanager",
            channel="",
            body=body.decode(),
        )
        assert store.accept((arrival,)) != (None,)

    return take


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(f"sqlite:///{folder}/pilothouse.db", clock=SystemClock())
        connection, insert = plain_insert(folder)
        hook = Hook("alertmanager", AlertmanagerWebhook((Secret(SECRET),)), taking(store))
        numbers = itertools.count()
        for alerts in (1, 20):
            times = TIMES // (1 + alerts // 10)
            # Made beforehand: what Alertmanager does is not measured.
            bodies = [delivery(next(numbers), alerts) for _ in range(2 * times * (ROUNDS + 1))]

            def deliver(left: list[bytes] = bodies) -> None:
                assert hook(HEADERS, left.pop()).status == 200

            def plain(left: list[bytes] = bodies) -> None:
                json.loads(left.pop())
                insert()

            found = loaded_in_turns({"ours": deliver, "plain": plain}, rounds=ROUNDS, in_flight=IN_FLIGHT, times=times)
            ours, base = found["ours"], found["plain"]
            said = f"json.loads + one synced INSERT: {base.per_second * alerts:.0f}/s"
            rate = f"{ours.per_second * alerts:.0f}/s, CPU {us(ours.cpu / alerts)} each"
            yield Figure("alerts", f"alerts/s, {alerts} a delivery", rate, said, ours.per_second / base.per_second)
        connection.close()
        store.close()
