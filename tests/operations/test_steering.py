"""Steering what runs: by whom, at any time, and as punctual as if nothing had happened between."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.operation import Operation, Phase
from bot.domain.refs import OperationId
from bot.steps.analysis import Analyse
from bot.steps.codec import load_steps
from tests.kit.bench import Bench, words

HOLD = timedelta(minutes=5)
SECOND = timedelta(seconds=1)


@pytest.fixture
def shop(bot: Bench) -> Bench:
    """web on staging has six pods, forty requests a second and a route."""
    found = bot.world.scene("eu-1")
    found.namespace("web-staging").quotas.clear()
    found.deployment("web-staging", "web").replicas = 6
    found.changed(found.deployment("web-staging", "web"))
    found.traffic.put("web-staging", "web", 40.0)
    found.add_route("web-staging", "web", "web")
    bot.turn(seconds=120)
    return bot


def is_watching(op: Operation) -> bool:
    return isinstance(load_steps(op.plan)[op.cursor].do, Analyse)


def held(bot: Bench, line: str) -> Operation:
    return bot.run(bot.start("ana", line), until=lambda op: op.phase is Phase.RUNNING and is_watching(op))


@pytest.mark.parametrize("kind", ["weights", "replicas"])
@pytest.mark.parametrize("away", [timedelta(seconds=1), timedelta(seconds=150), HOLD - SECOND, HOLD + 7 * SECOND])
def test_a_hold_ends_at_its_time_whatever_restarts_there_were(
    request: pytest.FixtureRequest, kind: str, away: timedelta
) -> None:
    bot: Bench = request.getfixturevalue("shop" if kind == "weights" else "bot")
    watching = held(bot, "canary web@1.8.2 20 to staging steps=50 hold=5m requests=1")
    assert watching.since is not None
    bot.restart(after=away)
    due = max(watching.since + HOLD, bot.clock.moment)
    while bot.operation(watching.id).cursor == watching.cursor:
        bot.clock.move(timedelta(milliseconds=250))
        for _ in range(5):
            bot.core.engine.run_due()
        assert bot.clock.moment - due <= SECOND, bot.operation(watching.id).seen
    assert bot.operation(watching.id).phase is Phase.RUNNING
    assert bot.clock.moment >= due


def steered(verb: str, id: OperationId) -> str:
    lines = {"share": "canary web 40 to staging", "full": f"promote {id} --full"}
    return lines.get(verb, f"{verb} {id}")


VERBS = ["promote", "full", "pause", "resume", "extend", "abort", "share"]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("way", ["typed by app", "typed by operation"])
def test_whoever_may_can_steer_at_a_share_and_it_is_recorded(shop: Bench, verb: str, way: str) -> None:
    id = held(shop, "canary web@1.8.2 10 to staging steps=25").id
    if verb == "resume":
        shop.say("bo", f"pause {id}")
        shop.run(id, until=lambda op: op.phase is Phase.PAUSED)
    line = steered(verb, id)
    if way == "typed by app":
        line = line.replace(str(id), "web in staging")
    if verb == "share":
        shop.start("lee", line)
    else:
        answer = shop.say("lee", line)
        assert not answer.is_error, words(answer)
    for _ in range(30):
        shop.turn()
    op = shop.operation(id)
    phases = {"pause": Phase.PAUSED, "abort": Phase.UNDONE, "share": Phase.TAKEN_OVER}
    assert op.phase is phases.get(verb, Phase.RUNNING), op.why
    kinds = {each.record.kind for each in shop.records(op=id) if each.record.actor == "lee"}
    assert kinds & {"signal", "outcome"}


@pytest.mark.parametrize("verb", VERBS)
def test_who_may_not_is_refused_each_time_and_nothing_moves(shop: Bench, verb: str) -> None:
    id = held(shop, "canary web@1.8.2 10 to staging steps=25").id
    before, effects = shop.operation(id), len(shop.world.effects)
    for _ in range(2):
        answer = shop.say("gus", steered(verb, id))
        assert answer.is_error
        assert "You may not" in words(answer)
    for _ in range(10):
        shop.turn()
    after = shop.operation(id)
    assert (after.phase, after.cursor, after.signals) == (before.phase, before.cursor, before.signals)
    assert len(shop.world.effects) == effects
    assert [each.record.outcome for each in shop.records(actor="gus", kind="denied")] == ["not-permitted"] * 2


@pytest.mark.parametrize("verb", ["pause", "abort", "share"])
def test_a_right_that_was_lost_meanwhile_counts_at_the_next_word(shop: Bench, verb: str) -> None:
    id = held(shop, "canary web@1.8.2 10 to staging steps=25").id
    shop.policy("""
keepers: [bo]
people:
  bo: {name: Bo, slack: [U0BOB0002], kubernetes: bo@example.com}
  lee: {name: Lee, slack: [U0LEE0003], kubernetes: lee@example.com}
groups:
  sre: {members: [bo]}
roles:
  operator: ["workloads:*", "operations:*"]
grants:
  - {role: operator, to: ["group:sre"], tenant: ["*"], env: ["*"]}
""")
    assert shop.say("lee", steered(verb, id)).is_error
    assert shop.operation(id).phase is Phase.RUNNING
    assert not shop.say("bo", steered(verb, id)).is_error


def test_a_button_that_was_drawn_at_another_share_moves_nothing(shop: Bench) -> None:
    first = held(shop, "canary web@1.8.2 10 to staging steps=25,50")
    shop.say("lee", f"promote {first.id} step={first.cursor}")
    second = shop.run(first.id, until=lambda op: op.cursor > first.cursor and is_watching(op))
    answer = shop.say("bo", f"promote {first.id} step={first.cursor}")
    assert answer.is_error
    assert "moved on since you saw it" in words(answer)
    for _ in range(10):
        shop.turn()
    assert shop.operation(first.id).cursor == second.cursor
