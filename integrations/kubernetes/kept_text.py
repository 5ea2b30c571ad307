"""One text kept in a ConfigMap, as the bot itself: where the audit record's checkpoints stand outside the database.

The object is made by whoever installs the bot (deploy/rbac/checkpoints/configmap.yaml), never here: one that is gone is missed, and
not begun anew. It changes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bot.domain.errors import Conflict, Missing
from bot.domain.reply import text
from integrations.kubernetes.connection import Connection, place
from integrations.kubernetes.errors import SYSTEM, VENDOR, ours

KEY = "checkpoints"
TRIES = 5
"""Another replica may have written in between."""


class _Meta(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Kept(msgspec.Struct):
    metadata: _Meta
    data: dict[str, str] | None = None


class ConfigMapText:
    def __init__(
        self, cluster: str, connection: Callable[[], Connection], pin: Callable[[], None], *, namespace: str, name: str
    ) -> None:
        """`pin` raises Refused unless this is the cluster of the settings."""
        self._cluster = cluster
        self._connection = connection
        self._pin = pin
        self._path = place("ConfigMap", namespace, name)
        self.name = f"configmap:{cluster}/{namespace}/{name}"

    def read(self) -> str:
        """Empty where nothing was written yet. Raises Missing where the object is not there, Unavailable, Refused."""
        return (self._found().data or {}).get(KEY, "")

    def change(self, make: Callable[[str], str]) -> None:
        """What `make` makes of what stands there, tested in the same write. Raises Conflict, Missing, Unavailable, Refused."""
        self._pin()
        for attempt in range(1, TRIES + 1):
            found = self._found()
            value = make((found.data or {}).get(KEY, ""))
            put: dict[str, object] = {"op": "add", "path": f"/data/{KEY}", "value": value}
            if found.data is None:
                put = {"op": "add", "path": "/data", "value": {KEY: value}}
            test = {"op": "test", "path": "/metadata/resourceVersion", "value": found.metadata.resource_version}
            try:
                self._connection().patch(self._path, [test, put])
            except Conflict:
                if attempt == TRIES:
                    raise
            else:
                return

    def _found(self) -> _Kept:
        try:
            data = self._connection().get(self._path)
        except Missing as gone:
            what = text("{name} is not there.", name=self.name)
            raise Missing(
                SYSTEM, what, next=text("`kubectl apply` deploy/rbac/checkpoints/configmap.yaml in it")
            ) from gone
        try:
            return msgspec.json.decode(data, type=_Kept)
        except VENDOR as error:
            raise ours(error, cluster=self._cluster, path=self._path) from error
