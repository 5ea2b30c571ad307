"""What the policy forbids one command is not had by another, nor by whoever lost the right to it meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.errors import CapExceeded, Frozen, Unavailable
from bot.domain.operation import Operation, Phase, Quorum
from bot.domain.refs import OperationId
from bot.domain.reply import text
from bot.ports.people import Identity, Standing, Status
from bot.road.request import Refused
from tests.kit.bench import POLICY, SLACK_IDS, Bench, words
from tests.operations.test_canary import is_holding, workload

FREEZE = """
freezes:
  - name: sale
    reason: The sale
    env: [staging]
    zone: UTC
    from: {begins:%Y-%m-%d %H:%M}
    to: {ends:%Y-%m-%d %H:%M}
    exempt: [sre]
"""


def without(words: str, part: str) -> str:
    """The policy without one of its parts."""
    begin = words.index(f"\n{part}:")
    end = words.find("\n\n", begin)
    return words[:begin] + words[end:]


def frozen(bot: Bench) -> str:
    now = bot.clock.now()
    return without(POLICY.read_text(), "freezes") + FREEZE.format(
        begins=now - timedelta(hours=1), ends=now + timedelta(hours=2)
    )


def held(bot: Bench, line: str = "canary web@1.8.2 25 to staging") -> OperationId:
    id = bot.start("ana", line)
    bot.run(id, until=is_holding)
    return id


def is_refused(bot: Bench, who: str, line: str, error: type[Exception]) -> bool:
    outcome = bot.outcome(who, line)
    return isinstance(outcome, Refused) and isinstance(outcome.error, error)


@pytest.mark.parametrize("full", ["", " --full"])
def test_a_canary_is_not_promoted_while_its_env_is_frozen(bot: Bench, full: str) -> None:
    id = held(bot)
    bot.policy(frozen(bot))
    assert is_refused(bot, "lee", f"promote {id}{full}", Frozen)
    bot.turn(seconds=30)
    assert bot.operation(id).phase is Phase.RUNNING
    # Who is exempt may, and the way back is open to everybody.
    assert not bot.say("bo", f"promote {id}").is_error
    assert not bot.say("lee", f"abort {id}").is_error


def test_a_freeze_keeps_nobody_from_going_back(bot: Bench) -> None:
    id = held(bot)
    bot.policy(frozen(bot))
    assert not bot.say("lee", f"pause {id}").is_error
    assert not bot.say("lee", f"abort {id}").is_error
    assert bot.run(id).phase is Phase.UNDONE


CAP = 'caps:\n  - {env: [staging], max-share: "50", then: '


def test_a_cap_that_stops_the_deploy_stops_the_canary_that_may_come_to_it(bot: Bench) -> None:
    bot.policy(without(POLICY.read_text(), "caps") + "\n" + CAP + "refuse}\n")
    assert is_refused(bot, "ana", "deploy web@1.8.2 to staging", CapExceeded)
    assert is_refused(bot, "ana", "canary web@1.8.2 25 to staging", CapExceeded)


def test_a_cap_that_asks_votes_of_the_deploy_asks_them_of_the_canary(bot: Bench) -> None:
    bot.policy(without(POLICY.read_text(), "caps") + "\n" + CAP + 'approval, votes: "1", from: sre}\n')
    plan = bot.say("ana", "canary web@1.8.2 25 to staging")
    assert plan.operation is not None, words(plan)
    assert bot.operation(plan.operation).quorum == Quorum(1, "sre")


def test_bounds_that_fix_a_number_need_the_votes_that_the_number_needs(bot: Bench) -> None:
    rules = POLICY.read_text().replace("for: [deploy, canary], env: [prod]", "for: [scale], env: [prod]")
    bot.policy(rules)
    plan = bot.say("ana", "autoscale checkout 8..8 to prod")
    assert plan.operation is not None, words(plan)
    assert bot.operation(plan.operation).quorum == Quorum(1, "sre")


def rights_end(bot: Bench) -> None:
    bot.policy(POLICY.read_text().replace("members: [ana, lee]", "members: [lee]"))


def account_ends(bot: Bench) -> None:
    bot.people.statuses[SLACK_IDS["ana"]] = Status.GONE


@pytest.mark.parametrize("end", [rights_end, account_ends])
def test_a_canary_whose_asker_lost_the_right_goes_back_and_writes_nothing_more_for_them(bot: Bench, end) -> None:  # type: ignore[no-untyped-def]
    before = workload(bot)
    id = held(bot)
    end(bot)
    done = len(bot.world.effects)
    assert not bot.say("lee", f"promote {id}").is_error
    ended = bot.run(id)
    assert ended.phase is Phase.UNDONE, ended.why
    assert ended.why is not None
    assert "ana" in ended.why.plain()
    assert {effect.acting.user for effect in bot.world.effects[done:]} == {"pilothouse:auto"}
    after = workload(bot)
    assert before is not None
    assert after is not None
    assert after.template.images == before.template.images


def test_what_began_goes_on_while_nobody_can_say_whether_the_asker_still_may(bot: Bench) -> None:
    id = held(bot)

    def unknown(identity: Identity) -> Standing:
        raise Unavailable("slack", text("Slack does not answer."))

    assert not bot.say("lee", f"promote {id}").is_error
    bot.people.standing = unknown  # type: ignore[method-assign]
    done: Operation = bot.run(id)
    assert done.phase is Phase.DONE, done.why
