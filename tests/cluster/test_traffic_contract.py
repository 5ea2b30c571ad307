"""The Traffic contract on a real API server with the Gateway API's definitions; and ingress-nginx' annotations there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from bot.domain.errors import Conflict
from bot.domain.refs import ObjectRef
from tests.cluster.kubernetes_stage import KubectlStage
from tests.contracts.traffic_suite import ANN, TrafficContract, mark
from tests.rig import build, traefik
from tests.rig.rig import Namespace, Rig

RULES: list[dict[str, Any]] = [
    {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["httproutes"], "verbs": ["patch"]}
]


@pytest.fixture(scope="session")
def definitions(rig: Rig) -> None:
    build.require([build.GATEWAY_API])
    traefik.define_gateways(rig.kubectl)


@dataclass(frozen=True, slots=True)
class GatewayStage:
    """The router's word is written by the administrator: what it does with requests is tested with a real one."""

    inner: KubectlStage

    @property
    def cluster(self) -> Any:
        return self.inner.cluster

    @property
    def namespace(self) -> str:
        return self.inner.namespace

    def route(self, service: str) -> ObjectRef:
        labels = {"app.kubernetes.io/name": service}
        self.inner.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": service, "namespace": self.namespace},
                "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
            },
            traefik.Traefik().http_route(self.namespace, service, prefix="/"),
        )
        uid = self.inner.kubectl.value("httproute", service, ".metadata.uid", namespace=self.namespace)
        ref = ObjectRef(self.cluster.name, self.namespace, "HTTPRoute", service, uid)
        self.observe(ref)
        return ref

    def meddle(self, ref: ObjectRef, service: str) -> None:
        backends = [{"name": service, "port": 80, "weight": 50}, {"name": "by-hand", "port": 80, "weight": 50}]
        change = [{"op": "replace", "path": "/spec/rules/0/backendRefs", "value": backends}]
        self._patch(ref, "--type=json", json.dumps(change))

    def observe(self, ref: ObjectRef) -> None:
        generation = int(
            self.inner.kubectl.value("httproute", ref.name, ".metadata.generation", namespace=self.namespace)
        )
        conditions = [
            {
                "type": kind,
                "status": "True",
                "reason": kind,
                "message": "",
                "observedGeneration": generation,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for kind in ("Accepted", "ResolvedRefs")
        ]
        parent = {"parentRef": {"name": "front"}, "controllerName": "test.invalid/hand", "conditions": conditions}
        self._patch(ref, "--subresource=status", json.dumps({"status": {"parents": [parent]}}), "--type=merge")

    def _patch(self, ref: ObjectRef, flag: str, words: str, *more: str) -> None:
        self.inner.kubectl("patch", "httproute", ref.name, "-n", self.namespace, flag, "-p", words, *more)


class TestGatewayApi(TrafficContract):
    @pytest.fixture
    def stage(self, definitions: None, namespace: Namespace) -> GatewayStage:
        traefik.allow(namespace, RULES, "devs")
        return GatewayStage(KubectlStage.of(namespace))


def ingress(namespace: str, *, class_name: str) -> dict[str, Any]:
    paths = [
        {"path": path, "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}}
        for path, service in (("/", "web"), ("/api", "api"))
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "front", "namespace": namespace},
        "spec": {"ingressClassName": class_name, "rules": [{"host": "shop.test", "http": {"paths": paths}}]},
    }


def test_ingress_nginx_gets_a_second_ingress_with_its_annotations(namespace: Namespace) -> None:
    stage = KubectlStage.of(namespace)
    stage.kubectl.apply(ingress(namespace.name, class_name="nginx"))
    reads, writes = stage.cluster.reads().traffic, stage.cluster.writes(ANN).traffic
    [route] = reads.routes(namespace.name, "web", canary="web-canary").splits
    assert reads.split(route).weight == 0
    for _ in range(2):
        writes.set_weight(route, before=(0,), after=10, mark=mark("1"))
    writes.set_weight(route, before=(10,), after=25, mark=mark("2"))
    assert reads.split(route).weight == 25
    made: Any = stage.kubectl.get("ingress", "front-canary", namespace=namespace.name)
    assert made["metadata"]["annotations"] == {
        "nginx.ingress.kubernetes.io/canary": "true",
        "nginx.ingress.kubernetes.io/canary-weight": "25",
    }
    [rule] = made["spec"]["rules"]
    assert (made["spec"]["ingressClassName"], rule["host"]) == ("nginx", "shop.test")
    assert [(path["path"], path["backend"]["service"]["name"]) for path in rule["http"]["paths"]] == [
        ("/", "web-canary")
    ]
    with pytest.raises(Conflict):
        writes.set_weight(route, before=(25,), after=50, mark=mark("1", op=8, fence=9))
    assert reads.routes(namespace.name, "web", canary="web-canary").splits == (route,)
    for _ in range(2):
        writes.set_weight(route, before=(10, 25), after=0, mark=mark("u1"))
    assert not stage.kubectl.succeeds("get", "ingress", "front-canary", "-n", namespace.name)


def test_an_ingress_of_another_controller_is_not_split(namespace: Namespace) -> None:
    stage = KubectlStage.of(namespace)
    stage.kubectl.apply(ingress(namespace.name, class_name="other"))
    assert stage.cluster.reads().traffic.routes(namespace.name, "web", canary="web-canary").splits == ()
