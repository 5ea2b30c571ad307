"""Another share for a canary that runs: a successor takes it over in one transaction, and everything stays one canary."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.operation import Operation, Phase, SignalKind
from bot.domain.refs import AppName, EnvName, OperationId
from bot.domain.workloads import Workload
from bot.operations.card import card
from bot.operations.desk import card_key
from bot.steps.analysis import Analyse
from bot.steps.codec import load_steps
from bot.steps.takeover import TakeOver
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.faults import How
from integrations.simulated.objects import SimulatedQuota
from tests.kit.bench import POLICY, Bench, said, words

NAMESPACE = "web-staging"


@pytest.fixture
def shop(bot: Bench) -> Bench:
    """web on staging has six pods, forty requests a second and a route."""
    found = state(bot)
    found.namespace(NAMESPACE).quotas.clear()
    found.deployment(NAMESPACE, "web").replicas = 6
    found.changed(found.deployment(NAMESPACE, "web"))
    found.traffic.put(NAMESPACE, "web", 40.0)
    found.add_route(NAMESPACE, "web", "web")
    bot.turn(seconds=120)
    return bot


def state(bot: Bench) -> ClusterState:
    return bot.world.scene("eu-1")


def workload(bot: Bench, name: str = "web") -> Workload:
    found = maybe(bot, name)
    assert found is not None
    return found


def maybe(bot: Bench, name: str) -> Workload | None:
    scope = bot.core.apps.locate(AppName("web"), EnvName("staging")).scopes[0]
    return bot.core.cluster(scope.cluster).workloads.find(scope.namespace, name)


def weights(bot: Bench) -> dict[str, int]:
    return state(bot).namespace(NAMESPACE).routes["web"].weights


def watched(operation: Operation) -> int | None:
    """The share that it looks at now."""
    step = load_steps(operation.plan)[operation.cursor].do
    is_there = isinstance(step, Analyse) and operation.phase in {Phase.RUNNING, Phase.PAUSED}
    return step.percent if is_there and isinstance(step, Analyse) else None


def canary(bot: Bench, line: str = "canary web@1.8.2 10 to staging steps=25,75") -> OperationId:
    """At its first share."""
    id = bot.start("ana", line)
    bot.run(id, until=lambda op: watched(op) is not None)
    return id


def climb(bot: Bench, id: OperationId, percent: int) -> None:
    """By people, to this share."""
    while watched(op := bot.operation(id)) != percent:
        if watched(op) is not None:
            assert not bot.say("ana", f"promote {id}").is_error
        bot.run(id, until=lambda after, at=op.cursor: after.is_final or after.cursor > at)  # type: ignore[misc]
        bot.run(id, until=lambda after: after.is_final or watched(after) is not None)
        assert not bot.operation(id).is_final, bot.operation(id).why


def check_nothing_is_left(bot: Bench) -> None:
    found = state(bot).namespace(NAMESPACE)
    if found.routes:
        assert weights(bot) == {"web": 1}
    assert "web-canary" not in found.deployments
    assert "web-canary" not in found.services
    assert bot.core.store.read(lambda tx: tx.holds.holder("web/staging")) is None


def test_the_plan_says_from_what_to_what_and_whom_it_takes_over(shop: Bench) -> None:
    old = canary(shop)
    plan = shop.say("bo", "canary web 40 to staging")
    assert not plan.is_error, words(plan)
    assert "Plan · 40 % for canary web 1.8.2 on staging" in words(plan)
    assert f"It takes {old} over, which" in words(plan)
    assert "now 10 %, then 40 % → 75 % → 100 %" in words(plan)
    assert "Shares between 10 and 40 % are left out" in words(plan)
    assert shop.operation(old).phase is Phase.RUNNING
    assert weights(shop) == {"web": 90, "web-canary": 10}


@pytest.mark.parametrize(("start", "to", "pods"), [(10, 40, 3), (75, 20, 2), (25, 30, 2), (25, 26, 2)])
def test_the_share_is_changed_on_the_same_pods_and_promoted(shop: Bench, start: int, to: int, pods: int) -> None:
    old = canary(shop)
    climb(shop, old, start)
    uid = workload(shop, "web-canary").ref.uid
    fence = shop.operation(old).fence
    new = shop.start("ana", f"canary web {to} to staging steps=90")
    shop.run(new, until=lambda op: op.is_final or watched(op) == to)
    taken, running = shop.operation(old), shop.operation(new)
    assert taken.phase is Phase.TAKEN_OVER, taken.why
    assert running.phase is Phase.RUNNING, running.why
    assert running.fence > fence
    assert weights(shop) == {"web": 100 - to, "web-canary": to}
    now = workload(shop, "web-canary")
    assert (now.ref.uid, now.replicas, now.available) == (uid, pods, pods)
    assert now.mark is not None
    assert now.mark.operation == new
    climb(shop, new, 90)
    shop.say("ana", f"promote {new}")
    done = shop.run(new)
    assert done.phase is Phase.DONE, done.why
    assert workload(shop).template.images["web"] == now.template.images["web"]
    check_nothing_is_left(shop)
    assert "proven" in words(shop.say("ana", "history web in staging"))


def test_pods_come_before_more_requests_and_go_after_fewer(shop: Bench) -> None:
    old = canary(shop)
    climb(shop, old, 25)
    for to in (80, 10):
        new = shop.start("ana", f"canary web {to} to staging")
        while watched(op := shop.operation(new)) != to:
            assert not op.is_final, op.why
            shop.turn()
            share, now = weights(shop)["web-canary"], workload(shop, "web-canary")
            assert now.available * 100 >= 6 * share, (share, now.available)


@pytest.mark.parametrize("start", [10, 25, 75])
def test_an_abort_of_the_successor_goes_back_to_all_old(shop: Bench, start: int) -> None:
    before = workload(shop).template
    scaler = state(shop).add_autoscaler(NAMESPACE, "web", target="web", minimum=2, maximum=8, cpu=70)
    old = canary(shop)
    climb(shop, old, start)
    first = shop.start("ana", "canary web 40 to staging")
    cursors = set()
    for _ in range(200):
        op = shop.run(first, until=lambda op: op.phase is not Phase.READY)
        cursors.add(op.cursor)
        if op.phase is Phase.RUNNING and len(cursors) == 2:
            break
        shop.turn()
    assert not shop.say("lee", f"abort {first}").is_error
    ended = shop.run(first)
    assert ended.phase is Phase.UNDONE, ended.why
    assert shop.operation(old).phase is Phase.TAKEN_OVER
    assert workload(shop).template == before
    assert scaler.scale_down == ""
    check_nothing_is_left(shop)


def test_an_abort_at_every_step_of_a_successor_of_a_successor_puts_everything_back(shop: Bench) -> None:
    before = workload(shop).template
    for more in range(100):
        canary(shop)
        second = shop.start("ana", "canary web 60 to staging")
        shop.run(second, until=lambda op: watched(op) == 60)
        third = shop.start("ana", "canary web 40 to staging steps=80")
        take = next(n for n, step in enumerate(load_steps(shop.operation(third).plan)) if isinstance(step.do, TakeOver))
        cursor = take + more
        if load_steps(shop.operation(third).plan)[cursor].no_return:
            assert more > 8
            return
        for _ in range(1500):
            op = shop.operation(third)
            assert not op.is_final, op.why
            if op.phase is Phase.RUNNING and op.cursor >= cursor:
                break
            if watched(op) is not None:
                shop.say("ana", f"promote {third} step={op.cursor}")
            shop.turn()
        assert not shop.say("lee", f"abort {third}").is_error
        ended = shop.run(third, seconds=3000)
        assert ended.phase is Phase.UNDONE, (cursor, ended.why)
        assert workload(shop).template == before
        check_nothing_is_left(shop)
        shop.say("ana", "unlock web@1.8.2 to staging")


def test_by_replicas_it_goes_up_and_down_and_back_to_the_first_labels(bot: Bench) -> None:
    before, selector = workload(bot).template, dict(state(bot).namespace(NAMESPACE).services["web"].selector)
    old = canary(bot, "canary web@1.8.2 50 to staging")
    full = workload(bot, "web-canary").replicas
    second = bot.start("ana", "canary web 10 to staging")
    bot.run(second, until=lambda op: watched(op) == 10)
    assert bot.operation(old).phase is Phase.TAKEN_OVER
    assert workload(bot, "web-canary").replicas == 1 < full
    third = bot.start("ana", "canary web 50 to staging")
    bot.run(third, until=lambda op: watched(op) == 50)
    assert workload(bot, "web-canary").replicas == full
    assert workload(bot).template != before
    bot.say("lee", f"abort {third}")
    ended = bot.run(third)
    assert ended.phase is Phase.UNDONE, ended.why
    assert workload(bot).template == before
    assert dict(state(bot).namespace(NAMESPACE).services["web"].selector) == selector
    check_nothing_is_left(bot)


def test_by_replicas_a_successor_is_promoted(bot: Bench) -> None:
    canary(bot, "canary web@1.8.2 10 to staging")
    new = bot.start("ana", "canary web 50 to staging")
    bot.run(new, until=lambda op: watched(op) == 50)
    image = workload(bot, "web-canary").template.images["web"]
    bot.say("ana", f"promote {new}")
    assert bot.run(new).phase is Phase.DONE
    assert workload(bot).template.images["web"] == image
    check_nothing_is_left(bot)


def test_more_than_half_by_replicas_is_refused_and_changes_nothing(bot: Bench) -> None:
    old = canary(bot, "canary web@1.8.2 10 to staging")
    answer = bot.say("ana", "canary web 60 to staging")
    assert answer.is_error
    assert "by replicas" in words(answer)
    assert bot.operation(old).phase is Phase.RUNNING


def test_a_paused_canary_goes_on_with_its_new_share(shop: Bench) -> None:
    old = canary(shop)
    shop.say("ana", f"pause {old}")
    shop.run(old, until=lambda op: op.phase is Phase.PAUSED)
    new = shop.start("ana", "canary web 40 to staging hold=2m requests=100")
    assert shop.run(new, seconds=3000).phase is Phase.DONE
    assert shop.operation(old).phase is Phase.TAKEN_OVER


def test_a_worse_version_goes_back_by_itself_from_its_new_share(shop: Bench) -> None:
    canary(shop, "canary web@1.9.0 5 to staging")
    new = shop.start("ana", "canary web 40 to staging")
    ended = shop.run(new)
    assert ended.phase is Phase.UNDONE
    assert "did worse" in said(ended.why)
    check_nothing_is_left(shop)
    assert "locked out" in words(shop.say("ana", "canary web@1.9.0 5 to staging"))


def test_the_card_of_the_first_says_who_took_it_over_and_shows_it(shop: Bench) -> None:
    old = canary(shop)
    new = shop.start("bo", "canary web 40 to staging")
    shop.run(new, until=lambda op: op.phase is Phase.RUNNING)
    shown = card(shop.operation(old))
    assert f"Taken over by {new} · web 1.8.2 on staging" in said(shown)
    assert f"[Show {new}: plan {new}]" in said(shown)
    assert "abort" not in said(shown)
    row = shop.core.store.read(lambda tx: tx.outbox.get(f"{card_key(old)}/end"))
    assert row is not None
    assert str(new) in row.body
    [outcome] = [each for each in shop.records(op=old) if each.record.kind == "outcome"]
    assert (outcome.record.outcome, outcome.record.actor) == ("taken-over", "bo")
    [intent] = [each for each in shop.records(op=new) if each.record.kind == "intent"]
    assert f'"takes-over":"{old}"' in intent.record.body


@pytest.mark.parametrize("verb", ["abort", "pause", "promote", "extend", "cancel"])
def test_who_was_taken_over_takes_no_signal_and_undoes_nothing(shop: Bench, verb: str) -> None:
    old = canary(shop)
    new = shop.start("ana", "canary web 40 to staging")
    shop.run(new, until=lambda op: watched(op) == 40)
    assert shop.say("ana", f"{verb} {old}").is_error
    for _ in range(20):
        shop.turn()
    assert weights(shop) == {"web": 60, "web-canary": 40}
    assert shop.operation(old).phase is Phase.TAKEN_OVER


def test_it_needs_the_right_and_the_approvals_of_a_canary(shop: Bench) -> None:
    old = canary(shop)
    assert "You may not run canary" in words(shop.say("gus", "canary web 40 to staging"))
    rules = POLICY.read_text().replace(
        "for: [deploy, canary], env: [prod]", "for: [deploy, canary], env: [prod, staging]"
    )
    shop.policy(rules)
    new = shop.start("ana", "canary web 40 to staging")
    shop.turn(seconds=5)
    assert shop.operation(new).phase is Phase.WAITING
    assert shop.operation(old).phase is Phase.RUNNING
    assert not shop.say("bo", f"approve {new}").is_error
    shop.run(new, until=lambda op: watched(op) == 40)
    assert shop.operation(old).phase is Phase.TAKEN_OVER


def waiting(bot: Bench, line: str = "canary web 40 to staging") -> OperationId:
    """A successor that waits for a vote."""
    bot.policy(
        POLICY.read_text().replace("for: [deploy, canary], env: [prod]", "for: [deploy, canary], env: [prod, staging]")
    )
    return bot.start("ana", line)


def test_the_share_may_move_on_while_people_agree(shop: Bench) -> None:
    old = canary(shop)
    new = waiting(shop)
    climb(shop, old, 25)
    assert not shop.say("bo", f"approve {new}").is_error
    shop.run(new, until=lambda op: op.is_final or watched(op) == 40)
    assert shop.operation(new).phase is Phase.RUNNING, shop.operation(new).why
    assert weights(shop) == {"web": 60, "web-canary": 40}


def test_who_aborts_the_first_meanwhile_stops_both(shop: Bench) -> None:
    old = canary(shop)
    new = waiting(shop)
    shop.say("lee", f"abort {old}")
    shop.say("bo", f"approve {new}")
    assert shop.run(old).phase is Phase.UNDONE
    refused = shop.run(new)
    assert refused.phase is Phase.REFUSED
    check_nothing_is_left(shop)


def test_who_promotes_the_first_to_everybody_meanwhile_has_it(shop: Bench) -> None:
    old = canary(shop, "canary web@1.8.2 10 to staging")
    new = waiting(shop)
    shop.say("lee", f"promote {old}")
    shop.say("bo", f"approve {new}")
    assert shop.run(new).phase is Phase.REFUSED
    assert shop.run(old).phase is Phase.DONE


def test_a_first_that_failed_meanwhile_goes_back_and_the_successor_is_refused(shop: Bench) -> None:
    old = canary(shop, "canary web@1.9.0 5 to staging requests=20")
    new = waiting(shop)
    assert shop.run(old).phase is Phase.UNDONE
    shop.say("bo", f"approve {new}")
    assert shop.run(new).phase is Phase.REFUSED
    check_nothing_is_left(shop)


@pytest.mark.parametrize("end", ["deny {new} too fast", "cancel {new}", ""])
def test_a_successor_that_nobody_wants_leaves_the_first_untouched(shop: Bench, end: str) -> None:
    old = canary(shop)
    effects = len(shop.world.effects)
    version = shop.operation(old).fence
    new = waiting(shop)
    if end:
        assert not shop.say("bo" if "deny" in end else "ana", end.format(new=new)).is_error
    else:
        shop.turn(seconds=timedelta(hours=1).total_seconds())
    assert shop.run(new).phase in {Phase.DENIED, Phase.WITHDRAWN, Phase.EXPIRED}
    for _ in range(30):
        shop.turn()
    assert len(shop.world.effects) == effects
    assert shop.operation(old).fence == version
    assert shop.operation(old).phase is Phase.RUNNING
    climb(shop, old, 25)


def test_of_two_successors_at_once_one_takes_it_over(shop: Bench) -> None:
    old = canary(shop)
    first = shop.say("ana", "canary web 40 to staging").operation
    second = shop.say("bo", "canary web 50 to staging").operation
    assert first is not None
    assert second is not None
    shop.say("ana", f"ask {first}")
    shop.say("bo", f"ask {second}")
    shop.turn()
    phases = {shop.operation(first).phase, shop.operation(second).phase}
    assert phases == {Phase.RUNNING, Phase.REFUSED}
    assert shop.operation(old).phase is Phase.TAKEN_OVER
    [taken] = [s for s in shop.operation(old).signals if s.kind is SignalKind.TAKE_OVER]
    winner = first if shop.operation(first).phase is Phase.RUNNING else second
    assert taken.words == winner
    assert shop.core.store.read(lambda tx: tx.holds.holder("web/staging")) == winner


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("canary web to staging", "Which share?"),
        ("canary web 10 to staging", "gives 10 % already"),
        ("canary web 100 to staging", "has to be 1 to 99"),
        ("canary web 40 to staging steps=20", "have to grow"),
        ("canary web 40 to staging hold=1m --manual", "either held for a time"),
        ("canary web@1.8.1 40 to staging", "is busy"),
    ],
)
def test_what_cannot_be_had_is_said_and_the_canary_goes_on(shop: Bench, line: str, says: str) -> None:
    old = canary(shop)
    answer = shop.say("ana", line)
    assert answer.is_error
    assert says in words(answer), words(answer)
    assert shop.operation(old).phase is Phase.RUNNING


def test_without_a_canary_there_is_no_share_to_change(shop: Bench) -> None:
    assert "Which version?" in words(shop.say("ana", "canary web 40 to staging"))


def test_before_its_first_share_it_says_to_wait(shop: Bench) -> None:
    id = shop.start("ana", "canary web@1.8.2 10 to staging")
    shop.run(id, until=lambda op: op.phase is Phase.RUNNING)
    answer = shop.say("ana", "canary web 40 to staging")
    assert answer.is_error
    assert "not reached its first share" in words(answer)


def test_a_quota_without_room_is_said_before_anybody_is_asked(shop: Bench) -> None:
    canary(shop)
    state(shop).namespace(NAMESPACE).quotas.append(SimulatedQuota("small", {"pods": 8}))
    answer = shop.say("ana", "canary web 90 to staging")
    assert answer.is_error
    assert "leaves no room for" in words(answer)


@pytest.mark.parametrize("how", [How.BEFORE, How.AFTER, How.LATE])
@pytest.mark.parametrize("ends", ["promote", "abort"])
def test_lost_and_late_answers_while_it_is_taken_over_cost_nothing(shop: Bench, how: How, ends: str) -> None:
    before = workload(shop).template
    old = canary(shop)
    new = shop.start("ana", "canary web 40 to staging steps=90")
    shop.world.faults.put("writes", how, times=4)
    shop.run(new, until=lambda op: op.is_final or watched(op) == 40)
    assert shop.operation(new).phase is Phase.RUNNING, shop.operation(new).why
    assert shop.operation(old).phase is Phase.TAKEN_OVER
    assert weights(shop) == {"web": 60, "web-canary": 40}
    if ends == "promote":
        climb(shop, new, 90)
    shop.world.faults.put("writes", how, times=4)
    shop.say("lee", f"{ends} {new}")
    ended = shop.run(new, seconds=3000)
    assert ended.phase is (Phase.DONE if ends == "promote" else Phase.UNDONE), ended.why
    assert (workload(shop).template == before) is (ends == "abort")
    check_nothing_is_left(shop)


def test_a_process_that_ends_right_after_it_took_over_is_followed_by_another(shop: Bench) -> None:
    old = canary(shop)
    new = shop.start("ana", "canary web 40 to staging")
    while shop.operation(new).phase is Phase.READY:
        shop.clock.move(timedelta(milliseconds=100))
        # One look at most: nothing was written yet when the process ends.
        shop.core.engine.run_due(limit=1)
    assert shop.operation(old).phase is Phase.TAKEN_OVER
    shop.restart(after=timedelta(seconds=20))
    shop.run(new, until=lambda op: op.is_final or watched(op) == 40)
    assert weights(shop) == {"web": 60, "web-canary": 40}
    shop.say("lee", f"abort {new}")
    assert shop.run(new).phase is Phase.UNDONE
    check_nothing_is_left(shop)
