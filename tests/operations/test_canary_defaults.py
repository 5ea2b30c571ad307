"""What the policy says of an app's canaries: where the asker says nothing, and never against the asker."""

from __future__ import annotations

import pytest

from bot.domain.operation import Phase
from bot.steps.analysis import Analyse
from bot.steps.codec import load_steps
from tests.kit.bench import POLICY, Bench, words

RULES = """\
canary:
  - {env: [staging], steps: ['5', '20', '40'], hold: 5m, requests: '200', deadline: 2h}
"""


@pytest.fixture
def shop(bot: Bench) -> Bench:
    """web on staging has six pods and a route; the policy has its own idea of canaries there."""
    state = bot.world.scene("eu-1")
    state.namespace("web-staging").quotas.clear()
    state.traffic.put("web-staging", "web", 40.0)
    state.add_route("web-staging", "web", "web")
    bot.policy(POLICY.read_text() + RULES)
    bot.turn(seconds=120)
    return bot


def watched(bot: Bench, line: str) -> tuple[str, list[Analyse], list[float]]:
    """What the plan says, its shares, and how many minutes each of them has at most."""
    plan = bot.say("ana", line)
    assert plan.operation is not None, words(plan)
    steps = load_steps(bot.operation(plan.operation).plan)
    found = [step for step in steps if isinstance(step.do, Analyse)]
    return (
        words(plan),
        [step.do for step in found if isinstance(step.do, Analyse)],
        [step.deadline.total_seconds() / 60 for step in found],
    )


def shown(watches: list[Analyse]) -> list[tuple[int, float | None, int]]:
    return [
        (
            watch.percent,
            watch.time.total_seconds() / 60 if watch.time else None,
            watch.requests,
        )
        for watch in watches
    ]


def test_without_a_share_the_policys_are_taken_and_shown(shop: Bench) -> None:
    said, watches, minutes = watched(shop, "canary web@1.8.2 to staging")
    assert shown(watches) == [(5, 5.0, 200), (20, 5.0, 200), (40, 5.0, 200)]
    assert minutes == [125.0] * 3
    assert "5 % → 20 % → 40 % → 100 %" in said
    assert "steps, hold, requests, deadline" in said


def test_with_a_share_the_policys_greater_ones_follow_it(shop: Bench) -> None:
    _, watches, _ = watched(shop, "canary web@1.8.2 10 to staging")
    assert [watch.percent for watch in watches] == [10, 20, 40]


def test_what_the_asker_says_counts(shop: Bench) -> None:
    line = "canary web@1.8.2 10 to staging steps=30 hold=1m requests=7 deadline=1h"
    said, watches, minutes = watched(shop, line)
    assert shown(watches) == [(10, 1.0, 7), (30, 1.0, 7)]
    assert minutes == [61.0] * 2
    assert "From the policy" not in said


def test_manual_waits_for_promote_whatever_the_policy_says(shop: Bench) -> None:
    _, watches, minutes = watched(shop, "canary web@1.8.2 10 to staging steps=30 --manual")
    assert shown(watches) == [(10, None, 200), (30, None, 200)]
    assert minutes == [120.0] * 2


def test_by_replicas_the_policys_shares_above_half_are_left_out(bot: Bench) -> None:
    bot.policy(POLICY.read_text() + "canary:\n  - {steps: ['25', '75'], hold: 1m}\n")
    _, watches, minutes = watched(bot, "canary web@1.8.2 to staging")
    assert shown(watches) == [(25, 1.0, 500)]
    assert minutes == [24 * 60 + 1.0]


def test_a_policy_that_changed_meanwhile_stops_what_was_planned_with_the_old_one(shop: Bench) -> None:
    draft = shop.say("ana", "canary web@1.8.2 10 to staging").operation
    assert draft is not None
    shop.policy(POLICY.read_text())
    shop.say("ana", f"ask {draft}")
    ended = shop.run(draft)
    assert ended.phase is Phase.REFUSED
    assert not shop.world.effects


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("canary web@1.8.2 to staging", "Which share?"),
        ("canary web@1.8.2 10 to staging hold=1m --manual", "either held for a time"),
    ],
)
def test_what_cannot_be_meant_is_said(bot: Bench, line: str, says: str) -> None:
    answer = bot.say("ana", line)
    assert answer.is_error
    assert says in words(answer)
