"""The stage of the Cluster contract on the rig's API server: our adapter as the bot, kubectl as everybody else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.domain.workloads import Workload
from integrations.kubernetes.cluster import KubernetesCluster
from integrations.kubernetes.connection import Access, Deadlines, Kubeconfig
from tests.rig.kubectl import Kubectl
from tests.rig.rig import Namespace

CONTEXT = "rig"


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def cluster(access: Access, uid: str, *, deadlines: Deadlines | None = None, name: str = "test") -> KubernetesCluster:
    return KubernetesCluster(
        name,
        access,
        expected_uid=uid,
        clock=SystemClock(),
        deadlines=deadlines or Deadlines(whole=timedelta(seconds=20)),
    )


def uid_of(kubectl: Kubectl) -> str:
    return kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")


@dataclass(frozen=True, slots=True)
class KubectlStage:
    cluster: KubernetesCluster
    kubectl: Kubectl
    """The administrator's."""
    namespace: str

    @classmethod
    def of(cls, made: Namespace) -> KubectlStage:
        access = Kubeconfig(made.rig.addresses.bot_kubeconfig, CONTEXT)
        return cls(cluster(access, uid_of(made.rig.kubectl)), made.rig.kubectl, made.name)

    def deploy(self, name: str, *, replicas: int = 2) -> Workload:
        self.kubectl.apply(*manifests(name, self.namespace, replicas))
        found = self.cluster.reads().workloads.find(self.namespace, name)
        assert found is not None
        return found

    def scale(self, name: str, replicas: int) -> None:
        self.kubectl("scale", "-n", self.namespace, f"deployment/{name}", f"--replicas={replicas}")

    def label(self, name: str, label: str, value: str) -> None:
        self.kubectl("label", "-n", self.namespace, "deployment", name, f"{label}={value}", "--overwrite")

    def unlabel(self, name: str) -> None:
        remove = '[{"op": "remove", "path": "/metadata/labels"}]'
        self.kubectl("patch", "-n", self.namespace, "deployment", name, "--type=json", "-p", remove)

    def delete(self, name: str) -> None:
        self.kubectl("delete", "-n", self.namespace, "deployment", name)


def access_through(kubeconfig: str, folder: Path, port: int) -> Kubeconfig:
    """The same cluster and user, by way of a proxy on this machine; its certificate has 127.0.0.1 too."""
    text = Path(kubeconfig).read_text().replace("10.199.0.2:6443", f"127.0.0.1:{port}")
    file = folder / f"{port}.kubeconfig"
    file.write_text(text)
    return Kubeconfig(str(file), CONTEXT)


def manifests(name: str, namespace: str, replicas: int) -> list[Mapping[str, object]]:
    labels = {"app.kubernetes.io/name": name}
    metadata = {"name": name, "namespace": namespace, "labels": labels, "annotations": {"owner": "kubectl"}}
    metrics = [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
    ]
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        # No node has this label: the pods stay where they cost nothing.
                        "nodeSelector": {"test": "nowhere"},
                        "containers": [{"name": "web", "image": "registry.test/web:1"}],
                    },
                },
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"port": 80}]},
        },
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": metadata,
            "spec": {"selector": {"matchLabels": labels}, "minAvailable": 1},
        },
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": metadata,
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "minReplicas": 2,
                "maxReplicas": 6,
                "metrics": metrics,
            },
        },
    ]
