"""The ports Builds and BuildWriter over the simulated world's CI server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from bot.domain.errors import Missing, Refused, Unsent
from bot.domain.reply import text
from bot.ports.builds import Build, BuildState, Job, Stage
from integrations.simulated.buildserver import SimulatedBuild
from integrations.simulated.faults import How, lost
from integrations.simulated.moments import moment
from integrations.simulated.world import SimulatedWorld

SYSTEM = "jenkins"
PARAMETERS = ("OP_ID", "REF", "TAG")
CALL = timedelta(seconds=3)
"""What a start can take at most."""
LOOKED_AT = 100


class SimulatedBuilds:
    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world

    def job(self, app: str) -> Job:
        self._world.meet(SYSTEM, "builds.job")
        with self._world.entered():
            server = self._world.builds
            name = server.job_of(app)
            if name is None:
                raise Missing(SYSTEM, text("No job builds {app}.", app=app))
            usual = server.usual(name)
            known = timedelta(seconds=usual) if usual is not None else None
            return Job(name, is_enabled=name not in server.disabled, parameters=PARAMETERS, usual=known)

    def find(self, job: str, operation: str) -> tuple[Build, ...]:
        self._world.meet(SYSTEM, "builds.find")
        found = [build for build in self._newest(job, LOOKED_AT) if operation and build.operation == operation]
        return tuple(reversed(found))

    def recent(self, job: str, limit: int) -> tuple[Build, ...]:
        self._world.meet(SYSTEM, "builds.recent")
        return self._newest(job, limit)

    def stages(self, build: Build) -> tuple[Stage, ...]:
        self._world.meet(SYSTEM, "builds.stages")
        with self._world.entered():
            return tuple(Stage(name, state) for name, state in self._of(build).stages)

    def tail(self, build: Build, lines: int) -> str:
        self._world.meet(SYSTEM, "builds.tail")
        with self._world.entered():
            return "\n".join(self._of(build).log[-lines:])

    def ping(self) -> str:
        self._world.meet(SYSTEM, "builds.ping")
        return "simulated builds"

    def start(self, job: str, *, operation: str, ref: str, tag: str, time_left: Callable[[], timedelta]) -> None:
        if time_left() <= CALL:
            raise Unsent(SYSTEM, text("There was not enough time left to send it."))
        fault = self._world.meet(SYSTEM, "builds.start", is_write=True)
        with self._world.entered():
            server = self._world.builds
            self._check(job)
            if job in server.disabled:
                raise Refused(SYSTEM, text("{job} is disabled.", job=job))
            if fault is not None and fault.how is How.LATE:
                self._world.timeline.after_clock(
                    fault.delay.total_seconds(), lambda: server.start(job, operation=operation, ref=ref, tag=tag)
                )
            else:
                server.start(job, operation=operation, ref=ref, tag=tag)
        if fault is not None:
            raise lost(SYSTEM, is_write=True)

    def stop(self, job: str, *, operation: str) -> None:
        fault = self._world.meet(SYSTEM, "builds.stop", is_write=True)
        with self._world.entered():
            self._check(job)
            self._world.builds.stop(job, operation)
        if fault is not None:
            raise lost(SYSTEM, is_write=True)

    def _check(self, job: str) -> None:
        if not self._world.builds.has(job):
            raise Missing(SYSTEM, text("There is no job {job}.", job=job))

    def _newest(self, job: str, limit: int) -> tuple[Build, ...]:
        with self._world.entered():
            self._check(job)
            return tuple(_build(each) for each in self._world.builds.builds(job)[:limit])

    def _of(self, build: Build) -> SimulatedBuild:
        self._check(build.job)
        for each in self._world.builds.builds(build.job):
            if each.queued_as == build.queued_as:
                return each
        raise Missing(SYSTEM, text("There is no build {n} of {job}.", n=build.number, job=build.job))


def _build(found: SimulatedBuild) -> Build:
    is_over = found.state not in {BuildState.QUEUED, BuildState.RUNNING}
    return Build(
        job=found.job,
        operation=found.operation,
        number=found.number,
        queued_as=found.queued_as,
        state=found.state,
        ref=found.ref,
        started=moment(found.started) if found.number else None,
        took=timedelta(seconds=found.ended - found.started) if is_over and found.number else None,
        why="In the quiet period." if found.state is BuildState.QUEUED else "",
    )
