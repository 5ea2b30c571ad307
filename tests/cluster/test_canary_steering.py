"""Every kind of sharing at once, on real pods behind a real Traefik with requests all the time: each share as it was asked
for, changed while it runs, some requests led to the canary always, promoted, and aborted at each step. Nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from bot.domain.operation import Operation, Phase
from bot.domain.refs import OperationId
from bot.steps.analysis import Analyse
from bot.steps.codec import load_steps
from bot.steps.step import Planned
from tests.cluster.test_canary_weights import PEOPLE_MAY_ROUTE
from tests.kit.live import Town, running
from tests.rig import traefik
from tests.rig.access import AUTO
from tests.rig.load import Load, send
from tests.rig.registry import image
from tests.rig.rig import Rig
from tests.rig.sample import SampleApp
from tests.rig.traefik import Traefik

REQUESTS = 2000
POINT = 0.01
"""How far a measured share may be from the one that was asked for, by weights."""
PATIENCE = 30.0
"""Seconds for one answer: on a machine that does much else a late one is not a lost one."""
PODS = 2
KINDS = {"web": "HTTPRoute", "shop": "IngressRoute", "cart": "TraefikService", "desk": "replicas"}


@dataclass(slots=True)
class Stand:
    """One app behind one kind of route."""

    town: Town
    app: str
    kind: str
    url: str
    asking: Lock
    """Whose turn it is to ask: the answers to one person are told apart by time alone."""
    runs: str = "1.0"
    seen: list[str] = field(default_factory=list)
    """What was measured, for people."""

    @property
    def versions(self) -> tuple[str, str]:
        """What it runs, and the other one."""
        return self.runs, "2.0" if self.runs == "1.0" else "1.0"

    def wait_for_route(self) -> None:
        with Load(self.url, rate=20) as load:
            self.town.slack.wait_for(lambda: load.result.by_version.get("1.0"), 30)

    def start(self, line: str, button: str = "Start the canary") -> OperationId:
        with self.asking:
            id = self.town.asks("ana", line, button)
            # The answer to the button too: the next one to ask must not take it for its own.
            told = self.town.slack.person("ana").ephemerals
            self.town.slack.wait_for(lambda: any(each["text"].startswith(f"{id} ") for each in told()), 60)
            return id

    def at_share(self, id: OperationId, percent: int) -> Operation:
        """Once the canary has had it for as long as a change may take to settle."""

        def look() -> Operation | None:
            op = self.town.operation(id)
            assert op.phase in {Phase.READY, Phase.RUNNING}, (self.app, op.phase, op.why)
            watch = step_of(op).do
            is_there = isinstance(watch, Analyse) and watch.percent == percent and op.since is not None
            now = self.town.bot.store.read(lambda tx: tx.now)
            return op if is_there and op.since is not None and now - op.since >= timedelta(seconds=3) else None

        return self.town.slack.wait_for(look, 180)

    def measured(self, load: Load, version: str) -> float:
        """Its share among the next REQUESTS answers of a load that runs."""
        before = load.result
        self.town.slack.wait_for(lambda: load.result.sent - before.sent >= REQUESTS, 240)
        after = load.result
        counts = {
            version: after.by_version[version] - before.by_version.get(version, 0) for version in after.by_version
        }
        return counts.get(version, 0) / sum(counts.values())

    def check_share(self, load: Load, version: str, asked: int, *, within: float = POINT) -> None:
        found = self.measured(load, version)
        self.seen.append(f"{self.kind}: asked {asked} %, measured {100 * found:.2f} %")
        assert abs(found - asked / 100) <= within, self.seen[-1]

    def check_always(self, version: str, **headers: str) -> None:
        result = send(self.url, total=200, rate=100, headers={key.replace("_", "-"): headers[key] for key in headers})
        self.seen.append(f"{self.kind}: {headers} led {dict(result.by_version)}")
        assert result.by_version == {version: 200}, self.seen[-1]

    def check_no_loss(self, load: Load, what: str) -> None:
        result = load.result
        self.seen.append(f"{self.kind}, {what}: {len(result.lost)} lost, {result.errors} errors of {result.sent}")
        assert result.lost == (), (self.seen[-1], result.lost[:5])
        assert result.errors == 0, (self.seen[-1], dict(result.by_status))

    def rules(self) -> Any:
        """Of its route, as they stand."""
        if self.kind == "replicas":
            return None
        kind, spec = {
            "HTTPRoute": ("httproute", "rules"),
            "IngressRoute": ("ingressroute", "routes"),
            "TraefikService": ("traefikservice", "weighted"),
        }[self.kind]
        found: Any = self.town.rig.kubectl.get(kind, self.app, namespace=self.town.staging.name)
        return found["spec"][spec]

    def check_nothing_is_left(self, rules: Any, version: str) -> None:
        """Every request goes to this version, and the route says what it said."""
        assert self.rules() == rules
        assert send(self.url, total=50, rate=100).by_version == {version: 50}
        for kind in ("deployment", "service"):
            name = f"{self.app}-canary"
            assert not self.town.rig.kubectl.succeeds("get", kind, name, "-n", self.town.staging.name)


def step_of(op: Operation) -> Planned:
    return load_steps(op.plan)[op.cursor]


@pytest.fixture(scope="module")
def street(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stand]]:
    folder = tmp_path_factory.mktemp("street")
    with traefik.running(folder, rig.kubectl, folder / "traefik.log") as router, running(rig, folder) as town:
        yield opened(rig, router, town, folder)


def opened(rig: Rig, router: Traefik, town: Town, folder: Path) -> dict[str, Stand]:
    place, asking = town.staging.name, Lock()
    traefik.allow(town.staging, PEOPLE_MAY_ROUTE, "team-web", AUTO)
    for version in ("1.0", "2.0"):
        rig.push_image("web", version)
    rig.kubectl.apply(router.gateway(place))
    stands = {}
    for app, kind in KINDS.items():
        direct = town.deploy(SampleApp(app, image("web", "1.0"), replicas=PODS, min_ready_seconds=1))
        prefix = f"/{place}/{app}"
        if kind == "HTTPRoute":
            rig.kubectl.apply(router.http_route(place, app, prefix=prefix))
        elif kind != "replicas":
            has_service = kind == "TraefikService"
            if has_service:
                rig.kubectl.apply(router.weighted_service(place, app))
            rig.kubectl.apply(router.ingress_route(place, app, prefix=prefix, by_service=has_service))
        url = direct if kind == "replicas" else f"{router.url}{prefix}"
        stands[app] = Stand(town, app, kind, url, asking)
        stands[app].wait_for_route()
    return stands


def at_once(street: dict[str, Stand], what: Callable[[Stand], None]) -> None:
    """Each in a thread of its own; every failure is told."""
    with ThreadPoolExecutor(len(street)) as pool:
        results = {app: pool.submit(what, stand) for app, stand in street.items()}
        failed = {app: error for app, result in results.items() if (error := result.exception()) is not None}
    print()
    for stand in street.values():
        print(*stand.seen, sep="\n")
        stand.seen.clear()
    assert not failed, failed


# --- aborted, before anything is promoted ------------------------------------------------------------

ALWAYS = {
    "web": (" cookie=beta:v1.2", {"Cookie": "a=b; beta=v1.2"}),
    "shop": (" header=x-canary:on", {"X_Canary": "on"}),
}


def test_an_abort_at_each_step_loses_nothing_and_leaves_nothing(street: dict[str, Stand]) -> None:
    at_once(street, _aborted_at_each_step)


def _aborted_at_each_step(stand: Stand) -> None:
    rules, town = stand.rules(), stand.town
    old, new = stand.versions
    words, headers = ALWAYS.get(stand.app, ("", {}))
    met: list[str] = []
    with Load(stand.url, rate=40, threads=4, timeout=PATIENCE) as load:
        cursor, plan = 0, None
        while plan is None or not plan[cursor].no_return:
            id = stand.start(f"canary {stand.app}@{new} 33 to staging{words}")
            plan = load_steps(town.operation(id).plan)
            reached = _until(stand, id, cursor)
            if headers and isinstance(step_of(reached).do, Analyse):
                stand.at_share(id, 33)
                stand.check_always(new, **headers)
            town.types("lee", f"abort {id}")
            ended = town.ended(id, seconds=240)
            assert ended["text"].startswith(f"Rolled back: canary of {stand.app} {new} on staging"), ended["text"]
            stand.check_nothing_is_left(rules, old)
            town.settled(stand.app)
            met.append(f"{reached.cursor} {type(step_of(reached).do).__name__}")
            cursor = reached.cursor + 1
    stand.check_no_loss(load, f"aborted at {', '.join(met)}")
    assert len(met) >= 5


def _until(stand: Stand, id: OperationId, cursor: int) -> Operation:
    """At this step, or at the first after it at which somebody looked."""

    def look() -> Operation | None:
        op = stand.town.operation(id)
        assert not op.is_final, (stand.app, op.phase, op.why)
        if op.started is None:
            return None
        if op.cursor >= cursor:
            return op
        is_watch = isinstance(step_of(op).do, Analyse)
        if is_watch and not any(signal.step == op.cursor for signal in op.signals):
            stand.town.types("lee", f"promote {id} step={op.cursor}")
        return None

    return stand.town.slack.wait_for(look, 240)


# --- from nothing to everything -----------------------------------------------------------------------


def test_each_kind_goes_from_nothing_to_everything_with_its_shares_and_without_loss(street: dict[str, Stand]) -> None:
    at_once(street, _to_everything)


def _to_everything(stand: Stand) -> None:
    rules, town, app = stand.rules(), stand.town, stand.app
    _, new = stand.versions
    with Load(stand.url, rate=80, threads=8, timeout=PATIENCE) as load:
        match stand.kind:
            case "HTTPRoute":
                id = stand.start(f"canary {app}@{new} 10 to staging header=x-canary:always")
                last = _changed_to(stand, new, id, load, 10, 40, X_Canary="always")
            case "IngressRoute":
                id = stand.start(f"canary {app}@{new} 0 to staging steps=5,75 cookie=beta:always")
                stand.at_share(id, 0)
                stand.check_share(load, new, 0)
                stand.check_always(new, Cookie="beta=always; z=1")
                for share in (5, 75):
                    town.types("lee", f"promote {id}")
                    stand.at_share(id, share)
                    stand.check_share(load, new, share)
                last = id
            case "TraefikService":
                id = stand.start(f"canary {app}@{new} 75 to staging")
                last = _changed_to(stand, new, id, load, 75, 20)
                town.types("lee", f"promote {last}")
                stand.at_share(last, 75)
                stand.check_share(load, new, 75)
            case _:
                id = stand.start(f"canary {app}@{new} 33 to staging")
                stand.at_share(id, 33)
                stand.check_share(load, new, 33, within=0.05)
                last = _changed_to(stand, new, id, load, 33, 50)
        town.types("lee", f"promote {last}")
        ended = town.ended(last, seconds=300)
        assert ended["text"].startswith(f"Done: {app} {new} is live on staging"), ended["text"]
    stand.check_no_loss(load, "promoted")
    stand.runs = new
    stand.check_nothing_is_left(rules, new)


def _changed_to(
    stand: Stand, version: str, id: OperationId, load: Load, first: int, then: int, **headers: str
) -> OperationId:
    """Another share while it runs, measured before and after."""
    within = 0.05 if stand.kind == "replicas" else POINT
    stand.at_share(id, first)
    if stand.kind != "replicas":
        stand.check_share(load, version, first)
    if headers:
        stand.check_always(version, **headers)
    other = stand.start(f"canary {stand.app} {then} to staging", "Change the share")
    stand.at_share(other, then)
    assert stand.town.operation(id).phase is Phase.TAKEN_OVER
    assert f"Taken over by {other}" in stand.town.card(id, "Taken over")["text"]
    stand.check_share(load, version, then, within=within)
    if headers:
        stand.check_always(version, **headers)
    return other
