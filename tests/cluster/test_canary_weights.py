"""Canaries by weights on real pods behind a real Traefik: exact shares, judged by real series, nothing lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.operation import Phase
from bot.domain.refs import OperationId
from bot.settings import Prometheus
from bot.steps.analysis import Analyse
from bot.steps.codec import load_steps
from bot.steps.rollout import ReplaceTemplate
from tests.kit.live import Town, running
from tests.kit.measuring import check_no_loss, measured
from tests.rig import traefik
from tests.rig.access import AUTO
from tests.rig.load import Load
from tests.rig.registry import image
from tests.rig.rig import Rig
from tests.rig.sample import SampleApp
from tests.rig.traefik import Traefik

RATE = 250.0
POINT = 0.01
"""How far a measured share may be from the one that was asked for."""
TOLD = timedelta(seconds=15)
"""The range of rates here: Prometheus scrapes every second on the rig."""

PEOPLE_MAY_ROUTE: list[dict[str, Any]] = [
    {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["httproutes"], "verbs": ["patch"]},
    {"apiGroups": ["traefik.io"], "resources": ["ingressroutes", "traefikservices"], "verbs": ["patch"]},
]


@pytest.fixture(scope="session")
def router(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traefik]:
    folder = tmp_path_factory.mktemp("traefik")
    with traefik.running(folder, rig.kubectl, folder / "traefik.log") as found:
        yield found


@dataclass(frozen=True, slots=True)
class Shop:
    """web 1.0 on staging behind a route, and a whole bot."""

    town: Town
    url: str

    def start(self, line: str) -> OperationId:
        return self.town.asks("ana", line, "Start the canary")

    def at_share(self, id: OperationId, percent: int) -> None:
        """Waits until the canary has had this share for as long as a change may take to settle."""

        def is_there() -> bool:
            op = self.town.operation(id)
            step = load_steps(op.plan)[op.cursor].do
            assert op.phase in {Phase.READY, Phase.RUNNING}, (op.phase, op.why)
            is_looking = isinstance(step, Analyse) and step.percent == percent and op.seen is not None
            return is_looking and op.since is not None and self.now() - op.since >= timedelta(seconds=3)

        self.town.slack.wait_for(is_there, 120)

    def now(self) -> Any:
        return self.town.bot.store.read(lambda tx: tx.now)

    def until_step(self, id: OperationId, kind: type) -> None:
        def is_there() -> bool:
            op = self.town.operation(id)
            assert op.phase in {Phase.READY, Phase.RUNNING}, (op.phase, op.why)
            return isinstance(load_steps(op.plan)[op.cursor].do, kind)

        self.town.slack.wait_for(is_there, 180)

    def check_all_is_as_it_was(self) -> None:
        place = self.town.staging.name
        for kind in ("deployment", "service"):
            assert not self.town.rig.kubectl.succeeds("get", kind, "web-canary", "-n", place)

    def replies(self, card: Any) -> list[Any]:
        found = self.town.slack.messages(card["channel"], thread=card["ts"])
        return [each for each in found if each["ts"] != card["ts"]]

    def backends(self) -> list[Any]:
        found: Any = self.town.rig.kubectl.get("httproute", "web", namespace=self.town.staging.name)
        return [(each["name"], each["weight"]) for each in found["spec"]["rules"][0]["backendRefs"]]


@pytest.fixture
def shop(rig: Rig, router: Traefik, tmp_path: Path) -> Iterator[Shop]:
    with opened(rig, router, tmp_path, kind="HTTPRoute") as found:
        yield found


def opened(rig: Rig, router: Traefik, folder: Path, *, kind: str) -> ExitStackShop:
    return ExitStackShop(rig, router, folder, kind)


@dataclass(slots=True)
class ExitStackShop:
    rig: Rig
    router: Traefik
    folder: Path
    kind: str
    stack: ExitStack | None = None

    def __enter__(self) -> Shop:
        self.stack = ExitStack()
        change = {"prometheus": Prometheus(url=self.rig.prometheus.url, window=TOLD)}
        town = self.stack.enter_context(running(self.rig, self.folder, change=change))
        place = town.staging.name
        traefik.allow(town.staging, PEOPLE_MAY_ROUTE, "team-web", AUTO)
        for version in ("1.0", "2.0"):
            self.rig.push_image("web", version)
        self.rig.push_image("web", "2.1", ERROR_RATE="0.2")
        self.rig.push_image("web", "2.2", LATENCY_MS="60")
        town.deploy(SampleApp("web", image("web", "1.0"), replicas=4, min_ready_seconds=1))
        prefix = f"/{place}"
        if self.kind == "HTTPRoute":
            manifests = [self.router.gateway(place), self.router.http_route(place, "web", prefix=prefix)]
        else:
            has_service = self.kind == "TraefikService"
            manifests = [self.router.weighted_service(place, "web")] if has_service else []
            manifests.append(self.router.ingress_route(place, "web", prefix=prefix, by_service=has_service))
        self.rig.kubectl.apply(*manifests)
        url = f"{self.router.url}{prefix}"
        with Load(url, rate=20) as load:
            town.slack.wait_for(lambda: load.result.by_version.get("1.0"), 30)
        return Shop(town, url)

    def __exit__(self, *_: object) -> None:
        assert self.stack is not None
        self.stack.close()


def test_from_nothing_to_everything_with_exact_shares_and_no_loss(shop: Shop) -> None:
    with Load(shop.url, rate=RATE) as load:
        id = shop.start("canary web@2.0 5 to staging steps=30,75")
        for share in (5, 30, 75):
            shop.at_share(id, share)
            found = measured(shop.town, load)
            print(f"\nasked {share} %, measured {100 * found:.2f} %")
            assert abs(found - share / 100) <= POINT
            shop.town.types("ana", f"promote {id}")
        done = shop.town.ended(id, seconds=240)
    assert done["text"].startswith("Done: web 2.0 is live on staging"), done["text"]
    check_no_loss(load, "promote")
    assert shop.backends() == [("web", 1)]
    shop.check_all_is_as_it_was()
    events = shop.town.check_who_wrote(id, "ana@example.com")
    assert {("patch", "httproutes"), ("create", "services"), ("delete", "services")} <= {
        (event.verb, event.resource) for event in events
    }


@pytest.mark.parametrize("stage", ["at 10 %", "while promoted"])
def test_an_abort_loses_nothing(shop: Shop, stage: str) -> None:
    with Load(shop.url, rate=RATE) as load:
        id = shop.start("canary web@2.0 10 to staging")
        shop.at_share(id, 10)
        if stage == "while promoted":
            shop.town.types("ana", f"promote {id}")
            shop.until_step(id, ReplaceTemplate)
        shop.town.types("ana", f"abort {id}")
        ended = shop.town.ended(id, seconds=240)
    assert ended["text"].startswith("Rolled back: canary of web 2.0 on staging"), ended["text"]
    check_no_loss(load, f"abort {stage}")
    assert shop.backends() == [("web", 1)]
    assert shop.town.image("web") == image("web", "1.0")
    shop.check_all_is_as_it_was()


@pytest.mark.parametrize(("version", "says"), [("2.1", "Errors"), ("2.2", "p95")])
def test_a_worse_version_is_caught_by_its_series_and_goes_back_by_itself(shop: Shop, version: str, says: str) -> None:
    with Load(shop.url, rate=100) as load:
        id = shop.start(f"canary web@{version} 20 to staging hold=5m requests=200")
        ended = shop.town.ended(id, seconds=240)
    assert ended["text"].startswith("Rolled back"), ended["text"]
    assert load.result.lost == ()
    op = shop.town.operation(id)
    assert op.why is not None
    print(f"\n{op.why.plain()}")
    assert "did worse" in op.why.plain()
    assert says in op.why.plain()
    [turn] = [each for each in shop.replies(ended) if "Going back" in each["text"]]
    assert "data_visualization" in json.dumps(turn["blocks"])
    assert shop.backends() == [("web", 1)]
    shop.check_all_is_as_it_was()


def test_a_version_that_nobody_asks_cannot_be_judged(shop: Shop) -> None:
    id = shop.start("canary web@2.0 20 to staging hold=5s")
    shop.at_share(id, 20)

    def is_waiting() -> bool:
        op = shop.town.operation(id)
        assert op.phase in {Phase.READY, Phase.RUNNING}, op.why
        words = op.seen.report.plain() if op.seen and op.seen.report else ""
        return op.since is not None and shop.now() - op.since > timedelta(seconds=15) and "not enough data" in words

    shop.town.slack.wait_for(is_waiting, 60)
    shop.town.types("ana", f"abort {id}")
    assert shop.town.ended(id, seconds=120)["text"].startswith("Rolled back")


@pytest.mark.parametrize("kind", ["IngressRoute", "TraefikService"])
def test_traefiks_own_weighted_services(rig: Rig, router: Traefik, tmp_path: Path, kind: str) -> None:
    with opened(rig, router, tmp_path, kind=kind) as shop, Load(shop.url, rate=RATE) as load:
        id = shop.start("canary web@2.0 25 to staging")
        shop.at_share(id, 25)
        found = measured(shop.town, load)
        print(f"\nasked 25 %, measured {100 * found:.2f} %")
        assert abs(found - 0.25) <= POINT
        shop.town.types("ana", f"promote {id}")
        done = shop.town.ended(id, seconds=240)
        assert done["text"].startswith("Done: web 2.0 is live on staging"), done["text"]
        check_no_loss(load, f"promote by {kind}")
