"""What a canary's plan says before anybody is asked: who would miss its pods, and whether there is room for them."""

from __future__ import annotations

import pytest

from bot.domain.guards import Guard, GuardKind, LabelSelector, Requirement
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.objects import SimulatedQuota
from tests.kit.bench import Bench, said, words

NAMESPACE = "web-staging"
LINE = "canary web@1.8.2 25 to staging"
OURS = LabelSelector({"app.kubernetes.io/name": "web"})
EVERYTHING = LabelSelector({})


def state(bot: Bench) -> ClusterState:
    return bot.world.scene("eu-1")


@pytest.fixture
def bot(bot: Bench) -> Bench:
    found = state(bot).namespace(NAMESPACE)
    found.quotas.clear()
    found.budgets.clear()
    return bot


@pytest.fixture(params=["replicas", "weights"])
def either(bot: Bench, request: pytest.FixtureRequest) -> Bench:
    if request.param == "weights":
        state(bot).add_route(NAMESPACE, "web", "web")
    return bot


def guard(bot: Bench, kind: GuardKind, selector: LabelSelector, name: str = "web") -> None:
    state(bot).namespace(NAMESPACE).guards.append(Guard(kind, name, selector))


def plan(bot: Bench, line: str = LINE) -> str:
    answer = bot.say("ana", line)
    assert not answer.is_error, words(answer)
    assert answer.operation is not None
    return words(answer) + said(bot.core.draw(f"operation/{answer.operation}")) + bot.operation(answer.operation).face


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (GuardKind.NETWORK_POLICY, "does not hold for the canary's pods"),
        (GuardKind.PEER, "lets stable's pods through and *not the canary's*"),
        (GuardKind.BUDGET, "does not protect the canary's pods"),
        (GuardKind.POD_MONITOR, "does not see the canary"),
    ],
)
def test_what_is_about_stables_labels_alone_is_said(either: Bench, kind: GuardKind, says: str) -> None:
    guard(either, kind, OURS)
    assert says in plan(either)


@pytest.mark.parametrize("selector", [EVERYTHING, LabelSelector({}, (Requirement("none", "DoesNotExist"),))])
def test_what_is_about_every_pod_misses_nobody(either: Bench, selector: LabelSelector) -> None:
    for kind in GuardKind:
        guard(either, kind, selector)
    shown = plan(either)
    assert "canary's pods" not in shown
    assert "does not see" not in shown


def test_what_is_about_another_app_is_not_said(either: Bench) -> None:
    for kind in GuardKind:
        guard(either, kind, LabelSelector({"app.kubernetes.io/name": "cart"}))
    assert "canary's pods" not in plan(either)


def test_a_monitor_of_services_misses_a_canary_with_a_service_of_its_own_only(bot: Bench) -> None:
    labels = {"team": "web"}
    state(bot).namespace(NAMESPACE).services["web"].labels.update(labels)
    guard(bot, GuardKind.SERVICE_MONITOR, LabelSelector(labels))
    assert "does not see" not in plan(bot)
    state(bot).add_route(NAMESPACE, "web", "web")
    assert "ServiceMonitor" in plan(bot)


@pytest.mark.parametrize(
    ("resource", "hard", "fits"),
    [("pods", 3, False), ("pods", 40, True), ("limits.memory", 1 << 29, False), ("limits.memory", 1 << 36, True)],
)
def test_a_quota_without_room_for_the_canary_and_a_surge_refuses(
    either: Bench, resource: str, hard: float, fits: bool
) -> None:
    state(either).namespace(NAMESPACE).quotas.append(SimulatedQuota("team", {resource: float(hard)}))
    answer = either.say("ana", LINE)
    assert answer.is_error is not fits, words(answer)
    if not fits:
        assert "The quota team leaves no room" in words(answer)
        assert "are used, and they want" in words(answer)
    assert not either.world.effects


def test_the_autoscaler_and_what_becomes_of_it_are_facts_of_the_plan(either: Bench) -> None:
    state(either).add_autoscaler(NAMESPACE, "web", target="web", minimum=2, maximum=8, cpu=70)
    shown = plan(either)
    assert "2 to 8 pods, now" in said(either.say("ana", LINE).reply)
    assert ("does not scale down meanwhile" in shown) is ("weights of" in shown)
