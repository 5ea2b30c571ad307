"""The small language in which Block Kit's rules are written: a specification checks a JSON value and adds problems.

Pure. Messages are worded as Slack words them, pointers are JSON pointers (RFC 6901). What is allowed where is not
said here but in `block_schema.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule: where, a stable code, and the sentence that Slack would send."""

    pointer: str
    code: str
    message: str

    def sentence(self) -> str:
        return f"{self.message} [json-pointer:{self.pointer}]"


@dataclass(frozen=True, slots=True)
class Out:
    """Collects problems; `files_ready` answers whether an uploaded file may be shown."""

    problems: list[Problem] = field(default_factory=list)
    files_ready: Callable[[Mapping[str, Any]], bool] = lambda _: True

    def add(self, pointer: str, code: str, message: str) -> None:
        self.problems.append(Problem(pointer, code, message))


class Spec(Protocol):
    def check(self, value: object, at: str, out: Out) -> None: ...


Rule = Callable[[Mapping[str, Any], str, Out], None]


def child(at: str, key: str | int) -> str:
    return f"{at}/{str(key).replace('~', '~0').replace('/', '~1')}"


@dataclass(frozen=True, slots=True)
class Text:
    """A string of `low` to `high` characters."""

    high: int
    low: int = 1

    def check(self, value: object, at: str, out: Out) -> None:
        if not isinstance(value, str):
            out.add(at, "type", "must provide a string")
        elif len(value) < self.low:
            out.add(at, "too_short", f"must be more than {self.low - 1} characters")
        elif len(value) > self.high:
            out.add(at, "too_long", f"must be less than {self.high + 1} characters")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A string that a predicate accepts, such as a date."""

    accepts: Callable[[str], bool]
    expected: str

    def check(self, value: object, at: str, out: Out) -> None:
        if not isinstance(value, str):
            out.add(at, "type", "must provide a string")
        elif not self.accepts(value):
            out.add(at, "format", f"must be {self.expected}")


@dataclass(frozen=True, slots=True)
class Choice:
    values: tuple[str | int, ...]

    def check(self, value: object, at: str, out: Out) -> None:
        if isinstance(value, bool) or value not in self.values:
            out.add(at, "enum", "must be a valid enum value")


@dataclass(frozen=True, slots=True)
class Flag:
    def check(self, value: object, at: str, out: Out) -> None:
        if not isinstance(value, bool):
            out.add(at, "type", "must provide a boolean")


@dataclass(frozen=True, slots=True)
class Number:
    low: float
    high: float
    whole: bool = True

    def check(self, value: object, at: str, out: Out) -> None:
        allowed = int if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, allowed):
            out.add(at, "type", "must provide an integer" if self.whole else "must provide a number")
        elif not self.low <= float(value) <= self.high:
            out.add(at, "range", f"must be between {self.low:g} and {self.high:g}")


@dataclass(frozen=True, slots=True)
class Anything:
    """A value that Slack fills in or that no limit is known of."""

    def check(self, value: object, at: str, out: Out) -> None:
        return


@dataclass(frozen=True, slots=True)
class Items:
    item: Spec
    high: int
    low: int = 1

    def check(self, value: object, at: str, out: Out) -> None:
        if not isinstance(value, list):
            out.add(at, "type", "must provide an array")
            return
        if len(value) < self.low:
            out.add(at, "too_few", f"no fewer than {self.low} items allowed")
        if len(value) > self.high:
            out.add(at, "too_many", f"no more than {self.high} items allowed")
        for index, item in enumerate(value):
            self.item.check(item, child(at, index), out)


@dataclass(frozen=True, slots=True)
class Obj:
    """An object with exactly these fields; `rules` look at the whole once its fields are right on their own."""

    required: Mapping[str, Spec]
    optional: Mapping[str, Spec] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    def check(self, value: object, at: str, out: Out) -> None:
        if not isinstance(value, dict):
            out.add(at, "type", "must provide an object")
            return
        before = len(out.problems)
        for name in self.required:
            if value.get(name) is None:
                out.add(at, "missing", f"missing required field: {name}")
        for name, given in value.items():
            spec = self.required.get(name) or self.optional.get(name)
            if spec is None:
                out.add(at, "unknown_field", f"invalid additional property: {name}")
            elif given is not None:
                spec.check(given, child(at, name), out)
        if len(out.problems) == before:
            for rule in self.rules:
                rule(value, at, out)


@dataclass(frozen=True, slots=True)
class ByType:
    """An object whose `type` chooses its specification."""

    table: Mapping[str, Spec]

    def check(self, value: object, at: str, out: Out) -> None:
        if not isinstance(value, dict):
            out.add(at, "type", "must provide an object")
            return
        kind = value.get("type")
        if kind is None:
            out.add(at, "missing", "missing required field: type")
            return
        spec = self.table.get(kind) if isinstance(kind, str) else None
        if spec is None:
            out.add(child(at, "type"), "unsupported", f"unsupported type: {kind}")
            return
        spec.check(value, at, out)


def typed(
    kind: str, required: Mapping[str, Spec], optional: Mapping[str, Spec] | None = None, *rules: Rule
) -> tuple[str, Obj]:
    """An entry of a `ByType` table."""
    return kind, Obj({"type": Choice((kind,)), **required}, optional or {}, rules)
