"""The contract of step-by-step workloads on a real API server with Argo Rollouts' definitions; no controller runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from bot.domain.errors import Refused
from bot.domain.progressive import Program
from bot.domain.refs import ObjectRef
from bot.domain.workloads import Workload
from tests.cluster.kubernetes_stage import KubectlStage
from tests.contracts.progressive_suite import ANN, OWN, ProgressiveContract, mark
from tests.rig import argo, traefik
from tests.rig.rig import Namespace, Rig

PEOPLE_MAY: list[dict[str, Any]] = [
    {"apiGroups": ["argoproj.io"], "resources": ["rollouts", "rollouts/status"], "verbs": ["patch"]}
]
STABLE, NEXT = "5d9f", "7c4b"


@pytest.fixture(scope="session")
def definitions(rig: Rig) -> None:
    argo.define(rig.kubectl)


@dataclass(frozen=True, slots=True)
class RolloutStage:
    """What its controller would say is written by the administrator: what it does is tested with the real one."""

    inner: KubectlStage

    @property
    def cluster(self) -> Any:
        return self.inner.cluster

    @property
    def namespace(self) -> str:
        return self.inner.namespace

    def rollout(self, name: str, steps: Sequence[dict[str, Any]], *, is_routed: bool = False) -> Workload:
        labels = {"app.kubernetes.io/name": name}
        canary: dict[str, Any] = {"steps": [*steps]} if steps else {}
        if is_routed:
            routing = {"traefik": {"weightedTraefikServiceName": name}}
            canary |= {"stableService": name, "canaryService": f"{name}-next", "trafficRouting": routing}
        self.inner.kubectl.apply(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Rollout",
                "metadata": {"name": name, "namespace": self.namespace, "labels": labels},
                "spec": {
                    "replicas": 2,
                    "selector": {"matchLabels": labels},
                    "strategy": {"canary": canary},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {"containers": [{"name": "web", "image": "registry.test/web:1"}]},
                    },
                },
            }
        )
        self._say(name, stableRS=STABLE, currentPodHash=STABLE, currentStepIndex=len(steps), phase="Healthy")
        found: Workload | None = self.cluster.reads().workloads.find(self.namespace, name)
        assert found is not None
        return found

    def stand(self, ref: ObjectRef, *, index: int, is_waiting: bool = False, is_aborted: bool = False) -> None:
        pause = {"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}
        self._say(
            ref.name,
            stableRS=STABLE,
            currentPodHash=NEXT,
            currentStepIndex=index,
            pauseConditions=[pause] if is_waiting else None,
            controllerPause=is_waiting,
            abort=is_aborted or None,
            phase="Degraded" if is_aborted else "Paused",
        )

    def _say(self, name: str, **status: object) -> None:
        generation = self.inner.kubectl.value("rollout", name, ".metadata.generation", namespace=self.namespace)
        words = json.dumps({"status": {"observedGeneration": generation, **status}})
        flags = ("--subresource=status", "--type=merge", "-p", words)
        self.inner.kubectl("patch", "rollout", name, "-n", self.namespace, *flags)


@pytest.fixture
def stage(definitions: None, namespace: Namespace) -> RolloutStage:
    traefik.allow(namespace, PEOPLE_MAY, "devs")
    return RolloutStage(KubectlStage.of(namespace))


class TestApiServer(ProgressiveContract):
    """All of it."""


def test_the_main_resource_takes_no_status_which_is_why_pauses_end_there(stage: RolloutStage) -> None:
    web = stage.rollout("web", OWN)
    stage.stand(web.ref, index=1, is_waiting=True)
    change = json.dumps([{"op": "remove", "path": "/status/pauseConditions"}])
    stage.inner.kubectl("patch", "rollout", "web", "-n", stage.namespace, "--type=json", "-p", change)
    found = stage.cluster.reads().workloads.rollout(web.ref).workload.progressive
    assert found is not None
    assert found.is_waiting


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"strategy": {"canary": None, "blueGreen": {"activeService": "web"}}}, "blue and green"),
        ({"rollbackWindow": {"revisions": 3}}, "rollback window"),
        (
            {"template": None, "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}},
            "workloadRef",
        ),
        (
            {"strategy": {"canary": {"trafficRouting": {"maxTrafficWeight": 1000, "plugins": {"a/b": {}}}}}},
            "maxTrafficWeight",
        ),
    ],
)
def test_what_cannot_be_driven_says_why(stage: RolloutStage, spec: dict[str, Any], says: str) -> None:
    web = stage.rollout("web", OWN)
    words = json.dumps({"spec": spec})
    stage.inner.kubectl("patch", "rollout", "web", "-n", stage.namespace, "--type=merge", "-p", words)
    for found in (
        stage.cluster.reads().workloads.find(stage.namespace, "web"),
        stage.cluster.reads().workloads.rollout(web.ref).workload,
    ):
        assert says in found.progressive.limits[0].plain()


def test_who_may_not_patch_the_status_is_refused_and_nothing_is_let_on(stage: RolloutStage) -> None:
    web = stage.rollout("web", OWN)
    stage.stand(web.ref, index=1, is_waiting=True)
    only = [{"apiGroups": ["argoproj.io"], "resources": ["rollouts"], "verbs": ["patch"]}]
    stage.inner.kubectl(
        "patch", "role", "routes", "-n", stage.namespace, "--type=merge", "-p", json.dumps({"rules": only})
    )
    assert web.progressive is not None
    writes = stage.cluster.writes(ANN).progressive
    with pytest.raises(Refused):
        writes.pass_step(web.ref, program=Program(web.template, web.progressive.steps), index=1, mark=mark())
    found = stage.cluster.reads().workloads.rollout(web.ref).workload.progressive
    assert found.is_waiting
