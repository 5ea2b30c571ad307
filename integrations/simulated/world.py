"""One simulated world: clusters, a registry, traffic and alerts on one clock. Shipped: the playground lives in it.

Its state is a function of what was done to it and of the clock: nothing runs in the background, whoever looks makes time
go on. Safe for use by several threads.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import RLock
from uuid import UUID

from bot.domain.clock import Clock
from bot.ports.observing import Measure
from integrations.simulated.alarms import Alarms
from integrations.simulated.buildserver import BuildServer
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.faults import Effect, Fault, Faults, How, lost, refused
from integrations.simulated.registry import Registry
from integrations.simulated.timeline import Timeline

REGISTRY = "registry.test"
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_NEVER = float("inf")


class SimulatedWorld:
    """`history`: how long ago the world began, so that there are logs and metrics to look back at. `pace`: how many
    times faster than usual pods start, controllers retry and alerts fire; traffic is not changed by it.
    """

    def __init__(self, clock: Clock, *, seed: int = 1, pace: float = 1.0, history: timedelta = timedelta()) -> None:
        self.clock = clock
        self.seed = seed
        self.faults = Faults()
        self.effects: list[Effect] = []
        self.registry = Registry(seed)
        self.expressions: dict[str, Measure] = {}
        """PromQL that somebody may ask, letter for letter, and the figure that it gives here."""
        self.timeline = Timeline((clock.now() - history).timestamp(), pace=pace)
        self.began = self.timeline.now
        self.present = self.began + history.total_seconds()
        """Where its history ends: nobody was there before."""
        self._unmeasured: list[list[float]] = []
        self._clusters: dict[str, ClusterState] = {}
        self._random = random.Random(seed)  # noqa: S311 - a simulation, no secret
        self._lock = RLock()
        self.alarms = Alarms(self)
        self.builds = BuildServer(self, REGISTRY)
        # Rules are about what is now; looking back at them for the time before would cost and tell nobody anything.
        self.timeline.after_clock(history.total_seconds(), self.alarms.begin)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Alone in the world, as it is now."""
        with self._lock:
            self.timeline.advance(self.clock.now().timestamp())
            yield

    def add_cluster(self, name: str, *, nodes: int = 4, cores: float = 8.0) -> ClusterState:
        with self._lock:
            found = self._clusters[name] = ClusterState(self, name, nodes=nodes, cores=cores)
            return found

    def state(self, cluster: str) -> ClusterState:
        """For those who are in the world already."""
        return self._clusters[cluster]

    def scene(self, cluster: str) -> ClusterState:
        """For whoever sets the scene: the cluster as it is now, without ports, permissions and marks."""
        with self.entered():
            return self._clusters[cluster]

    def clusters(self) -> tuple[str, ...]:
        return tuple(self._clusters)

    def effects_of(self, operation: str) -> tuple[Effect, ...]:
        with self._lock:
            return tuple(each for each in self.effects if each.mark.operation == operation)

    def measure(self, *, is_on: bool) -> None:
        """Off: from now on there are no metrics and no rules, as when Prometheus cannot reach the pods."""
        with self.entered():
            now = self.timeline.now
            if is_on and self._unmeasured and self._unmeasured[-1][1] == _NEVER:
                self._unmeasured[-1][1] = now
            elif not is_on and (not self._unmeasured or self._unmeasured[-1][1] != _NEVER):
                self._unmeasured.append([now, _NEVER])

    def was_measured(self, at: float) -> bool:
        is_past = self.began <= at <= self.timeline.now
        return is_past and not any(start <= at < end for start, end in self._unmeasured)

    # --- chance: drawn by events only, never by looking, so that looking changes nothing -----------

    def suffix(self, length: int) -> str:
        return "".join(self._random.choice(_SUFFIX) for _ in range(length))

    def uid(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def between(self, least: float, most: float) -> float:
        return self._random.uniform(least, most)

    # --- the way in ---------------------------------------------------------------------------------

    def meet(self, system: str, method: str, *, user: str = "", is_write: bool = False) -> Fault | None:
        """What befalls a call before it arrives. Gives back a fault of AFTER or LATE, which the writer carries out."""
        with self._lock:
            fault = self.faults.take(method, user)
        match fault:
            case None:
                return None
            case Fault(how=How.BEFORE):
                raise lost(system, is_write=is_write)
            case Fault(how=How.REFUSED):
                raise refused(system, method, user)
            case Fault(how=How.SLOW):
                self.clock.sleep(fault.delay.total_seconds())
                return None
            case Fault(how=How.AFTER | How.LATE) if not is_write:
                raise lost(system, is_write=False)
            case _:
                return fault
