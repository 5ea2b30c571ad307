"""A second verifier, written without the first one's parts: it believes nothing that is stored.

It counts and hashes the bodies alone, from nothing, and only then compares. It says where things go wrong, not how.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping

from bot.ports.store import Sealed


class Recount:
    """Fed with the same records; `first_wrong` is the place in the order from which on nothing fits, 0 while all fits."""

    __slots__ = ("_digest", "_outside", "first_wrong", "place")

    def __init__(self, outside: Mapping[int, frozenset[str]]) -> None:
        """`outside`: the hashes that checkpoints give, by size."""
        self._outside = outside
        self._digest = bytes(32)
        self.place = 0
        self.first_wrong = 0

    def feed(self, records: Iterable[Sealed]) -> None:
        for sealed in records:
            self.place += 1
            sha = hashlib.new("sha256", usedforsecurity=True)
            sha.update(b"pilothouse-audit-1")
            sha.update(self._digest)
            sha.update(struct.pack(">Q", self.place))
            sha.update(sealed.record.body.encode(errors="surrogateescape"))
            self._digest = sha.digest()
            computed = self._digest.hex()
            is_right = (sealed.seq, sealed.hash) == (self.place, computed)
            if not self.first_wrong and not (is_right and self._outside.get(self.place, {computed}) == {computed}):
                self.first_wrong = self.place

    def is_intact(self) -> bool:
        """Nothing was wrong, and no checkpoint saw more than there is."""
        seen = max(self._outside, default=0)
        empty = self._outside.get(0, frozenset({bytes(32).hex()})) == frozenset({bytes(32).hex()})
        return self.first_wrong == 0 and seen <= self.place and empty
