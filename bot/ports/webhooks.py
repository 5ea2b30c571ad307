"""What comes in over HTTP: systems that tell us things, and the answer that they get. bot.web serves it, bot.app joins it.

A webhook can only tell; what it tells is stored before it is answered, and changes nothing by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

T_co = TypeVar("T_co", covariant=True)

RawHeaders: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Names in lower case, as they came; a name may stand there twice."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    after: Callable[[], None] | None = None
    """Run once the answer is on its way; must return at once."""


class HttpDoor(Protocol):
    """Verifies, then answers; never raises. Called in a thread."""

    def __call__(self, headers: RawHeaders, body: bytes) -> HttpAnswer: ...


class Webhook(Protocol[T_co]):
    def verify(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether it comes from who it says; names in lower case. Compares in constant time, and is never open when
        the secret is missing."""
        ...

    def decode(self, body: bytes) -> T_co:
        """Of a verified body. Raises BadArguments."""
        ...
