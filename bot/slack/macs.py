"""What we send to Slack and want back unchanged: a button's command line, a form's context. Each carries a MAC.

The MAC is routing's seal and no authority: whoever clicks is authorised by the road. It covers neither message nor
channel, so that a line is the same button everywhere. Pure but for the keys.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from enum import StrEnum

from bot.domain.refs import Secret
from bot.domain.reply import Opens

_LENGTH = 12
"""Bytes that are kept of the HMAC: 96 bits, tried online against a rate-limited Slack."""
MAC_LENGTH = 16
"""Characters that these are in base64."""
OVERHEAD = MAC_LENGTH + 2
"""Characters of a button's value that are not its line."""
SHORTEST_KEY = 32

_HINTS = {Opens.NOTHING: "n", Opens.VIEW: "v", Opens.FORM: "f"}
_OPENS = {letter: opens for opens, letter in _HINTS.items()}


class Use(StrEnum):
    """What a MAC was made for: none serves for another."""

    BUTTON = "pilothouse-button-1"
    VIEW = "pilothouse-view-1"


class Macs:
    def __init__(self, *keys: Secret) -> None:
        """The first key makes MACs, every key is accepted. Raises ValueError for a missing or a short key."""
        if not keys or any(len(key.reveal()) < SHORTEST_KEY for key in keys):
            raise ValueError(f"a key of at least {SHORTEST_KEY} characters is needed")
        self._keys = tuple(key.reveal().encode() for key in keys)

    def button(self, line: str, opens: Opens) -> str:
        """`MAC.` with a letter for what opens at once, and the line."""
        return self.seal(Use.BUTTON, f"{_HINTS[opens]}{line}")

    def pressed(self, value: str) -> tuple[str, Opens] | None:
        """The line and what opens at once; None when it is not ours (any more)."""
        words = self.open(Use.BUTTON, value)
        if not words or words[0] not in _OPENS:
            return None
        return words[1:], _OPENS[words[0]]

    def seal(self, use: Use, words: str) -> str:
        return f"{_mac(self._keys[0], use, words)}.{words}"

    def open(self, use: Use, sealed: str) -> str | None:
        mac, dot, words = sealed.partition(".")
        if not dot or not mac.isascii():
            return None
        is_ours = [hmac.compare_digest(_mac(key, use, words), mac) for key in self._keys]
        return words if any(is_ours) else None


def _mac(key: bytes, use: Use, words: str) -> str:
    message = use.encode() + b"\0" + words.encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(hmac.new(key, message, hashlib.sha256).digest()[:_LENGTH]).decode()
