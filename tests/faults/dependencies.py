"""A bot with every dependency behind a way that can be shut, slow or wrong; people, and an Alertmanager that sends again.

The real adapters in one process, over HTTP: Slack's server of bot/playground, the Kubernetes and registry of
tests/faults, and servers that answer as Elasticsearch, Prometheus and Alertmanager do when nothing is the matter.
"""

from __future__ import annotations

import getpass
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from bot.app import parts as outside
from bot.app.bot import Bot, assemble
from bot.app.clock import SystemClock
from bot.app.generated import manifest_of
from bot.app.live import Live
from bot.app.programs import line_writer
from bot.audit.checkpoint import Signer, signer_from_file
from bot.audit.standing import adopt
from bot.domain.errors import Unavailable
from bot.domain.operation import Operation
from bot.domain.refs import OperationId, Principal, Secret
from bot.domain.reply import text
from bot.playground.errors import PersonError
from bot.playground.seed import Conduct, Seed, default_seed
from bot.playground.server import PlaygroundServer
from bot.ports.store import Checkpoint, OperationFilter
from bot.settings import (
    Alertmanager,
    Audit,
    ClusterPlace,
    Data,
    Database,
    Elasticsearch,
    EnvPlace,
    Mode,
    PolicyPlace,
    Prometheus,
    Registry,
    Settings,
    Slack,
    Timeouts,
    Web,
)
from tests.faults.kubernetes_server import CLUSTER_UID, NAMESPACE, kubeconfig_of, scene, server_of
from tests.faults.objects import Objects, Write
from tests.faults.stage import CHANNEL
from tests.faults.ways import How, Way
from tests.integrations.loopback import Received, Sent
from tests.integrations.loopback import serving as http_serving

ALERTS, AUDIT = "alerts", "paas-audit"
HOOK_SECRET = "webhook-secret-of-these-tests-0123456789"
HEADERS = {"Content-Type": "application/json", "X-Elastic-Product": "Elasticsearch"}
PATIENCE = 40.0
"""Seconds until something that has to come is given up."""

POLICY = """
keepers: [lee]
people:
  ana: {name: Ana, slack: [U0ANA0001], os: [OSUSER], kubernetes: ana@example.com}
  lee: {name: Lee, slack: [U0LEE0003], kubernetes: lee@example.com}
groups:
  team-web: {members: [ana], kubernetes: team-web}
roles:
  developer: ["workloads:*", "operations:*", "alerts:*", "logs:*", "self:*"]
grants:
  - {role: developer, to: ["group:team-web"], tenant: ["*"], env: ["*"]}
timings:
  - {approval-expiry: 15m, bake: 1s, deadline: 5m, canary-deadline: 5m}
"""


@dataclass
class Crooked:
    """bot.domain.clock.Clock: the machine's, but its wall clock can be set and its other one can stand still."""

    offset: timedelta = timedelta(0)
    stands_at: float | None = None
    _real: SystemClock = field(default_factory=SystemClock)

    def now(self) -> datetime:
        return self._real.now() + self.offset

    def elapsed(self) -> float:
        return self._real.elapsed() if self.stands_at is None else self.stands_at

    def sleep(self, seconds: float) -> None:
        self._real.sleep(seconds)


@dataclass
class Place:
    """bot.audit.sinks.Sink outside of everything: what it was given, and what somebody else put there."""

    name: str = "vault"
    how: How = How.WELL
    kept: list[Checkpoint] = field(default_factory=list)
    is_well: threading.Event = field(default_factory=threading.Event)

    def put(self, checkpoint: Checkpoint) -> None:
        self._wait()
        self.kept.append(checkpoint)

    def read(self) -> tuple[Checkpoint, ...]:
        self._wait()
        return tuple(self.kept)

    def _wait(self) -> None:
        if self.how is How.DOWN:
            raise Unavailable("audit", text("The vault is shut."))
        if self.how is How.SLOW:
            self.is_well.wait(60)


@dataclass
class Town:
    slack: PlaygroundServer
    bot: Bot
    live: Live
    objects: Objects
    ways: dict[str, Way]
    clock: Crooked
    place: Place
    folder: Path
    signer: Signer
    breaks: Callable[[], None] | None = None
    """In place of what its way could do."""
    mends: Callable[[], None] | None = None
    _alerts: int = 0

    @property
    def lines(self) -> Path:
        """Where the record goes, a line each."""
        return self.folder / "data" / "audit.jsonl"

    @property
    def policy(self) -> Path:
        return self.folder / "policy.yaml"

    def restore_policy(self) -> None:
        self.policy.write_text(POLICY.replace("OSUSER", getpass.getuser()))

    def adopt(self) -> None:
        """As a keeper does it with `pilothouse audit adopt` and a start."""
        self.bot.store.open_writes()
        made = adopt(self.bot.store, signer=self.signer, known=self.place.kept, by=Principal("lee"), reason="known")
        self.place.put(made)
        self.bot.sealer.forget()

    # --- people ---------------------------------------------------------------------------------

    def ask(self, line: str, *, seconds: float = PATIENCE) -> str:
        """All that ana is told, and what Slack itself tells her."""
        before = [each["text"] for each in self.slack.ephemerals("U0ANA0001")]
        told = ""
        try:
            self.slack.person("ana").slash("/paas", line, channel=CHANNEL)
        except PersonError as error:
            told = f"Slack: {error.code}"

        def look() -> str:
            found = [each["text"] for each in self.slack.ephemerals("U0ANA0001")]
            return "\n".join(found[len(before) :])

        try:
            return "\n".join(filter(None, (told, self.slack.wait_for(look, 5 if told else seconds))))
        except TimeoutError:
            return told or "nothing"

    def operations(self) -> tuple[Operation, ...]:
        return self.bot.store.read(lambda tx: tx.operations.find(OperationFilter(limit=50)))

    def operation(self, id: OperationId) -> Operation:
        return next(each for each in self.operations() if each.id == id)

    def newest(self) -> Operation | None:
        return next(iter(self.operations()), None)

    # --- alerts ---------------------------------------------------------------------------------

    def fires(self) -> tuple[str, int]:
        """A new alert: its name, and how its delivery was answered; 0 where it was not."""
        self._alerts += 1
        name = f"Trouble{self._alerts}"
        return name, self.deliver(name)

    def deliver(self, name: str) -> int:
        assert self.live.web is not None
        labels = {"alertname": name, "namespace": NAMESPACE, "app": "web", "severity": "critical"}
        one = {
            "status": "firing",
            "labels": labels,
            "annotations": {"summary": f"{name} is real"},
            "startsAt": "2026-03-01T14:05:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.test/graph",
            "fingerprint": f"{self._alerts:016x}",
        }
        body = {
            "version": "4",
            "groupKey": f'{{}}:{{alertname="{name}"}}',
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "pilothouse",
            "groupLabels": {"alertname": name},
            "commonLabels": labels,
            "commonAnnotations": {},
            "externalURL": "http://alertmanager.test",
            "alerts": [one],
        }
        url = f"http://127.0.0.1:{self.live.web.port}/hooks/alertmanager"
        headers = {"Authorization": f"Bearer {HOOK_SECRET}"}
        try:
            return httpx.post(url, json=body, headers=headers, timeout=10, trust_env=False).status_code
        except httpx.HTTPError:
            return 0

    def cards_of(self, name: str) -> int:
        return sum(name in m["text"] and m.get("thread_ts", m["ts"]) == m["ts"] for m in self.slack.messages(ALERTS))

    def is_shown(self, name: str, *, seconds: float) -> bool:
        try:
            self.slack.wait_for(lambda: self.cards_of(name), seconds)
        except TimeoutError:
            return False
        return True

    # --- the target -----------------------------------------------------------------------------

    def effects(self) -> list[Write]:
        return [write for write in self.objects.writes if write.is_effect]

    def wait_for(self, wanted: Any, seconds: float = PATIENCE) -> None:
        self.slack.wait_for(wanted, seconds)


def elasticsearch(request: Received) -> Sent:
    hits = {"total": {"value": 0, "relation": "eq"}, "hits": []}
    return Sent(200, json.dumps({"timed_out": False, "_shards": {"failed": 0}, "hits": hits}).encode(), HEADERS)


def prometheus(request: Received) -> Sent:
    found: dict[str, object] = {"resultType": "matrix", "result": []}
    if request.path == "/api/v1/query":
        found = {"resultType": "vector", "result": [{"metric": {}, "value": [1, "1"]}]}
    body = {"status": "success", "data": found}
    return Sent(200, json.dumps(body).encode(), HEADERS)


def alertmanager(request: Received) -> Sent:
    found: object = []
    if request.method == "POST":
        found = {"silenceID": "silence-1"}
    elif request.path == "/api/v2/status":
        found = {"versionInfo": {"version": "0.25.0"}}
    elif request.path == "/api/v2/alerts":
        labels = {"alertname": "HighErrorRate", "namespace": NAMESPACE, "app": "web", "severity": "critical"}
        found = [
            {
                "labels": labels,
                "annotations": {"summary": "it fails"},
                "startsAt": "2026-03-01T14:05:00.000Z",
                "endsAt": "2126-03-01T14:05:00.000Z",
                "updatedAt": "2026-03-01T14:06:00.000Z",
                "fingerprint": "f1",
                "receivers": [{"name": "x"}],
                "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
            }
        ]
    return Sent(200, json.dumps(found).encode(), HEADERS)


def way_to(stack: ExitStack, url: str) -> Way:
    found = urlsplit(url)
    assert found.hostname is not None
    assert found.port is not None
    way = Way(found.hostname, found.port)
    stack.callback(way.close)
    return way


@contextmanager
def town(folder: Path, *, database: str = "") -> Iterator[Town]:
    """`database`: the URL of a PostgreSQL database; without it SQLite."""
    with ExitStack() as stack:
        seed = default_seed()
        conduct = Conduct(rate_limits=False, event_retry_seconds=(0.5, 1.0, 2.0))
        slack = stack.enter_context(PlaygroundServer(manifest=manifest_of(Settings()), seed=seed, conduct=conduct))
        objects = scene()
        cluster = server_of(objects)
        threading.Thread(target=cluster.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        stack.callback(cluster.server_close)
        stack.callback(cluster.shutdown)
        at = f"http://127.0.0.1:{cluster.server_address[1]}"
        servers = {
            "slack": slack.api_url,
            "kubernetes": at,
            "registry": at,
            **{
                each.__name__: stack.enter_context(http_serving(each)).url
                for each in (elasticsearch, prometheus, alertmanager)
            },
        }
        ways = {name: way_to(stack, url) for name, url in servers.items()}
        if database:
            ways["database"] = way_to(stack, database)
            database = database.replace(f":{urlsplit(database).port}/", f":{ways['database'].port}/")
        # A response_url is Slack's too.
        slack.run(lambda: setattr(slack.slack, "base_url", ways["slack"].url))
        settings = _settings(folder, seed, ways, database)
        made = _bot(settings, folder)
        live = Live(made.bot, webhook=outside.alert_webhook(settings))
        live.connect()
        live.serve_web()
        assert live.web is not None
        ways["ingress"] = way_to(stack, f"http://127.0.0.1:{live.web.port}")
        live.start()
        stack.callback(live.stop)
        slack.deliver_to(f"{ways['ingress'].url}/slack/events")
        slack.wait_for_app()
        found = Town(slack, made.bot, live, objects, ways, made.clock, made.place, folder, made.signer)
        try:
            yield found
        finally:
            mend(found)


def mend(found: Town) -> None:
    for way in found.ways.values():
        way.be(How.WELL)
    found.clock.offset, found.clock.stands_at = timedelta(0), None
    found.place.how = How.WELL
    found.place.is_well.set()


@dataclass(frozen=True)
class _Made:
    bot: Bot
    clock: Crooked
    place: Place
    signer: Signer


def _bot(settings: Settings, folder: Path) -> _Made:
    clock, place = Crooked(), Place()
    signer = signer_from_file(folder / "audit-key")
    bot = assemble(
        settings=settings,
        clock=clock,
        store=outside.database(settings, clock),
        parts=outside.real(settings, clock),
        sites=outside.sites(settings),
        signer=signer,
        sinks=(place,),
        write_line=line_writer(settings.data.folder),
    )
    return _Made(bot, clock, place, signer)


def _settings(folder: Path, seed: Seed, ways: dict[str, Way], database: str) -> Settings:
    policy, kubeconfig = folder / "policy.yaml", folder / "kubeconfig"
    policy.write_text(POLICY.replace("OSUSER", getpass.getuser()))
    kubeconfig.write_text(json.dumps(kubeconfig_of(ways["kubernetes"].port)))
    return Settings(
        slack=Slack(
            mode=Mode.HTTP,
            bot_token=Secret(seed.app.bot_token),
            signing_secrets=(Secret(seed.app.signing_secret),),
            api_url=f"{ways['slack'].url}/api/",
            app_id=seed.app.id,
            team_id=seed.team_id,
        ),
        data=Data(folder=folder / "data"),
        database=Database(url=Secret(database)),
        policy=PolicyPlace(path=policy),
        clusters={"one": ClusterPlace(kubeconfig=kubeconfig, context="faults", uid=CLUSTER_UID)},
        envs={"prod": (EnvPlace(cluster="one", namespaces={"team-web": NAMESPACE}),)},
        audit=Audit(channel="C0AUDIT01", checkpoint_every=timedelta(seconds=1)),
        registries=(Registry(prefix="registry.test", url=ways["registry"].url, insecure=True),),
        elasticsearch=Elasticsearch(url=ways["elasticsearch"].url),
        prometheus=Prometheus(url=ways["prometheus"].url),
        alertmanager=Alertmanager(
            url=ways["alertmanager"].url, webhook_secret=Secret(HOOK_SECRET), default_channel="C0ALERT01"
        ),
        timeouts=Timeouts(connect=timedelta(seconds=1), read=timedelta(seconds=2), search=timedelta(seconds=2)),
        web=Web(port=0),
    )
