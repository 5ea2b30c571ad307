"""Canaries by weights, from the typed line to the simulated cluster with a route before its service."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.operation import Operation, Phase
from bot.domain.refs import AppName, EnvName, OperationId
from bot.domain.workloads import Workload
from bot.operations.desk import card_key
from bot.steps.analysis import Analyse
from bot.steps.codec import load_steps
from integrations.simulated.cluster_state import ClusterState
from tests.kit.bench import Bench, said, words

NAMESPACE = "web-staging"


@pytest.fixture
def shop(bot: Bench) -> Bench:
    """web on staging has six pods, forty requests a second and a route."""
    state = bot.world.scene("eu-1")
    state.namespace(NAMESPACE).quotas.clear()
    state.deployment(NAMESPACE, "web").replicas = 6
    state.changed(state.deployment(NAMESPACE, "web"))
    state.traffic.put(NAMESPACE, "web", 40.0)
    state.add_route(NAMESPACE, "web", "web")
    bot.turn(seconds=120)
    return bot


def state(bot: Bench) -> ClusterState:
    return bot.world.scene("eu-1")


def workload(bot: Bench, name: str = "web") -> Workload | None:
    scope = bot.core.apps.locate(AppName("web"), EnvName("staging")).scopes[0]
    return bot.core.cluster(scope.cluster).workloads.find(scope.namespace, name)


def weights(bot: Bench) -> dict[str, int]:
    return state(bot).namespace(NAMESPACE).routes["web"].weights


def is_watching(operation: Operation) -> bool:
    return isinstance(load_steps(operation.plan)[operation.cursor].do, Analyse) and operation.phase is Phase.RUNNING


def check_nothing_is_left(bot: Bench) -> None:
    found = state(bot).namespace(NAMESPACE)
    assert weights(bot) == {"web": 1}
    assert "web-canary" not in found.deployments
    assert "web-canary" not in found.services


def lost(bot: Bench) -> float:
    """Requests for which the router knew no pod, since the route was made."""
    [flow] = [each for each in state(bot).traffic.flows(NAMESPACE) if each.service == "web"]
    ends = [start for start, _ in flow.segments[1:]] + [bot.world.timeline.now]
    spans = [
        (start, end, sum(part for _, part in parts)) for (start, parts), end in zip(flow.segments, ends, strict=True)
    ]
    served = bot.clock.moment - timedelta(hours=1)
    return sum(
        (end - start) * (1 - whole) for start, end, whole in spans if start > served.timestamp() and whole < 0.999
    )


def test_the_plan_names_how_requests_are_shared(shop: Bench) -> None:
    plan = shop.say("ana", "canary web@1.8.2 10 to staging steps=25,75 hold=2m")
    assert not plan.is_error, words(plan)
    assert "by weights of HTTPRoute web" in words(plan)


def test_each_share_has_its_pods_before_its_requests(shop: Bench) -> None:
    id = shop.start("ana", "canary web@1.8.2 10 to staging steps=25,75 hold=2m requests=100")
    seen: list[tuple[int, int]] = []
    for _ in range(2000):
        shop.turn()
        weight = weights(shop).get("web-canary", 0)
        canary = workload(shop, "web-canary")
        if weight and canary is not None:
            assert canary.available * 100 >= 6 * weight or canary.available == canary.replicas, (weight, canary)
            if not seen or seen[-1][0] != weight:
                seen.append((weight, canary.available))
        if shop.operation(id).is_final:
            break
    done = shop.operation(id)
    assert done.phase is Phase.DONE, (done.why, done.seen)
    assert seen == [(10, 1), (25, 2), (75, 5), (100, 6)]
    check_nothing_is_left(shop)
    after = workload(shop)
    assert after is not None
    assert after.template.images["web"].endswith(shop.world.registry.find("registry.test/web", "1.8.2").digest)  # type: ignore[union-attr]
    assert lost(shop) == 0


def posted(bot: Bench, id: OperationId) -> list[str]:
    """The bodies of all replies in the card's thread."""
    keys = [f"{card_key(id)}/{part}" for part in (*map(str, range(60)), "turn", "end")]
    rows = bot.core.store.read(lambda tx: [tx.outbox.get(key) for key in keys])
    return [row.body for row in rows if row is not None]


def test_the_thread_tells_the_verdict_of_each_share_with_a_chart(shop: Bench) -> None:
    id = shop.start("ana", "canary web@1.8.2 10 to staging steps=50 hold=2m requests=100")
    shop.run(id, seconds=3000)
    verdicts = [body for body in posted(shop, id) if "went on by itself" in body]
    assert len(verdicts) == 2
    for body in verdicts:
        assert '"pass"' in body
        assert body.count('"$":"chart"') == 2
        assert "Weight asked" in body


@pytest.mark.parametrize(("version", "says"), [("1.9.0", "Errors"), ("1.9.4", "p95")])
def test_a_worse_version_goes_back_by_itself(shop: Bench, version: str, says: str) -> None:
    before = workload(shop)
    ended = shop.run(shop.start("ana", f"canary web@{version} 20 to staging hold=10m requests=200"), seconds=3000)
    assert ended.phase is Phase.UNDONE, ended.why
    assert ended.why is not None
    assert "did worse" in ended.why.plain()
    assert says in ended.why.plain()
    [turn] = [body for body in posted(shop, ended.id) if "Going back" in body]
    assert '"$":"chart"' in turn
    check_nothing_is_left(shop)
    after = workload(shop)
    assert before is not None
    assert after is not None
    assert after.template == before.template
    assert lost(shop) == 0


def test_an_abort_at_every_step_puts_everything_back(shop: Bench) -> None:
    first = shop.start("ana", "deploy web@1.8.2 to staging")
    assert shop.run(first).phase is Phase.DONE
    for cursor in range(100):
        version = "1.8.1" if cursor % 2 == 0 else "1.8.2"
        before = workload(shop)
        id = shop.start("ana", f"canary web@{version} 10 to staging steps=50 hold=1m requests=1")
        if load_steps(shop.operation(id).plan)[cursor].no_return:
            return
        reached = shop.run(id, until=lambda op, at=cursor: op.is_final or (op.cursor >= at and op.started is not None))  # type: ignore[misc]
        assert not reached.is_final, (cursor, reached.why)
        answer = shop.say("lee", f"abort {id}")
        assert not answer.is_error, words(answer)
        ended = shop.run(id, seconds=3000)
        assert ended.phase is Phase.UNDONE, (cursor, ended.phase, ended.why)
        check_nothing_is_left(shop)
        after = workload(shop)
        assert before is not None
        assert after is not None
        assert after.template == before.template
        shop.say("ana", f"unlock web@{version} to staging")
        again = shop.start("ana", f"deploy web@{version} to staging")
        assert shop.run(again).phase is Phase.DONE
        assert lost(shop) == 0


def test_without_metrics_it_waits_for_a_person(shop: Bench) -> None:
    shop.world.measure(is_on=False)
    id = shop.start("ana", "canary web@1.8.2 10 to staging hold=1m")
    shop.run(id, until=is_watching)
    shop.turn(seconds=60)
    for _ in range(300):
        shop.turn()
    waiting = shop.operation(id)
    assert waiting.phase is Phase.RUNNING
    assert is_watching(waiting)
    assert waiting.seen is not None
    assert "no data" in said(waiting.seen.report)
    assert not shop.say("lee", f"promote {id} step={waiting.cursor}").is_error
    assert shop.run(id).phase is Phase.DONE


def test_few_requests_wait_for_a_person_until_the_deadline(shop: Bench) -> None:
    state(shop).traffic.put(NAMESPACE, "web", 0.05)
    id = shop.start("ana", "canary web@1.8.2 10 to staging hold=1m")
    shop.run(id, until=is_watching)
    for _ in range(200):
        shop.turn()
    waiting = shop.operation(id)
    assert waiting.seen is not None
    assert "not enough data" in said(waiting.seen.report)
    shop.turn(seconds=timedelta(hours=24, minutes=2).total_seconds())
    ended = shop.run(id)
    assert ended.phase is Phase.UNDONE
    assert ended.why is not None
    assert "could not be judged" in ended.why.plain()
    check_nothing_is_left(shop)


def test_a_route_that_somebody_else_changed_is_left_alone(shop: Bench) -> None:
    id = shop.start("ana", "canary web@1.8.2 10 to staging")
    shop.run(id, until=is_watching)
    route = state(shop).namespace(NAMESPACE).routes["web"]
    route.weights = {"web": 7, "web-canary": 3}
    state(shop).route_changed(route)
    ended = shop.run(id, until=lambda op: op.phase is Phase.STUCK)
    assert ended.why is not None
    assert "Somebody else changed" in ended.why.plain()
    assert route.weights == {"web": 7, "web-canary": 3}
    assert workload(shop, "web-canary") is not None


def test_the_autoscaler_may_not_scale_down_meanwhile(shop: Bench) -> None:
    scaler = state(shop).add_autoscaler(NAMESPACE, "web", target="web", minimum=2, maximum=8, cpu=70)
    id = shop.start("ana", "canary web@1.8.2 50 to staging hold=1m requests=1")
    shop.run(id, until=is_watching)
    assert scaler.scale_down == "Disabled"
    assert shop.run(id, seconds=3000).phase is Phase.DONE
    assert scaler.scale_down == ""


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("canary web@1.8.2 100 to staging", "has to be 1 to 99"),
        ("canary web@1.8.2 0 to staging", "has to be 1 to 99"),
        ("canary web@1.8.2 30 to staging steps=10", "have to grow"),
    ],
)
def test_what_cannot_be_had_is_said_before_anything_is_done(shop: Bench, line: str, says: str) -> None:
    answer = shop.say("ana", line)
    assert answer.is_error
    assert says in words(answer), words(answer)
    assert not shop.world.effects


# --- requests that always reach it ----------------------------------------------------------------


def led(bot: Bench) -> str:
    return str(state(bot).namespace(NAMESPACE).routes["web"].match or "")


def test_a_header_leads_to_the_canary_at_every_share_and_nothing_of_it_is_left(shop: Bench) -> None:
    plan = shop.say("ana", "canary web@1.8.2 10 to staging header=x-canary:always")
    assert "requests with header x-canary: always" in words(plan)
    id = shop.start("ana", "canary web@1.8.2 10 to staging steps=50 hold=1m requests=1 header=x-canary:always")
    seen = set()
    for _ in range(2000):
        shop.turn()
        weight = weights(shop).get("web-canary", 0)
        assert not weight or led(shop) == "header x-canary: always", weight
        seen.add(weight)
        if shop.operation(id).is_final:
            break
    assert shop.operation(id).phase is Phase.DONE, shop.operation(id).why
    assert seen == {0, 10, 50, 100}
    assert led(shop) == ""
    check_nothing_is_left(shop)


def test_at_nothing_only_those_reach_it(shop: Bench) -> None:
    id = shop.start("ana", "canary web@1.8.2 0 to staging steps=30 cookie=beta:always")
    waiting = shop.run(id, until=is_watching)
    assert led(shop) == "cookie beta=always"
    assert weights(shop) == {"web": 1}
    canary = workload(shop, "web-canary")
    assert canary is not None
    assert canary.available == 1
    for _ in range(60):
        shop.turn()
    assert shop.operation(id).cursor == waiting.cursor
    new = shop.start("ana", "canary web 40 to staging")
    shop.run(new, until=lambda op: op.is_final or is_watching(op))
    assert weights(shop) == {"web": 60, "web-canary": 40}
    assert led(shop) == "cookie beta=always"
    assert "stays as it is while it runs" in words(shop.say("ana", "canary web 50 to staging header=x:y"))
    shop.say("lee", f"abort {new}")
    assert shop.run(new).phase is Phase.UNDONE
    assert led(shop) == ""
    check_nothing_is_left(shop)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("canary web@1.8.2 10 to staging header=x-canary", "NAME:VALUE"),
        ("canary web@1.8.2 10 to staging header=`x`:y", "NAME:VALUE"),
        ("canary web@1.8.2 10 to staging header=a:b cookie=c:d", "Either a header or a cookie"),
    ],
)
def test_a_header_that_cannot_be_meant_is_said(shop: Bench, line: str, says: str) -> None:
    answer = shop.say("ana", line)
    assert answer.is_error
    assert says in words(answer), words(answer)


def test_without_a_route_no_request_can_be_told_apart(bot: Bench) -> None:
    answer = bot.say("ana", "canary web@1.8.2 10 to staging header=x-canary:always")
    assert answer.is_error
    assert "pods share all alike" in words(answer)
    assert "HTTPRoute" in words(answer)
