"""A canary may come to what a deploy comes to, so it needs the votes that the deploy would need."""

from __future__ import annotations

import pytest

from bot.domain.operation import Phase, Quorum
from tests.kit.bench import POLICY, Bench, words
from tests.operations.test_canary import is_holding

RULE = '{for: [deploy, canary], env: [prod], votes: "1", from: sre}'


def use(bot: Bench, *rules: str) -> None:
    bot.policy(POLICY.read_text().replace(f"- {RULE}", "\n  ".join(f"- {rule}" for rule in rules)))


def test_a_canary_needs_the_votes_of_the_deploy_that_it_may_come_to(bot: Bench) -> None:
    use(bot, '{for: [deploy], env: [prod], votes: "1", from: sre}')
    plan = bot.say("ana", "canary web@1.8.2 10 to prod")
    assert "Needs 1 approval from sre." in words(plan)
    assert "1 from sre, as for deploy: it may come to the same" in words(plan)
    assert plan.operation is not None
    bot.say("ana", f"ask {plan.operation}")
    bot.turn(seconds=30)
    assert bot.operation(plan.operation).phase is Phase.WAITING
    assert not bot.world.effects
    assert not bot.say("bo", f"approve {plan.operation}").is_error
    bot.run(plan.operation, until=lambda op: op.phase is Phase.RUNNING)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (('{for: ["workloads:deploy"], env: [prod], votes: "1", from: sre}',), Quorum(1, "sre")),
        (('{for: [deploy], env: [staging], votes: "1", from: sre}',), Quorum()),
        (('{for: [canary], env: [prod], votes: "1", from: team-web}',), Quorum(1, "team-web")),
        (
            (
                '{for: [canary], env: [prod], votes: "1", from: team-web}',
                '{for: [deploy], env: [prod], votes: "1", from: sre}',
            ),
            Quorum(1, "sre"),
        ),
        (
            (
                '{for: [canary], env: [prod], votes: "2", from: team-web}',
                '{for: [deploy], env: [prod], votes: "1", from: sre}',
            ),
            Quorum(2, "team-web"),
        ),
    ],
    ids=["by permission", "another env", "its own alone", "equally many: the deploy's group", "its own are more"],
)
def test_which_rule_counts_for_a_canary(bot: Bench, rules: tuple[str, ...], expected: Quorum) -> None:
    use(bot, *rules)
    plan = bot.say("ana", "canary web@1.8.2 10 to prod")
    assert plan.operation is not None, words(plan)
    assert bot.operation(plan.operation).quorum == expected


def test_another_share_of_a_running_canary_needs_them_too(bot: Bench) -> None:
    use(bot, '{for: [scale], env: [prod], votes: "1", from: sre}')
    first = bot.start("ana", "canary web@1.8.2 10 to prod")
    bot.run(first, until=is_holding)
    use(bot, '{for: [deploy], env: [prod], votes: "1", from: sre}')
    plan = bot.say("ana", "canary web 40 to prod")
    assert plan.operation is not None, words(plan)
    assert bot.operation(plan.operation).quorum == Quorum(1, "sre")


def test_a_canary_that_was_asked_for_before_the_rule_does_not_begin_without_its_votes(bot: Bench) -> None:
    use(bot, '{for: [canary], env: [prod], votes: "1", from: team-web}')
    id = bot.start("ana", "canary web@1.8.2 10 to prod")
    use(bot, '{for: [canary, deploy], env: [prod], votes: "1", from: sre}')
    # Lee is of team-web alone; the policy asks sre by now.
    bot.say("lee", f"approve {id}")
    refused = bot.run(id)
    assert refused.phase is Phase.REFUSED
    assert not bot.world.effects
