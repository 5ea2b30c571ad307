"""What a cluster says of itself before anything is configured: its identity, and the namespaces that carry our labels.

For trying the product on a cluster; an installation names its namespaces in the settings. Only reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from kubernetes import config

from bot.domain.clock import Clock
from bot.domain.errors import Missing
from bot.domain.reply import text
from integrations.kubernetes import shapes
from integrations.kubernetes.cluster import DEFAULT_DEADLINES
from integrations.kubernetes.connection import Connection, Kubeconfig
from integrations.kubernetes.errors import SYSTEM, VENDOR, ours

ENV_LABEL = "pilothouse.io/env"
TENANT_LABEL = "pilothouse.io/tenant"


class _Namespace(msgspec.Struct):
    metadata: shapes.Meta


@dataclass(frozen=True, slots=True)
class LabelledNamespace:
    name: str
    env: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Discovered:
    uid: str
    """Of its kube-system namespace."""
    namespaces: tuple[LabelledNamespace, ...]


def context_of(path: str, wanted: str) -> str:
    """The context that is meant: the wanted one or, where none is named, the only one. Raises Missing with their names."""
    try:
        found, _ = config.list_kube_config_contexts(config_file=path)  # type: ignore[no-untyped-call]
    except VENDOR as error:
        what = text("{path} cannot be used as a kubeconfig.", path=path)
        raise Missing(SYSTEM, what, why=text("{why}", why=str(error)[:200])) from error
    names = [str(each["name"]) for each in found]
    if wanted in names or (not wanted and len(names) == 1):
        return wanted or names[0]
    listed = text("It has {names}.", names=", ".join(names) or "none")
    if wanted:
        raise Missing(SYSTEM, text("{path} has no context {wanted}.", path=path, wanted=wanted), why=listed)
    raise Missing(SYSTEM, text("Which context of {path}? Name it with --context.", path=path), why=listed)


def discover(name: str, access: Kubeconfig, clock: Clock) -> Discovered:
    """Raises IntegrationError."""
    connection = Connection(name, access, clock=clock, deadlines=DEFAULT_DEADLINES)
    labels = f"{ENV_LABEL},{TENANT_LABEL}"
    try:
        own = _decoded(connection.get("/api/v1/namespaces/kube-system"), shapes.Named, cluster=name)
        query: dict[str, str | int] = {"labelSelector": labels, "limit": 500}
        page = _decoded(connection.get("/api/v1/namespaces", query), shapes.Page[_Namespace], cluster=name)
    finally:
        connection.close()
    there = [each.metadata for each in page.items or [] if each.metadata.deletion_timestamp is None]
    return Discovered(
        own.metadata.uid,
        tuple(LabelledNamespace(meta.name, *_where(meta.labels or {})) for meta in there),
    )


def _where(labels: Mapping[str, str]) -> tuple[str, str]:
    return labels[ENV_LABEL], labels[TENANT_LABEL]


def _decoded(data: bytes, shape: type[shapes.T], *, cluster: str) -> shapes.T:
    try:
        return msgspec.json.decode(data, type=shape)
    except VENDOR as error:
        raise ours(error, cluster=cluster) from error
