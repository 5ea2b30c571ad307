"""The person's side of the terminal: where words are written and questions are put. Decides nothing about them."""

from __future__ import annotations

import io
from datetime import date
from typing import Protocol, TextIO

from rich.console import Console

from bot.domain.clock import Clock
from bot.terminal.marks import Look


class Screen(Protocol):
    def look(self, *, is_error: bool = False) -> Look: ...

    def write(self, words: str, *, is_error: bool = False) -> None:
        """Words that are safe for a terminal, with their newline."""
        ...

    def ask(self, prompt: str) -> str | None:
        """A typed line; None: nobody is there to type one."""
        ...


class StandardScreen:
    """The process's own streams. Asks only where both a keyboard and a screen are there."""

    def __init__(self, keyboard: TextIO, output: TextIO, errors: TextIO, *, clock: Clock) -> None:
        self._keyboard = keyboard
        self._output = output
        self._errors = errors
        for stream in (output, errors):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a stream of ASCII still shows everything
        today = clock.now().astimezone().date()
        self._looks = (_look(output, today), _look(errors, today))

    def look(self, *, is_error: bool = False) -> Look:
        return self._looks[is_error]

    def write(self, words: str, *, is_error: bool = False) -> None:
        stream = self._errors if is_error else self._output
        stream.write(words)
        stream.flush()

    def ask(self, prompt: str) -> str | None:
        if not (self._keyboard.isatty() and self._output.isatty()):
            return None
        self._output.write(prompt)
        self._output.flush()
        line = self._keyboard.readline()
        return line.rstrip("\r\n") if line else None


def _look(stream: TextIO, today: date) -> Look:
    console = Console(file=stream)  # rich knows what NO_COLOR, TERM and the window say
    return Look(
        width=console.width if console.is_terminal else None,
        is_colored=console.is_terminal and console.color_system is not None and not console.no_color,
        today=today,
    )
