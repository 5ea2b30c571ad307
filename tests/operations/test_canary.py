"""Canaries by replicas, from the typed line to the simulated cluster."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.operation import Operation, Phase
from bot.domain.refs import AppName, EnvName
from bot.domain.workloads import Workload
from bot.steps.canary import HoldCanary
from bot.steps.codec import load_steps
from bot.steps.replica_plan import achieved, replicas_for
from tests.kit.bench import Bench, words


def workload(bot: Bench, name: str = "web", env: str = "staging") -> Workload | None:
    scope = bot.core.apps.locate(AppName("web"), EnvName(env)).scopes[0]
    return bot.core.cluster(scope.cluster).workloads.find(scope.namespace, name)


def is_holding(operation: Operation) -> bool:
    return isinstance(load_steps(operation.plan)[operation.cursor].do, HoldCanary) and operation.phase is Phase.RUNNING


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
    id = bot.start("ana", "canary web@1.8.2 10 to staging steps=30,50 hold=1m")
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
    id = bot.start("ana", "canary web@1.8.2 10 to staging hold=1m")
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
