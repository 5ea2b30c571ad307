"""Timers within one process, by APScheduler: a ticker and nothing more. What must happen once across replicas is claimed
in the database by the job itself; no job is kept here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from bot.domain.errors import PilothouseError

log = structlog.get_logger(__name__)


class Ticker:
    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(2)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def every(self, span: timedelta, name: str, job: Callable[[], object]) -> None:
        """Late runs are run once; a run that fails is logged and the next one comes."""

        def run() -> None:
            try:
                job()
            except PilothouseError as error:
                log.warning("a timed job failed", job=name, error=str(error))

        self._scheduler.add_job(run, "interval", seconds=span.total_seconds(), id=name, name=name)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
