"""The Guards port over one simulated cluster."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.guards import Guard, Guarded, GuardKind, LabelSelector
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.world import SimulatedWorld

SYSTEM = "kubernetes"


@dataclass(frozen=True, slots=True)
class SimulatedGuards:
    world: SimulatedWorld
    state: ClusterState

    def guarded(self, namespace: str) -> Guarded:
        self.world.meet(SYSTEM, "guarded")
        with self.world.entered():
            found = self.state.namespace(namespace)
            budgets = [Guard(GuardKind.BUDGET, each.name, LabelSelector(dict(each.selector))) for each in found.budgets]
            services = {name: dict(each.labels) for name, each in found.services.items()}
            return Guarded((*found.guards, *budgets), services)
