"""What a refusal offers beside its words: the typed line again with a name that exists. Pure.

On a phone nothing is typed twice: each button runs the rest of the line as it was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.domain.errors import BadArguments, PilothouseError, UnknownName
from bot.domain.refs import PREPOSITIONS, AppRef, EnvName
from bot.domain.reply import Button, text
from bot.road.params import Shape, partial, usage_hint

MOST = 3
MARKS = re.compile(r"[`*]+")


def offer(error: PilothouseError, shape: Shape, line: str, words: str, *, envs: Sequence[str], has_app: bool) -> None:
    """Adds buttons and the next step where the error has none. `has_app`: the app was found, so its version was not."""
    match error:
        case UnknownName(nearest=(_, *_), buttons=()):
            error.buttons = _named(error, shape, line, words, has_app=has_app)
        case BadArguments():
            slot = shape.by_name.get(error.field)
            is_missing = slot is not None and slot.type is EnvName and error.field not in partial(shape, words)
            if is_missing and not error.buttons and slot is not None:
                error.buttons = _with_env(line, slot.arg.word, envs)
            if error.next is None:
                error.next = usage_hint(shape)


def _with_env(line: str, word: str, envs: Sequence[str]) -> tuple[Button, ...]:
    """The line with each env; one that ends in an env or a preposition alone has that mended."""
    *rest, last = line.split()
    if last in envs:
        envs, line = (last,), " ".join(rest)
    elif last.lower() in PREPOSITIONS:
        line = " ".join(rest)
    return tuple(Button(text("{word} {env}", word=word, env=env), f"{line} {word} {env}") for env in envs[:MOST])


def unmark(error: PilothouseError, line: str) -> None:
    """A pasted code block, or words made bold: the same line without the marks, in one click."""
    if not isinstance(error, BadArguments | UnknownName) or not MARKS.search(line):
        return
    plain = " ".join(MARKS.sub(" " if "``" in line else "", line).split()).lstrip("/")
    if not plain or plain == line:
        return
    error.why = text("There are marks of code or bold type in it, and a command is plain text.")
    error.next = text("Write it without them: `{line}`.", line=plain)
    error.buttons = (Button(text("Run it without them"), plain),)


def _named(error: UnknownName, shape: Shape, line: str, words: str, *, has_app: bool) -> tuple[Button, ...]:
    slot = shape.by_name.get(error.field)
    wrong = partial(shape, words).get(error.field, "")
    if slot is None or not wrong:
        return ()
    if slot.type is AppRef:
        app, _, ref = wrong.partition("@")
        wrong = ref if has_app else app
    made = []
    for name in error.nearest[:MOST]:
        other = instead(line, wrong, name, is_last=slot.type is EnvName)
        if other:
            made.append(Button(text("{name}", name=name), other, spoken=text("Run it with {name}", name=name)))
    return tuple(made)


def instead(line: str, wrong: str, right: str, *, is_last: bool = False) -> str:
    """The line with another name in the place of the wrong one, after the verb; empty where that is not there."""
    found = [*re.finditer(rf"(?<=[\s@\"=]){re.escape(wrong)}(?=$|[\s@\"])", line)] if wrong else []
    if not found:
        return ""
    at = found[-1 if is_last else 0]
    return f"{line[: at.start()]}{right}{line[at.end() :]}"


def env_in(words: str) -> EnvName | None:
    """What was meant as an environment where free text swallowed it: the last word after a preposition."""
    found = re.findall(rf"(?:^|\s)(?:{'|'.join(sorted(PREPOSITIONS))})\s+(\S+)", words)
    try:
        return EnvName(found[-1]) if found else None
    except ValueError:
        return None
