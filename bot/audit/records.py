"""How a record of the audit is made: its fields and details as canonical JSON, without what looks like a secret.

Pure. Writing it is `tx.records.append`, in the transaction of what it describes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from bot.domain.codec import canonical
from bot.domain.redact import redact, redact_fields
from bot.ports.store import Record

VERSION = 1
DETAIL_LIMIT = 4000
"""Characters of one detail: an audit record is no place for files."""


def record(
    *,
    actor: str,
    action: str,
    target: str,
    op: str,
    kind: str,
    outcome: str,
    at: datetime,
    details: Mapping[str, str],
    origin: str = "",
) -> Record:
    """`at` is the transaction's `now`. `origin` (slack, terminal...) may stand among the details instead."""
    given = {_clean(name): _clean(value) for name, value in details.items()}
    came_from = _clean(origin) or given.pop("origin", "")
    kept = {name: _capped(value) for name, value in redact_fields(given).items()}
    fields = {
        "actor": _clean(actor),
        "action": _clean(action),
        "target": _clean(redact(target)),
        "op": _clean(op),
        "kind": _clean(kind),
        "outcome": _clean(outcome),
    }
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    body = canonical({"v": VERSION, "at": moment, "origin": came_from, **fields, "details": {**kept}})
    return Record(**fields, body=body)


def _clean(words: str) -> str:
    """Lone surrogates cannot be stored, NUL not in PostgreSQL: both become the replacement character."""
    if words.isascii() and "\x00" not in words:
        return words
    return words.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def _capped(words: str) -> str:
    if len(words) <= DETAIL_LIMIT:
        return words
    return f"{words[:DETAIL_LIMIT]}... ({len(words)} characters)"
