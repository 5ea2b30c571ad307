"""Argo Rollouts' controller on the rig, started by the tests that need it; and Rollouts of the sample app for it.

Not part of the rig that `up` starts: only tests of Rollouts want it, and it takes long to build (`build --all`).
"""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig import build, network
from tests.rig.kubectl import Kubectl
from tests.rig.sample import Manifest, SampleApp
from tests.rig.waiting import until

KINDS = ("rollouts", "analysisruns", "analysistemplates", "clusteranalysistemplates", "experiments")
METRICS_PORT = 18090
HEALTH_PORT = 18091


@dataclass(frozen=True, slots=True)
class SampleRollout:
    """The sample app as a Rollout. With a router: a TraefikService NAME over the Services NAME and NAME-next."""

    app: SampleApp
    steps: Sequence[Mapping[str, Any]]
    is_routed: bool = False
    analysis: str = ""
    """Name of an AnalysisTemplate that runs beside it from the first share on."""

    def manifests(self, namespace: str) -> list[Manifest]:
        deployment, service, *others = self.app.manifests(namespace)
        canary: dict[str, Any] = {"steps": list(self.steps), "maxSurge": 1, "maxUnavailable": 0}
        found: list[Manifest] = [service, *others]
        if self.is_routed:
            canary |= {
                "stableService": self.app.name,
                "canaryService": f"{self.app.name}-next",
                "trafficRouting": {"traefik": {"weightedTraefikServiceName": self.app.name}},
            }
            found += [self._next(service), self._weighted(namespace)]
        if self.analysis:
            hash = {"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}}
            canary["analysis"] = {
                "templates": [{"templateName": self.analysis}],
                "args": [hash],
                "startingStep": 1,
            }
        spec = {**_mapping(deployment["spec"]), "strategy": {"canary": canary}, "progressDeadlineSeconds": 120}
        rollout = {**deployment, "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "spec": spec}
        return [*found, rollout]

    def _next(self, service: Manifest) -> Manifest:
        metadata = {**_mapping(service["metadata"]), "name": f"{self.app.name}-next"}
        return {**service, "metadata": metadata}

    def _weighted(self, namespace: str) -> Manifest:
        name = self.app.name
        services = [
            {"name": name, "port": 80, "weight": 100},
            {"name": f"{name}-next", "port": 80, "weight": 0},
        ]
        return {
            "apiVersion": "traefik.io/v1alpha1",
            "kind": "TraefikService",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"weighted": {"services": services}},
        }


def errors_template(namespace: str, name: str, *, prometheus: str) -> Manifest:
    """Gives up once more than 5 % of the requests of the new pods fail, by what Prometheus saw."""
    pods = '{namespace="%s",pod=~"web-{{args.hash}}-.*"%s}[10s]'
    failed = pods % (namespace, ',code=~"5.."')
    query = f"(sum(rate(http_requests_total{failed})) or vector(0)) / sum(rate(http_requests_total{pods % (namespace, '')}))"
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "args": [{"name": "hash"}],
            "metrics": [
                {
                    "name": "error-rate",
                    "interval": "3s",
                    "initialDelay": "5s",
                    # Without a request there is no figure, which is no failure.
                    "successCondition": "len(result) == 0 || isNaN(result[0]) || result[0] <= 0.05",
                    "failureLimit": 0,
                    "provider": {"prometheus": {"address": prometheus, "query": query}},
                }
            ],
        },
    }


def define(admin: Kubectl) -> None:
    """Its definitions alone. Raises NotBuiltError."""
    build.require([build.ARGO_ROLLOUTS])
    for file in sorted(build.ARGO_ROLLOUTS.path("crds").glob("*.yaml")):
        admin("apply", "--server-side", "--force-conflicts", "-f", file)
    names = [f"crd/{kind}.argoproj.io" for kind in KINDS]
    # In the first moment they have no conditions, which `wait` takes for an error.
    until("the definitions", lambda: admin.succeeds("wait", "--for=condition=Established", *names), seconds=30)


@contextmanager
def running(admin: Kubectl, log: Path) -> Iterator[None]:
    """Applies the definitions and starts the controller, which sees all namespaces. Raises NotBuiltError."""
    define(admin)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                *(*network.ENTER_GROUP, *network.ENTER_NETWORK),
                str(build.ARGO_ROLLOUTS.path("bin/rollouts-controller")),
                f"--kubeconfig={admin.kubeconfig}",
                "--leader-elect=false",
                f"--metricsPort={METRICS_PORT}",
                f"--healthzPort={HEALTH_PORT}",
                "--loglevel=info",
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "HOME": str(log.parent)},
        )
    try:
        until(
            "the Rollouts controller to start its workers",
            lambda: "Started controller" in log.read_text(),
            seconds=60,
            detail=lambda: log.read_text()[-1500:],
        )
        yield
    finally:
        process.terminate()
        process.wait(20)


def settled(admin: Kubectl, namespace: str, name: str, *, seconds: float = 90) -> None:
    until(
        f"Rollout {name} to be healthy",
        lambda: admin.value("rollout", name, ".status.phase", namespace=namespace) == "Healthy",
        seconds=seconds,
    )


def _mapping(value: object) -> dict[str, Any]:
    assert isinstance(value, dict)
    return value
