"""Which apps and environments there are, and where they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.domain.refs import AppName, EnvName
from bot.ports.observing import Scope


@dataclass(frozen=True, slots=True)
class App:
    """One app in one environment."""

    name: AppName
    env: EnvName
    tenant: str
    scopes: tuple[Scope, ...]
    """A workload in each cluster of the env that has the app; at least one."""
    channel: str = ""
    """Where its alerts go; empty: the default."""

    @property
    def hold(self) -> str:
        return f"{self.name}/{self.env}"


class Apps(Protocol):
    def envs(self) -> tuple[EnvName, ...]: ...

    def names(self, env: EnvName | None = None) -> tuple[AppName, ...]:
        """Sorted; of one env, or of all."""
        ...

    def locate(self, app: AppName, env: EnvName) -> App:
        """Raises UnknownName with the nearest names."""
        ...

    def homes(self, app: AppName) -> tuple[App, ...]:
        """The app in each env that has it, in the order of the settings. Raises UnknownName where none has it, or where
        it belongs to several tenants."""
        ...

    def owner(self, namespace: str, workload: str) -> App | None:
        """Which app an alert's labels speak of."""
        ...
