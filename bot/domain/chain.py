"""One link of the audit chain: the formula, and nothing else. Standard library only.

hash = SHA-256("pilothouse-audit-1" + previous hash (32 bytes) + seq as 8 bytes, big-endian + body in UTF-8).
"""

from __future__ import annotations

import hashlib

PREFIX = b"pilothouse-audit-1"
START = "0" * 64
"""The hash before the first record."""


_STARTED = hashlib.sha256(PREFIX)


def link(previous: str, seq: int, body: str) -> str:
    # Bodies read from a database that somebody edited may hold bytes that are no UTF-8: they are hashed as they stand.
    return bound(bytes.fromhex(previous), seq, body.encode("utf-8", "surrogateescape")).hex()


def bound(previous: bytes, seq: int, body: bytes) -> bytes:
    """The same in bytes. Making a hash costs more than feeding it: one that has read the prefix is copied."""
    sha = _STARTED.copy()
    sha.update(previous + seq.to_bytes(8, "big") + body)
    return sha.digest()
