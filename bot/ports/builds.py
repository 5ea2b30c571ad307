"""Builds of images by a CI server, in our words: what there is, what became of one of ours, starting and stopping one.

A build is known by the operation that asked for it, which the server keeps as a parameter of the build: that is its mark.
The server has no precondition, so a start is sent at most once an operation; who does not know whether it arrived looks
for the mark and, where there is none, asks a person. Adapters raise IntegrationError only; every call has a deadline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from bot.domain.errors import Missing
from bot.domain.reply import text


class BuildState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Also where the server calls it unstable: it did not do what it was asked for."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Job:
    """What builds one app."""

    name: str
    """As the server knows it, folders first: `team-web/build-web`."""
    is_enabled: bool
    parameters: tuple[str, ...]
    """Their names, as the job declares them: others are dropped by the server without a word."""
    usual: timedelta | None
    """The median of its last successful builds; None before there were any."""


@dataclass(frozen=True, slots=True)
class Build:
    job: str
    operation: str
    """Empty for one that did not come from here."""
    number: int
    """0 while it waits in the queue."""
    queued_as: int
    """Its number in the queue; 0 where the server does not say."""
    state: BuildState
    ref: str = ""
    """What was built, as it was asked: `main`, `1.9.0`."""
    started: datetime | None = None
    took: timedelta | None = None
    """Of one that has ended."""
    why: str = ""
    """The server's own words about one that waits."""

    @property
    def is_over(self) -> bool:
        return self.state not in {BuildState.QUEUED, BuildState.RUNNING}


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    state: BuildState


class Builds(Protocol):
    def job(self, app: str) -> Job:
        """Raises Missing where the settings name no job for the app, or the server has none of that name."""
        ...

    def find(self, job: str, operation: str) -> tuple[Build, ...]:
        """Those that bear the operation's mark, in the queue or among the newest 100 builds of the job; the oldest
        first. Empty is no proof that none will come: a request may still be on its way."""
        ...

    def recent(self, job: str, limit: int) -> tuple[Build, ...]:
        """The newest first, those that wait before those that run."""
        ...

    def stages(self, build: Build) -> tuple[Stage, ...]:
        """In their order, as far as they have begun; empty where the server does not know any."""
        ...

    def tail(self, build: Build, lines: int) -> str:
        """The end of its log, at most 64 KiB; not redacted. Empty before it has one."""
        ...

    def ping(self) -> str: ...


class BuildWriter(Protocol):
    def start(self, job: str, *, operation: str, ref: str, tag: str, time_left: Callable[[], timedelta]) -> None:
        """Sent once, without any retry, and only with more `time_left` (of the engine's lease) than the call can take.

        Raises Unsent where nothing was sent; Refused, Missing where the server turned it down and nothing was started;
        Unavailable where it may have been started.
        """
        ...

    def stop(self, job: str, *, operation: str) -> None:
        """Takes every build that bears the mark out of the queue, or ends it. Where there is none left: success."""
        ...


@dataclass(frozen=True, slots=True)
class NoBuilds:
    """Builds and BuildWriter where the settings name no CI server."""

    def job(self, app: str) -> Job:
        raise _none()

    def find(self, job: str, operation: str) -> tuple[Build, ...]:
        raise _none()

    def recent(self, job: str, limit: int) -> tuple[Build, ...]:
        raise _none()

    def stages(self, build: Build) -> tuple[Stage, ...]:
        raise _none()

    def tail(self, build: Build, lines: int) -> str:
        raise _none()

    def ping(self) -> str:
        return "not configured"

    def start(self, job: str, *, operation: str, ref: str, tag: str, time_left: Callable[[], timedelta]) -> None:
        raise _none()

    def stop(self, job: str, *, operation: str) -> None:
        raise _none()


def _none() -> Missing:
    return Missing(
        "jenkins",
        text("No CI server is configured."),
        next=text("Whoever runs me names one under `jenkins:` in the settings."),
    )
