"""Steps that change what pods run: the template of a workload, and the watch over it until it is proven.

Done means observed, updated, available and none terminating, then a bake without restarts; Kubernetes' own "complete"
and its own deadline are not believed. The reason of a failure comes from the pods and events of the newest ReplicaSet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.operation import Progress, Standing
from bot.domain.refs import ObjectRef
from bot.domain.reply import Text, Value, counted, text
from bot.domain.templates import Template
from bot.domain.workloads import Mark, Rollout, Trouble, TroubleKind
from bot.ports.world import Hands, World
from bot.steps.errors_beside import with_errors


def explain(trouble: Trouble, version: str, limit: str = "") -> Text:
    """One sentence for people. `version` is what failed, `limit` its memory limit."""
    args: dict[str, Value] = {
        "version": version,
        "words": trouble.words,
        "n": trouble.count,
        "container": trouble.container,
    }
    match trouble.kind:
        case TroubleKind.OUT_OF_MEMORY:
            times = counted(trouble.count, "once", "{n} times")
            if limit:
                return text(
                    "{version} was killed for memory {times} (limit {limit}).",
                    version=version,
                    times=times,
                    limit=_spoken(limit),
                )
            return text("{version} was killed for memory {times}.", version=version, times=times)
        case TroubleKind.CRASH:
            code = "" if trouble.exit_code is None else f" (exit code {trouble.exit_code})"
            return text("{version} crashes: container {container} ended{code}.", code=code, **args)
        case TroubleKind.LIVENESS:
            return text("{version} failed its liveness probe and was restarted: {words}", **args)
        case TroubleKind.PULL:
            return text("The image of {version} cannot be pulled: {words}", **args)
        case TroubleKind.REGISTRY_DOWN:
            return text("The registry cannot be reached: {words}", **args)
        case TroubleKind.CONFIG:
            return text("{version} cannot start, its configuration is incomplete: {words}", **args)
        case TroubleKind.START | TroubleKind.INIT:
            return text("{version} cannot start: {words}", **args)
        case TroubleKind.QUOTA:
            return text("The cluster refuses new pods: {words}", **args)
        case TroubleKind.UNSCHEDULABLE:
            return text("No node has room for a new pod: {words}", **args)
        case TroubleKind.MOUNT:
            return text("A volume cannot be mounted: {words}", **args)
        case TroubleKind.NOT_READY:
            return text("{version} never became ready: {words}", **args)


def _spoken(quantity: str) -> str:
    """`384Mi` as people write it."""
    unit = quantity.lstrip("0123456789.")
    return f"{quantity.removesuffix(unit)} {unit}B" if unit in {"Ki", "Mi", "Gi"} else quantity


def judge(rollout: Rollout, version: str) -> Progress | None:
    """FAILED on the first sure sign, else None."""
    fatal = next((t for t in rollout.troubles if t.is_fatal), None)
    if fatal is None:
        return None
    limit = rollout.workload.template.memory_limit(fatal.container) if fatal.container else ""
    return Progress(Standing.FAILED, why=explain(fatal, version, limit))


def waiting(rollout: Rollout, version: str) -> Progress:
    """UNDERWAY with its figures, and what holds it up."""
    workload = rollout.workload
    ready = min(workload.updated, workload.available)
    held_up = rollout.troubles[0] if rollout.troubles else None
    why = explain(held_up, version) if held_up else text("{version} is not ready yet.", version=version)
    return Progress(Standing.UNDERWAY, why=why, done=ready, of=workload.replicas)


CHANGED = "Somebody else changed {target} meanwhile."


@dataclass(frozen=True, slots=True)
class ReplaceTemplate:
    """Puts a whole pod template in the place of another, and watches until every pod runs it."""

    target: ObjectRef
    before: Template
    after: Template
    version: str
    """What people call the new template: `1.8.2`."""
    min_ready_before: int
    min_ready_after: int
    """Seconds; at least 10 while we watch, so that a crash after start is seen before the next pod goes."""

    def describe(self) -> Text:
        return text("run {version} in {target}", version=self.version, target=str(self.target))

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        rollout = world.cluster(self.target.cluster).workloads.rollout(self.target)
        workload = rollout.workload
        if workload.template != self.after:
            if workload.template == self.before:
                return Progress(Standing.ABSENT)
            return Progress(Standing.FAILED, why=text(CHANGED, target=str(self.target)))
        if self.before == self.after and workload.min_ready_seconds != self.min_ready_after:
            return Progress(Standing.ABSENT)
        if workload.is_settled:
            report = counted(workload.replicas, "{n} pod is ready.", "{n} of {n} pods are ready.")
            return Progress(Standing.DONE, done=workload.replicas, of=workload.replicas, report=report)
        return judge(rollout, self.version) or with_errors(waiting(rollout, self.version), world, self.target, mark)

    def act(self, hands: Hands, mark: Mark) -> None:
        hands.cluster(self.target.cluster).workloads.replace_template(
            self.target,
            before=self.before,
            after=self.after,
            min_ready=(self.min_ready_before, self.min_ready_after),
            mark=mark,
        )


@dataclass(frozen=True, slots=True)
class Bake:
    """Watches a finished rollout: a restart within `time` is a failure."""

    target: ObjectRef
    template: Template
    version: str
    time: timedelta

    def describe(self) -> Text:
        return text("watch {version} for {time}", version=self.version, time=self.time)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        rollout = world.cluster(self.target.cluster).workloads.rollout(self.target)
        if rollout.workload.template != self.template:
            return Progress(Standing.FAILED, why=text(CHANGED, target=str(self.target)))
        if failed := judge(rollout, self.version):
            return failed
        if held >= self.time and rollout.workload.is_settled:
            done = Progress(Standing.DONE, report=text("No restarts in {time}.", time=self.time))
            return with_errors(done, world, self.target, mark)
        ready, wanted = rollout.workload.available, rollout.workload.replicas
        report = text("Watching for {time}.", time=self.time)
        baking = Progress(Standing.UNDERWAY, done=ready, of=wanted, report=report)
        return with_errors(baking, world, self.target, mark)

    def act(self, hands: Hands, mark: Mark) -> None:
        """It only watches."""


@dataclass(frozen=True, slots=True)
class CreateConfig:
    """An immutable ConfigMap named by its content: a release's exact bytes, never reused for others."""

    cluster: str
    namespace: str
    name: str
    data: Mapping[str, str]

    def describe(self) -> Text:
        return text("bring back config {name}", name=self.name)

    def targets(self) -> tuple[ObjectRef, ...]:
        return ()

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        found = world.cluster(self.cluster).workloads.config(self.namespace, (self.name,)).get(self.name)
        if found is None:
            return Progress(Standing.ABSENT)
        if dict(found) == dict(self.data):
            return Progress(Standing.DONE)
        return Progress(Standing.FAILED, why=text("Config {name} has other content.", name=self.name))

    def act(self, hands: Hands, mark: Mark) -> None:
        hands.cluster(self.cluster).configs.create(self.namespace, self.name, self.data, mark=mark)


RESTARTED = "kubectl.kubernetes.io/restartedAt"


@dataclass(frozen=True, slots=True)
class Restart:
    """A rolling restart: the same template with one annotation changed, as `kubectl rollout restart` does it.

    The annotation's value is the operation, not a time, so that the plan stays a function of the world.
    """

    target: ObjectRef
    before: Template
    version: str
    min_ready_before: int
    min_ready_after: int
    is_back: bool = False
    """Undo: the old ReplicaSet again, most of whose pods still run."""

    def _after(self, mark: Mark) -> Template:
        return self.before.with_annotation(RESTARTED, mark.operation)

    def describe(self) -> Text:
        return text("restart every pod of {target}", target=str(self.target))

    def targets(self) -> tuple[ObjectRef, ...]:
        return (self.target,)

    def _replace(self, mark: Mark) -> ReplaceTemplate:
        old, new = (self.before, self.min_ready_before), (self._after(mark), self.min_ready_after)
        source, goal = (new, old) if self.is_back else (old, new)
        return ReplaceTemplate(self.target, source[0], goal[0], self.version, source[1], goal[1])

    def observe(self, world: World, mark: Mark, held: timedelta) -> Progress:
        return self._replace(mark).observe(world, mark, held)

    def act(self, hands: Hands, mark: Mark) -> None:
        self._replace(mark).act(hands, mark)
