"""What is searched and shown in lists has to be what was hashed: the columns of a record against its body.

Pure. The body is read here, and not where the chain is walked: a verifier of hashes believes no JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from bot.audit.chain import Finding, Flaw
from bot.domain.reply import text
from bot.ports.store import Raw

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIRRORED = ("actor", "action", "target", "op", "kind", "outcome")


class _Said(msgspec.Struct, gc=False):
    actor: str
    action: str
    target: str
    op: str
    kind: str
    outcome: str
    at: Annotated[datetime, msgspec.Meta(tz=True)]


_read = msgspec.json.Decoder(_Said).decode


def wrong_columns(records: Iterable[Raw]) -> Iterator[Finding]:
    for seq, _, body, at, actor, action, target, op, kind, outcome in records:
        try:
            said = _read(body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            yield Finding(Flaw.COLUMNS, seq, text("Record {seq} cannot be read.", seq=seq))
            continue
        since = said.at - _EPOCH
        if (
            said.actor == actor
            and said.action == action
            and said.target == target
            and said.op == op
            and said.kind == kind
            and said.outcome == outcome
            and (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds == at
        ):
            continue
        stands = (actor, action, target, op, kind, outcome)
        wrong = [name for name, one in zip(_MIRRORED, stands, strict=True) if getattr(said, name) != one] or ["at"]
        words = text("Record {seq} is shown with another {names} than was written.", seq=seq, names=", ".join(wrong))
        yield Finding(Flaw.COLUMNS, seq, words)
