"""Which apps there are and where they run: the sites of the settings, and what the clusters show in their namespaces.

An app is found by its label (or its workload's name). What a cluster showed last is remembered for a few seconds, and
for as long as it does not answer: names may be old, but nothing is ever planned from them (plans read live).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.domain.clock import Clock
from bot.domain.errors import IntegrationError, UnknownName
from bot.domain.refs import AppName, EnvName
from bot.domain.reply import Text, text
from bot.domain.workloads import TRACK_LABEL, Workload
from bot.ports.apps import App
from bot.ports.clusters import ClusterReads
from bot.ports.observing import Scope
from bot.road.catalogue import nearest

FRESH = 5.0
"""Seconds for which a namespace's apps are remembered."""


@dataclass(frozen=True, slots=True)
class Site:
    """One tenant's namespace in one cluster of an environment."""

    cluster: str
    tenant: str
    namespace: str
    channel: str = ""
    """Where alerts of its apps go."""


class AppDirectory:
    """bot.ports.apps.Apps."""

    def __init__(
        self,
        sites: Mapping[EnvName, tuple[Site, ...]],
        cluster: Callable[[str], ClusterReads],
        clock: Clock,
        *,
        label: str = "app.kubernetes.io/name",
        channels: Mapping[str, str] | None = None,
    ) -> None:
        """`channels`: where the alerts of single apps go, in place of their site's."""
        self._sites = dict(sites)
        self._cluster = cluster
        self._clock = clock
        self._label = label
        self._channels = dict(channels or {})
        self._seen: dict[tuple[str, str], tuple[float, Mapping[AppName, str]]] = {}
        self._guard = threading.Lock()

    def envs(self) -> tuple[EnvName, ...]:
        return tuple(self._sites)

    def names(self, env: EnvName | None = None) -> tuple[AppName, ...]:
        found: set[AppName] = set()
        for each in self._sites if env is None else (env,):
            for site in self._sites.get(each, ()):
                found.update(self._apps(site))
        return tuple(sorted(found))

    def locate(self, app: AppName, env: EnvName) -> App:
        sites = self._sites.get(env)
        if sites is None:
            raise self._unknown_env(env)
        homes = [(site, apps[app]) for site in sites if app in (apps := self._apps(site))]
        if not homes:
            raise self._unknown_app(app, env)
        tenants = sorted({site.tenant for site, _ in homes})
        if len(tenants) > 1:
            raise UnknownName(
                text("{app} on {env} belongs to several teams.", app=str(app), env=str(env)),
                field="app",
                next=text("Give it another name in one of {tenants}.", tenants=", ".join(tenants)),
            )
        scopes = tuple(Scope(site.cluster, site.namespace, workload) for site, workload in homes)
        return App(app, env, tenants[0], scopes, self._channels.get(str(app), homes[0][0].channel))

    def homes(self, app: AppName) -> tuple[App, ...]:
        found = tuple(self.locate(app, env) for env in self._sites if app in self.names(env))
        if not found:
            names = [str(each) for each in self.names()]
            raise UnknownName(
                text("There is no app {app}.", app=str(app)),
                field="app",
                nearest=nearest(str(app), names),
                next=_listed(text("There are"), names),
            )
        if len({each.tenant for each in found}) > 1:
            raise UnknownName(text("{app} belongs to several teams.", app=str(app)), field="app")
        return found

    def owner(self, namespace: str, workload: str) -> App | None:
        for env, sites in self._sites.items():
            for site in sites:
                if site.namespace != namespace:
                    continue
                for app, name in self._apps(site).items():
                    if workload in {name, str(app)}:
                        return self.locate(app, env)
        return None

    def _apps(self, site: Site) -> Mapping[AppName, str]:
        """App to workload."""
        key, now = (site.cluster, site.namespace), self._clock.elapsed()
        with self._guard:
            known = self._seen.get(key)
        if known is not None and now - known[0] < FRESH:
            return known[1]
        try:
            found = self._look(site)
        except IntegrationError:
            if known is None:
                raise
            return known[1]
        with self._guard:
            self._seen[key] = (now, found)
        return found

    def _look(self, site: Site) -> Mapping[AppName, str]:
        found: dict[AppName, str] = {}
        for workload in self._cluster(site.cluster).workloads.list(site.namespace):
            name = self._name_of(workload)
            if name is not None:
                found.setdefault(name, workload.ref.name)
        return found

    def _name_of(self, workload: Workload) -> AppName | None:
        if TRACK_LABEL in workload.labels or TRACK_LABEL in workload.template.labels:
            return None
        try:
            return AppName(workload.labels.get(self._label) or workload.ref.name)
        except ValueError:
            return None

    def _unknown_env(self, env: EnvName) -> UnknownName:
        names = [str(each) for each in self._sites]
        return UnknownName(
            text("There is no environment {env}.", env=str(env)),
            field="env",
            nearest=nearest(str(env), names),
            next=_listed(text("There are"), names),
        )

    def _unknown_app(self, app: AppName, env: EnvName) -> UnknownName:
        names = [str(each) for each in self.names(env)]
        elsewhere = [str(each) for each in self._sites if each != env and app in self.names(each)]
        near = nearest(str(app), names)
        if elsewhere:
            next = text("It is on {envs}.", envs=", ".join(elsewhere))
        elif near:
            next = text("Did you mean {names}? The rest of your command is kept.", names=" or ".join(near))
        else:
            next = _listed(text("On {env} there are", env=str(env)), names)
        return UnknownName(
            text("There is no app {app} on {env}.", app=str(app), env=str(env)),
            field="app",
            nearest=near,
            next=next,
        )


def _listed(head: Text, names: list[str]) -> Text:
    shown = ", ".join(names[:8]) or "none"
    if len(names) > 8:
        return text("{head} {names} and {n} more.", head=head, names=shown, n=len(names) - 8)
    return text("{head} {names}.", head=head, names=shown)
