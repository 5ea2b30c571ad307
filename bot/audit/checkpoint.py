"""Checkpoints: the chain's state at a size, signed, in a form that can be kept anywhere outside the database.

The signature is Ed25519 over canonical JSON of everything else. Reads and writes only the key's own file.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bot.domain.codec import Json, canonical
from bot.domain.refs import Secret
from bot.ports.store import Checkpoint, Tx

_SEED_LENGTH = 32
_PURPOSE = "pilothouse-checkpoint-1"
"""Signed with it, so that a signature of this key over anything else is no checkpoint."""


class Signer:
    def __init__(self, seed: bytes) -> None:
        """`seed`: the 32 bytes of an Ed25519 private key. Raises ValueError."""
        if len(seed) != _SEED_LENGTH:
            raise ValueError("a signing key of 32 bytes")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = public_bytes(self._key.public_key())

    @property
    def name(self) -> str:
        """What people see of the key: `k1f3a9c2`."""
        return key_name(self.public)

    def sign(self, checkpoint: Checkpoint) -> Checkpoint:
        signature = self._key.sign(_signed(checkpoint))
        return replace(checkpoint, signature=base64.b64encode(signature).decode())

    def at_head(self, tx: Tx) -> Checkpoint:
        """Of the chain as this transaction sees it."""
        size, hash = tx.records.head()
        return self.at(tx, size, hash)

    def at(self, tx: Tx, size: int, hash: str) -> Checkpoint:
        return self.sign(
            Checkpoint(
                database=tx.meta.get("database"),
                epoch=int(tx.meta.get("epoch") or 1),
                size=size,
                hash=hash,
                at=tx.now,
                signature="",
            )
        )


class Keys:
    """Public keys whose signatures count: the one in use and those before it."""

    def __init__(self, publics: Iterable[bytes], *, earlier: Mapping[bytes, int] | None = None) -> None:
        """`earlier`: keys that are no longer in use, each with the greatest number of records that it vouches for: who
        finds an old key signs nothing newer with it. Raises ValueError for what is no key of 32 bytes."""
        self._keys = [(Ed25519PublicKey.from_public_bytes(public), sys.maxsize) for public in publics]
        self._keys += [(Ed25519PublicKey.from_public_bytes(key), most) for key, most in (earlier or {}).items()]

    def is_genuine(self, checkpoint: Checkpoint) -> bool:
        try:
            signature = base64.b64decode(checkpoint.signature, validate=True)
        except (binascii.Error, ValueError):
            return False
        for key, most in self._keys:
            if checkpoint.size > most:
                continue
            with contextlib.suppress(InvalidSignature):
                key.verify(signature, _signed(checkpoint))
                return True
        return False


def signer_from_secret(secret: Secret) -> Signer:
    """Base64 or hex of the 32 bytes, as `openssl rand -base64 32` gives them. Raises ValueError without the secret."""
    given = secret.reveal().strip()
    with contextlib.suppress(ValueError):
        return Signer(bytes.fromhex(given))
    with contextlib.suppress(ValueError, binascii.Error):
        return Signer(base64.b64decode(given, validate=True))
    raise ValueError("a signing key of 32 bytes in base64 or hex")


def signer_from_file(path: Path) -> Signer:
    """Made once, readable by its owner alone. Raises OSError, ValueError."""
    seed = os.urandom(_SEED_LENGTH)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    # Linked into place whole: of two that start at once one wins, and nobody reads half a key.
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w") as opened:
            opened.write(base64.b64encode(seed).decode() + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
    return signer_from_secret(Secret(path.read_text()))


def public_bytes(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def key_name(public: bytes) -> str:
    return f"k{hashlib.sha256(public).hexdigest()[:7]}"


def dump(checkpoint: Checkpoint) -> str:
    """One line of JSON."""
    return canonical({**_fields(checkpoint), "signature": checkpoint.signature})


def load(stored: str) -> Checkpoint:
    """Raises ValueError for anything that is no checkpoint; whether it is genuine is another question."""
    try:
        raw = json.loads(stored)
        at = datetime.fromisoformat(raw["at"])
        checkpoint = Checkpoint(
            database=str(raw["database"]),
            epoch=int(raw["epoch"]),
            size=int(raw["size"]),
            hash=str(raw["hash"]),
            at=at.astimezone(UTC),
            signature=str(raw["signature"]),
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError("no checkpoint") from error
    if checkpoint.size < 0 or checkpoint.epoch < 1 or len(checkpoint.hash) != len(hashlib.sha256().hexdigest()):
        raise ValueError("no checkpoint")
    return checkpoint


def _fields(checkpoint: Checkpoint) -> dict[str, Json]:
    return {
        "database": checkpoint.database,
        "epoch": checkpoint.epoch,
        "size": checkpoint.size,
        "hash": checkpoint.hash,
        "at": checkpoint.at.astimezone(UTC).isoformat(timespec="microseconds"),
    }


def _signed(checkpoint: Checkpoint) -> bytes:
    return canonical({**_fields(checkpoint), "purpose": _PURPOSE}).encode()
