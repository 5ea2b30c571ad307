"""What the terminal's tests play with: a clock moved by sleeping, a screen that remembers, a bot that follows a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.domain.forms import Form
from bot.domain.operation import Phase
from bot.domain.refs import OperationId
from bot.domain.reply import Bar, Button, Buttons, Note, Paragraph, Reply, Style, text
from bot.road.answers import Answer, Show
from bot.terminal.marks import Look
from bot.terminal.service import Ask, Card, Kind

T0 = datetime(2030, 1, 1, 14, 0, tzinfo=UTC)
OP = OperationId("op-7")
ASK_LINE = "ask op-7 plan=12345678"


@dataclass
class StillClock:
    moment: datetime = T0
    passed: float = 0.0

    def now(self) -> datetime:
        return self.moment

    def elapsed(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.passed += seconds


@dataclass
class MemoryScreen:
    typed: list[str] = field(default_factory=list)
    """What the person will type, line by line; then nobody is there."""
    output: str = ""
    errors: str = ""
    prompts: list[str] = field(default_factory=list)

    def look(self, *, is_error: bool = False) -> Look:
        return Look(zone=UTC, today=T0.date())

    def write(self, words: str, *, is_error: bool = False) -> None:
        if is_error:
            self.errors += words
        else:
            self.output += words

    def ask(self, prompt: str) -> str | None:
        self.prompts.append(prompt)
        return self.typed.pop(0) if self.typed else None


def says(words: str) -> Reply:
    return Reply(None, (Paragraph(text("{words}", words=words)),))


def draft() -> Answer:
    buttons = (
        Button(text("Scale"), ASK_LINE, Style.PRIMARY),
        Button(text("Full plan"), "plan op-7"),
        Button(text("Cancel"), "cancel op-7"),
    )
    note = Note(text("Only you see this. Nothing has changed yet."))
    return Answer(Reply(text("Plan · scale web"), (note, Buttons(buttons))), operation=OP, is_draft=True)


def started() -> Answer:
    return Answer(says("op-7 starts."), operation=OP)


def refused(words: str, field: str = "") -> Answer:
    return Answer(says(words), is_error=True, field=field)


def wants(form: Form) -> Answer:
    return Answer(Reply(text("{title}", title=form.title)), Show.FORM, form=form)


def running(done: int, of: int) -> Card:
    caption = text("*{n} of {all} pods ready*", n=done, all=of)
    return Card(Reply(text("Running · scale web"), (Bar(done, of, caption),)), Phase.RUNNING)


def stands(phase: Phase, words: str = "") -> Card:
    return Card(Reply(text("{phase} · scale web", phase=phase.value.capitalize()), says(words).blocks), phase)


@dataclass
class ScriptedBot:
    """`answers` by line; each of `cards` is shown once, the last one for ever."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    cards: list[Card] = field(default_factory=list)
    asked: list[Ask] = field(default_factory=list)
    forms: Callable[[Mapping[str, str]], Answer] = lambda values: refused("no form")

    def handle(self, ask: Ask) -> Answer:
        self.asked.append(ask)
        if ask.kind is Kind.FORM:
            return self.forms(ask.values)
        return self.answers.get(ask.line) or refused(f"There is no command {ask.line}.")

    def card(self, id: OperationId) -> Card | None:
        if id != OP or not self.cards:
            return None
        return self.cards.pop(0) if len(self.cards) > 1 else self.cards[0]

    def lines(self) -> Sequence[str]:
        return [ask.line for ask in self.asked]
