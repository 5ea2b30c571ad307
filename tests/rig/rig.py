"""The running rig as tests see it: one object with everything in reach."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rig import access, registry
from tests.rig.addresses import Addresses, read
from tests.rig.alertmanager import Alertmanager
from tests.rig.auditlog import AuditLog
from tests.rig.elasticsearch import Elasticsearch
from tests.rig.kubectl import Kubectl
from tests.rig.load import send
from tests.rig.prometheus import Prometheus
from tests.rig.registry import Registry
from tests.rig.sample import SampleApp
from tests.rig.waiting import until

BOT = "bot"
"""The user name in the bot's kubeconfig."""


@dataclass(frozen=True, slots=True)
class Rig:
    """Handles to the servers of a running rig. `kubectl` is the administrator's."""

    addresses: Addresses
    kubectl: Kubectl
    bot: Kubectl
    registry: Registry
    elasticsearch: Elasticsearch
    prometheus: Prometheus
    alertmanager: Alertmanager
    audit_log: AuditLog

    @contextmanager
    def namespace(self, prefix: str = "test") -> Iterator["Namespace"]:
        """A namespace of a name never used before, deleted afterwards (without waiting for it)."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.kubectl("create", "namespace", name)
        try:
            self.wait_for(f"{name}'s service account", "serviceaccount", "default", namespace=name)
            yield Namespace(self, name)
        finally:
            self.alertmanager.stop_sending(namespace=name)
            self.kubectl("delete", "namespace", name, "--wait=false")
            self.kubectl("delete", "clusterroles,clusterrolebindings", "-l", f"{access.NAMESPACE_LABEL}={name}")

    def wait_for(self, what: str, kind: str, name: str, *, namespace: str, seconds: float = 30) -> None:
        until(what, lambda: self.kubectl.succeeds("get", kind, name, "-n", namespace), seconds=seconds)

    def push_image(self, name: str, tag: str, **env: str) -> str:
        """Pushes the sample app, its behaviour chosen by `env`; returns the reference by digest for a manifest."""
        return registry.image(name, self.registry.push_image(name, tag, env))


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of the cluster, made for one test."""

    rig: Rig
    name: str

    def allow_bot(self, people: access.People | None = None) -> None:
        """Gives the bot exactly the product's rights here, for acting in the name of these people."""
        self.rig.kubectl.apply(*access.manifests(people or access.People(), bot=BOT, namespace=self.name))

    def deploy(self, app: SampleApp, *, seconds: float = 60, is_waited_for: bool = True) -> str:
        """Applies the app and waits until it is rolled out; returns the URL at which it is reached from here."""
        self.rig.kubectl.apply(*app.manifests(self.name))
        url = self.url(app.name)
        if is_waited_for:
            self.rollout_done(app.name, seconds=seconds)
            # Ready is what the API server says; that kube-proxy has heard of it shows only here.
            until(f"{url} to answer", lambda: not send(url, total=1).lost, seconds=30)
        return url

    def rollout_done(self, name: str, *, seconds: float = 60) -> None:
        self.rig.kubectl(
            "rollout", "status", f"deployment/{name}", "-n", self.name, f"--timeout={seconds:g}s", timeout=seconds + 10
        )

    def url(self, service: str) -> str:
        """Where a NodePort Service is reached from this machine."""
        port = self.rig.kubectl.value("service", service, ".spec.ports[0].nodePort", namespace=self.name)
        return f"http://{self.rig.addresses.node_ports}:{port}/"


def attach(folder: Path) -> Rig:
    """The rig that runs in a folder."""
    addresses = read(folder)
    return Rig(
        addresses=addresses,
        kubectl=Kubectl(Path(addresses.admin_kubeconfig)),
        bot=Kubectl(Path(addresses.bot_kubeconfig)),
        registry=Registry(),
        elasticsearch=Elasticsearch(addresses.elasticsearch),
        prometheus=Prometheus(addresses.prometheus),
        alertmanager=Alertmanager(Path(addresses.alertmanager_configuration), addresses.alertmanager),
        audit_log=AuditLog(Path(addresses.audit_log)),
    )
