"""What people look for in logs: words, "a phrase", -not. As the real search means it: whole words, case ignored."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')
_TOKEN = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Wanted:
    phrases: tuple[tuple[str, ...], ...]
    """All of them have to occur, each as words in a row."""
    unwanted: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, words: str) -> Wanted:
        wanted: list[tuple[str, ...]] = []
        unwanted: list[tuple[str, ...]] = []
        for sign, phrase, word in _PART.findall(words):
            tokens = tokens_of(phrase or word)
            if tokens:
                (unwanted if sign else wanted).append(tokens)
        return cls(tuple(wanted), tuple(unwanted))

    def matches(self, message: str) -> bool:
        if not self.phrases and not self.unwanted:
            return True
        tokens = tokens_of(message)
        return all(_occurs(each, tokens) for each in self.phrases) and not any(
            _occurs(each, tokens) for each in self.unwanted
        )


def tokens_of(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text.lower()))


def _occurs(phrase: tuple[str, ...], tokens: tuple[str, ...]) -> bool:
    size = len(phrase)
    return any(tokens[index : index + size] == phrase for index in range(len(tokens) - size + 1))


_VARIABLE = re.compile(
    r"(?<![\w<])(?:0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}|(?=[0-9a-f]*\d)[0-9a-f]{8,}|\d[\d.:]*\d|\d)(?![\w>])",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(r"\b(\w+)=[\w.-]+")


def mask(message: str) -> str:
    """`upstream timed out after <*> ms`: what messages of the same making have in common."""
    return _ASSIGNED.sub(r"\1=<*>", _VARIABLE.sub("<*>", message))
