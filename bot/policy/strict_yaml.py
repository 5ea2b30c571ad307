"""One YAML document, read strictly: what a person wrote is what we see, and every complaint names its line.

Text, lists and mappings only: no aliases, anchors, tags, directives or second documents, no key twice, and no scalar is
ever anything but text (`no` stays `no`, `1.20` stays `1.20`). At most 256 KiB and 20 levels deep. `read` is total:
any bytes give a Document or a BrokenFile. Knows no meaning of what it reads; opens no file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import jsonschema
import yaml

SIZE_LIMIT = 256 * 1024
DEPTH_LIMIT = 20
_WORDS_LIMIT = 80
_TOO_DEEP = f"deeper than {DEPTH_LIMIT} levels"

Value: TypeAlias = "str | list[Value] | dict[str, Value]"
Path: TypeAlias = "tuple[str | int, ...]"


@dataclass(frozen=True, slots=True)
class Problem:
    """One complaint about one place in the file."""

    line: int
    """From 1; 0 where it is about the file as a whole."""
    where: str
    """`grants[0].role`; empty for the file as a whole."""
    what: str

    def __str__(self) -> str:
        place = ", ".join(part for part in (f"line {self.line}" if self.line else "", self.where) if part)
        return f"{place}: {self.what}" if place else self.what


class BrokenFile(ValueError):
    """The file cannot be used; `problems` says everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Document:
    value: Value
    lines: Mapping[Path, int] = field(default_factory=dict)
    """Where each value (of a mapping: its key) stands."""

    def problem(self, path: Path, what: str) -> Problem:
        """A complaint about what stands at `path` or, where nothing does, about what should hold it."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        return Problem(self.lines.get(known, 0), spell(path), what)


def spell(path: Path) -> str:
    """`grants[0].role`."""
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{shorten(part)}" for part in path)
    return words.removeprefix(".")


def shorten(words: str) -> str:
    """Text of the file within a complaint: one line, and not endless."""
    shown = words if words.isprintable() else ascii(words)[1:-1]
    return shown if len(shown) <= _WORDS_LIMIT else shown[:_WORDS_LIMIT] + "…"


def read(source: bytes) -> Document:
    """Raises BrokenFile, and nothing else, whatever the bytes."""
    if len(source) > SIZE_LIMIT:
        raise BrokenFile([Problem(0, "", f"the file has {len(source)} bytes; at most {SIZE_LIMIT} are read")])
    try:
        words = source.decode("utf-8")
    except UnicodeDecodeError as bad:
        raise BrokenFile([Problem(source.count(b"\n", 0, bad.start) + 1, "", "this is not UTF-8")]) from None
    # libyaml's parser is thirty times faster, and its events are the same.
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    try:
        return _Builder(yaml.parse(words, Loader=loader)).document()
    except yaml.MarkedYAMLError as bad:
        mark = bad.problem_mark or bad.context_mark
        # Newer libyaml reads ahead of us, and has a limit of its own.
        too_deep = "nesting depth" in (bad.problem or "")
        what = _TOO_DEEP if too_deep else shorten(bad.problem or "not YAML")
        raise BrokenFile([Problem(mark.line + 1 if mark else 0, "", what)]) from None
    except yaml.YAMLError as bad:
        raise BrokenFile([Problem(0, "", shorten(f"not YAML: {str(bad).splitlines()[0]}"))]) from None


class _Builder:
    """From events, not from PyYAML's nodes: those are built by recursion, before anything can be refused."""

    def __init__(self, events: Iterable[yaml.Event]) -> None:
        self._events: Iterator[yaml.Event] = iter(events)
        self._lines: dict[Path, int] = {}

    def document(self) -> Document:
        event = self._next()
        while isinstance(event, yaml.StreamStartEvent):
            event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            raise BrokenFile([Problem(0, "", "the file is empty")])
        if isinstance(event, yaml.DocumentStartEvent):
            if event.version is not None or event.tags:
                raise _refusal(event, (), "directives (%YAML, %TAG) are not allowed")
            event = self._next()
        value = self._value(event, ())
        self._next()
        if not isinstance(event := self._next(), yaml.StreamEndEvent):
            raise _refusal(event, (), "a second document; the file has to be one")
        return Document(value, self._lines)

    def _next(self) -> yaml.Event:
        return next(self._events)

    def _value(self, event: yaml.Event, path: Path) -> Value:
        self._lines.setdefault(path, _line(event))
        if len(path) > DEPTH_LIMIT:
            raise _refusal(event, path, _TOO_DEEP)
        if isinstance(event, yaml.AliasEvent):
            raise _refusal(event, path, "aliases (*name) are not allowed; write it out")
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise _refusal(event, path, "anchors (&name) are not allowed; write it out")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
            raise _refusal(event, path, f"tags ({shorten(event.tag)}) are not allowed; everything is text")
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)
        return self._mapping(path) if isinstance(event, yaml.MappingStartEvent) else self._sequence(path)

    def _sequence(self, path: Path) -> list[Value]:
        items: list[Value] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
                raise _refusal(event, path, "a key has to be text")
            # Read as a value in its own place, so that anchors and tags of keys are refused alike.
            key = self._value(event, (*path, "(key)"))
            del self._lines[*path, "(key)"]
            assert isinstance(key, str)
            if key in found:
                first = self._lines[(*path, key)]
                raise _refusal(event, (*path, key), f"given twice, first on line {first}")
            self._lines[(*path, key)] = _line(event)
            found[key] = self._value(self._next(), (*path, key))
        return found


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    return int(mark.line) + 1 if mark is not None else 0


def _refusal(event: yaml.Event, path: Path, what: str) -> BrokenFile:
    return BrokenFile([Problem(_line(event), spell(path), what)])


# --- schema -----------------------------------------------------------------------------------


def check(document: Document, schema: Mapping[str, object]) -> tuple[Problem, ...]:
    """Everything in which the document departs from a JSON Schema, in the order of its lines.

    A `pattern` has to match the whole text: Python's `$` would let a line break through at the end.
    """
    extend: Callable[..., type[jsonschema.Draft202012Validator]] = jsonschema.validators.extend
    strict = extend(jsonschema.Draft202012Validator, {"pattern": _whole_pattern})
    errors = strict(dict(schema)).iter_errors(document.value)
    found = dict.fromkeys(problem for error in errors for problem in _explain(document, error))
    return tuple(sorted(found, key=lambda problem: (problem.line, problem.where)))


def _whole_pattern(
    validator: object, pattern: str, value: object, schema: object
) -> Iterator[jsonschema.ValidationError]:
    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield jsonschema.ValidationError("does not match")


def _explain(document: Document, error: jsonschema.ValidationError) -> Iterator[Problem]:
    path: Path = tuple(error.absolute_path)
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    keys = tuple(error.instance) if isinstance(error.instance, dict) else ()
    match error.validator:
        case "additionalProperties":
            known = sorted(schema.get("properties", {}))
            for key in keys:
                if key not in known:
                    yield document.problem((*path, key), f"unknown; known here: {', '.join(known)}")
        case "required":
            for key in schema.get("required", ()):
                if key not in keys:
                    yield document.problem(path, f"{key} is missing")
        case _:
            # Of propertyNames the value is the key, and the path that of the mapping.
            is_key = isinstance(error.instance, str) and (*path, error.instance) in document.lines
            at = (*path, str(error.instance)) if is_key else path
            yield document.problem(at, _wanted(str(error.validator), schema, error.instance))


_KINDS = {"object": "a mapping", "array": "a list", "string": "text"}


def _wanted(rule: str, schema: Mapping[str, object], value: object) -> str:
    match rule:
        case "type":
            got = "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else "text"
            kind = str(schema.get("type"))
            return f"has to be {_KINDS.get(kind, kind)}, {'is empty' if value == '' else f'not {got}'}"
        case "enum":
            known = schema.get("enum")
            return f"has to be one of {', '.join(map(str, known if isinstance(known, list) else ()))}"
        case "minItems" | "minProperties":
            return "has to name at least one"
        case "uniqueItems":
            return "names something twice"
        case _:
            shown = f'"{shorten(value)}"' if isinstance(value, str) else "this"
            return f"{shown} has to be {schema.get('description', 'of another form')}"
