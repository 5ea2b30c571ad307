"""Apps whose workload is an Argo Rollout: canary, deploy and rollback through its own steps, in the simulated cluster."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.domain.analysis import Outcome
from bot.domain.operation import Operation, Phase
from bot.domain.reply import text
from bot.operations.card import card
from bot.steps.analysis import Analyse
from bot.steps.codec import load_steps
from bot.steps.progressive import BakeStop, HoldStop, PutProgram
from integrations.simulated.faults import How
from tests.kit.argo_shop import NAMESPACE, at, become_rollout, check_is_as_it_was, rollout, stands, workload
from tests.kit.bench import Bench, said, words


@pytest.fixture(params=["router", "pods"])
def shop(bot: Bench, request: pytest.FixtureRequest) -> Bench:
    become_rollout(bot, is_routed=request.param == "router")
    return bot


def test_a_rollout_is_found_and_shown(shop: Bench) -> None:
    shown = words(shop.say("ana", "status web in staging"))
    assert "6 of 6 pods ready" in shown
    assert "all steps done" in shown
    assert not shop.say("ana", "history web in staging").is_error


def test_the_plan_names_the_rollout_and_what_becomes_of_its_steps(shop: Bench) -> None:
    plan = words(shop.say("ana", "canary web@1.8.2 10 to staging steps=50"))
    assert "by Rollout web" in plan
    assert "Its own 4 steps are set aside meanwhile" in plan
    assert ("shares are those that its pods allow" in plan) == (stands(shop).weight is None)


def test_a_canary_goes_from_share_to_share_and_the_rollout_has_its_own_steps_again(shop: Bench) -> None:
    id = shop.start("ana", "canary web@1.8.2 10 to staging steps=50")
    for percent, pods in ((10, 1), (50, 3)):
        op = shop.run(id, until=at(Analyse, percent))
        assert f"Canary at {percent} %" in said(card(op))
        assert op.seen is not None
        assert op.seen.of == pods
        assert stands(shop).weight in {None, percent}
        running = [pod.version for pod in shop.world.scene("eu-1").pods(rollout(shop)) if pod.is_active]
        assert running.count("1.8.2") == pods
        shop.say("ana", f"promote {id}")
        shop.turn()
    shop.run(id, until=at(BakeStop))
    done = shop.run(id)
    assert done.phase is Phase.DONE, done.why
    check_is_as_it_was(shop, "1.8.2")
    assert "release 2" in words(shop.say("ana", "status web in staging"))


def test_a_canary_with_a_hold_goes_on_by_itself(shop: Bench) -> None:
    done = shop.run(shop.start("ana", "canary web@1.8.2 10 to staging steps=50 hold=1m requests=100"))
    assert done.phase is Phase.DONE, done.why
    check_is_as_it_was(shop, "1.8.2")


STAGES: list[Callable[[Operation], bool]] = [at(PutProgram), at(Analyse, 10), at(Analyse, 50), at(BakeStop)]


@pytest.mark.parametrize("stage", range(len(STAGES)))
def test_an_abort_at_each_stage_puts_template_and_steps_back(shop: Bench, stage: int) -> None:
    id = shop.start("ana", "canary web@1.8.2 10 to staging steps=50")
    if stage == 3:
        for percent in (10, 50):
            shop.run(id, until=at(Analyse, percent))
            shop.say("ana", f"promote {id}")
            shop.turn()
    elif stage == 2:
        shop.run(id, until=at(Analyse, 10))
        shop.say("ana", f"promote {id}")
        shop.turn()
    shop.run(id, until=STAGES[stage])
    shop.say("ana", f"abort {id}")
    ended = shop.run(id)
    assert ended.phase is Phase.UNDONE, ended.why
    check_is_as_it_was(shop, "1.8.1")


@pytest.mark.parametrize("version", ["1.9.1", "1.9.3", "1.9.7"])
def test_a_version_that_cannot_run_goes_back_by_itself(shop: Bench, version: str) -> None:
    ended = shop.run(shop.start("ana", f"canary web@{version} 20 to staging hold=5m"))
    assert ended.phase is Phase.UNDONE
    assert ended.failed_step is not None
    check_is_as_it_was(shop, "1.8.1")
    assert shop.say("ana", f"deploy web@{version} to staging").is_error


@pytest.mark.parametrize(("version", "says"), [("1.9.0", "Errors"), ("1.9.4", "p95")])
def test_a_worse_version_goes_back_by_its_figures(shop: Bench, version: str, says: str) -> None:
    id = shop.start("ana", f"canary web@{version} 20 to staging hold=10m requests=200")
    ended = shop.run(id, seconds=2400)
    assert ended.phase is Phase.UNDONE
    assert ended.why is not None
    assert "did worse" in ended.why.plain()
    assert says in ended.why.plain()
    check_is_as_it_was(shop, "1.8.1")


def test_the_verdict_compares_its_pods_with_those_of_stable(shop: Bench) -> None:
    id = shop.start("ana", "canary web@1.8.2 20 to staging requests=100")

    def is_judged(op: Operation) -> bool:
        return op.seen is not None and op.seen.verdict is not None and op.seen.verdict.outcome is Outcome.PASS

    op = shop.run(id, until=is_judged)
    assert op.seen is not None
    assert op.seen.verdict is not None
    how = "traffic weight" if stands(shop).weight is not None else "pods"
    assert how in op.seen.verdict.share.plain()
    assert len(op.seen.verdict.charts) == 2


def test_what_the_rollouts_own_analysis_gives_up_goes_back_and_is_explained(bot: Bench) -> None:
    become_rollout(bot, is_routed=True, error_limit=0.05)
    id = bot.start("ana", "canary web@1.9.0 20 to staging")
    ended = bot.run(id)
    assert ended.phase is Phase.UNDONE
    shown = said(card(ended))
    assert "The Rollout itself gave 1.9.0 up" in shown
    assert 'Metric "success-rate" assessed Failed' in shown
    assert not stands(bot).is_aborted
    check_is_as_it_was(bot, "1.8.1")


def test_where_somebody_lets_it_go_on_by_hand_the_operation_goes_on_too(shop: Bench) -> None:
    id = shop.start("ana", "canary web@1.8.2 10 to staging steps=50")
    shop.run(id, until=at(Analyse, 10))
    rollout(shop).is_waiting = False
    shop.world.scene("eu-1").wake(rollout(shop))
    op = shop.run(id, until=at(Analyse, 50))
    assert op.phase is Phase.RUNNING


def test_a_rollout_that_was_promoted_by_hand_ends_on_the_new_version(shop: Bench) -> None:
    id = shop.start("ana", "canary web@1.8.2 10 to staging steps=50")
    shop.run(id, until=at(Analyse, 10))
    found = rollout(shop)
    found.index, found.is_waiting, found.is_held = len(found.steps), False, False
    shop.world.scene("eu-1").wake(found)
    done = shop.run(id)
    assert done.phase is Phase.DONE, (done.phase, done.why)
    check_is_as_it_was(shop, "1.8.2")


def test_what_somebody_else_tells_it_meanwhile_is_left_alone(shop: Bench) -> None:
    id = shop.start("ana", "canary web@1.8.2 10 to staging")
    shop.run(id, until=at(Analyse, 10))
    found = rollout(shop)
    found.template = found.template.with_annotation("by", "hand")
    shop.world.scene("eu-1").changed(found)
    ended = shop.run(id, until=lambda op: op.phase is Phase.STUCK)
    assert ended.why is not None
    assert "Somebody else changed" in ended.why.plain()
    assert rollout(shop).template.raw()["metadata"]["annotations"]["by"] == "hand"


@pytest.mark.parametrize("how", [How.AFTER, How.BEFORE, How.LATE])
@pytest.mark.parametrize("method", ["put_program", "pass_step", "stamp"])
def test_lost_replies_change_nothing(shop: Bench, how: How, method: str) -> None:
    shop.world.faults.put(method, how, times=1)
    done = shop.run(shop.start("ana", "canary web@1.8.2 10 to staging hold=30s requests=20"))
    assert done.phase is Phase.DONE, done.why
    check_is_as_it_was(shop, "1.8.2")
    passes = [each for each in shop.world.effects if each.method == "pass_step"]
    assert len(passes) == 2


# --- deploy, rollback, and what is refused


def test_a_deploy_goes_by_the_rollouts_own_steps_and_waits_where_they_pause(shop: Bench) -> None:
    plan = words(shop.say("ana", "deploy web@1.8.2 to staging"))
    assert "20 % → 60 %" in plan
    assert "waits for a person" in plan
    id = shop.start("ana", "deploy web@1.8.2 to staging")
    op = shop.run(id, until=at(HoldStop, 20))
    assert "Canary at 20 %" in said(card(op))
    shop.say("ana", f"promote {id}")
    shop.turn()
    done = shop.run(id)
    assert done.phase is Phase.DONE, done.why
    check_is_as_it_was(shop, "1.8.2")


def test_a_rollback_goes_straight_back_to_the_release(shop: Bench) -> None:
    shop.run(shop.start("ana", "canary web@1.8.2 50 to staging hold=30s requests=20"))
    back = shop.run(shop.start("ana", "rollback web to staging"))
    assert back.phase is Phase.DONE, back.why
    assert not any(isinstance(step.do, HoldStop) for step in load_steps(back.plan))
    check_is_as_it_was(shop, "1.8.1")
    assert shop.say("ana", "deploy web@1.8.2 to staging").is_error


def test_another_version_after_one_that_was_given_up(bot: Bench) -> None:
    become_rollout(bot, is_routed=True, error_limit=0.05)
    found = rollout(bot)
    found.template = found.template.with_image("web", "registry.test/web:1.9.0")
    bot.world.scene("eu-1").changed(found)
    for _ in range(120):
        bot.turn()
    assert stands(bot).is_aborted
    shown = words(bot.say("ana", "status web in staging"))
    assert "gave 1.9.0 up: RolloutAborted" in shown
    assert "1.8.1" in shown
    for line in ("restart web to staging", "scale web 3 to staging"):
        assert "gave up its last version" in words(bot.say("ana", line))
    id = bot.start("ana", "canary web@1.8.2 20 to staging")
    bot.run(id, until=at(Analyse, 20))
    bot.say("ana", f"abort {id}")
    ended = bot.run(id)
    assert ended.phase is Phase.UNDONE, ended.why
    check_is_as_it_was(bot, "1.8.1")


def test_a_restart_is_refused_and_says_how(shop: Bench) -> None:
    answer = shop.say("ana", "restart web to staging")
    assert answer.is_error
    assert "kubectl argo rollouts restart web" in words(answer)


def test_a_rollout_is_scaled(shop: Bench) -> None:
    done = shop.run(shop.start("ana", "scale web 3 to staging"))
    assert done.phase is Phase.DONE, done.why
    assert workload(shop).replicas == 3


def test_one_that_cannot_be_driven_is_left_alone(shop: Bench) -> None:
    rollout(shop).limits = (text("It is blue and green, not a canary."),)
    for line in ("canary web@1.8.2 10 to staging", "deploy web@1.8.2 to staging", "scale web 3 to staging"):
        answer = words(shop.say("ana", line))
        assert "cannot be changed from here" in answer
        assert "blue and green" in answer


def test_one_on_its_way_is_refused_with_where_it_is(shop: Bench) -> None:
    found = rollout(shop)
    found.template = found.template.with_image("web", "registry.test/web:1.8.2")
    shop.world.scene("eu-1").changed(found)
    shop.turn(seconds=30)
    answer = words(shop.say("ana", "canary web@1.8.0 10 to staging"))
    assert "in the middle of a rollout" in answer
    assert "step 2 of 4" in answer
    assert "1.8.2 at" in words(shop.say("ana", "status web in staging"))


def test_an_autoscaler_may_not_scale_down_meanwhile(shop: Bench) -> None:
    state = shop.world.scene("eu-1")
    state.add_autoscaler(NAMESPACE, "web", target="web", minimum=6, maximum=8, cpu=70)
    id = shop.start("ana", "canary web@1.8.2 10 to staging hold=30s requests=20")
    shop.run(id, until=at(Analyse, 10))
    assert state.namespace(NAMESPACE).autoscalers["web"].scale_down == "Disabled"
    assert shop.run(id).phase is Phase.DONE
    assert state.namespace(NAMESPACE).autoscalers["web"].scale_down == ""


def test_a_full_promotion_goes_straight_to_everybody_and_is_still_watched_there(shop: Bench) -> None:
    id = shop.start("ana", "canary web@1.8.2 10 to staging steps=25,50")
    shop.run(id, until=at(Analyse, 10))
    answer = shop.say("ana", "promote web in staging --full")
    assert not answer.is_error, words(answer)
    assert "goes to everybody" in words(answer)
    assert shop.say("ana", "canary web 40 to staging").is_error
    assert shop.say("ana", "promote web in staging --full").is_error
    shop.run(id, until=at(BakeStop))
    done = shop.run(id)
    assert done.phase is Phase.DONE, done.why
    check_is_as_it_was(shop, "1.8.2")


@pytest.mark.parametrize("line", ["canary web@1.9.0 20 to staging hold=1m requests=20", "deploy web@1.9.0 to staging"])
def test_what_its_own_analysis_gave_up_is_tried_again_by_the_same_line(bot: Bench, line: str) -> None:
    become_rollout(bot, is_routed=True, error_limit=0.05)
    found, state = rollout(bot), bot.world.scene("eu-1")
    found.template = found.template.with_image("web", "registry.test/web:1.9.0")
    state.changed(found)
    for _ in range(120):
        bot.turn()
    assert stands(bot).is_aborted
    # What was wrong is mended elsewhere: the same version is good now.
    found.error_limit = None
    id = bot.start("ana", line)
    bot.run(id, until=lambda op: at(Analyse, 20)(op) or at(HoldStop, 20)(op))
    assert not stands(bot).is_aborted
    bot.say("ana", f"abort {id}")
    ended = bot.run(id)
    assert ended.phase is Phase.UNDONE, ended.why
    check_is_as_it_was(bot, "1.8.1")
