"""What a run of the client says, for people or as JSON lines for programs. Decides nothing, asks nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Protocol

from bot.domain.errors import PilothouseError
from bot.domain.refs import OperationId
from bot.domain.reply import Block, Paragraph, Reply, Text, text
from bot.road.answers import Answer
from bot.steps.codec import dump
from bot.terminal.draw import draw, progress_line
from bot.terminal.marks import Look, plain
from bot.terminal.screen import Screen
from bot.terminal.service import Card


class Report(Protocol):
    def answer(self, answer: Answer) -> None: ...

    def card(self, id: OperationId, card: Card) -> None:
        """As a whole: where its phase is new."""
        ...

    def progress(self, id: OperationId, card: Card) -> None: ...

    def note(self, words: Text) -> None: ...

    def problem(self, error: PilothouseError) -> None: ...

    def end(self, code: int) -> None: ...


class PeopleReport:
    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._last = ""
        self._is_first = True

    def answer(self, answer: Answer) -> None:
        look = self._screen.look(is_error=answer.is_error)
        self._part(draw(answer.reply, look), is_error=answer.is_error)

    def card(self, id: OperationId, card: Card) -> None:
        self._last = progress_line(card.reply, self._screen.look())
        self._part(draw(card.reply, self._screen.look()))

    def progress(self, id: OperationId, card: Card) -> None:
        line = progress_line(card.reply, self._screen.look())
        if line != self._last:
            self._last = line
            self._screen.write(f"{line}\n")

    def note(self, words: Text) -> None:
        look = replace(self._screen.look(is_error=True), is_colored=False)
        self._screen.write(plain(words, look) + "\n", is_error=True)

    def problem(self, error: PilothouseError) -> None:
        self._part(draw(_told(error), self._screen.look(is_error=True)), is_error=True)

    def end(self, code: int) -> None:
        return

    def _part(self, drawn: str, *, is_error: bool = False) -> None:
        self._screen.write(drawn if self._is_first else f"\n{drawn}", is_error=is_error)
        self._is_first = False


class JsonReport:
    """An object a line, `event` first: answer, card, progress, note, problem, and in the end `end` with the exit code."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._last = ""

    def answer(self, answer: Answer) -> None:
        self._write(
            "answer",
            operation=answer.operation,
            is_draft=answer.is_draft,
            is_error=answer.is_error,
            field=answer.field,
            **_both(answer.reply),
        )

    def card(self, id: OperationId, card: Card) -> None:
        self._last = progress_line(card.reply, Look())
        self._write("card", operation=id, phase=card.phase.value, **_both(card.reply))

    def progress(self, id: OperationId, card: Card) -> None:
        line = progress_line(card.reply, Look())
        if line != self._last:
            self._last = line
            self._write("progress", operation=id, phase=card.phase.value, text=line)

    def note(self, words: Text) -> None:
        self._write("note", text=plain(words, Look()))

    def problem(self, error: PilothouseError) -> None:
        self._write("problem", code=error.code, text=draw(_told(error), Look()))

    def end(self, code: int) -> None:
        self._write("end", exit=code)

    def _write(self, event: str, **fields: object) -> None:
        self._screen.write(json.dumps({"event": event, **fields}) + "\n")


def _both(reply: Reply) -> dict[str, object]:
    try:
        whole = json.loads(dump(reply))
    except ValueError:  # a figure that JSON has no word for, such as NaN
        whole = None
    return {"text": draw(reply, Look()), "reply": whole}


def _told(error: PilothouseError) -> Reply:
    blocks: list[Block] = [Paragraph(error.what)]
    if error.why is not None:
        blocks.append(Paragraph(text("*Why:* {why}", why=error.why)))
    if error.next is not None:
        blocks.append(Paragraph(text("*Next:* {next}", next=error.next)))
    return Reply(None, tuple(blocks))
