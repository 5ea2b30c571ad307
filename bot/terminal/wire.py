"""What goes over the local socket: one line of JSON each way, versioned, strict, bounded.

A question names no user: who asks is the kernel's to say. Replies travel as they are stored (bot.steps.codec). Reads and
writes no socket.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from bot.domain.codec import UnknownKind
from bot.domain.forms import Form
from bot.domain.operation import Phase
from bot.domain.refs import OperationId, operation_id
from bot.domain.reply import Reply
from bot.road.answers import Answer, Show
from bot.steps.codec import dump, load_reply
from bot.terminal.service import Card, Kind

VERSION: Literal[1] = 1
QUESTION_LIMIT = 64 * 1024
ANSWER_LIMIT = 8 * 1024 * 1024

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Not of any line or form: databases refuse some of it, and terminals obey the rest."""

_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a character, from bytes that were no text: no UTF-8 holds it, so that it travels as it is shown."""


class WireError(Exception):
    """Not a message of this version; its words are for people."""


_Line = Annotated[str, msgspec.Meta(max_length=8000)]
_Name = Annotated[str, msgspec.Meta(max_length=100)]
_Words = Annotated[str, msgspec.Meta(max_length=20_000)]


class AskMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="ask", tag_field="is"):
    v: Literal[1]
    line: _Line
    kind: Kind
    values: Annotated[dict[_Name, _Words], msgspec.Meta(max_length=100)]


class LookMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="look", tag_field="is"):
    v: Literal[1]
    operation: _Name


class AnswerMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="answer", tag_field="is"):
    v: Literal[1]
    reply: msgspec.Raw
    show: Show
    operation: str | None
    is_draft: bool
    is_error: bool
    field: str
    form: Form | None


class CardMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="card", tag_field="is"):
    v: Literal[1]
    reply: msgspec.Raw
    phase: Phase


class Problem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="problem", tag_field="is"):
    """The question did not reach the road."""

    v: Literal[1]
    code: str
    words: str


class _Envelope(msgspec.Struct):
    v: int


def problem(code: str, words: str) -> bytes:
    return _line(Problem(VERSION, code, words))


def dump_ask(line: str, kind: Kind, values: dict[str, str]) -> bytes:
    """Raises WireError for what the other side would refuse."""
    whole = {name: _clean(value) for name, value in values.items()}
    return _bounded(AskMessage(VERSION, _clean(line), kind, whole))


def dump_look(id: OperationId) -> bytes:
    return _bounded(LookMessage(VERSION, id))


def _bounded(message: AskMessage | LookMessage) -> bytes:
    """What is sent is read once as the other side reads it."""
    line = _line(message)
    load_question(line)
    return line


def load_question(line: bytes) -> AskMessage | LookMessage:
    if len(line) > QUESTION_LIMIT:
        raise WireError("The question is too long.")
    _check_version(line)
    try:
        asked: AskMessage | LookMessage = msgspec.json.decode(line, type=AskMessage | LookMessage)
    except (ValueError, RecursionError) as bad:
        raise WireError("This is no question that I understand.") from bad
    match asked:
        case AskMessage(line=words, values=values):
            if any(_CONTROL.search(each) for each in (words, *values, *values.values())):
                raise WireError("A line holds no control characters.")
        case LookMessage(operation=id):
            try:
                operation_id(id)
            except ValueError as bad:
                raise WireError(f"An operation is meant: {bad}.") from bad
    return asked


def dump_answer(answer: Answer | Card) -> bytes:
    """A Problem where the answer is larger than a terminal takes, or holds what JSON cannot."""
    try:
        raw = msgspec.Raw(_SURROGATE.sub(lambda found: f"\\\\u{ord(found[0]):04x}", dump(answer.reply)).encode())
    except ValueError:
        return problem("not-shown", "The answer holds a value that cannot be shown. What was asked was done.")
    match answer:
        case Answer():
            message: AnswerMessage | CardMessage = AnswerMessage(
                VERSION,
                raw,
                answer.show,
                answer.operation,
                answer.is_draft,
                answer.is_error,
                answer.field,
                answer.form,
            )
        case Card():
            message = CardMessage(VERSION, raw, answer.phase)
    line = _line(message)
    if len(line) > ANSWER_LIMIT:
        return problem("too-long", "The answer is too long for the terminal: ask for less. What was asked was done.")
    return line


def load_answer(line: bytes) -> Answer | Card | Problem:
    _check_version(line)
    try:
        message: AnswerMessage | CardMessage | Problem = msgspec.json.decode(
            line, type=AnswerMessage | CardMessage | Problem
        )
        match message:
            case Problem():
                return message
            case CardMessage():
                return Card(_reply(message.reply), message.phase)
            case AnswerMessage():
                return Answer(
                    _reply(message.reply),
                    message.show,
                    operation_id(message.operation) if message.operation is not None else None,
                    message.is_draft,
                    message.is_error,
                    message.field,
                    message.form,
                )
    except (ValueError, RecursionError) as bad:
        raise WireError("The bot's answer cannot be read: it may be of another version.") from bad


def _reply(raw: msgspec.Raw) -> Reply:
    try:
        return load_reply(bytes(raw).decode())
    except (UnknownKind, AssertionError, TypeError, KeyError) as bad:
        raise ValueError("no reply") from bad


def _check_version(line: bytes) -> None:
    try:
        version = msgspec.json.decode(line, type=_Envelope).v
    except (ValueError, RecursionError) as bad:
        raise WireError("This is no message that I understand.") from bad
    if version != VERSION:
        raise WireError(f"This side speaks version {VERSION}, the other {version}: use the same release on both.")


def _clean(words: str) -> str:
    """Bytes of an argument that are no UTF-8 become visible."""
    return words.encode("utf-8", "backslashreplace").decode()


def _line(message: msgspec.Struct) -> bytes:
    return msgspec.json.encode(message) + b"\n"
