"""Canaries by replicas, from the typed line to the simulated cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.analysis import Outcome
from bot.domain.operation import Operation, Phase
from bot.domain.refs import AppName, EnvName, OperationId
from bot.domain.workloads import Mark, Workload
from bot.operations.desk import card_key
from bot.ports.observing import MetricQuery, Samples
from bot.steps.analysis import Analyse
from bot.steps.codec import load_steps
from bot.steps.replica_plan import achieved, replicas_for
from integrations.simulated.metrics import SimulatedMetrics
from integrations.simulated.world import SimulatedWorld
from tests.kit.bench import Bench, said, words


def workload(bot: Bench, name: str = "web", env: str = "staging") -> Workload | None:
    scope = bot.core.apps.locate(AppName("web"), EnvName(env)).scopes[0]
    return bot.core.cluster(scope.cluster).workloads.find(scope.namespace, name)


def is_holding(operation: Operation) -> bool:
    return isinstance(load_steps(operation.plan)[operation.cursor].do, Analyse) and operation.phase is Phase.RUNNING


def test_a_canary_waits_until_it_is_promoted(bot: Bench) -> None:
    id = bot.start("ana", "canary web@1.8.2 10 to staging")
    holding = bot.run(id, until=is_holding)
    bot.turn(seconds=600)
    assert bot.operation(id).phase is Phase.RUNNING
    canary = workload(bot, "web-canary")
    assert canary is not None
    assert canary.ready == 1
    stable = workload(bot)
    assert stable is not None
    assert "1.8.2" not in stable.template.json or stable.template.images["web"] != canary.template.images["web"]
    assert not bot.say("lee", f"promote {id} step={holding.cursor}").is_error
    done = bot.run(id)
    assert done.phase is Phase.DONE, done.why
    assert workload(bot, "web-canary") is None
    after = workload(bot)
    assert after is not None
    assert after.template.images["web"] == canary.template.images["web"]


def test_an_abort_puts_everything_back(bot: Bench) -> None:
    before = workload(bot)
    id = bot.start("ana", "canary web@1.8.2 10 to staging")
    bot.run(id, until=is_holding)
    assert not bot.say("lee", "abort web in staging").is_error
    aborted = bot.run(id)
    assert aborted.phase is Phase.UNDONE, aborted.why
    after = workload(bot)
    assert workload(bot, "web-canary") is None
    assert before is not None
    assert after is not None
    assert after.template == before.template


@pytest.mark.parametrize("version", ["1.9.1", "1.9.2", "1.9.3"])
def test_a_canary_that_fails_goes_back_by_itself(bot: Bench, version: str) -> None:
    before = workload(bot)
    ended = bot.run(bot.start("ana", f"canary web@{version} 10 to staging"))
    assert ended.phase is Phase.UNDONE, ended.why
    after = workload(bot)
    assert workload(bot, "web-canary") is None
    assert before is not None
    assert after is not None
    assert after.template == before.template


def test_steps_with_a_hold_go_on_by_themselves(bot: Bench) -> None:
    id = bot.start("ana", "canary web@1.8.2 10 to staging steps=30,50 hold=1m requests=5")
    sizes = set()
    for _ in range(900):
        bot.turn()
        canary = workload(bot, "web-canary")
        if canary is not None:
            sizes.add(canary.replicas)
        if bot.operation(id).is_final:
            break
    assert bot.operation(id).phase is Phase.DONE, bot.operation(id).why
    assert sizes == {1, 2}


def test_a_second_click_on_promote_does_not_pass_the_next_share(bot: Bench) -> None:
    id = bot.start("ana", "canary web@1.8.2 10 to staging steps=50")
    holding = bot.run(id, until=is_holding)
    assert not bot.say("lee", f"promote {id} step={holding.cursor}").is_error
    assert bot.say("ana", f"promote {id} step={holding.cursor}").is_error
    second = bot.run(id, until=lambda op: is_holding(op) and op.cursor > holding.cursor)
    bot.turn(seconds=60)
    assert bot.operation(id).cursor == second.cursor


def test_a_paused_canary_stays_where_it_is(bot: Bench) -> None:
    id = bot.start("ana", "canary web@1.8.2 10 to staging hold=1m requests=5")
    bot.run(id, until=is_holding)
    assert not bot.say("lee", f"pause {id}").is_error
    bot.turn(seconds=600)
    paused = bot.operation(id)
    assert paused.phase is Phase.PAUSED
    assert not bot.say("lee", f"resume {id}").is_error
    assert bot.run(id).phase is Phase.DONE


def test_nobody_promoting_it_in_time_takes_it_back(bot: Bench) -> None:
    id = bot.start("ana", "canary web@1.8.2 10 to staging")
    bot.run(id, until=is_holding)
    bot.turn(seconds=timedelta(hours=24, seconds=2).total_seconds())
    ended = bot.run(id)
    assert ended.phase is Phase.UNDONE


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("canary web@1.8.2 60 to staging", "has to be 1 to 50"),
        ("canary web@1.8.2 0 to staging", "has to be 1 to 50"),
        ("canary web@1.8.2 30 to staging steps=10", "have to grow"),
        ("canary web 10 to staging", "Which version"),
        ("canary web@9.9.9 10 to staging", "There is no 9.9.9"),
        ("canary web@1.8.1 10 to staging", "runs there already"),
    ],
)
def test_what_cannot_be_had_is_said_before_anything_is_done(bot: Bench, line: str, says: str) -> None:
    answer = bot.say("ana", line)
    assert answer.is_error
    assert says in words(answer), words(answer)
    assert not bot.world.effects


@pytest.mark.parametrize("stable", range(1, 21))
@pytest.mark.parametrize("percent", [1, 5, 10, 25, 33, 50])
def test_the_share_is_the_nearest_that_can_be_had(stable: int, percent: int) -> None:
    pods = replicas_for(stable, percent)
    assert pods >= 1
    had = 100 * pods / (stable + pods)
    for other in (pods - 1, pods + 1):
        if other >= 1:
            weight = abs(stable * percent / (100 - percent) - other)
            assert abs(stable * percent / (100 - percent) - pods) <= weight
    assert achieved(stable, pods) == round(had)


@pytest.fixture
def busy(bot: Bench) -> Bench:
    """web on staging gets forty requests a second by way of its Service alone: no route leads to it."""
    state = bot.world.scene("eu-1")
    state.namespace("web-staging").quotas.clear()
    state.traffic.put("web-staging", "web", 40.0)
    return bot


def posted(bot: Bench, id: OperationId) -> list[str]:
    """The bodies of all replies in the card's thread."""
    parts = (*map(str, range(60)), *(f"{n}/waits" for n in range(60)), "turn", "end")
    rows = bot.core.store.read(lambda tx: [tx.outbox.get(f"{card_key(id)}/{part}") for part in parts])
    return [row.body for row in rows if row is not None]


@pytest.mark.parametrize(("version", "says"), [("1.9.0", "Errors"), ("1.9.4", "p95")])
def test_by_replicas_too_a_worse_version_goes_back_by_its_figures(busy: Bench, version: str, says: str) -> None:
    before = workload(busy)
    ended = busy.run(busy.start("ana", f"canary web@{version} 25 to staging hold=10m requests=200"))
    assert ended.phase is Phase.UNDONE, ended.why
    assert ended.why is not None
    assert "did worse" in ended.why.plain()
    assert says in ended.why.plain()
    [turn] = [body for body in posted(busy, ended.id) if "Going back" in body]
    assert '"$":"chart"' in turn
    after = workload(busy)
    assert workload(busy, "web-canary") is None
    assert before is not None
    assert after is not None
    assert after.template == before.template


class Noting(SimulatedMetrics):
    """Keeps whose figures were asked for."""

    def __init__(self, world: SimulatedWorld) -> None:
        super().__init__(world)
        self.asked: set[tuple[str, str]] = set()

    def range(self, query: MetricQuery) -> Samples:
        self.asked.add((query.scope.workload, query.scope.replica_set))
        return super().range(query)


def test_a_canary_is_not_blamed_for_the_one_before_it(busy: Bench) -> None:
    """Both are called web-canary, and a rate looks back over minutes."""
    worse = busy.run(busy.start("ana", "canary web@1.9.0 25 to staging hold=10m requests=200"))
    assert worse.phase is Phase.UNDONE, worse.why
    op = busy.run(busy.start("ana", "canary web@1.8.2 25 to staging hold=10m requests=200"), until=is_holding)
    step, metrics = load_steps(op.plan)[op.cursor].do, Noting(busy.world)
    assert isinstance(step, Analyse)
    world = replace(busy.core.engine._world(op.requester, op), metrics=metrics)
    step.observe(world, Mark(op.id, str(op.cursor), op.fence), timedelta(seconds=20))
    reads = world.cluster(step.target.cluster).workloads
    canary, stable = (reads.rollout(each).replica_set for each in (step.target, step.stable))
    assert metrics.asked == {("web-canary", canary), ("web", stable)}
    assert canary.startswith("web-canary-")


def test_by_replicas_the_share_is_measured_and_said_beside_the_pods(busy: Bench) -> None:
    id = busy.start("ana", "canary web@1.8.2 10 to staging requests=100")
    busy.run(id, until=is_holding)
    for _ in range(90):
        busy.turn()
    verdict = busy.operation(id).seen.verdict  # type: ignore[union-attr]
    assert verdict is not None
    assert verdict.outcome is Outcome.PASS
    stable = workload(busy)
    assert stable is not None
    pods = stable.ready + 1
    said_share = verdict.share.plain()
    assert f"(1 of {pods} pods)" in said_share
    measured = float(said_share.split("getting ")[1].split(" %")[0])
    assert measured == pytest.approx(100 / pods, abs=1)
    assert "requests (1 of" in verdict.achieved.plain()


def test_by_replicas_without_metrics_only_the_pods_are_said_and_a_person_is_told_and_waited_for(busy: Bench) -> None:
    busy.world.measure(is_on=False)
    id = busy.start("ana", "canary web@1.8.2 10 to staging hold=30s")
    busy.run(id, until=is_holding)
    for _ in range(60):
        busy.turn()
    waiting = busy.operation(id)
    assert waiting.phase is Phase.RUNNING
    assert waiting.seen is not None
    assert waiting.seen.verdict is not None
    assert waiting.seen.verdict.outcome is Outcome.NO_DATA
    assert "by pods" in waiting.seen.verdict.share.plain()
    [told] = [body for body in posted(busy, id) if "waits for a person until" in body]
    assert '"no data"' in told
    assert '"id":"ana"' in told
    assert not busy.say("lee", f"promote {id} step={waiting.cursor}").is_error
    assert busy.run(id).phase is Phase.DONE
    [step] = [body for body in posted(busy, id) if "let on by" in body]
    assert '"id":"lee"' in step


def test_the_card_says_the_verdict_the_share_and_what_comes_next(busy: Bench) -> None:
    id = busy.start("ana", "canary web@1.8.2 10 to staging steps=50 hold=10m requests=100")
    busy.run(id, until=is_holding)
    for _ in range(90):
        busy.turn()
    shown = busy.core.draw(f"operation/{id}")
    assert shown is not None
    whole = said(shown)
    assert "Canary at 10 %" in whole
    assert "Verdict so far: pass. Errors 0." in whole
    assert "step 1 of 3" in whole
    assert "by itself if it passes" in whole
    assert "Go to 50 % now" in whole
    assert not busy.say("lee", f"pause {id}").is_error
    for _ in range(15):
        busy.turn()
    paused = said(busy.core.draw(f"operation/{id}"))
    assert "Paused at 10 %" in paused
    until = busy.operation(id).signals[-1].at + timedelta(hours=24)
    assert f"Paused by lee until {until:%Y-%m-%d %H:%M} UTC, then goes back" in paused
