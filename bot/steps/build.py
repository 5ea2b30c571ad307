"""Steps of a build: start it at most once, watch it to an image in the registry, stop it.

The CI server cannot refuse a second start, so nothing is ever sent again: whether the one start arrived is told by the
operation's mark on the build. Where no build bears it, and where one is gone, a person is asked. The server's "success" is
not believed either: a build is done when the registry has its image.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.domain.errors import IntegrationError, Missing
from bot.domain.operation import Progress, Standing
from bot.domain.redact import redact
from bot.domain.refs import ObjectRef, OperationId
from bot.domain.reply import Text, text
from bot.domain.workloads import Mark
from bot.ports.builds import Build, BuildState
from bot.ports.world import Hands, World

LOOK_AGAIN = timedelta(seconds=3)
LOOK_SELDOM = timedelta(seconds=15)
"""While a person is waited for."""
GRACE = timedelta(seconds=10)
"""Between queue and builds there is a moment in which neither shows it."""
PATIENCE = timedelta(minutes=10)
"""With a server that does not answer before anything was sent."""
LANDING = timedelta(seconds=10)
"""After which a start that was not seen does not arrive any more: three times what the call may take."""
STOPPING = timedelta(seconds=20)
PUBLISHING = timedelta(minutes=1)
EXCERPT = 15
_LINE = 200
_VERSION = re.compile(r"v?[0-9]+(\.[0-9]+){1,3}([.-][A-Za-z0-9.-]{1,60})?")
_NO_TAG = re.compile(r"[^A-Za-z0-9._-]")


def tag_of(ref: str, operation: OperationId) -> str:
    """A version is its own tag; of a branch or commit each build has one of its own: `main-op-7`."""
    return ref if _VERSION.fullmatch(ref) else f"{_NO_TAG.sub('-', ref)[:80]}-{operation}"


def _look(world: World, job: str, mark: Mark) -> tuple[Build, ...] | Progress:
    """Also where the job is missing it is not known what became of the build."""
    try:
        return world.builds.find(job, mark.operation)
    except IntegrationError as error:
        return _unanswered(error)


def _unanswered(error: IntegrationError) -> Progress:
    return Progress(
        Standing.UNKNOWN, why=error.what, report=text("I go on by myself once I am answered."), again=LOOK_AGAIN
    )


@dataclass(frozen=True, slots=True)
class StartBuild:
    app: str
    job: str
    ref: str

    def describe(self) -> Text:
        return text("start {job} for {ref}", job=self.job, ref=self.ref)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        operation = world.book.operation(mark.operation)
        # The attempt is stored before anything is sent: from then on it may have arrived, whatever we remember.
        was_tried = operation is None or operation.attempts > 0
        found = _look(world, self.job, mark)
        if isinstance(found, Progress):
            if was_tried or held < PATIENCE:
                return found
            why = text("{why} Nothing was started.", why=found.why or text(""))
            return Progress(Standing.FAILED, why=why)
        if found:
            return Progress(Standing.DONE)
        if not was_tried:
            return Progress(Standing.ABSENT)
        if held < GRACE:
            return Progress(Standing.UNKNOWN, report=text("Looking for the build."), again=LOOK_AGAIN)
        why = text(
            "The answer to the start was lost, and {job} shows no build of {id}. It may still have been started; "
            "it is not started a second time without a person.",
            job=self.job,
            id=mark.operation,
        )
        return Progress(Standing.UNKNOWN, why=why, again=LOOK_SELDOM)

    def act(self, hands: Hands, mark: Mark) -> None:
        hands.builds.start(
            self.job,
            operation=mark.operation,
            ref=self.ref,
            tag=tag_of(self.ref, mark.operation),
            time_left=hands.time_left,
        )


@dataclass(frozen=True, slots=True)
class AwaitBuild:
    app: str
    job: str
    ref: str
    repository: str
    """Where its image has to be at the end."""

    def describe(self) -> Text:
        return text("build the image of {ref}", ref=self.ref)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        found = _look(world, self.job, mark)
        if isinstance(found, Progress):
            return found
        if not found:
            why = text(
                "{job} shows neither a queued item nor a build of {id} any more. It may have been cleaned up, cancelled "
                "or lost in a restart: whether there is an image is not known.",
                job=self.job,
                id=mark.operation,
            )
            return Progress(Standing.UNKNOWN, why=why, again=LOOK_SELDOM)
        build = found[0]
        match build.state:
            case BuildState.QUEUED:
                waits = text("Waits in the queue. {why}", why=build.why)
                return Progress(Standing.UNDERWAY, report=waits, again=LOOK_AGAIN)
            case BuildState.RUNNING:
                return self._running(world, build, len(found))
            case BuildState.SUCCEEDED:
                return self._published(world, mark, build)
            case BuildState.FAILED:
                return self._failed(world, build)
            case BuildState.STOPPED:
                return Progress(Standing.FAILED, why=text("{build} was stopped.", build=_named(build)))

    def act(self, hands: Hands, mark: Mark) -> None:
        """It is only watched."""

    def _running(self, world: World, build: Build, count: int) -> Progress:
        took = max(timedelta(0), world.now - (build.started or world.now))
        usual: timedelta | None = None
        stages: tuple[str, ...] = ()
        try:
            usual = world.builds.job(self.app).usual
            stages = tuple(stage.name for stage in world.builds.stages(build))
        except IntegrationError:
            pass  # What it looks like on the way is no reason to stop watching.
        seconds = timedelta(seconds=int(took.total_seconds()))
        words = text("{build} runs: {took} so far{usual}", build=_named(build), took=seconds, usual=_usually(usual))
        if stages:
            words = text("{words}. Stage {n}: {stage}", words=words, n=len(stages), stage=stages[-1][:80])
        if count > 1:
            # Something between us and the server sent the one request twice.
            words = text("{words}. {n} builds bear its mark; the oldest counts", words=words, n=count)
        of = int(usual.total_seconds()) if usual else 0
        return Progress(
            Standing.UNDERWAY,
            done=min(int(took.total_seconds()), of),
            of=of,
            report=text("{words}.", words=words),
            again=LOOK_AGAIN,
        )

    def _published(self, world: World, mark: Mark, build: Build) -> Progress:
        tag = tag_of(self.ref, mark.operation)
        try:
            image = world.images.resolve(self.repository, tag)
        except Missing:
            ended = (build.started or world.now) + (build.took or timedelta(0))
            if world.now - ended < PUBLISHING:
                waits = text("{build} succeeded. Waits for {tag} in the registry.", build=_named(build), tag=tag)
                return Progress(Standing.UNDERWAY, report=waits, again=LOOK_AGAIN)
            why = text(
                "{build} succeeded, but the registry has no {tag} of {repository}.",
                build=_named(build),
                tag=tag,
                repository=self.repository,
            )
            return Progress(Standing.FAILED, why=why)
        except IntegrationError as error:
            return _unanswered(error)
        report = text(
            "{build} took {took}. `{tag}` is `{digest}`.",
            build=_named(build),
            took=build.took or timedelta(0),
            tag=tag,
            digest=image.digest,
        )
        return Progress(Standing.DONE, report=report)

    def _failed(self, world: World, build: Build) -> Progress:
        failed = Progress(Standing.FAILED, why=text("{build} failed.", build=_named(build)))
        try:
            stages = world.builds.stages(build)
            tail = world.builds.tail(build, EXCERPT)
        except IntegrationError:
            return failed
        at = next((stage.name for stage in stages if stage.state is BuildState.FAILED), "")
        if at:
            failed = replace(failed, why=text("{build} failed at {stage}.", build=_named(build), stage=at[:80]))
        # As a whole: a key of several lines is no secret line by line.
        lines = (line[:_LINE] for line in redact(tail).splitlines())
        return replace(failed, excerpt="\n".join(lines))


@dataclass(frozen=True, slots=True)
class StopBuild:
    """Ends what the operation started, also where it is not known whether it did."""

    job: str

    def describe(self) -> Text:
        return text("stop what {job} builds for it", job=self.job)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        found = _look(world, self.job, mark)
        if isinstance(found, Progress):
            return found
        if not found and held < LANDING:
            return Progress(Standing.UNKNOWN, why=text("Looking whether a start still arrives."))
        if all(build.is_over for build in found):
            return Progress(Standing.DONE)
        operation = world.book.operation(mark.operation)
        tries = operation.attempts if operation else 0
        return Progress(Standing.UNDERWAY if held < STOPPING * tries else Standing.ABSENT)

    def act(self, hands: Hands, mark: Mark) -> None:
        hands.builds.stop(self.job, operation=mark.operation)


def _named(build: Build) -> Text:
    return text("Build {n}", n=build.number)


def _usually(usual: timedelta | None) -> Text:
    return text(", usually {usual}", usual=timedelta(seconds=int(usual.total_seconds()))) if usual else text("")
