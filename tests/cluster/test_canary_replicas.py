"""Canaries by replicas on real pods, judged by what a real Prometheus scraped of them; expressions of an app's own too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.analysis import Outcome, Verdict
from bot.domain.operation import Operation, Phase
from bot.domain.refs import OperationId
from bot.settings import Prometheus
from bot.steps.analysis import Analyse
from bot.steps.codec import load_steps
from tests.kit.live import Town, running
from tests.rig.load import Load
from tests.rig.registry import image
from tests.rig.rig import Rig
from tests.rig.sample import SampleApp

TOLD = timedelta(seconds=15)
"""The range of rates here: Prometheus scrapes every second on the rig."""
MEASURES = """
canary:
  - app: [web]
    measures:
      - name: Mean time
        unit: ms
        over: "3"
        query: >-
          sum(rate(http_request_duration_seconds_sum{version=~".*"}[$window]))
          / sum(rate(http_request_duration_seconds_count[$window]))
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """web 1.0 on staging, three pods behind its Service and nothing before it."""

    town: Town
    url: str
    policy: Path

    def start(self, line: str) -> OperationId:
        return self.town.asks("ana", line, "Start the canary")

    def template(self) -> Any:
        return self.town.deployment("web")["spec"]["template"]

    def verdict(self, id: OperationId) -> Verdict | None:
        op = self.town.operation(id)
        assert op.phase in {Phase.READY, Phase.RUNNING}, op.why
        is_watched = isinstance(load_steps(op.plan)[op.cursor].do, Analyse)
        return op.seen.verdict if is_watched and op.seen else None

    def until(self, id: OperationId, outcome: Outcome) -> Verdict:
        def look() -> Verdict | None:
            found = self.verdict(id)
            return found if found is not None and found.outcome is outcome else None

        try:
            return self.town.slack.wait_for(look, 120)
        except TimeoutError as late:
            raise AssertionError(f"never {outcome}: {self.verdict(id)}") from late

    def rolled_back(self, id: OperationId, before: Any) -> Operation:
        ended = self.town.ended(id, seconds=240)
        assert ended["text"].startswith("Rolled back"), ended["text"]
        assert self.template() == before
        assert not self.town.rig.kubectl.succeeds("get", "deployment", "web-canary", "-n", self.town.staging.name)
        return self.town.operation(id)

    def replies(self, id: OperationId) -> list[Any]:
        card = self.town.shown(id)
        assert card is not None
        found = self.town.slack.messages(card["channel"], thread=card["ts"])
        return [each for each in found if each["ts"] != card["ts"]]


@pytest.fixture(scope="module")
def shop(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("replicas")
    change = {"prometheus": Prometheus(url=rig.prometheus.url, window=TOLD)}
    with running(rig, folder, change=change) as town:
        for version in ("1.0", "2.0", "3.0"):
            rig.push_image("web", version)
        rig.push_image("web", "2.1", ERROR_RATE="0.2")
        rig.push_image("web", "2.2", LATENCY_MS="60")
        rig.push_image("web", "2.3", LATENCY_MS="6")
        app = SampleApp("web", image("web", "1.0"), replicas=3, min_ready_seconds=1)
        yield Shop(town, town.deploy(app), folder / "policy.yaml")


@pytest.mark.parametrize(("version", "says"), [("2.1", "Errors"), ("2.2", "p95")])
def test_a_worse_version_among_the_pods_is_caught_and_goes_back_by_itself(shop: Shop, version: str, says: str) -> None:
    stable = shop.template()
    with Load(shop.url, rate=100):
        id = shop.start(f"canary web@{version} 25 to staging hold=5m requests=200")
        op = shop.rolled_back(id, stable)
    assert op.why is not None
    print(f"\n{op.why.plain()}")
    assert "did worse" in op.why.plain()
    assert says in op.why.plain()
    [turn] = [each for each in shop.replies(id) if "Going back" in each["text"]]
    assert json.dumps(turn["blocks"]).count('"data_visualization"') == 2
    assert f"{says} in" in json.dumps(turn["blocks"]).split('"data_visualization"')[1]


def test_an_expression_of_the_apps_own_decides_where_the_usual_figures_pass(shop: Shop) -> None:
    stable, before = shop.template(), shop.policy.read_text()
    shop.policy.write_text(before + MEASURES)
    try:
        plan = shop.town.slack.wait_for(lambda: _with_measure(shop, "2.3"), 30)
        with Load(shop.url, rate=100):
            id = shop.town.goes("ana", plan, "Start the canary")
            op = shop.rolled_back(id, stable)
    finally:
        shop.policy.write_text(before)
        shop.town.slack.wait_for(lambda: not _with_measure(shop, "3.0"), 30)
    assert op.why is not None
    print(f"\n{op.why.plain()}")
    assert "Mean time" in op.why.plain().split("Errors")[1]
    assert "limit +3 ms" in op.why.plain()


def _with_measure(shop: Shop, version: str) -> Any:
    """The bot has read the new policy when the plan names what it measures."""
    plan = shop.town.answer("ana", f"canary web@{version} 25 to staging hold=5m requests=300", "Plan: ")
    return plan if "Mean time" in json.dumps(plan) else None


def test_a_version_that_nobody_asks_cannot_be_judged_and_one_that_is_asked_passes(shop: Shop) -> None:
    id = shop.start("canary web@2.0 25 to staging hold=8s requests=100")
    quiet = shop.until(id, Outcome.NOT_ENOUGH)
    # What was asked of stable a moment before may still be in the range of the rates.
    assert "(1 of 4 pods)" in quiet.share.plain()
    shop.town.slack.wait_for(lambda: [each for each in shop.replies(id) if "waits for a person" in each["text"]], 60)
    shop.town.card(id, "Paused at 25")
    with Load(shop.url, rate=150):
        done = shop.town.ended(id, seconds=240)
    assert done["text"].startswith("Done: web 2.0 is live on staging"), done["text"]
    [share] = [each["text"] for each in shop.replies(id) if "went on by itself" in each["text"]]
    print(f"\n{share}")
    assert "pass" in share
    assert "(1 of 4 pods)" in share
