"""A real cluster as the settings would name it, from its kubeconfig and the labels of its namespaces.

Loads the Kubernetes client: imported only where there is a kubeconfig.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bot.domain.clock import Clock
from bot.domain.errors import SettingsBroken
from bot.domain.reply import text
from bot.settings import ClusterPlace, EnvPlace, Settings, read
from integrations.kubernetes.connection import Kubeconfig
from integrations.kubernetes.discovery import ENV_LABEL, TENANT_LABEL, LabelledNamespace, context_of, discover

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
CLUSTER = "cluster"
"""What a cluster is called that only a kubeconfig names."""


def of_cluster(kubeconfig: Path, context: str, clock: Clock) -> Settings:
    """The settings file's clusters and envs or, where it names none, those found by label. Raises PilothouseError."""
    settings = read()
    if settings.envs:
        return settings
    named = context_of(str(kubeconfig), context)
    found = discover(CLUSTER, Kubeconfig(str(kubeconfig), named), clock)
    envs = _envs(found.namespaces)
    if not envs:
        raise SettingsBroken(
            text(
                "No namespace of {context} has the labels {env} and {tenant}.",
                context=named,
                env=ENV_LABEL,
                tenant=TENANT_LABEL,
            ),
            why=text(
                "Label some: kubectl label namespace web-staging {env}=staging {tenant}=team-web; or name them under "
                "`envs:` in a file, and that file in PILOTHOUSE_SETTINGS.",
                env=ENV_LABEL,
                tenant=TENANT_LABEL,
            ),
        )
    place = ClusterPlace(kubeconfig=kubeconfig, context=named, uid=found.uid)
    return settings.model_copy(update={"clusters": {CLUSTER: place}, "envs": envs})


def _envs(found: tuple[LabelledNamespace, ...]) -> Mapping[str, tuple[EnvPlace, ...]]:
    """A tenant that has several namespaces in one env has several places there."""
    places: dict[str, list[dict[str, str]]] = {}
    for each in sorted(found, key=lambda each: (each.env, each.name)):
        if not (_NAME.fullmatch(each.env) and _NAME.fullmatch(each.tenant)):
            raise SettingsBroken(
                text(
                    "Namespace {name} is labelled {env} and {tenant}.", name=each.name, env=each.env, tenant=each.tenant
                ),
                why=text("Names of envs and tenants have small letters, digits and dashes."),
            )
        rows = places.setdefault(each.env, [])
        row = next((row for row in rows if each.tenant not in row), None)
        if row is None:
            row = {}
            rows.append(row)
        row[each.tenant] = each.name
    return {env: tuple(EnvPlace(cluster=CLUSTER, namespaces=row) for row in rows) for env, rows in places.items()}
