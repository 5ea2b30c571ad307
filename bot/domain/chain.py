"""One link of the audit chain: the formula, and nothing else. Standard library only.

hash = SHA-256("pilothouse-audit-1" + previous hash (32 bytes) + seq as 8 bytes, big-endian + body in UTF-8).
"""

from __future__ import annotations

import hashlib

PREFIX = b"pilothouse-audit-1"
START = "0" * 64
"""The hash before the first record."""


def link(previous: str, seq: int, body: str) -> str:
    # Bodies read from a database that somebody edited may hold bytes that are no UTF-8: they are hashed as they stand.
    content = body.encode("utf-8", "surrogateescape")
    return hashlib.sha256(PREFIX + bytes.fromhex(previous) + seq.to_bytes(8, "big") + content).hexdigest()
