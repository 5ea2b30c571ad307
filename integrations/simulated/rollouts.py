"""Argo Rollouts in a simulated cluster: the object, and its controller with the real one's order of things.

A router is a route whose weights the controller writes; without one shares are those of the pods. Its own analysis is one
rule on the errors of the new pods, looked at while they have requests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.domain.progressive import ALL, Progressive, StepList
from bot.domain.reply import Text
from integrations.simulated.controllers import ROLLOUT_HASH, DeploymentController, part_of
from integrations.simulated.objects import Deployment, ReplicaSet

if TYPE_CHECKING:
    from integrations.simulated.cluster_state import ClusterState

SCALE_DOWN_DELAY = 30.0
"""How long idle pods stay once the requests are elsewhere, with a router."""
_ANALYSIS_PERIOD = 5.0


@dataclass(slots=True, eq=False)
class SimulatedRollout(Deployment):
    steps: StepList = field(default_factory=lambda: StepList.of(()))
    stable_service: str = ""
    """With a router: where requests come in. Empty: shares are those of the pods."""
    canary_service: str = ""
    error_limit: float | None = None
    """Its own analysis: which share of failed requests makes it give the version up."""
    limits: tuple[Text, ...] = ()
    # What its status says:
    index: int = 0
    is_waiting: bool = False
    is_held: bool = False
    """The controller paused it; once nobody says so any more (`is_waiting`), it goes on."""
    waits_since: float = 0.0
    is_aborted: bool = False
    stable: str = ""
    current: str = ""
    weight: int = 0
    words: str = ""
    done_steps: StepList | None = None
    """Those that the controller has seen."""
    idle_since: dict[str, float] = field(default_factory=dict)
    """Hash to when its pods got their last request."""

    @property
    def kind(self) -> str:
        return "Rollout"

    @property
    def hash_label(self) -> str:
        return ROLLOUT_HASH

    @property
    def stable_set(self) -> ReplicaSet | None:
        return next((each for each in self.sets if each.hash == self.stable), None)


def progressive(state: ClusterState, found: SimulatedRollout) -> Progressive:
    stable = found.stable_set
    pods = [pod for pod in state.pods(found) if pod.is_active]
    available = sum(state.is_available(found, pod) for pod in pods)
    is_alone = bool(found.stable_service) or all(pod.owner == getattr(found.newest, "uid", "") for pod in pods)
    return Progressive(
        steps=found.steps,
        index=found.index,
        weight=found.weight if found.stable_service else None,
        is_waiting=found.is_waiting,
        is_aborted=found.is_aborted,
        is_healthy=not found.is_aborted and found.stable == found.current and available >= found.replicas and is_alone,
        words=found.words[:300],
        stable=found.stable,
        current=found.current,
        stable_template=stable.template if stable else None,
        limits=found.limits,
    )


class RolloutController:
    def __init__(self, state: ClusterState, sets: DeploymentController) -> None:
        self._state = state
        self._sets = sets
        self._timeline = state.world.timeline

    def look(self, rollout: SimulatedRollout) -> None:
        """Makes one step towards what is wanted."""
        if not self._state.stands(rollout):
            return
        is_new_spec = rollout.observed_generation != rollout.generation
        rollout.observed_generation = rollout.generation
        newest = rollout.newest or self._sets.new_set(rollout)
        if newest.hash != rollout.current or rollout.steps != rollout.done_steps:
            self._reset(rollout, newest)
        if rollout.is_paused:
            rollout.words = "manually paused"
        elif not rollout.stable:
            self._first(rollout, newest)
        elif rollout.stable == rollout.current:
            self._settle(rollout, newest)
        elif rollout.is_aborted:
            self._abort(rollout, newest)
        else:
            self._advance(rollout, newest)
        for each in rollout.sets:
            self._sets.fill(rollout, each)
        if is_new_spec:
            self._state.wake(rollout)

    def _reset(self, rollout: SimulatedRollout, newest: ReplicaSet) -> None:
        rollout.current, rollout.done_steps = newest.hash, rollout.steps
        rollout.is_waiting = rollout.is_held = rollout.is_aborted = False
        rollout.index = len(rollout.steps) if rollout.stable == newest.hash else 0
        rollout.words = "more replicas need to be updated"
        rollout.idle_since.pop(newest.hash, None)

    def _first(self, rollout: SimulatedRollout, newest: ReplicaSet) -> None:
        newest.wanted = rollout.replicas
        rollout.index = len(rollout.steps)
        if self._available(rollout, newest) >= rollout.replicas:
            self._promote(rollout)

    def _settle(self, rollout: SimulatedRollout, newest: ReplicaSet) -> None:
        """Everything is for the stable version, which is the one that is wanted."""
        others = [each for each in rollout.sets if each is not newest]
        if rollout.stable_service:
            newest.wanted = rollout.replicas
            self._route(rollout, 0)
            self._drop_idle(rollout, others)
        else:
            self._share_pods(rollout, newest, others, rollout.replicas)
        is_all = self._available(rollout, newest) >= rollout.replicas
        rollout.words = "" if is_all else "updated replicas are still becoming available"

    def _abort(self, rollout: SimulatedRollout, newest: ReplicaSet) -> None:
        rollout.index, rollout.is_waiting, rollout.is_held = 0, False, False
        stable = rollout.stable_set
        assert stable is not None
        if rollout.stable_service:
            stable.wanted = rollout.replicas
            self._route(rollout, 0)
            self._drop_idle(rollout, [newest])
        else:
            self._share_pods(rollout, stable, [newest], rollout.replicas)

    def _advance(self, rollout: SimulatedRollout, newest: ReplicaSet) -> None:
        stable, raw = rollout.stable_set, rollout.steps.raw()
        assert stable is not None
        if self._gives_up(rollout, newest):
            self._state.wake(rollout)
            return
        given = [step["setWeight"] for step in raw[: rollout.index + 1] if "setWeight" in step]
        percent = ALL if rollout.index >= len(raw) else (given[-1] if given else 0)
        wanted = math.ceil(rollout.replicas * percent / 100)
        if rollout.stable_service:
            newest.wanted, stable.wanted = wanted, rollout.replicas
            is_there = self._available(rollout, newest) >= wanted
            # As the real one: until its pods are there it has the share of the step before, at the first step none.
            before = [step["setWeight"] for step in raw[: rollout.index] if "setWeight" in step]
            self._route(rollout, percent if is_there else before[-1] if before else 0)
        else:
            is_there = self._share_pods(rollout, newest, [stable], wanted)
        if rollout.index >= len(raw):
            rollout.words = "waiting for all steps to complete"
            if self._available(rollout, newest) >= rollout.replicas:
                self._promote(rollout)
        elif self._is_done(rollout, raw[rollout.index], is_there=is_there):
            rollout.index += 1
            rollout.is_waiting = rollout.is_held = False
            self._state.wake(rollout)

    def _is_done(self, rollout: SimulatedRollout, step: dict[str, object], *, is_there: bool) -> bool:
        if "pause" not in step:
            rollout.words = "more replicas need to be updated"
            return is_there
        if not rollout.is_held:
            rollout.is_waiting = rollout.is_held = True
            rollout.waits_since = self._timeline.now
            rollout.words = "CanaryPauseStep"
        if not rollout.is_waiting:
            return True
        waits = StepList.of([step]).waits.total_seconds()
        if not waits:
            return False
        span = self._timeline.span(waits)
        if self._timeline.now - rollout.waits_since >= span:
            return True
        self._timeline.after(waits + 0.05, lambda: self._state.wake(rollout))
        return False

    def _gives_up(self, rollout: SimulatedRollout, newest: ReplicaSet) -> bool:
        if rollout.error_limit is None:
            return False
        now = self._timeline.now
        samples = [self._state.traffic.sample(pod, now) for pod in self._state.pods_of(newest) if pod.is_ready]
        requests = sum(each.requests for each in samples)
        if requests and sum(each.errors * each.requests for each in samples) / requests > rollout.error_limit:
            rollout.is_aborted = True
            rollout.words = (
                f"RolloutAborted: Rollout aborted update to revision {newest.revision}: "
                'Metric "success-rate" assessed Failed due to failed (1) > failureLimit (0)'
            )
            return True
        self._timeline.after(_ANALYSIS_PERIOD, lambda: self._state.wake(rollout))
        return False

    def _promote(self, rollout: SimulatedRollout) -> None:
        rollout.stable, rollout.words = rollout.current, ""
        self._route(rollout, 0)
        self._state.wake(rollout)

    def _route(self, rollout: SimulatedRollout, percent: int) -> None:
        """As the real one: which pods a service has and how much it gets change in one pass."""
        if not rollout.stable_service:
            return
        namespace = self._state.namespace(rollout.namespace)
        is_whole = rollout.stable == rollout.current or rollout.is_aborted
        hashes = {
            rollout.stable_service: rollout.stable,
            rollout.canary_service: rollout.stable if is_whole else rollout.current,
        }
        for name, found in hashes.items():
            namespace.services[name].selector[ROLLOUT_HASH] = found
        route = namespace.routes[rollout.stable_service]
        weights = {rollout.stable_service: ALL - percent, rollout.canary_service: percent}
        if route.weights != weights:
            route.weights = weights
            self._state.route_changed(route)
        rollout.weight = percent
        self._state.routes_changed(rollout.namespace)

    def _drop_idle(self, rollout: SimulatedRollout, sets: list[ReplicaSet]) -> None:
        now = self._timeline.now
        for each in sets:
            if not each.wanted:
                rollout.idle_since.pop(each.hash, None)
                continue
            since = rollout.idle_since.setdefault(each.hash, now)
            if now - since >= self._timeline.span(SCALE_DOWN_DELAY):
                each.wanted = 0
            else:
                self._timeline.after(SCALE_DOWN_DELAY + 0.05, lambda: self._state.wake(rollout))

    def _share_pods(
        self, rollout: SimulatedRollout, growing: ReplicaSet, others: list[ReplicaSet], wanted: int
    ) -> bool:
        """By surge and availability from one set to the others' expense; whether it is there."""
        surge = part_of(rollout.max_surge, rollout.replicas, up=True)
        missing = part_of(rollout.max_unavailable, rollout.replicas, up=False)
        missing = missing if surge or missing else 1
        total = sum(each.wanted for each in rollout.sets)
        growing.wanted = min(wanted, growing.wanted + max(0, rollout.replicas + surge - total))
        least = rollout.replicas - missing
        spare = sum(self._available(rollout, each) for each in rollout.sets) - least
        total = sum(each.wanted for each in rollout.sets)
        for each in others:
            keep = rollout.replicas - wanted
            # Those that do not work anyhow go first.
            each.wanted -= max(0, min(each.wanted - keep, each.wanted - self._available(rollout, each)))
            drop = max(0, min(each.wanted - keep, spare, total - rollout.replicas if keep else spare))
            each.wanted -= drop
            spare -= drop
        return (
            self._available(rollout, growing) >= wanted and sum(e.wanted for e in others) <= rollout.replicas - wanted
        )

    def _available(self, rollout: SimulatedRollout, owner: ReplicaSet) -> int:
        return sum(self._state.is_available(rollout, pod) for pod in self._state.pods_of(owner) if pod.is_active)
