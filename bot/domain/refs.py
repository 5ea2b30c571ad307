"""Names of things: parsed once, then trusted. Every type here is text with a rule; `str()` gives back what was parsed.

Standard library only. Raises ValueError with what a right value looks like; the road turns it into BadArguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NewType

OperationId = NewType("OperationId", str)
"""`op-1042`."""

PlanHash = NewType("PlanHash", str)
"""SHA-256 over the canonical plan, hex; people see its first 8 characters."""

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,51}[a-z0-9])?")
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:+/-]{0,199}")
_OPERATION = re.compile(r"op-[1-9][0-9]{0,11}")


PREPOSITIONS = frozenset({"to", "in", "on"})
"""Before the name of an environment, in a command line."""
_PLAIN_WORD = re.compile(r'(?!--)[^\s"=]+')


def quoted(words: str) -> str:
    """One word of a command line, whatever is in it but double quotes."""
    return words if _PLAIN_WORD.fullmatch(words) and words not in PREPOSITIONS else f'"{words}"'


def operation_id(text: str) -> OperationId:
    if not _OPERATION.fullmatch(text):
        raise ValueError("an operation such as op-1042")
    return OperationId(text)


@dataclass(frozen=True, slots=True, order=True)
class AppName:
    """What a team runs under one name; also the name of its workload unless labels say otherwise."""

    value: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.value):
            raise ValueError("a name of lower-case letters, digits and dashes that starts with a letter")

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, order=True)
class EnvName:
    value: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.value):
            raise ValueError("an environment such as staging or prod")

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class AppRef:
    """`web`, `web@1.8.2`, `web@sha256:...` or, for a rollback, `web@41`, for a build `web@feature/cart`."""

    app: AppName
    ref: str | None = None

    def __post_init__(self) -> None:
        if self.ref is not None and not _REF.fullmatch(self.ref):
            raise ValueError("an app and a version such as web@1.8.2")

    def __str__(self) -> str:
        return f"{self.app}@{self.ref}" if self.ref else str(self.app)

    @classmethod
    def parse(cls, text: str) -> AppRef:
        app, at, ref = text.partition("@")
        if at and not ref:
            raise ValueError("a version after the @, such as web@1.8.2")
        return cls(AppName(app), ref or None)


@dataclass(frozen=True, slots=True, order=True)
class Percent:
    """A whole percentage, 0 to 100."""

    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value <= 100:
            raise ValueError("a whole number from 0 to 100")

    def __str__(self) -> str:
        return f"{self.value}"


_PAIR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_PAIR_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Pair:
    """A header or a cookie, `name:value`: of characters that mean nothing else in any router's configuration."""

    name: str
    value: str

    def __post_init__(self) -> None:
        if not _PAIR_NAME.fullmatch(self.name) or not _PAIR_VALUE.fullmatch(self.value):
            raise ValueError("NAME:VALUE of letters, digits, dashes and (in the value) dots")

    @classmethod
    def parse(cls, words: str) -> Pair:
        return cls(*words.partition(":")[::2])

    def __str__(self) -> str:
        return f"{self.name}:{self.value}"


@dataclass(frozen=True, slots=True)
class Secret:
    """Text that must not be shown: repr, str and format hide it."""

    _value: str

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


@dataclass(frozen=True, slots=True, order=True)
class Principal:
    """One human (or the bot's own `pilothouse:auto`), by the id that the policy file gives; never a display name."""

    id: str

    def __str__(self) -> str:
        return self.id


AUTO = Principal("pilothouse:auto")
"""Acts for approved undo when the requester may no longer act, and for alerts' own reads."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """One Kubernetes object, pinned: `cluster` is our name of a cluster whose identity is pinned in the settings."""

    cluster: str
    namespace: str
    kind: str
    """Deployment, Service, HorizontalPodAutoscaler, HTTPRoute, ConfigMap..."""
    name: str
    uid: str
    """Empty only for an object that does not exist yet."""

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name} in {self.cluster}/{self.namespace}"
