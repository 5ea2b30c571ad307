"""A second verifier, written without the first one's parts: it believes nothing that is stored.

It counts and hashes the bodies alone, from nothing, and only then compares. It says where things go wrong, not how.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping

from bot.ports.store import Raw


class Recount:
    """Fed with the same records; `first_wrong` is the place in the order from which on nothing fits, 0 while all fits."""

    __slots__ = ("_digest", "_outside", "_start", "first_wrong", "place")

    def __init__(self, outside: Mapping[int, frozenset[str]]) -> None:
        """`outside`: the hashes that checkpoints give, by size."""
        self._outside = outside
        self._start = hashlib.new("sha256", b"pilothouse-audit-1", usedforsecurity=True)
        self._digest = bytes(32)
        self.place = 0
        self.first_wrong = 0

    def feed(self, records: Iterable[Raw]) -> None:
        """Of each record it looks at its number, its hash and its body."""
        place, digest, outside, number = self.place, self._digest, self._outside, struct.Struct(">Q").pack
        for record in records:
            place += 1
            sha = self._start.copy()
            sha.update(b"%b%b%b" % (digest, number(place), record[2]))
            digest = sha.digest()
            if record[0] == place and record[1] == digest.hex() and place not in outside:
                continue
            is_right = (record[0], record[1]) == (place, digest.hex()) and outside.get(place) in (None, {digest.hex()})
            if not is_right and not self.first_wrong:
                self.first_wrong = place
        self.place, self._digest = place, digest

    def is_intact(self) -> bool:
        """Nothing was wrong, and no checkpoint saw more than there is."""
        seen = max(self._outside, default=0)
        empty = self._outside.get(0, frozenset({bytes(32).hex()})) == frozenset({bytes(32).hex()})
        return self.first_wrong == 0 and seen <= self.place and empty
