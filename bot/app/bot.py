"""One running bot: store, audit, road, engine and edges, started and stopped in order."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from bot.app import parts as outside
from bot.app.alarms import Alarms
from bot.app.core import Core, build
from bot.app.doctor import Doctor
from bot.app.keepers import keys_of, sinks_of
from bot.app.parts import named_checks
from bot.app.people import Everybody
from bot.app.recorder import Feed, Recorder
from bot.app.worlds import Parts
from bot.audit.checkpoint import Signer
from bot.audit.feed import ChannelFeed, LineFeed
from bot.audit.sealer import Sealer
from bot.audit.sinks import Sink
from bot.audit.standing import GuardedStore
from bot.audit.verify import verify
from bot.domain.clock import Clock
from bot.domain.errors import SettingsBroken
from bot.domain.operation import Place
from bot.domain.refs import EnvName, OperationId
from bot.domain.reply import text
from bot.operations.book import StoredBook
from bot.operations.card import card
from bot.operations.request_card import preview
from bot.policy.holder import PolicyFile
from bot.ports.people import Identity
from bot.ports.store import Store
from bot.road.answers import Answer, answer
from bot.road.directory import Site
from bot.road.request import Origin, Request
from bot.schedule.ticker import Ticker
from bot.schedule.timers import Timers
from bot.settings import Settings
from bot.steps.codec import dump
from bot.terminal.server import TerminalServer
from bot.terminal.service import Ask, Card

log = structlog.get_logger(__name__)

PRUNE_EVERY = timedelta(hours=1)
SCHEDULES_EVERY = timedelta(seconds=1)
SOCKET = "pilothouse.sock"
PLAYGROUND = Path(".pilothouse/playground")
"""The playground's data, below the folder that it runs in."""


@dataclass
class Bot:
    """Made by `assemble`; `start` begins everything that runs by itself."""

    settings: Settings
    clock: Clock
    store: GuardedStore
    core: Core
    people: Everybody
    doctor: Doctor
    alarms: Alarms
    sealer: Sealer
    signer: Signer
    sinks: list[Sink]
    """Places of checkpoints; an edge that is connected adds its own."""
    feeds: list[Feed]
    ticker: Ticker
    owner: str
    close_parts: Callable[[], None]
    on_commit: Callable[[], None] = lambda: None
    """Told after something may have gone into the outbox."""
    on_rung: Callable[[], None] = lambda: None
    """Told after another replica committed something."""
    _recorder: Recorder | None = None
    _terminal: TerminalServer | None = None

    @property
    def socket(self) -> Path:
        return self.settings.data.folder / SOCKET

    def start(self, *, has_terminal: bool = True) -> None:
        self._recorder = self._made_recorder()
        self._recorder.start()
        self.alarms.clock_at_start()
        self.core.worker.start()
        self.store.bell.listen(self._rung)
        self.ticker.start()
        if has_terminal:
            self._terminal = TerminalServer(self.socket, self.handle, self.card, clock=self.clock)
            self._terminal.start()

    def halt(self) -> bool:
        """Takes nothing new, and ends what is under way; the outbox may still be drained. False: a step hangs."""
        self.core.worker.halt()
        if self._terminal is not None:
            self._terminal.close()
        self.ticker.stop()
        is_idle = self.core.worker.stop()
        (self._recorder or self._made_recorder()).stop()
        return is_idle

    def close(self) -> None:
        self.close_parts()
        self.store.close()

    def stop(self) -> None:
        self.halt()
        self.close()

    def _made_recorder(self) -> Recorder:
        return Recorder(self.sealer, self.feeds, told=self._told)

    def _told(self) -> None:
        self.on_commit()

    def _rung(self) -> None:
        self.core.worker.wake()
        self.on_rung()

    # --- the terminal -------------------------------------------------------------------------

    def handle(self, ask: Ask) -> Answer:
        identity = Identity("terminal", "", ask.user)
        place = Place(self.settings.alertmanager.default_channel or "terminal")
        return self.core.walk(Request(Origin.TERMINAL, identity, ask.line, place, values=ask.values))

    def card(self, id: OperationId) -> Card | None:
        operation = StoredBook(self.store).operation(id)
        return Card(card(operation), operation.phase) if operation else None


def assemble(
    *,
    settings: Settings,
    clock: Clock,
    store: Store,
    parts: Parts,
    sites: Mapping[EnvName, tuple[Site, ...]],
    signer: Signer,
    sinks: Sequence[Sink] = (),
    write_line: Callable[[str], None] | None = None,
) -> Bot:
    """`write_line`: where the JSON lines of the record go; None: nowhere."""
    guarded = GuardedStore(store)
    policy = PolicyFile(settings.policy.path, clock)
    keys = keys_of(settings, signer)
    places: list[Sink] = [*sinks, *sinks_of(settings, parts.clusters)]
    owner = f"{os.getpid()}-{secrets.token_hex(4)}"
    sealer = Sealer(
        store=guarded,
        signer=signer,
        keys=keys,
        sinks=places,
        clock=clock,
        owner=owner,
        every=settings.audit.checkpoint_every,
        on_wrong=guarded.close_writes,
    )
    doctor = Doctor(
        pings=named_checks(parts, guarded),
        policy=policy,
        settings_problems=settings.problems,
        audit=lambda: sealer.wrong,
        behind=sealer.behind,
        expression=parts.metrics.check,
    )
    people = Everybody(clock, settings.slack.team_id)
    core = build(
        store=guarded,
        parts=parts,
        sites=sites,
        people=people,
        judge=policy.judge,
        clock=clock,
        verifier=lambda: verify(guarded, sinks=places, keys=keys),
        checks=doctor.checks,
        app_label=settings.apps.label,
        app_channels=settings.apps.channels,
        alerts_channel=settings.alertmanager.default_channel,
        hindrance=lambda: _hindrance(settings),
    )
    feeds: list[Feed] = []
    if settings.audit.channel:
        feeds.append(ChannelFeed(store=guarded, signer=signer, channel=settings.audit.channel).run_once)
    if write_line is not None:
        feeds.append(LineFeed(store=guarded, write=write_line).run_once)
    ticker = Ticker()
    timekeeper = core.engine.timekeeper
    doctor.add(("time", timekeeper.ping))
    alarms = Alarms(guarded, settings.alertmanager.default_channel)
    timekeeper.on_change = alarms.clock
    ticker.every(SCHEDULES_EVERY, "schedules", _timers(guarded, policy, core).run_once)
    ticker.every(PRUNE_EVERY, "what is old", lambda: outside.prune(store))
    return Bot(
        settings,
        clock,
        guarded,
        core,
        people,
        doctor,
        alarms,
        sealer,
        signer,
        places,
        feeds,
        ticker,
        owner,
        parts.close,
    )


def _timers(store: Store, policy: PolicyFile, core: Core) -> Timers:
    return Timers(
        store=store,
        judge=policy.judge,
        walk=core.road.walk,
        say=lambda outcome: answer(outcome, preview).reply,
        dump=dump,
        is_paused=lambda: not core.engine.timekeeper.is_steady(),
    )


def _hindrance(settings: Settings) -> SettingsBroken | None:
    """Broken settings: the bot answers, and changes nothing."""
    if not settings.problems:
        return None
    return SettingsBroken(
        text("Nothing may be changed while the settings have problems."),
        why=text("The first: {problem}", problem=str(settings.problems[0])),
        next=text("Write `doctor`; whoever runs me mends the settings file and starts me again."),
    )
