"""One real cluster behind the Cluster port: its connections, one for each acting person, and its pinned identity.

What a connection may do is decided by the cluster's RBAC (deploy/rbac), never here.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from threading import Lock
from typing import TypeVar

import msgspec

from bot.domain.clock import Clock
from bot.domain.errors import Refused
from bot.domain.refs import AUTO
from bot.domain.reply import text
from bot.ports.clusters import Acting, ClusterReads, ClusterWrites
from integrations.kubernetes import shapes
from integrations.kubernetes.connection import Access, Connection, Deadlines
from integrations.kubernetes.errors import SYSTEM, VENDOR, ours
from integrations.kubernetes.guards import KubernetesGuards
from integrations.kubernetes.kept_text import ConfigMapText
from integrations.kubernetes.progressive import KubernetesProgressiveWriter
from integrations.kubernetes.reading import KubernetesWorkloads
from integrations.kubernetes.traffic import KubernetesTraffic, KubernetesTrafficWriter
from integrations.kubernetes.writing import (
    KubernetesAutoscalerWriter,
    KubernetesConfigWriter,
    KubernetesServiceWriter,
    KubernetesWorkloadWriter,
)

T = TypeVar("T")
PINNED_FOR = timedelta(seconds=30)
"""How long a look at the cluster's identity counts for writes."""
MOST_PEOPLE = 32
DEFAULT_DEADLINES = Deadlines()
SERVICE = Acting(AUTO.id, (AUTO.id,))
"""Reads logs and ConfigMaps: only where a namespace lets it."""


class KubernetesCluster:
    """Safe for use by several threads. Nothing is asked of the cluster before the first call."""

    def __init__(
        self,
        name: str,
        access: Access,
        *,
        expected_uid: str,
        clock: Clock,
        deadlines: Deadlines = DEFAULT_DEADLINES,
    ) -> None:
        """`expected_uid`: of the cluster's kube-system namespace; while it is empty the cluster can only be read."""
        self._name = name
        self._access = access
        self._expected_uid = expected_uid
        self._clock = clock
        self._deadlines = deadlines
        self._lock = Lock()
        self._own: Connection | None = None
        self._people: OrderedDict[Acting, Connection] = OrderedDict()
        self._pinned_at: float | None = None

    @property
    def name(self) -> str:
        return self._name

    def ping(self) -> str:
        version = self._decoded("/version", shapes.Version).git_version
        found = self.uid()
        if self._expected_uid:
            self._compare(found)
        return f"{version}, uid {found}"

    def uid(self) -> str:
        return self._decoded("/api/v1/namespaces/kube-system", shapes.Named).metadata.uid

    def reads(self) -> ClusterReads:
        workloads = KubernetesWorkloads(self._name, self._bot(), self._person(SERVICE), self._clock)
        return ClusterReads(
            self._name,
            workloads,
            KubernetesTraffic(self._name, self._bot()),
            KubernetesGuards(self._name, self._bot()),
        )

    def writes(self, acting: Acting) -> ClusterWrites:
        reads, person = self._bot(), self._person(acting)
        return ClusterWrites(
            workloads=KubernetesWorkloadWriter(reads, person, self._pin),
            services=KubernetesServiceWriter(reads, person, self._pin),
            autoscalers=KubernetesAutoscalerWriter(reads, person, self._pin),
            configs=KubernetesConfigWriter(person, self._pin),
            traffic=KubernetesTrafficWriter(reads, person, self._pin),
            progressive=KubernetesProgressiveWriter(reads, person, self._pin),
        )

    def text(self, namespace: str, name: str) -> ConfigMapText:
        """A ConfigMap of the bot's own, for one text."""
        return ConfigMapText(self._name, self._bot, self._pin, namespace=namespace, name=name)

    def close(self) -> None:
        with self._lock:
            connections = [*self._people.values(), *([self._own] if self._own else [])]
            self._people.clear()
            self._own = None
        for each in connections:
            each.close()

    def _bot(self) -> Connection:
        with self._lock:
            if self._own is None:
                self._own = self._connect(None)
            return self._own

    def _person(self, acting: Acting) -> Connection:
        """One connection an acting person and operation, never handed to another; the longest unused ones go."""
        dropped: Connection | None = None
        with self._lock:
            found = self._people.get(acting)
            if found is None:
                found = self._people[acting] = self._connect(acting)
            self._people.move_to_end(acting)
            if len(self._people) > MOST_PEOPLE:
                _, dropped = self._people.popitem(last=False)
        if dropped is not None:
            dropped.close()
        return found

    def _connect(self, acting: Acting | None) -> Connection:
        return Connection(self._name, self._access, clock=self._clock, deadlines=self._deadlines, acting=acting)

    def _decoded(self, path: str, shape: type[T]) -> T:
        data = self._bot().get(path)
        try:
            return msgspec.json.decode(data, type=shape)
        except VENDOR as error:
            raise ours(error, cluster=self._name, path=path) from error

    def _pin(self) -> None:
        """Raises Refused unless this is the cluster of the settings, looked at no longer ago than PINNED_FOR."""
        if not self._expected_uid:
            what = text("Cluster {cluster} is not pinned, so nothing is changed in it.", cluster=self._name)
            raise Refused(SYSTEM, what, next=text("Set its uid to {uid}.", uid=self.uid()))
        now = self._clock.elapsed()
        pinned_at = self._pinned_at
        if pinned_at is not None and now - pinned_at < PINNED_FOR.total_seconds():
            return
        self._compare(self.uid())
        self._pinned_at = now

    def _compare(self, found: str) -> None:
        if found != self._expected_uid:
            self._pinned_at = None
            what = text("What answers as cluster {cluster} is another cluster.", cluster=self._name)
            why = text("Its uid is {found}, the settings say {expected}.", found=found, expected=self._expected_uid)
            raise Refused(SYSTEM, what, why=why)
