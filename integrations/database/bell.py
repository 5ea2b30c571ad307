"""How replicas wake each other: LISTEN and NOTIFY on a direct connection, kept by one thread.

NOTIFY inside a transaction makes all commits wait for each other; so it is sent after the commit, here, at most 20 times
a second however often it is asked for. Nothing depends on it: who hears nothing looks once a second. So a connection
that is lost is made again, and that it was lost is said.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import structlog

from bot.domain.errors import PilothouseError
from integrations.database.watch import Watch

log = structlog.get_logger(__name__)

CHANNEL = "pilothouse"
_AT_MOST = 0.05
"""Seconds between two NOTIFYs."""
_STILL_THERE = 5.0
"""Seconds after which a connection on which nothing came is asked whether it is there."""
_AGAIN = 1.0
_NOTIFY = f"SELECT pg_notify('{CHANNEL}', '')"


class PostgresBell:
    """bot.ports.store.Bell. `connect` opens a connection of its own, in autocommit."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], watch: Watch) -> None:
        self._connect = connect
        self._watch = watch
        self._heard: Callable[[], None] = lambda: None
        self._rung = os.eventfd(0, os.EFD_NONBLOCK)
        self._guard = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_heard = False

    @property
    def state(self) -> str:
        """For people; empty while nobody wanted to listen."""
        if self._thread is None:
            return ""
        return "replicas wake each other" if self._is_heard else "LISTEN is lost, replicas look once a second"

    def ring(self) -> None:
        with self._guard:
            if not self._stopped.is_set():
                os.eventfd_write(self._rung, 1)

    def listen(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._thread = threading.Thread(target=self._run, name="database-bell", daemon=True)
        self._thread.start()

    def close(self) -> None:
        with self._guard:
            if self._stopped.is_set():
                return
            self._stopped.set()
            os.eventfd_write(self._rung, 1)
        if self._thread is not None:
            self._thread.join()
        os.close(self._rung)

    def _run(self) -> None:
        is_said = False
        while not self._stopped.is_set():
            try:
                with contextlib.closing(self._connect()) as connection:
                    self._serve(connection)
            except (psycopg.Error, OSError, PilothouseError) as error:
                if self._is_heard or not is_said:
                    log.warning("replicas do not wake each other: each looks once a second", error=str(error)[:200])
                is_said = True
            self._is_heard = False
            self._stopped.wait(_AGAIN)

    def _serve(self, connection: psycopg.Connection[Any]) -> None:
        own = connection.pgconn.backend_pid
        came = threading.Event()

        def note(pid: int) -> None:
            if pid != own:
                came.set()

        connection.add_notify_handler(lambda notify: note(notify.pid))
        self._ask(connection, f"LISTEN {CHANNEL}")
        self._is_heard = True
        came.set()  # what was rung while nobody listened
        while not self._stopped.is_set():
            if came.is_set():
                came.clear()
                self._heard()
            ready, _, _ = select.select([connection.fileno(), self._rung], [], [], _STILL_THERE)
            if self._rung in ready:
                self._stopped.wait(_AT_MOST)  # what comes meanwhile goes with it
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._rung)
                self._ask(connection, _NOTIFY)
            elif not ready:
                self._ask(connection, "SELECT 1")
            if connection.fileno() in ready:
                connection.pgconn.consume_input()
            while notify := connection.pgconn.notifies():
                note(notify.be_pid)

    def _ask(self, connection: psycopg.Connection[Any], sql: str) -> None:
        with self._watch.over(connection.fileno()):
            connection.execute(sql.encode())
