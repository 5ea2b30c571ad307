"""From a typed line over a real socket to the simulated cluster, with the whole middle of the bot between."""

from __future__ import annotations

import os
import pwd
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.app.clock import SystemClock
from bot.domain.operation import Phase, Place
from bot.domain.refs import OperationId
from bot.operations.card import card
from bot.ports.people import Identity
from bot.road.answers import Answer
from bot.road.request import Origin, Request
from bot.terminal.client import Exit, run
from bot.terminal.exchange import Exchange, LocalExchange, SocketExchange
from bot.terminal.server import TerminalServer
from bot.terminal.service import Ask, Card
from tests.kit.bench import POLICY, Bench, bench
from tests.terminal.stage import MemoryScreen, StillClock

ME = pwd.getpwuid(os.getuid()).pw_name


@dataclass
class Turning(StillClock):
    """The client's sleep is the bot's time."""

    bot: Bench | None = None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        assert self.bot is not None
        self.bot.turn(seconds=seconds)


@dataclass
class Wired:
    bot: Bench

    def handle(self, ask: Ask) -> Answer:
        identity = Identity("terminal", "", ask.user)
        return self.bot.core.walk(Request(Origin.TERMINAL, identity, ask.line, Place("terminal"), values=ask.values))

    def card(self, id: OperationId) -> Card | None:
        operation = self.bot.core.store.read(lambda tx: tx.operations.load(id))
        return Card(card(operation), operation.phase) if operation else None


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        made.policy(POLICY.read_text().replace("os: [ana]", f"os: [ana, {ME}]"))
        yield made


@contextmanager
def connected(bot: Bench, folder: Path) -> Iterator[Exchange]:
    wired, path = Wired(bot), folder / "terminal.sock"
    with TerminalServer(path, wired.handle, wired.card, clock=SystemClock()):
        yield SocketExchange(path, clock=SystemClock())


def test_a_scale_is_planned_agreed_to_carried_out_and_recorded(bot: Bench, tmp_path: Path) -> None:
    screen = MemoryScreen(typed=["y"])
    with connected(bot, tmp_path) as exchange:
        code = run("scale web 4 to staging", exchange, screen, clock=Turning(bot=bot))
    assert code is Exit.DONE, screen.output + screen.errors
    operation = bot.operations()[0]
    assert operation.phase is Phase.DONE
    assert operation.origin == "terminal"
    assert str(operation.requester) == "ana"
    assert "You can:\n  ask op-" in screen.output
    assert {each.record.actor for each in bot.records() if each.record.op == operation.id} >= {"ana"}


def test_whom_the_policy_does_not_name_may_do_nothing(bot: Bench, tmp_path: Path) -> None:
    bot.policy(None)
    screen = MemoryScreen()
    with connected(bot, tmp_path) as exchange:
        assert run("whoami", exchange, screen, clock=StillClock()) is Exit.REFUSED
    assert "I do not know you" in screen.errors


def test_an_app_that_does_not_exist_names_the_nearest(bot: Bench, tmp_path: Path) -> None:
    screen = MemoryScreen()
    with connected(bot, tmp_path) as exchange:
        assert run("scale wbe 4 to staging", exchange, screen, clock=StillClock(), yes=True) is Exit.REFUSED
    assert "scale web 4 to staging" in screen.errors
    assert bot.operations() == ()


def test_alone_the_same_line_takes_the_same_road(bot: Bench) -> None:
    wired = Wired(bot)
    exchange = LocalExchange(ME, wired.handle, wired.card, bot.turn)
    screen = MemoryScreen()
    code = run("scale web 4 to staging", exchange, screen, clock=StillClock(), yes=True)
    assert code is Exit.DONE, screen.output + screen.errors
    assert bot.operations()[0].phase is Phase.DONE


def test_many_terminals_at_once_are_all_answered(bot: Bench, tmp_path: Path) -> None:
    found: list[Exit] = []
    with connected(bot, tmp_path) as exchange:

        def one() -> None:
            found.extend(run("whoami", exchange, MemoryScreen(), clock=StillClock()) for _ in range(3))

        threads = [threading.Thread(target=one) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert found == [Exit.DONE] * 36
