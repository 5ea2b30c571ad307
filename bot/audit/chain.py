"""The chain: how it grows and what is wrong with one. Pure; it reads records in the order of their seq and keeps none.

A flaw is reported once: after it the walk goes on from what is stored, so that one edited record is one finding.
bot/audit/recount.py does the same in another way, because a verifier may have a bug.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.chain import START, bound
from bot.domain.reply import Text, text
from bot.ports.store import Checkpoint, Raw

FINDINGS_LIMIT = 50
"""Of a log that is wrong everywhere nobody reads every line."""


class Flaw(StrEnum):
    GAP = "gap"
    ORDER = "order"
    HASH = "hash"
    SHORT = "short"
    CHECKPOINT = "checkpoint"
    COLUMNS = "columns"
    UNSEALED = "unsealed"
    FOREIGN = "foreign"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Finding:
    flaw: Flaw
    seq: int
    words: Text


@dataclass(slots=True)
class Walk:
    """Fed with records by seq, page after page; `finish` when there are no more."""

    checkpoints: Iterable[Checkpoint] = ()
    size: int = 0
    hash: str = START
    count: int = 0
    findings: list[Finding] = field(default_factory=list)
    _expected: dict[int, list[Checkpoint]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for checkpoint in self.checkpoints:
            self._expected.setdefault(checkpoint.size, []).append(checkpoint)

    def feed(self, records: Iterable[Raw]) -> None:
        size, hash, expected = self.size, self.hash, self._expected
        previous = _bytes(hash) or bytes(32)
        for record in records:
            seq, stored = record[0], record[1]
            self.count += 1
            if seq <= size:
                self._found(Flaw.ORDER, seq, text("Record {seq} stands where none can be.", seq=seq))
                continue
            computed = bound(previous, seq, record[2])
            is_right = computed.hex() == stored
            if seq != size + 1:
                self._skipped(seq, size)
            elif not is_right:
                self._found(Flaw.HASH, seq, text("Record {seq} is not what was written.", seq=seq))
            previous = computed if is_right else _bytes(stored) or computed
            size, hash = seq, stored
            if seq in expected:
                self._compare(expected[seq], hash)
        self.size, self.hash = size, hash

    def finish(self) -> tuple[Finding, ...]:
        for size, checkpoints in sorted(self._expected.items()):
            if size == 0:
                self._compare(checkpoints, START)
            elif size > self.size:
                words = text(
                    "The record ends at {size}, and a checkpoint of {at} saw {seen}: the end is missing.",
                    size=self.size,
                    at=checkpoints[0].at,
                    seen=size,
                )
                self._found(Flaw.SHORT, size, words)
        return tuple(self.findings)

    def _skipped(self, seq: int, size: int) -> None:
        if seq == size + 2:
            self._found(Flaw.GAP, size + 1, text("Record {seq} is missing.", seq=size + 1))
        else:
            self._found(
                Flaw.GAP, size + 1, text("Records {first} to {last} are missing.", first=size + 1, last=seq - 1)
            )

    def _compare(self, checkpoints: list[Checkpoint], hash: str) -> None:
        wrong = [checkpoint for checkpoint in checkpoints if checkpoint.hash != hash]
        if wrong:
            words = text(
                "Up to record {seq} it is not the record that a checkpoint of {at} saw: it was written anew.",
                seq=wrong[0].size,
                at=wrong[0].at,
            )
            self._found(Flaw.CHECKPOINT, wrong[0].size, words)

    def _found(self, flaw: Flaw, seq: int, words: Text) -> None:
        if len(self.findings) < FINDINGS_LIMIT:
            self.findings.append(Finding(flaw, seq, words))


def _bytes(hash: str) -> bytes | None:
    """None: somebody put something there that is no hash."""
    try:
        return bytes.fromhex(hash)
    except ValueError:
        return None


def verify(records: Iterable[Raw], checkpoints: Iterable[Checkpoint]) -> tuple[Finding, ...]:
    """Everything that is wrong with the whole chain, from its first record."""
    walk = Walk(checkpoints)
    walk.feed(records)
    return walk.finish()
