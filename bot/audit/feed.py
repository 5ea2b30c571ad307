"""What the record says outside: the audit channel, and JSON lines for whoever collects them. Both follow seq, never id.

The channel gets plain text (Slack marks an edited text, not an edited block), as many records as fit a message, each
message ending with a checkpoint. A new message waits until the last one is out, so that an outage ends in few messages.
Never edits, never answers; reads the chain and writes the outbox only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.audit.checkpoint import Signer, dump
from bot.domain.codec import Json, canonical
from bot.domain.reply import span
from bot.ports.store import MessageClass, Sealed, Store, Tx

CHANNEL = "audit-channel"
LINES = "json-lines"
LIMIT = 3000
"""Bytes of a message's records; Slack takes 4,000 with the checkpoint and room for escaping."""
PAGE = 200
DENIALS = 10
"""A minute; what is more becomes one line."""
SHOWN = frozenset({"denied", "request", "vote", "signal", "intent", "outcome", "adopt"})
"""Reads and single steps stay in the record alone."""
_LAST = "audit-channel-last"
_FLOOD = "audit-channel-denied"
_WORD_LIMIT = 120


@dataclass(frozen=True, slots=True)
class Flood:
    """Denials of one minute: how many had a line of their own, and those that wait for the line that counts them."""

    minute: int = 0
    shown: int = 0
    count: int = 0
    first: int = 0
    last: int = 0


class ChannelFeed:
    def __init__(self, *, store: Store, signer: Signer, channel: str) -> None:
        self._store = store
        self._signer = signer
        self._channel = channel

    def run_once(self) -> bool:
        """One message more, when there is anything to say and the last one is out. Called after each sealing."""
        if not self._store.read(self._has_news):
            return False
        return self._store.transact(self._post)

    def _has_news(self, tx: Tx) -> bool:
        if _is_waiting(tx):
            return False
        size, _ = tx.records.head()
        return size > tx.records.fed(CHANNEL) or _is_over(_flood(tx), tx.now)

    def _post(self, tx: Tx) -> bool:
        if _is_waiting(tx):
            return False
        flood = _flood(tx)
        fed = tx.records.fed(CHANNEL)
        told = Telling(flood)
        for sealed in tx.records.page(after=fed, limit=PAGE):
            if not told.add(sealed):
                break
        told.end(tx.now)
        if told.last is not None:
            tx.records.feed(CHANNEL, told.last.seq)
        if told.flood != flood:
            tx.meta.put(_FLOOD, canonical(_dumped(told.flood)))
        if not told.lines:
            return False
        self._want(tx, told)
        return True

    def _want(self, tx: Tx, told: Telling) -> None:
        if told.last is not None:
            checkpoint = self._signer.at(tx, told.last.seq, told.last.hash)
        else:
            checkpoint = self._signer.at_head(tx)
        key = f"audit/{told.first_seq}-{told.last_seq}"
        words = "\n".join((*told.lines, checkpoint_line(checkpoint.size, checkpoint.hash, self._signer.name)))
        metadata: dict[str, Json] = {
            "event_type": "pilothouse_audit",
            "event_payload": {
                "record": told.last_seq,
                "head": checkpoint.hash,
                "checkpoint": dump(checkpoint),
            },
        }
        body = canonical({"text": words, "metadata": metadata})
        tx.outbox.want(key, channel=self._channel, kind=MessageClass.OPERATION, body=body)
        tx.meta.put(_LAST, key)


class Telling:
    """Records becoming lines, until a message is full."""

    def __init__(self, flood: Flood) -> None:
        self.flood = flood
        self.lines: list[str] = []
        self.last: Sealed | None = None
        self.first_seq = 0
        self.last_seq = 0
        self._size = 0

    def add(self, sealed: Sealed) -> bool:
        """False when it does not fit any more."""
        kind = sealed.record.kind
        if kind not in SHOWN:
            self.last = sealed
            return True
        if kind == "denied" and self._is_flood(sealed):
            self.last = sealed
            return True
        line = line_of(sealed)
        if self.lines and self._size + len(line.encode()) > LIMIT:
            return False
        self._say(line, sealed.seq, sealed.seq)
        if kind == "denied":
            self.flood = replace(self.flood, shown=self.flood.shown + 1)
        self.last = sealed
        return True

    def end(self, now: datetime) -> None:
        """Of a minute that is over, the line that counts."""
        if _is_over(self.flood, now):
            self._count_line()
            self.flood = Flood()

    def _is_flood(self, sealed: Sealed) -> bool:
        minute = int(sealed.at.timestamp()) // 60
        if minute != self.flood.minute:
            if self.flood.count:
                self._count_line()
            self.flood = Flood(minute=minute)
        if self.flood.shown < DENIALS:
            return False
        self.flood = replace(
            self.flood, count=self.flood.count + 1, first=self.flood.first or sealed.seq, last=sealed.seq
        )
        return True

    def _count_line(self) -> None:
        flood = self.flood
        at = moment_of(datetime.fromtimestamp(flood.minute * 60, UTC))
        words = f"*Denied* · {flood.count} more in one minute · records {flood.first}-{flood.last} · {at}"
        self._say(words, flood.first, flood.last)

    def _say(self, line: str, first: int, last: int) -> None:
        self.lines.append(line)
        self._size += len(line.encode())
        self.first_seq = min(self.first_seq or first, first)
        self.last_seq = max(self.last_seq, last)


class LineFeed:
    """One JSON object a record, in order; a line may come twice after a crash, never out of order, never not at all."""

    def __init__(self, *, store: Store, write: Callable[[str], None]) -> None:
        """`write` takes whole lines and is done when it returns; what it raises goes to the caller."""
        self._store = store
        self._write = write

    def run_once(self) -> int:
        fed = self._store.read(lambda tx: tx.records.fed(LINES))
        page = self._store.read(lambda tx: tx.records.page(after=fed, limit=PAGE))
        if not page:
            return 0
        self._write("".join(f"{json_line(sealed)}\n" for sealed in page))
        self._store.transact(lambda tx: tx.records.feed(LINES, page[-1].seq))
        return len(page)


def json_line(sealed: Sealed) -> str:
    return canonical({"seq": sealed.seq, "hash": sealed.hash, "record": json.loads(sealed.record.body)})


# --- wording ----------------------------------------------------------------------------------


def line_of(sealed: Sealed) -> str:
    """Two lines: what, where; then who and which record."""
    record = sealed.record
    details = _details(record.body)
    what = details.get("command", "") or record.action
    place = record.target.split("/") if record.target else []
    asks = details.get("asks", "")
    told = (what, *place)
    if asks:
        # It names app, env and both versions, and mostly the command too.
        told = (asks,) if asks.startswith(f"{what} ") else (what, asks)
    head = " · ".join((f"*{_state(record.kind, record.outcome)}*", *(_plain(each) for each in told if each)))
    facts = [f"by {_code(record.actor)}"]
    if approved := details.get("approved", ""):
        facts.append(f"approved by {_plain(approved)}")
    if record.op:
        facts.append(_plain(record.op))
    if record.kind == "intent" and details.get("plan"):
        facts.append(f"plan {_code(details['plan'][:8])}")
    if record.kind in {"signal", "vote"} and details.get("signal"):
        facts.append(_plain(details["signal"]))
    if writes := details.get("writes", ""):
        facts.append("1 write" if writes == "1" else f"{_plain(writes)} writes")
    if (seconds := details.get("seconds", "")).isdigit():
        facts.append(span(timedelta(seconds=int(seconds))))
    facts.append(f"record {sealed.seq}")
    facts.append(moment_of(sealed.at))
    return f"{head}\n{' · '.join(facts)}"


def checkpoint_line(size: int, hash: str, key: str) -> str:
    return f"*Checkpoint* · {size:,} records · head `{hash[:12]}` · key {key} · check: `pilothouse audit verify`"


def moment_of(at: datetime) -> str:
    return f"<!date^{int(at.timestamp())}^{{time}}|{at.astimezone(UTC):%H:%M} UTC>"


def _state(kind: str, outcome: str) -> str:
    match kind:
        case "outcome":
            return f"Outcome: {_plain(outcome)}"
        case "denied":
            return f"Denied: {_plain(outcome)}"
        case "adopt":
            return "Adopted after a restore"
        case _:
            return _plain(kind.capitalize())


def _plain(words: str) -> str:
    """Shows as it is: no mention, link, line or mark can come of it."""
    flat = "".join(char if char.isprintable() else "\ufffd" for char in " ".join(words.split()))[:_WORD_LIMIT]
    for mark in "*~`":
        flat = flat.replace(mark, "'")
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(words: str) -> str:
    return f"`{_plain(words)}`"


def _details(body: str) -> Mapping[str, str]:
    try:
        raw = json.loads(body).get("details", {})
    except (ValueError, AttributeError):
        return {}
    return {str(name): str(value) for name, value in raw.items()} if isinstance(raw, dict) else {}


# --- what is remembered between messages ------------------------------------------------------


def _is_waiting(tx: Tx) -> bool:
    """The last message is not out yet: what comes meanwhile goes into the next one."""
    last = tx.meta.get(_LAST)
    message = tx.outbox.get(last) if last else None
    return message is not None and message.sent_rev < message.rev


def _is_over(flood: Flood, now: datetime) -> bool:
    return flood.count > 0 and int(now.timestamp()) // 60 > flood.minute


def _flood(tx: Tx) -> Flood:
    stored = tx.meta.get(_FLOOD)
    return Flood(**json.loads(stored)) if stored else Flood()


def _dumped(flood: Flood) -> dict[str, Json]:
    return {
        "minute": flood.minute,
        "shown": flood.shown,
        "count": flood.count,
        "first": flood.first,
        "last": flood.last,
    }


def checkpoints_in(payloads: Iterable[Mapping[str, object]]) -> Sequence[str]:
    """The checkpoints (for checkpoint.load) in the metadata payloads of the channel's messages."""
    return [found for payload in payloads if isinstance(found := payload.get("checkpoint"), str)]
