"""An app of the simulated cluster whose workload is an Argo Rollout: web on staging, six pods, forty requests a second."""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.operation import Operation, Phase, Standing
from bot.domain.progressive import Progressive, StepList
from bot.domain.refs import AppName, EnvName
from bot.domain.workloads import Workload
from bot.steps.codec import load_steps
from integrations.simulated.rollouts import SimulatedRollout
from tests.kit.bench import Bench

NAMESPACE = "web-staging"
OWN = StepList.of([{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "30s"}}])


def become_rollout(bot: Bench, *, is_routed: bool, steps: StepList = OWN, error_limit: float | None = None) -> None:
    """web on staging has six pods and forty requests a second, and is a Rollout."""
    state = bot.world.scene("eu-1")
    state.namespace(NAMESPACE).quotas.clear()
    template = state.deployment(NAMESPACE, "web").template
    state.add_rollout(NAMESPACE, "web", template, replicas=6, steps=steps, is_routed=is_routed, error_limit=error_limit)
    state.traffic.put(NAMESPACE, "web", 40.0)
    bot.turn(seconds=120)


def rollout(bot: Bench) -> SimulatedRollout:
    found = bot.world.scene("eu-1").deployment(NAMESPACE, "web")
    assert isinstance(found, SimulatedRollout)
    return found


def workload(bot: Bench) -> Workload:
    scope = bot.core.apps.locate(AppName("web"), EnvName("staging")).scopes[0]
    found = bot.core.cluster(scope.cluster).workloads.find(scope.namespace, "web")
    assert found is not None
    return found


def stands(bot: Bench) -> Progressive:
    found = workload(bot).progressive
    assert found is not None
    return found


def digest(bot: Bench, version: str) -> str:
    found = bot.world.registry.find("registry.test/web", version)
    assert found is not None
    return found.digest


def at(kind: type, percent: int | None = None) -> Callable[[Operation], bool]:
    def is_there(op: Operation) -> bool:
        assert op.phase in {Phase.READY, Phase.RUNNING}, (op.phase, op.why)
        step = load_steps(op.plan)[op.cursor].do
        is_watched = op.seen is not None and op.seen.standing is Standing.WAITING
        return isinstance(step, kind) and (
            percent is None or (getattr(step, "percent", None) == percent and is_watched)
        )

    return is_there


def check_is_as_it_was(bot: Bench, version: str) -> None:
    bot.turn(seconds=60)
    found = workload(bot)
    assert found.is_settled, stands(bot)
    assert stands(bot).steps == OWN
    assert found.template.images["web"].endswith((f":{version}", digest(bot, version)))
    pods = [pod for pod in bot.world.scene("eu-1").pods(rollout(bot)) if pod.is_active]
    assert [pod.version for pod in pods] == [version] * 6
