"""Apps that are Argo Rollouts, on real pods with the real controller: exact shares by its Traefik router, shares of pods
without one, nothing lost when promoted or aborted, its own analysis, deploy by its own steps, rollback."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
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
from bot.steps.progressive import BakeStop, HoldStop
from tests.kit.live import Town, running
from tests.kit.measuring import check_no_loss, measured
from tests.rig import argo, traefik
from tests.rig.access import AUTO
from tests.rig.argo import SampleRollout
from tests.rig.load import Load
from tests.rig.registry import image
from tests.rig.rig import Rig
from tests.rig.sample import SampleApp
from tests.rig.traefik import Traefik

RATE = 250.0
POINT = 0.01
"""How far a measured share may be from the one that was asked for."""
CHANCE = 0.05
"""The same where kube-proxy draws a pod for each connection: five standard deviations of 2,000 draws."""
OWN: Sequence[Mapping[str, Any]] = ({"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "5s"}})

PEOPLE_MAY: list[dict[str, Any]] = [
    {"apiGroups": ["argoproj.io"], "resources": ["rollouts", "rollouts/status"], "verbs": ["patch"]}
]


@pytest.fixture(scope="module")
def router(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traefik]:
    folder = tmp_path_factory.mktemp("traefik")
    with traefik.running(folder, rig.kubectl, folder / "traefik.log") as found:
        yield found


@pytest.fixture(scope="module")
def controller(rig: Rig, router: Traefik, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with argo.running(rig.kubectl, tmp_path_factory.mktemp("argo") / "argo.log"):
        yield


@dataclass(frozen=True, slots=True)
class Shop:
    """web 1.0 on staging, a Rollout of four pods, and a whole bot."""

    town: Town
    url: str

    @property
    def place(self) -> str:
        return self.town.staging.name

    def start(self, line: str, button: str = "Start the canary") -> OperationId:
        return self.town.asks("ana", line, button)

    def now(self) -> Any:
        return self.town.bot.store.read(lambda tx: tx.now)

    def at_stop(self, id: OperationId, percent: int) -> None:
        """Waits until it has had this share for as long as a change may take to settle."""

        def is_there() -> bool:
            op = self.town.operation(id)
            assert op.phase in {Phase.READY, Phase.RUNNING}, (op.phase, op.why)
            step = load_steps(op.plan)[op.cursor].do
            is_held = isinstance(step, BakeStop if percent == 100 else Analyse | HoldStop)
            is_this = is_held and (percent == 100 or getattr(step, "percent", None) == percent)
            return is_this and op.since is not None and self.now() - op.since >= timedelta(seconds=3)

        self.town.slack.wait_for(is_there, 150)

    def goes_on(self, id: OperationId) -> None:
        self.town.types("ana", f"promote {id}")

    def aborts(self, id: OperationId) -> Any:
        self.town.types("ana", f"abort {id}")
        return self.town.ended(id, seconds=180)

    def rollout(self) -> Any:
        return self.town.rig.kubectl.get("rollout", "web", namespace=self.place)

    def by_hand(self, *change: str) -> None:
        self.town.rig.kubectl("patch", "rollout", "web", "-n", self.place, *change)

    def check_is_as_it_was(self, version: str) -> None:
        found = self.rollout()
        [container] = found["spec"]["template"]["spec"]["containers"]
        assert container["image"].endswith((f":{version}", self.town.rig.registry.digest("web", version)))
        assert found["spec"]["strategy"]["canary"]["steps"] == list(OWN)
        status = found["status"]
        assert status["stableRS"] == status["currentPodHash"]
        assert not status.get("abort")
        argo.settled(self.town.rig.kubectl, self.place, "web")


@contextmanager
def opened(rig: Rig, router: Traefik, folder: Path, *, is_routed: bool, analysis: str = "") -> Iterator[Shop]:
    with ExitStack() as stack:
        told = Prometheus(url=rig.prometheus.url, window=timedelta(seconds=15))
        town = stack.enter_context(running(rig, folder, change={"prometheus": told}))
        place = town.staging.name
        traefik.allow(town.staging, PEOPLE_MAY, "team-web", AUTO)
        rig.push_image("web", "1.0")
        rig.push_image("web", "2.0")
        rig.push_image("web", "2.1", ERROR_RATE="0.4")
        rig.push_image("web", "2.2", LATENCY_MS="60")
        app = SampleApp("web", image("web", "1.0"), replicas=4, min_ready_seconds=1)
        made = SampleRollout(app, OWN, is_routed=is_routed, analysis=analysis)
        if analysis:
            rig.kubectl.apply(argo.errors_template(place, analysis, prometheus=rig.prometheus.url))
        rig.kubectl.apply(*made.manifests(place))
        url = town.staging.url("web")
        if is_routed:
            prefix = f"/{place}"
            rig.kubectl.apply(router.ingress_route(place, "web", prefix=prefix, by_service=True))
            url = f"{router.url}{prefix}"
        argo.settled(rig.kubectl, place, "web")
        with Load(url, rate=20) as load:
            town.slack.wait_for(lambda: load.result.by_version.get("1.0"), 30)
        yield Shop(town, url)


@pytest.fixture
def shop(rig: Rig, router: Traefik, controller: None, tmp_path: Path) -> Iterator[Shop]:
    with opened(rig, router, tmp_path, is_routed=True) as found:
        yield found


@pytest.fixture
def shop_of_pods(rig: Rig, router: Traefik, controller: None, tmp_path: Path) -> Iterator[Shop]:
    with opened(rig, router, tmp_path, is_routed=False) as found:
        yield found


def test_from_nothing_to_everything_with_exact_shares_and_no_loss(shop: Shop) -> None:
    with Load(shop.url, rate=RATE) as load:
        id = shop.start("canary web@2.0 5 to staging steps=30,75")
        for share in (5, 30, 75):
            shop.at_stop(id, share)
            found = measured(shop.town, load)
            print(f"\nasked {share} %, measured {100 * found:.2f} %")
            assert abs(found - share / 100) <= POINT
            shop.goes_on(id)
        done = shop.town.ended(id, seconds=240)
    assert done["text"].startswith("Done: web 2.0 is live on staging"), done["text"]
    check_no_loss(load, "promote by a Rollout's router")
    shop.check_is_as_it_was("2.0")
    events = shop.town.check_who_wrote(id, "ana@example.com")
    assert {(event.verb, event.resource) for event in events} == {("patch", "rollouts")}


@pytest.mark.parametrize("share", [5, 30, 75, 100])
def test_an_abort_at_each_step_loses_nothing(shop: Shop, share: int) -> None:
    with Load(shop.url, rate=RATE) as load:
        id = shop.start("canary web@2.0 5 to staging steps=30,75")
        for each in (5, 30, 75, 100):
            shop.at_stop(id, each)
            if each == share:
                break
            shop.goes_on(id)
        ended = shop.aborts(id)
    assert ended["text"].startswith("Rolled back: canary of web 2.0 on staging"), ended["text"]
    check_no_loss(load, f"abort at {share} % by a Rollout's router")
    shop.check_is_as_it_was("1.0")


def test_another_share_while_it_runs_up_and_down_and_then_straight_to_everybody(shop: Shop) -> None:
    with Load(shop.url, rate=RATE) as load:
        id = shop.start("canary web@2.0 10 to staging steps=30,75")
        shop.at_stop(id, 10)
        for share in (40, 20):
            id = shop.start(f"canary web {share} to staging", "Change the share")
            shop.at_stop(id, share)
            found = measured(shop.town, load)
            print(f"\nasked {share} % instead, measured {100 * found:.2f} %")
            assert abs(found - share / 100) <= POINT
        shop.town.types("ana", "promote web in staging --full")
        done = shop.town.ended(id, seconds=240)
    assert done["text"].startswith("Done: web 2.0 is live on staging"), done["text"]
    check_no_loss(load, "another share of a Rollout, then straight to everybody")
    shop.check_is_as_it_was("2.0")


def test_another_share_without_a_router_goes_back_without_loss(shop_of_pods: Shop) -> None:
    shop = shop_of_pods
    with Load(shop.url, rate=RATE) as load:
        shop.at_stop(shop.start("canary web@2.0 25 to staging"), 25)
        id = shop.start("canary web 50 to staging", "Change the share")
        shop.at_stop(id, 50)
        found = measured(shop.town, load)
        print(f"\nasked 50 % of four pods instead, measured {100 * found:.2f} %")
        assert abs(found - 0.5) <= CHANCE
        ended = shop.aborts(id)
    assert ended["text"].startswith("Rolled back"), ended["text"]
    check_no_loss(load, "abort of another share of a Rollout's pods")
    shop.check_is_as_it_was("1.0")


def test_what_it_gave_up_is_tried_again_by_the_same_line(
    rig: Rig, router: Traefik, controller: None, tmp_path: Path
) -> None:
    with opened(rig, router, tmp_path, is_routed=True) as shop:
        said = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image("web", "2.0")}]
        shop.by_hand("--type=json", "-p", json.dumps(said))
        shop.town.slack.wait_for(lambda: shop.rollout()["status"].get("pauseConditions"), 90)
        shop.by_hand("--subresource=status", "--type=merge", "-p", '{"status":{"abort":true}}')
        shop.town.slack.wait_for(lambda: shop.rollout()["status"].get("phase") == "Degraded", 60)
        with Load(shop.url, rate=100) as load:
            id = shop.start("canary web@2.0 20 to staging")
            shop.at_stop(id, 20)
            assert not shop.rollout()["status"].get("abort")
            ended = shop.aborts(id)
        assert ended["text"].startswith("Rolled back"), ended["text"]
        check_no_loss(load, "retry of what it gave up")
        shop.check_is_as_it_was("1.0")


def test_without_a_router_shares_are_those_of_the_pods(shop_of_pods: Shop) -> None:
    shop = shop_of_pods
    with Load(shop.url, rate=RATE) as load:
        id = shop.start("canary web@2.0 25 to staging steps=50")
        for share in (25, 50):
            shop.at_stop(id, share)
            found = measured(shop.town, load)
            print(f"\nasked {share} % of four pods, measured {100 * found:.2f} %")
            assert abs(found - share / 100) <= CHANCE
            shop.goes_on(id)
        done = shop.town.ended(id, seconds=240)
    assert done["text"].startswith("Done: web 2.0 is live on staging"), done["text"]
    check_no_loss(load, "promote by a Rollout's pods")
    shop.check_is_as_it_was("2.0")


def test_without_a_router_an_abort_loses_nothing(shop_of_pods: Shop) -> None:
    shop = shop_of_pods
    with Load(shop.url, rate=RATE) as load:
        id = shop.start("canary web@2.0 50 to staging")
        shop.at_stop(id, 50)
        ended = shop.aborts(id)
    assert ended["text"].startswith("Rolled back"), ended["text"]
    check_no_loss(load, "abort at 50 % by a Rollout's pods")
    shop.check_is_as_it_was("1.0")


def test_what_its_own_analysis_gives_up_goes_back_and_is_explained(
    rig: Rig, router: Traefik, controller: None, tmp_path: Path
) -> None:
    with opened(rig, router, tmp_path, is_routed=True, analysis="errors") as shop:
        with Load(shop.url, rate=100) as load:
            id = shop.start("canary web@2.1 30 to staging")
            ended = shop.town.ended(id, seconds=180)
        assert ended["text"].startswith("Rolled back"), ended["text"]
        print(f"\n{ended['text']}")
        assert "The Rollout itself gave 2.1 up" in ended["text"]
        assert "error-rate" in json.dumps(ended)
        assert load.result.lost == ()
        shop.check_is_as_it_was("1.0")


def test_a_worse_version_is_caught_by_its_series_and_goes_back_by_itself(shop: Shop) -> None:
    with Load(shop.url, rate=100) as load:
        id = shop.start("canary web@2.2 20 to staging hold=5m requests=200")
        ended = shop.town.ended(id, seconds=240)
    assert ended["text"].startswith("Rolled back"), ended["text"]
    op = shop.town.operation(id)
    assert op.why is not None
    print(f"\n{op.why.plain()}")
    assert "did worse" in op.why.plain()
    assert "p95" in op.why.plain()
    assert load.result.lost == ()
    shop.check_is_as_it_was("1.0")


def test_a_deploy_goes_by_its_own_steps_and_a_rollback_straight(shop: Shop) -> None:
    with Load(shop.url, rate=100) as load:
        id = shop.start("deploy web@2.0 to staging", "Deploy")
        shop.at_stop(id, 25)
        shop.goes_on(id)
        done = shop.town.ended(id, seconds=240)
        assert done["text"].startswith("Done: web 2.0 is live on staging"), done["text"]
        shop.check_is_as_it_was("2.0")
        back = shop.start("rollback web to staging", "Roll back now")
        ended = shop.town.ended(back, seconds=240)
        assert ended["text"].startswith("Done: web on staging is on 1.0 again"), ended["text"]
    check_no_loss(load, "deploy by its own steps, and rollback")
    shop.check_is_as_it_was("1.0")


def test_status_and_scale(shop: Shop) -> None:
    shop.town.answer("ana", "status web in staging", "all steps done")
    id = shop.start("scale web 5 to staging", "Scale")
    ended = shop.town.ended(id, seconds=120)
    assert ended["text"].startswith("Done"), ended["text"]
    assert shop.rollout()["spec"]["replicas"] == 5
