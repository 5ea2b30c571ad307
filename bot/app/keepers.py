"""Who signs the audit record's checkpoints, whose signatures count, and where they are kept outside the database."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from bot.audit.checkpoint import Keys, Signer, signer_from_file, signer_from_secret
from bot.audit.sinks import FileSink, Sink, TextSink
from bot.ports.clusters import Cluster
from bot.settings import Settings

KEY_FILE = "audit-key"


class KeptText(Protocol):
    @property
    def name(self) -> str: ...

    def read(self) -> str: ...

    def change(self, make: Callable[[str], str]) -> None: ...


@runtime_checkable
class Keeps(Protocol):
    """A cluster in which a text can be kept; the simulated one is as good as the database."""

    def text(self, namespace: str, name: str) -> KeptText: ...


def signer_of(settings: Settings) -> Signer:
    """Raises ValueError, OSError."""
    if settings.audit.signing_key.reveal():
        return signer_from_secret(settings.audit.signing_key)
    return signer_from_file(settings.data.folder / KEY_FILE)


def keys_of(settings: Settings, signer: Signer) -> Keys:
    earlier = {base64.b64decode(each.public): each.records for each in settings.audit.earlier_keys}
    return Keys((signer.public,), earlier=earlier)


def sinks_of(settings: Settings, clusters: Mapping[str, Cluster]) -> list[Sink]:
    """Without the audit channel, which the Slack edge adds when it is connected."""
    audit = settings.audit
    found: list[Sink] = [FileSink(audit.checkpoint_file)] if audit.checkpoint_file is not None else []
    kept = audit.checkpoint_configmap
    cluster: object = clusters.get(kept.cluster) if kept is not None else None
    if kept is not None and isinstance(cluster, Keeps):
        place = cluster.text(kept.namespace, kept.name)
        found.append(TextSink(place.name, read=place.read, change=place.change))
    return found
