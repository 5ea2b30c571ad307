"""Who signs the audit record's checkpoints, whose signatures count, and where they are kept outside the database."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from bot.audit.checkpoint import Keys, Signer, signer_from_file, signer_from_secret
from bot.audit.sinks import FileSink, Sink, TextSink
from bot.domain.errors import Refused
from bot.domain.reply import text
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
    """Raises Refused: without a key that can be used nothing is recorded, so nothing is started."""
    path = settings.data.folder / KEY_FILE
    is_given = bool(settings.audit.signing_key.reveal())
    try:
        return signer_from_secret(settings.audit.signing_key) if is_given else signer_from_file(path)
    except (ValueError, OSError) as error:
        place = "audit: signing-key" if is_given else str(path)
        why = (
            error.strerror
            if isinstance(error, OSError) and error.strerror
            else "it is no key of 32 bytes in base64 or hex"
        )
        what = text("{place} cannot be used: {why}.", place=place, why=why)
        raise Refused("audit", what, next=text("`openssl rand -base64 32` makes one")) from error


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
