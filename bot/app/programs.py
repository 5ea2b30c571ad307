"""What each command of the program does: reads the settings, assembles, runs, and gives the exit code."""

from __future__ import annotations

import base64
import gc
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import structlog
import yaml

from bot.app import parts as outside
from bot.app.bot import PLAYGROUND, SOCKET, Bot, assemble
from bot.app.clock import SystemClock
from bot.app.ending import StopSignals, end_at_once
from bot.app.generated import manifest_of
from bot.app.keepers import keys_of, signer_of, sinks_of
from bot.app.live import Live
from bot.audit.checkpoint import Signer
from bot.audit.sinks import Sink
from bot.audit.standing import adopt, collected
from bot.audit.verify import verify
from bot.domain.errors import PilothouseError, Unavailable
from bot.domain.refs import Principal
from bot.domain.reply import text
from bot.ports.store import Store
from bot.road.catalogue import Catalogue
from bot.road.documents import commands_page
from bot.settings import Settings, read
from bot.terminal.client import run as run_line
from bot.terminal.exchange import LocalExchange, SocketExchange
from bot.terminal.people import my_name
from bot.terminal.screen import StandardScreen
from bot.terminal.server import is_served
from commands.catalogue import CATALOGUE
from integrations.database.schema import migrate as migrate_schema

OK, REFUSED = 0, 1


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def complain(words: str) -> int:
    sys.stderr.write(f"{words}\n")
    return REFUSED


def sentences(error: PilothouseError) -> str:
    return " ".join(part.plain() for part in (error.what, error.why, error.next) if part is not None)


def set_up_log(level: str) -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(),
        ],
    )


def real_bot(settings: Settings) -> Bot:
    clock = SystemClock()
    store = outside.database(settings, clock)
    return assemble(
        settings=settings,
        clock=clock,
        store=store,
        parts=outside.real(settings, clock),
        sites=outside.sites(settings),
        signer=signer_of(settings),
        write_line=line_writer(settings.data.folder),
    )


def line_writer(folder: Path) -> Callable[[str], None]:
    """The record as JSON lines, for whoever collects them. Raises Unavailable where the file takes nothing."""
    path = folder / "audit.jsonl"

    def write(lines: str) -> None:
        try:
            with path.open("a") as file:
                file.write(lines)
        except OSError as error:
            raise Unavailable(
                "audit", text("{path} cannot be written: {why}", path=str(path), why=str(error.strerror))
            ) from error

    return write


def wait_for_the_end(stopped: StopSignals) -> None:
    # What the start made stays: else every full collection walks through it, some 50 ms without an acknowledgement.
    gc.freeze()
    stopped.wait()


def serve(path: Path | None) -> int:
    settings = read(path)
    set_up_log(settings.log.level)
    os.umask(0o077)
    missing = [str(problem) for problem in settings.problems if problem.where.startswith("slack")]
    if missing:
        return complain(missing[0])
    try:
        bot = real_bot(settings)
    except PilothouseError as error:
        return complain(sentences(error))
    live = Live(bot, webhook=outside.alert_webhook(settings))
    try:
        live.connect()
        live.serve_web()
    except PilothouseError as error:
        return complain(sentences(error))
    except OSError as error:
        return complain(f"The web address {settings.web.host}:{settings.web.port} cannot be had: {error.strerror}.")
    stopped = StopSignals()
    live.start()
    say("Pilothouse is ready.")
    wait_for_the_end(stopped)
    if not live.stop():
        # Its thread would keep the process.
        end_at_once("A step hangs; its operation is taken over when its lease has run out.", code=OK)
    return OK


def playground(*, port: int, kubeconfig: Path | None, context: str, cluster: str) -> int:
    from bot.app.playground import Playground

    set_up_log("warning")
    ground = Playground(port=port, kubeconfig=kubeconfig, context=context, cluster=cluster)
    try:
        ground.start()
    except PilothouseError as error:
        ground.stop()
        return complain(sentences(error))
    except OSError as error:
        ground.stop()
        return complain(f"The port {port} cannot be had: {error.strerror}. Try another one: make run PORT=8090")
    say(f"Pilothouse is ready: {ground.url}")
    say('Switch between people at the bottom left; in another terminal: .venv/bin/pilothouse run "status web"')
    wait_for_the_end(StopSignals())
    ground.stop()
    return OK


def run(line: str, path: Path | None, *, yes: bool, wait: bool, as_json: bool, folder: Path | None) -> int:
    settings = read(path)
    set_up_log("error")
    clock = SystemClock()
    screen = StandardScreen(sys.stdin, sys.stdout, sys.stderr, clock=clock)
    socket = _socket(settings, folder)
    if is_served(socket):
        exchange = SocketExchange(socket, clock=clock)
        return int(run_line(line, exchange, screen, clock=clock, yes=yes, wait=wait, as_json=as_json))
    user = my_name()
    if user is None:
        return complain("The operating system has no name for you.")
    if not settings.clusters:
        return complain(f"No bot runs here ({socket} is not there), and the settings name no cluster.")
    try:
        bot = real_bot(settings)
    except PilothouseError as error:
        return complain(sentences(error))
    try:
        alone = LocalExchange(user, bot.handle, bot.card, lambda: _turn(bot))
        return int(run_line(line, alone, screen, clock=clock, yes=yes, wait=wait, as_json=as_json))
    finally:
        bot.stop()


def _socket(settings: Settings, folder: Path | None) -> Path:
    """Of the bot that runs: as the settings say, or the playground's."""
    if folder is not None:
        return folder / SOCKET
    own = settings.data.folder / SOCKET
    return own if is_served(own) else PLAYGROUND.absolute() / SOCKET


def _turn(bot: Bot) -> None:
    bot.sealer.run_once()
    if not bot.core.engine.run_due():
        bot.clock.sleep(0.2)


def manifest(path: Path | None, url: str = "") -> str:
    return yaml.safe_dump(manifest_of(read(path), url=url), sort_keys=False, allow_unicode=True)


def docs() -> str:
    return commands_page(Catalogue(CATALOGUE))


def migrate(path: Path | None, role: str = "") -> int:
    settings = read(path)
    url = settings.database.url.reveal() or f"sqlite:///{settings.data.folder.resolve()}/pilothouse.db"
    settings.data.folder.mkdir(parents=True, exist_ok=True)
    try:
        say(f"The schema is at {migrate_schema(url, role=role)}.")
    except PilothouseError as error:
        return complain(sentences(error))
    return OK


def _audit_parts(settings: Settings) -> tuple[Store, Signer, list[Sink]]:
    clock = SystemClock()
    store = outside.database(settings, clock)
    return store, signer_of(settings), sinks_of(settings, outside.keeping_clusters(settings, clock))


def audit_verify(path: Path | None) -> int:
    settings = read(path)
    try:
        store, signer, sinks = _audit_parts(settings)
    except PilothouseError as error:
        return complain(f'{error.what.plain()} While the bot runs, write: pilothouse run "audit verify"')
    verdict = verify(store, sinks=sinks, keys=keys_of(settings, signer))
    for words in verdict.words:
        say(words.plain())
    store.close()
    return OK if verdict.is_intact else REFUSED


def audit_key(path: Path | None) -> int:
    """What the settings need of the key in use once another takes its place."""
    settings = read(path)
    try:
        store, signer, _ = _audit_parts(settings)
    except PilothouseError as error:
        return complain(f"{error.what.plain()} Stop the bot first: what it signs after this counts no more.")
    store.transact(lambda tx: tx.records.seal(limit=sys.maxsize))
    size, _ = store.read(lambda tx: tx.records.head())
    store.close()
    say(f"{{public: {base64.b64encode(signer.public).decode()}, records: {size}}}   # {signer.name}")
    return OK


def audit_adopt(path: Path | None, *, reason: str) -> int:
    settings = read(path)
    try:
        store, signer, sinks = _audit_parts(settings)
    except PilothouseError as error:
        return complain(sentences(error))
    known, _ = collected([sink.read for sink in sinks])
    made = adopt(store, signer=signer, known=known, by=Principal(f"terminal:{my_name() or 'unknown'}"), reason=reason)
    for sink in sinks:
        sink.put(made)
    store.close()
    say(f"Adopted at {made.size} records, epoch {made.epoch}. Open operations are paused, unsent messages held.")
    return OK
