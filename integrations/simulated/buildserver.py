"""The simulated CI server: a job per app of the registry, a queue, builds with stages and a log, images at their end.

It knows no key of ours but the parameter that a build bears: asked twice, it builds twice. What it does not know as a
branch, a version or a commit fails at the checkout; what has `broken` in its name fails at the tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from bot.ports.builds import BuildState

if TYPE_CHECKING:
    from integrations.simulated.world import SimulatedWorld

QUIET = 3.0
STAGES: tuple[tuple[str, float], ...] = (("Checkout", 4.0), ("Test", 16.0), ("Image", 14.0), ("Push", 4.0))
"""With the seconds that each takes."""
EARLIER = 5
"""Builds that every job has behind it when the world begins."""
_KNOWN = re.compile(r"(main|release|v?\d+(\.\d+){1,2}(-[a-z0-9.]+)?|[0-9a-f]{7,40}|(feature|fix)/[A-Za-z0-9._/-]+)")


@dataclass(slots=True)
class SimulatedBuild:
    job: str
    operation: str
    ref: str
    tag: str
    queued_as: int
    queued: float
    number: int = 0
    state: BuildState = BuildState.QUEUED
    started: float = 0.0
    ended: float = 0.0
    stages: list[tuple[str, BuildState]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)


class BuildServer:
    def __init__(self, world: SimulatedWorld, registry: str) -> None:
        """`registry`: where the images go: `registry.test`."""
        self._world = world
        self._registry = registry
        self._builds: dict[str, list[SimulatedBuild]] = {}
        self._numbers: dict[str, int] = {}
        self._queued = 0
        self.started: list[SimulatedBuild] = []
        """Everything that a call started, as the server saw it, also what was forgotten since."""
        self.disabled: set[str] = set()

    def job_of(self, app: str) -> str | None:
        return f"build-{app}" if self._world.registry.has(f"{self._registry}/{app}") else None

    def has(self, job: str) -> bool:
        return self.job_of(job.removeprefix("build-")) == job

    def builds(self, job: str) -> list[SimulatedBuild]:
        """The newest first."""
        if job not in self._builds:
            self._builds[job] = [self._earlier(job, n) for n in range(EARLIER, 0, -1)]
            self._numbers[job] = EARLIER
        return self._builds[job]

    def usual(self, job: str) -> float | None:
        """Seconds of the clock."""
        took = [b.ended - b.started for b in self.builds(job) if b.state is BuildState.SUCCEEDED]
        return median(took) if took else None

    def start(self, job: str, *, operation: str, ref: str, tag: str) -> None:
        self._queued += 1
        build = SimulatedBuild(job, operation, ref, tag, self._queued, self._world.timeline.now)
        self.builds(job).insert(0, build)
        self.started.append(build)
        self._world.timeline.after(QUIET, lambda: self._begin(build))

    def stop(self, job: str, operation: str) -> None:
        for build in self.builds(job):
            if build.operation == operation and build.state in {BuildState.QUEUED, BuildState.RUNNING}:
                self._end(build, BuildState.STOPPED, "Aborted by pilothouse")

    def forget(self, operation: str) -> None:
        """Cleaned up: neither in the queue nor among the builds any more."""
        for job, builds in self._builds.items():
            self._builds[job] = [build for build in builds if build.operation != operation]

    # --- a build ----------------------------------------------------------------------------------

    def _begin(self, build: SimulatedBuild) -> None:
        if build.state is not BuildState.QUEUED:
            return
        build.number = self._numbers[build.job] = self._numbers[build.job] + 1
        build.state = BuildState.RUNNING
        build.started = self._world.timeline.now
        build.log += ["Started by remote host, user pilothouse", f"Building {build.ref} as {build.tag}"]
        self._stage(build, 0)

    def _stage(self, build: SimulatedBuild, index: int) -> None:
        if build.state is not BuildState.RUNNING:
            return
        if index == len(STAGES):
            app = build.job.removeprefix("build-")
            digest = self._world.registry.push(f"{self._registry}/{app}", build.tag)
            build.log.append(f"pushed {self._registry}/{app}:{build.tag}@{digest}")
            self._end(build, BuildState.SUCCEEDED, "")
            return
        name, seconds = STAGES[index]
        build.stages.append((name, BuildState.RUNNING))
        build.log.append(f"[Pipeline] {{ ({name})")
        self._world.timeline.after(seconds * self._world.between(0.85, 1.15), self._leave(build, index))

    def _leave(self, build: SimulatedBuild, index: int) -> Callable[[], None]:
        def leave() -> None:
            if build.state is not BuildState.RUNNING:
                return
            name = STAGES[index][0]
            if words := _trouble(name, build.ref):
                build.stages[-1] = (name, BuildState.FAILED)
                build.log += words
                self._end(build, BuildState.FAILED, "")
                return
            build.stages[-1] = (name, BuildState.SUCCEEDED)
            self._stage(build, index + 1)

        return leave

    def _end(self, build: SimulatedBuild, state: BuildState, words: str) -> None:
        build.state = state
        build.ended = self._world.timeline.now
        if build.stages and build.stages[-1][1] is BuildState.RUNNING:
            build.stages[-1] = (build.stages[-1][0], state)
        result = {BuildState.SUCCEEDED: "SUCCESS", BuildState.FAILED: "FAILURE"}.get(state, "ABORTED")
        build.log += [*([words] if words else []), f"Finished: {result}"]

    def _earlier(self, job: str, number: int) -> SimulatedBuild:
        self._queued += 1
        seconds = sum(seconds for _, seconds in STAGES) + number % 3
        began = self._world.began - (EARLIER + 1 - number) * 7200.0
        is_bad = number == EARLIER - 1
        return SimulatedBuild(
            job=job,
            operation="",
            ref="main",
            tag=f"main-{number}",
            queued_as=self._queued,
            queued=began - QUIET,
            number=number,
            state=BuildState.FAILED if is_bad else BuildState.SUCCEEDED,
            started=began,
            ended=began + self._world.timeline.span(seconds),
            log=["Finished: FAILURE" if is_bad else "Finished: SUCCESS"],
        )


def _trouble(stage: str, ref: str) -> list[str]:
    if stage == "Checkout" and not _KNOWN.fullmatch(ref) and "broken" not in ref:
        return [f"error: pathspec '{ref}' did not match any file(s) known to git", "ERROR: script returned exit code 1"]
    if stage == "Test" and "broken" in ref:
        return [
            "=== RUN   TestCartTotal",
            "    cart_test.go:41: total of an empty cart: got 1, want 0",
            "--- FAIL: TestCartTotal (0.02s)",
            "FAIL",
            "ERROR: script returned exit code 1",
        ]
    return []
