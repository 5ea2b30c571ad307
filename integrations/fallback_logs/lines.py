"""What a pod printed, as a log line: its moment, level and message; and whether typed words are in it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.ports.clusters import PodLine
from bot.ports.observing import Level, LogLine

MESSAGE_LIMIT = 10_000
_HEAD = 120
"""Where a line says its level, if it does."""
_LEVEL = re.compile(r"\b(trace|debug|info|notice|warn(?:ing)?|err(?:or)?|fatal|critical|panic|severe)\b", re.IGNORECASE)
_TERM = re.compile(r'(-?)(?:"([^"]*)"|([^\s"]+))')
_TOKEN = re.compile(r"\w+")

_SEVERITY: Mapping[str, int] = {
    **dict.fromkeys(("trace", "debug", "verbose"), 0),
    **dict.fromkeys(("info", "notice"), 1),
    **dict.fromkeys(("warn", "warning"), 2),
    **dict.fromkeys(("err", "error", "fatal", "critical", "crit", "panic", "severe", "alert", "emerg"), 3),
}
_FLOOR: Mapping[Level, int] = {Level.INFO: 1, Level.WARN: 2, Level.ERROR: 3}


def read(line: PodLine) -> LogLine | None:
    """None: a line without a moment, which cannot be placed. A line of JSON gives its own level and message."""
    try:
        at = datetime.fromisoformat(line.at)
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    found = _json(line.words)
    message = next((str(found[name]) for name in ("msg", "message") if found.get(name)), line.words)
    level = next((str(found[name]).lower() for name in ("level", "severity") if found.get(name)), "")
    if not found and (match := _LEVEL.search(line.words[:_HEAD])):
        level = match[1].lower()
    return LogLine(at, line.pod, line.container, level, message[:MESSAGE_LIMIT])


def _json(words: str) -> Mapping[str, object]:
    if not words.startswith("{"):
        return {}
    try:
        found = json.loads(words)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def has_level(line: LogLine, level: Level | None) -> bool:
    """A line that names no level counts as information."""
    return level is None or _SEVERITY.get(line.level, 1) >= _FLOOR[level]


@dataclass(frozen=True, slots=True)
class Words:
    """Words, "a phrase", -not: all of the first two and none of the last; case does not matter."""

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]

    @classmethod
    def parse(cls, typed: str) -> Words:
        wanted: list[str] = []
        unwanted: list[str] = []
        for minus, phrase, word in _TERM.findall(typed):
            tokens = _spaced(phrase or word)
            if tokens.strip():
                (unwanted if minus else wanted).append(tokens)
        return cls(tuple(wanted), tuple(unwanted))

    def are_in(self, message: str) -> bool:
        tokens = _spaced(message)
        return all(each in tokens for each in self.wanted) and not any(each in tokens for each in self.unwanted)


def _spaced(words: str) -> str:
    """Whole words in a row, so that one row within another is a phrase within a text."""
    return f" {' '.join(_TOKEN.findall(words.lower()))} "
