"""The sample app in the cluster: what a tenant's application looks like there, as manifests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Manifest: TypeAlias = Mapping[str, object]
PORT = 8080


@dataclass(frozen=True, slots=True)
class Autoscaling:
    minimum: int
    maximum: int
    cpu_percent: int = 50


@dataclass(frozen=True, slots=True)
class SampleApp:
    """A Deployment and its Service with a NodePort; `image` as registry.image() gives it, by digest.

    `env` chooses the app's behaviour (see sources/sample/app/main.go), and `memory` is its limit. The label
    app.kubernetes.io/name, the Service's selector and the Deployment's are all `name`, which is how most charts do it.
    """

    name: str
    image: str
    replicas: int = 2
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    """More labels for the Deployment itself."""
    memory: str = "64Mi"
    cpu_request: str = "10m"
    has_readiness_probe: bool = True
    min_ready_seconds: int = 0
    max_unavailable: int = 0
    autoscaling: Autoscaling | None = None

    def manifests(self, namespace: str) -> list[Manifest]:
        found = [self._deployment(namespace), self._service(namespace)]
        if self.autoscaling:
            found.append(self._autoscaler(namespace, self.autoscaling))
        return found

    @property
    def _selector(self) -> dict[str, str]:
        return {"app.kubernetes.io/name": self.name}

    def _metadata(self, namespace: str) -> dict[str, object]:
        return {"name": self.name, "namespace": namespace, "labels": {**self._selector, **self.labels}}

    def _deployment(self, namespace: str) -> Manifest:
        container: dict[str, object] = {
            "name": self.name,
            "image": self.image,
            "ports": [{"name": "http", "containerPort": PORT}],
            "env": [{"name": key, "value": value} for key, value in self.env.items()],
            "resources": {"requests": {"cpu": self.cpu_request, "memory": "16Mi"}, "limits": {"memory": self.memory}},
        }
        if self.has_readiness_probe:
            container["readinessProbe"] = {
                "httpGet": {"path": "/healthz", "port": "http"},
                "periodSeconds": 1,
                "failureThreshold": 1,
            }
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": self._metadata(namespace),
            "spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": self._selector},
                "minReadySeconds": self.min_ready_seconds,
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": 1, "maxUnavailable": self.max_unavailable},
                },
                "template": {
                    "metadata": {
                        "labels": self._selector,
                        "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": str(PORT)},
                    },
                    "spec": {"containers": [container], "terminationGracePeriodSeconds": 10},
                },
            },
        }

    def _service(self, namespace: str) -> Manifest:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self._metadata(namespace),
            "spec": {
                "type": "NodePort",
                "selector": self._selector,
                "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
            },
        }

    def _autoscaler(self, namespace: str, bounds: Autoscaling) -> Manifest:
        return {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": self._metadata(namespace),
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name},
                "minReplicas": bounds.minimum,
                "maxReplicas": bounds.maximum,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {
                            "name": "cpu",
                            "target": {"type": "Utilization", "averageUtilization": bounds.cpu_percent},
                        },
                    }
                ],
            },
        }
