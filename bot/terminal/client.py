"""One run of the terminal: say a line, answer what is asked back, follow what was started to its end.

A draft is asked for with the line of its own primary button: nothing here makes a command line. Plans, permissions,
approvals and records are the road's; this is only a screen and a keyboard.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from bot.domain.clock import Clock
from bot.domain.errors import BadArguments, PilothouseError
from bot.domain.forms import Form
from bot.domain.operation import Phase, SignalKind
from bot.domain.refs import OperationId, operation_id
from bot.domain.reply import Button, Buttons, Reply, Style, text
from bot.road.answers import Answer, Show
from bot.terminal.exchange import Exchange, Unreachable
from bot.terminal.marks import plain
from bot.terminal.prompts import fill
from bot.terminal.report import JsonReport, PeopleReport, Report
from bot.terminal.screen import Screen
from bot.terminal.service import Card

EVERY = timedelta(seconds=1)
ALONE_EVERY = timedelta(milliseconds=200)
RESTART = timedelta(seconds=30)
"""How long a bot that went away while it was followed is waited for."""
_ROUNDS = 5
"""Of a form whose values the road refuses."""
_SETTLES = 10
"""Looks at one phase after which a signal should have shown."""


class Exit(IntEnum):
    DONE = 0
    REFUSED = 1
    """Refused, denied, bad arguments, or not started."""
    WENT_BACK = 2
    """Rolled back, or stuck."""
    NO_CONNECTION = 3
    LEFT = 130
    """Ctrl-C: what runs goes on."""


def run(
    line: str,
    exchange: Exchange,
    screen: Screen,
    *,
    clock: Clock,
    yes: bool = False,
    wait: bool = True,
    as_json: bool = False,
) -> Exit:
    """`follow op-N` looks at an operation to its end; every other line is a command line."""
    report: Report = JsonReport(screen) if as_json else PeopleReport(screen)
    client = Client(exchange, None if as_json else screen, report, clock=clock, yes=yes, wait=wait)
    try:
        code = client.run(line)
    except Unreachable as error:
        report.problem(error)
        code = Exit.NO_CONNECTION
    except PilothouseError as error:
        report.problem(error)
        code = Exit.REFUSED
    except KeyboardInterrupt:
        report.note(
            text("Left. What was started stands still until a bot runs, or until `follow` of its number.")
            if exchange.is_alone
            else text("Left. Nothing that runs was stopped.")
        )
        code = Exit.LEFT
    report.end(code)
    return code


@dataclass(frozen=True, slots=True)
class Client:
    exchange: Exchange
    screen: Screen | None
    """None: nobody answers questions."""
    report: Report
    clock: Clock
    yes: bool
    wait: bool

    def run(self, line: str) -> Exit:
        verb, _, rest = line.strip().partition(" ")
        if verb.lower() == "follow":
            return self._follow(_operation(rest), Phase.DONE)
        answer = self.exchange.ask(line)
        if answer.show is Show.FORM and answer.form is not None:
            answer = self._form(answer.form, answer)
        if answer.is_error or answer.show is Show.FORM:
            if answer.is_error:
                self.report.answer(answer)
            return Exit.REFUSED
        self.report.answer(answer)
        if answer.is_draft:
            return self._start(answer)
        if answer.operation is None:
            return Exit.DONE
        return self._steered(answer.operation, _signal(verb))

    # --- what is asked back -------------------------------------------------------------------

    def _start(self, draft: Answer) -> Exit:
        go = _primary(draft.reply)
        if go is None:
            self.report.note(text("This plan cannot be started from here."))
            return Exit.REFUSED
        if not self.yes and not self._agrees(go):
            self.report.note(text("Not started. `{line}` starts it as long as nothing changes.", line=go.line))
            return Exit.REFUSED
        answer = self.exchange.ask(go.line)
        self.report.answer(answer)
        if answer.is_error or answer.is_draft or answer.operation is None:
            return Exit.REFUSED
        return self._steered(answer.operation, SignalKind.ASK)

    def _agrees(self, go: Button) -> bool:
        if self.screen is None:
            return False
        said = self.screen.ask(plain(text("\nStart this ({label})? [y/N] ", label=go.label), self.screen.look()))
        return said is not None and said.strip().lower() in {"y", "yes"}

    def _form(self, form: Form, asked: Answer) -> Answer:
        """The road's answer to what was filled in; what it refuses is asked again, field by field."""
        known: dict[str, str] = {}
        answer = asked
        for _ in range(_ROUNDS):
            values = fill(form, self.screen, known) if self.screen is not None else None
            if values is None:
                wanted = ", ".join(f.name for f in form.fields if f.required and f.name not in known)
                self.report.note(text("{command} wants more: {wanted}.", command=form.command, wanted=wanted))
                return answer
            answer = self.exchange.ask(form.command, values=values)
            if not answer.is_error or answer.field not in {field.name for field in form.fields}:
                return answer
            self.report.answer(answer)
            known = {name: value for name, value in values.items() if name != answer.field}
        return answer

    # --- following ----------------------------------------------------------------------------

    def _steered(self, id: OperationId, kind: SignalKind | None) -> Exit:
        """What was started or stopped is followed to its end; what was only steered goes on by itself."""
        is_followed = kind in {None, SignalKind.ASK, SignalKind.ABORT, SignalKind.CANCEL} or self.exchange.is_alone
        if kind is SignalKind.DENY or (is_followed and not self.wait):
            is_followed = False
        if is_followed:
            is_stopped = kind in {SignalKind.ABORT, SignalKind.CANCEL}
            return self._follow(id, Phase.UNDONE if is_stopped else Phase.DONE)
        if self.exchange.is_alone and kind is not SignalKind.DENY:
            self.report.note(text("No bot runs here: it stands still until one does, or until `follow {id}`.", id=id))
        return Exit.DONE

    def _follow(self, id: OperationId, wanted: Phase) -> Exit:
        every = ALONE_EVERY if self.exchange.is_alone else EVERY
        phase: Phase | None = None
        looks = 0
        while True:
            card = self._look(id)
            if isinstance(card, Answer):
                self.report.answer(card)
                return Exit.REFUSED
            if card.phase is phase or card.phase is Phase.READY:
                self.report.progress(id, card)
            else:
                self.report.card(id, card)
                looks = 0
            phase = card.phase
            looks += 1
            code = _exit(phase, wanted, may_settle=looks < _SETTLES)
            if code is not None:
                return code
            if self.exchange.is_alone and phase in {Phase.WAITING, Phase.PAUSED} and looks >= _SETTLES:
                self.report.note(text("It waits for somebody. Then `follow {id}` lets it go on.", id=id))
                return Exit.DONE
            self.clock.sleep(every.total_seconds())

    def _look(self, id: OperationId) -> Card | Answer:
        """A bot that restarts is waited for. Raises Unreachable."""
        until: float | None = None
        while True:
            try:
                return self.exchange.look(id)
            except Unreachable as error:
                now = self.clock.elapsed()
                if until is None:
                    until = now + RESTART.total_seconds()
                    self.report.note(text("{what} Trying again.", what=error.what))
                if now >= until:
                    raise
                self.clock.sleep(EVERY.total_seconds())


def _signal(verb: str) -> SignalKind | None:
    """The commands that steer bear the names of their signals; None: the line started something."""
    try:
        return SignalKind(verb.lower())
    except ValueError:
        return None


def _exit(phase: Phase, wanted: Phase, *, may_settle: bool) -> Exit | None:
    """None: not at its end. `wanted` is DONE, or UNDONE where it was to be stopped."""
    match phase:
        case Phase.WAITING | Phase.READY | Phase.RUNNING | Phase.PAUSED | Phase.UNDOING:
            return None
        case Phase.STUCK:
            return None if wanted is Phase.UNDONE and may_settle else Exit.WENT_BACK
        case Phase.DONE:
            return Exit.DONE if wanted is Phase.DONE else Exit.REFUSED
        case Phase.UNDONE | Phase.CLOSED:
            return Exit.DONE if wanted is Phase.UNDONE else Exit.WENT_BACK
        case Phase.WITHDRAWN:
            return Exit.DONE if wanted is Phase.UNDONE else Exit.REFUSED
        case Phase.DRAFT | Phase.DENIED | Phase.EXPIRED | Phase.REFUSED | Phase.TAKEN_OVER:
            return Exit.REFUSED


def _primary(reply: Reply) -> Button | None:
    rows = (block.row for block in reply.blocks if isinstance(block, Buttons))
    return next((button for row in rows for button in row if button.style is Style.PRIMARY), None)


def _operation(words: str) -> OperationId:
    try:
        return operation_id(words.strip())
    except ValueError as bad:
        raise BadArguments(text("To follow, name {what}.", what=str(bad)), field="operation") from bad
