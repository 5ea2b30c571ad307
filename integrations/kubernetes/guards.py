"""Live reads of what selects pods and Services by labels: network policies, disruption budgets, monitors.

A kind that the cluster does not know (no such definition) selects nothing; one that the bot may not look at is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from bot.domain.errors import Missing, Refused, Unavailable
from bot.domain.guards import Guard, Guarded, GuardKind, LabelSelector, Requirement
from bot.domain.reply import text
from integrations.kubernetes.connection import Connection, place
from integrations.kubernetes.errors import SYSTEM

Object = dict[str, Any]
_PAGE = 500


@dataclass(frozen=True, slots=True)
class KubernetesGuards:
    """bot.ports.clusters.Guards."""

    cluster: str
    observer: Connection

    def guarded(self, namespace: str) -> Guarded:
        unseen: list[str] = []
        found: list[Guard] = []
        for kind in ("NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "ServiceMonitor"):
            try:
                items = self._all(kind, namespace)
            except Refused:
                unseen.append(kind)
                continue
            found += [guard for item in items for guard in _guards(kind, item)]
        services = {
            item["metadata"]["name"]: item["metadata"].get("labels") or {} for item in self._all("Service", namespace)
        }
        return Guarded(tuple(found), services, tuple(unseen))

    def _all(self, kind: str, namespace: str) -> list[Object]:
        items: list[Object] = []
        query: dict[str, str | int] = {"limit": _PAGE}
        while True:
            try:
                page = msgspec.json.decode(self.observer.get(place(kind, namespace), query), type=dict[str, Any])
            except Missing:
                return items
            except msgspec.MsgspecError as error:
                what = text("Cluster {cluster} gives answers that are not Kubernetes'.", cluster=self.cluster)
                raise Unavailable(SYSTEM, what) from error
            items += page.get("items") or []
            query["continue"] = (page.get("metadata") or {}).get("continue") or ""
            if not query["continue"]:
                return items


def _guards(kind: str, item: Object) -> list[Guard]:
    name, spec = item["metadata"]["name"], item.get("spec") or {}
    match kind:
        case "NetworkPolicy":
            rules = [*(spec.get("ingress") or []), *(spec.get("egress") or [])]
            peers = [peer for rule in rules for peer in [*(rule.get("from") or []), *(rule.get("to") or [])]]
            # A peer with a namespace selector is about other namespaces too; by labels it may still mean these pods.
            selectors = [peer["podSelector"] for peer in peers if peer.get("podSelector")]
            held = Guard(GuardKind.NETWORK_POLICY, name, _selector(spec.get("podSelector")))
            return [held, *(Guard(GuardKind.PEER, name, _selector(each)) for each in selectors)]
        case "PodDisruptionBudget":
            # Since policy/v1 an empty selector means every pod, and none means no pod.
            return [Guard(GuardKind.BUDGET, name, _selector(spec["selector"]))] if "selector" in spec else []
        case _:
            return [Guard(GuardKind(kind), name, _selector(spec.get("selector")))]


def _selector(raw: Object | None) -> LabelSelector:
    found = raw or {}
    requirements = tuple(
        Requirement(each["key"], each["operator"], tuple(each.get("values") or ()))
        for each in found.get("matchExpressions") or []
    )
    return LabelSelector(found.get("matchLabels") or {}, requirements)
