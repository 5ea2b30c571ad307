"""Another share for a running canary of an Argo Rollout: a successor tells its controller other steps, on the same pods."""

from __future__ import annotations

import pytest

from bot.domain.operation import Phase
from bot.domain.refs import OperationId
from bot.domain.reply import text
from bot.steps.analysis import Analyse
from bot.steps.progressive import BakeStop, PutProgram
from bot.steps.takeover import TakeOver
from integrations.simulated.faults import How
from tests.kit.argo_shop import NAMESPACE, at, become_rollout, check_is_as_it_was, rollout, stands
from tests.kit.bench import Bench, words


@pytest.fixture(params=["router", "pods"])
def shop(bot: Bench, request: pytest.FixtureRequest) -> Bench:
    become_rollout(bot, is_routed=request.param == "router")
    return bot


def canary(shop: Bench, percent: int = 10) -> OperationId:
    """At this one of its shares 10, 25 and 75 %."""
    id = shop.start("ana", "canary web@1.8.2 10 to staging steps=25,75")
    for share in (10, 25, 75):
        shop.run(id, until=at(Analyse, share))
        if share == percent:
            return id
        goes_on(shop, id)
    raise AssertionError(percent)


def goes_on(shop: Bench, id: OperationId) -> None:
    assert not shop.say("ana", f"promote {id}").is_error
    shop.turn()


def new_pods(shop: Bench) -> int:
    pods = shop.world.scene("eu-1").pods(rollout(shop))
    return sum(pod.is_active and pod.version == "1.8.2" for pod in pods)


def check_share(shop: Bench, percent: int, pods: int) -> None:
    assert stands(shop).weight in {None, percent}
    assert new_pods(shop) == pods


def test_the_plan_says_what_its_controller_does_meanwhile(shop: Bench) -> None:
    old = canary(shop)
    plan = shop.say("bo", "canary web 40 to staging")
    assert not plan.is_error, words(plan)
    assert "Plan · 40 % for canary web 1.8.2 on staging" in words(plan)
    assert f"It takes {old} over" in words(plan)
    assert "now 10 %, then 40 % → 75 % → 100 %" in words(plan)
    assert "while more start, stable has everything" in words(plan)
    assert shop.operation(old).phase is Phase.RUNNING
    check_share(shop, 10, 1)


@pytest.mark.parametrize(("start", "to", "pods"), [(10, 40, 3), (75, 20, 2), (25, 26, 2), (10, 99, 6)])
def test_the_share_is_changed_on_the_same_pods_and_promoted(shop: Bench, start: int, to: int, pods: int) -> None:
    old = canary(shop, start)
    hash, fence = rollout(shop).current, shop.operation(old).fence
    new = shop.start("ana", f"canary web {to} to staging")
    op = shop.run(new, until=at(Analyse, to))
    assert shop.operation(old).phase is Phase.TAKEN_OVER
    assert op.fence > fence
    assert rollout(shop).current == hash
    check_share(shop, to, pods)
    for share in (each for each in (25, 75) if each > to):
        goes_on(shop, new)
        shop.run(new, until=at(Analyse, share))
    goes_on(shop, new)
    done = shop.run(new)
    assert done.phase is Phase.DONE, done.why
    check_is_as_it_was(shop, "1.8.2")
    assert "proven" in words(shop.say("ana", "history web in staging"))


def test_the_same_shares_again_begin_at_the_first(shop: Bench) -> None:
    old = canary(shop, 25)
    new = shop.start("ana", "canary web 10 to staging steps=25,75")
    shop.run(new, until=at(Analyse, 10))
    assert shop.operation(old).phase is Phase.TAKEN_OVER
    check_share(shop, 10, 1)
    goes_on(shop, new)
    shop.run(new, until=at(Analyse, 25))
    check_share(shop, 25, 2)


def test_a_successor_is_succeeded(shop: Bench) -> None:
    first = canary(shop)
    for to, pods in ((40, 3), (10, 1), (60, 4)):
        new = shop.start("ana", f"canary web {to} to staging")
        shop.run(new, until=at(Analyse, to))
        check_share(shop, to, pods)
    assert shop.operation(first).phase is Phase.TAKEN_OVER
    shop.say("ana", f"abort {new}")
    ended = shop.run(new)
    assert ended.phase is Phase.UNDONE, ended.why
    check_is_as_it_was(shop, "1.8.1")


@pytest.mark.parametrize("stage", [TakeOver, PutProgram, Analyse, BakeStop])
def test_an_abort_at_each_stage_puts_template_and_steps_back(shop: Bench, stage: type) -> None:
    canary(shop)
    new = shop.start("ana", "canary web 40 to staging steps=60")
    if stage is BakeStop:
        for share in (40, 60):
            shop.run(new, until=at(Analyse, share))
            goes_on(shop, new)
    shop.run(new, until=lambda op: op.phase is Phase.RUNNING and at(stage)(op))
    shop.say("ana", f"abort {new}")
    ended = shop.run(new)
    assert ended.phase is Phase.UNDONE, ended.why
    check_is_as_it_was(shop, "1.8.1")
    assert shop.core.store.read(lambda tx: tx.holds.holder("web/staging")) is None


def test_the_first_may_move_on_while_people_agree(shop: Bench) -> None:
    old = canary(shop)
    draft = shop.say("ana", "canary web 40 to staging")
    assert draft.operation is not None
    goes_on(shop, old)
    shop.run(old, until=at(Analyse, 25))
    assert not shop.say("ana", f"ask {draft.operation}").is_error
    shop.run(draft.operation, until=at(Analyse, 40))
    assert shop.operation(old).phase is Phase.TAKEN_OVER
    check_share(shop, 40, 3)


def test_what_somebody_else_told_it_is_left_alone(shop: Bench) -> None:
    canary(shop)
    new = shop.start("ana", "canary web 40 to staging")
    shop.run(new, until=at(Analyse, 40))
    found = rollout(shop)
    found.template = found.template.with_annotation("by", "hand")
    shop.world.scene("eu-1").changed(found)
    ended = shop.run(new, until=lambda op: op.phase is Phase.STUCK)
    assert ended.why is not None
    assert "Somebody else changed" in ended.why.plain()


@pytest.mark.parametrize("how", [How.AFTER, How.BEFORE, How.LATE])
@pytest.mark.parametrize("method", ["put_program", "pass_step", "stamp"])
def test_lost_replies_change_nothing(shop: Bench, how: How, method: str) -> None:
    canary(shop)
    shop.world.faults.put(method, how, times=1)
    done = shop.run(shop.start("ana", "canary web 40 to staging hold=30s requests=20"))
    assert done.phase is Phase.DONE, done.why
    check_is_as_it_was(shop, "1.8.2")


def test_an_autoscaler_may_scale_down_again_at_the_end(shop: Bench) -> None:
    state = shop.world.scene("eu-1")
    state.add_autoscaler(NAMESPACE, "web", target="web", minimum=6, maximum=8, cpu=70)
    canary(shop)
    new = shop.start("ana", "canary web 40 to staging")
    shop.run(new, until=at(Analyse, 40))
    assert state.namespace(NAMESPACE).autoscalers["web"].scale_down == "Disabled"
    shop.say("ana", f"abort {new}")
    assert shop.run(new).phase is Phase.UNDONE
    assert state.namespace(NAMESPACE).autoscalers["web"].scale_down == ""


def test_one_that_gave_up_is_not_set_off_again(shop: Bench) -> None:
    old = canary(shop)
    found = rollout(shop)
    found.is_aborted, found.words = True, "RolloutAborted: by hand"
    shop.world.scene("eu-1").wake(found)
    shop.run(old)
    check_is_as_it_was(shop, "1.8.1")
    assert shop.say("ana", "canary web 40 to staging").is_error


def test_with_a_router_stable_has_everything_while_more_pods_start(bot: Bench) -> None:
    become_rollout(bot, is_routed=True)
    canary(bot)
    new = bot.start("ana", "canary web 60 to staging")
    seen = set()
    while not at(Analyse, 60)(bot.operation(new)):
        bot.turn()
        seen.add(rollout(bot).weight)
    assert seen == {10, 0, 60}


def test_a_rollout_on_its_way_by_another_hand_has_no_canary_to_change(shop: Bench) -> None:
    rollout(shop).limits = (text("It is blue and green, not a canary."),)
    answer = shop.say("ana", "canary web 40 to staging")
    assert answer.is_error
