"""What selects pods by labels, read from a real API server: kinds that are there, and one that nobody has defined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot.domain.guards import GuardKind
from tests.cluster.kubernetes_stage import KubectlStage
from tests.rig.rig import Namespace, Rig

WEB, CANARY = {"app.kubernetes.io/name": "web"}, {"pilothouse.io/app": "web", "pilothouse.io/track": "canary"}
SELECTOR = {"matchLabels": WEB}
CRD = "podmonitors.monitoring.coreos.com"


@pytest.fixture
def defined(rig: Rig) -> Iterator[None]:
    """PodMonitor, as prometheus-operator names it, with whatever in it."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"kind": "PodMonitor", "plural": "podmonitors", "singular": "podmonitor"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    rig.kubectl.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": CRD},
            "spec": {"group": "monitoring.coreos.com", "scope": "Namespaced", "names": names, "versions": [version]},
        }
    )
    rig.kubectl("wait", f"crd/{CRD}", "--for=condition=Established", "--timeout=30s")
    yield
    rig.kubectl("delete", "crd", CRD)


def test_policies_budgets_and_monitors_are_read_and_what_is_not_defined_is_nothing(
    namespace: Namespace, defined: None
) -> None:
    stage, place = KubectlStage.of(namespace), namespace.name

    def made(kind: str, group: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": place}, "spec": spec}

    rule = {"from": [{"podSelector": SELECTOR}, {"namespaceSelector": {}}]}
    namespace.rig.kubectl.apply(
        made("NetworkPolicy", "networking.k8s.io/v1", "all", {"podSelector": {}, "policyTypes": ["Ingress"]}),
        made("NetworkPolicy", "networking.k8s.io/v1", "web", {"podSelector": SELECTOR, "ingress": [{}]}),
        made(
            "NetworkPolicy",
            "networking.k8s.io/v1",
            "db",
            {"podSelector": {"matchLabels": {"a": "db"}}, "ingress": [rule]},
        ),
        made("PodDisruptionBudget", "policy/v1", "web", {"minAvailable": 1, "selector": SELECTOR}),
        made("PodMonitor", "monitoring.coreos.com/v1", "web", {"selector": SELECTOR, "podMetricsEndpoints": []}),
        made("Service", "v1", "web", {"selector": WEB, "ports": [{"port": 80}]}),
    )
    found = stage.cluster.reads().guards.guarded(place)
    assert found.unseen == ()
    assert found.services is not None
    assert "web" in found.services
    about = {(each.kind, each.name) for each in found.guards if each.selector.matches(WEB)}
    assert about == {
        (GuardKind.NETWORK_POLICY, "all"),
        (GuardKind.NETWORK_POLICY, "web"),
        (GuardKind.PEER, "db"),
        (GuardKind.BUDGET, "web"),
        (GuardKind.POD_MONITOR, "web"),
    }
    assert {each.name for each in found.guards if each.selector.matches(CANARY)} == {"all"}
