"""Scenes of changes: plans, requests for approval, running and ended operations, and what their threads say."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.analysis import Outcome
from bot.domain.operation import Operation, Phase
from bot.domain.refs import OperationId
from bot.domain.reply import Reply
from bot.steps.analysis import Analyse
from bot.steps.codec import load_steps
from tests.kit.bench import Bench
from tests.slack.scenes_parts import agreed, card_of, in_thread, said_ok

TO_PROD = 'deploy web@1.8.2 to prod reason="Fixes the empty cart after login"'
BY_STEPS = "canary web@{version} 10 to prod steps=25,50 hold=10m requests=500"


# --- plans --------------------------------------------------------------------------------------


def deploy_preview(bot: Bench) -> Reply:
    bot.clock.move(timedelta(minutes=15))
    return said_ok(bot, "ana", "deploy web@1.8.2 to prod").reply


def rollback_preview(bot: Bench) -> Reply:
    bot.run(bot.start("ana", "deploy web@1.8.2 to staging"))
    return said_ok(bot, "ana", "rollback web to staging").reply


def scale_autoscaler(bot: Bench) -> Reply:
    bot.clock.move(timedelta(minutes=15))
    return bot.say("ana", "scale checkout 8 to prod").reply


# --- approvals ------------------------------------------------------------------------------------


def approval(bot: Bench) -> Reply:
    return card_of(bot, bot.start("ana", TO_PROD))


def approval_dialog(bot: Bench) -> Reply:
    return said_ok(bot, "bo", f"review {bot.start('ana', TO_PROD)}").reply


def approval_denied(bot: Bench) -> Reply:
    id = bot.start("ana", TO_PROD)
    said_ok(bot, "bo", f"deny {id} Raise the memory limit first")
    return card_of(bot, id)


def plan_changed(bot: Bench) -> Reply:
    """The tag moves between the approval and the first write."""
    id = bot.start("ana", "deploy web@latest to prod")
    bot.world.registry.retag("registry.test/web", "latest", "1.10.0")
    said_ok(bot, "bo", f"approve {id}")
    assert bot.run(id).phase is Phase.REFUSED
    return card_of(bot, id)


def request_expired(bot: Bench) -> Reply:
    id = bot.start("ana", TO_PROD)
    bot.turn(seconds=16 * 60)
    return card_of(bot, id)


# --- deploys --------------------------------------------------------------------------------------


def _deploying(bot: Bench) -> OperationId:
    bot.clock.move(timedelta(minutes=15))
    id = agreed(bot, TO_PROD)
    bot.run(id, until=lambda op: op.seen is not None and op.seen.errors is not None and op.seen.done > 2)
    return id


def deploy_running(bot: Bench) -> Reply:
    return card_of(bot, _deploying(bot))


def deploy_done(bot: Bench) -> Reply:
    id = _deploying(bot)
    bot.run(id)
    return card_of(bot, id)


def _gone_back(bot: Bench) -> OperationId:
    """1.9.3 takes more memory than it may have."""
    bot.clock.move(timedelta(minutes=15))
    id = agreed(bot, "deploy web@1.9.3 to prod")
    assert bot.run(id).phase is Phase.UNDONE
    return id


def deploy_rolled_back(bot: Bench) -> Reply:
    return card_of(bot, _gone_back(bot))


def deploy_thread_end(bot: Bench) -> Reply:
    return in_thread(bot, _gone_back(bot), "end")


# --- canaries -------------------------------------------------------------------------------------


def _verdict(op: Operation) -> Outcome | None:
    is_watching = isinstance(load_steps(op.plan)[op.cursor].do, Analyse)
    return op.seen.verdict.outcome if is_watching and op.seen is not None and op.seen.verdict is not None else None


def _canary(bot: Bench, line: str) -> OperationId:
    bot.clock.move(timedelta(minutes=30))
    return agreed(bot, line)


def canary_step(bot: Bench) -> Reply:
    id = _canary(bot, BY_STEPS.format(version="1.8.2"))
    bot.run(id, until=lambda op: _verdict(op) is Outcome.PASS)
    return card_of(bot, id)


def canary_thread(bot: Bench) -> Reply:
    id = _canary(bot, BY_STEPS.format(version="1.8.2"))
    bot.run(id, until=lambda op: _verdict(op) is Outcome.PASS)
    first = bot.operation(id).cursor
    bot.run(id, until=lambda op: op.cursor > first)
    return in_thread(bot, id, f"{first}")


def canary_paused(bot: Bench) -> Reply:
    """Its time is over, and too few requests were seen to say anything."""
    id = _canary(bot, "canary web@1.8.2 10 to prod steps=25,50 hold=2m requests=100000 deadline=1h")
    bot.run(id, until=lambda op: op.seen is not None and op.seen.verdict is not None and op.seen.verdict.needs_person)
    return card_of(bot, id)


def canary_failed(bot: Bench) -> Reply:
    id = _canary(bot, BY_STEPS.format(version="1.9.0"))
    assert bot.run(id, seconds=3000).phase is Phase.UNDONE
    return card_of(bot, id)


def canary_failed_thread(bot: Bench) -> Reply:
    id = _canary(bot, BY_STEPS.format(version="1.9.0"))
    assert bot.run(id, seconds=3000).phase is Phase.UNDONE
    return in_thread(bot, id, "turn")
