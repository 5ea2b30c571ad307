"""The plan for a workload that goes step by step by itself, and what has to be so before it is touched. Pure.

Forward: autoscaler held, template and steps in one patch, then from stop to stop; the last stop has everything on the new
version and the old one whole beside it, so that until the promotion the way back is one patch. Then its own steps again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil

from bot.domain.analysis import AppMeasure
from bot.domain.errors import Preflight
from bot.domain.progressive import Program, Progressive, StepList
from bot.domain.reply import Text, text
from bot.domain.templates import Template
from bot.domain.workloads import Autoscaler, Workload
from bot.steps.analysis import Analyse
from bot.steps.progressive import BakeStop, HoldStop, PassStop, PutProgram, ReachStop
from bot.steps.step import Planned
from bot.steps.weights import hold_scale_down

SETTLE = timedelta(seconds=3)
"""Part of every share: its router may take notice of a weight a moment after the controller wrote it."""


@dataclass(frozen=True, slots=True)
class Course:
    """How it is to go."""

    version: str
    old: str
    hold: timedelta | None
    """At each stop before the last; None: until somebody promotes it."""
    deadline: timedelta
    """Of getting from stop to stop."""
    wait: timedelta
    """For a person, at one stop."""
    bake: timedelta
    requests: int | None = None
    """That the new version must have answered at a stop before its figures can pass; None: its own controller judges it."""
    measures: tuple[AppMeasure, ...] = ()


def progressive_steps(
    workload: Workload, autoscaler: Autoscaler | None, after: Template, steps: StepList, course: Course
) -> list[Planned]:
    """Without the releases, which every kind of delivery records alike. `steps` has a stop at its end."""
    stands = workload.progressive
    assert stands is not None
    told, ours = Program(workload.template, stands.steps), Program(after, steps)
    home = Program(workload.running, stands.steps)
    hold, let_go = hold_scale_down(autoscaler, workload.ref)
    slow = course.deadline + steps.waits + (course.wait if steps.others else timedelta())
    planned = [
        *hold,
        Planned(
            PutProgram(workload.ref, told, ours, course.version, is_aborted=stands.is_aborted),
            PutProgram(workload.ref, ours, home, course.old, is_back=True),
            undo_deadline=course.deadline * 2,
        ),
    ]
    is_routed = stands.weight is not None
    planned += climb(workload, ours, stands.steps, course, is_routed=is_routed, slow=slow)
    return [*planned, *let_go]


def climb(
    workload: Workload, ours: Program, own: StepList, course: Course, *, is_routed: bool, slow: timedelta
) -> list[Planned]:
    """From the first stop of `ours` to the promotion, and its `own` steps again. `slow`: from one stop to the next."""
    planned = []
    *stops, last = ours.steps.stops
    for stop in stops:
        reach = ReachStop(workload.ref, ours, stop.index, stop.percent, course.version)
        time = max(course.hold, SETTLE) if course.hold is not None else None
        hold_on = HoldStop(workload.ref, ours, stop.index, stop.percent, course.version, time, is_routed)
        watch = hold_on if course.requests is None else _judged(workload, hold_on, course, course.requests)
        let_on = PassStop(workload.ref, ours, stop.index, course.version, is_last=False)
        planned += [
            Planned(reach, deadline=slow),
            Planned(watch, deadline=(course.hold or timedelta()) + course.wait),
            Planned(let_on, deadline=course.deadline),
        ]
    bake = max(course.bake, SETTLE)
    planned += [
        Planned(ReachStop(workload.ref, ours, last.index, last.percent, course.version), deadline=slow),
        Planned(BakeStop(workload.ref, ours, last.index, course.version, bake), deadline=bake + course.deadline),
        Planned(PassStop(workload.ref, ours, last.index, course.version, is_last=True), no_return=True),
        Planned(PutProgram(workload.ref, ours, replace(ours, steps=own), course.version), no_return=True),
    ]
    return planned


def _judged(workload: Workload, stop: HoldStop, course: Course, requests: int) -> Analyse:
    return Analyse(
        target=workload.ref,
        stable=workload.ref,
        routes=(),
        replicas=ceil(workload.replicas * stop.percent / 100),
        percent=stop.percent,
        version=course.version,
        old=course.old,
        requests=requests,
        time=stop.time,
        measures=course.measures,
        # How long it takes is the verdict's business.
        stop=replace(stop, time=None),
    )


def more_pods(workload: Workload) -> int:
    """How many it has at most beside those of stable: by a router as many again, by pods its surge."""
    stands = workload.progressive
    assert stands is not None
    return workload.replicas if stands.weight is not None else ceil(workload.replicas / 4)


def by_words(workload: Workload) -> str:
    stands = workload.progressive
    assert stands is not None
    return f"by Rollout {workload.ref.name}, {'its router' if stands.weight is not None else 'its pods'}"


def warnings_of(workload: Workload, shares: Sequence[int]) -> tuple[Text, ...]:
    """Of a canary by shares that are not the Rollout's own."""
    stands = workload.progressive
    assert stands is not None
    found = []
    if stands.is_aborted:
        found.append(text("Its last version was *given up*: {words}", words=stands.words))
    if len(stands.steps):
        found.append(text("Its own {n} steps are set aside meanwhile", n=len(stands.steps)))
    if stands.steps.others:
        found.append(text("So are the *{names}* among them", names=", ".join(stands.steps.others)))
    if stands.weight is None:
        found.append(text("Without a router *shares are those that its pods allow*"))
        found.append(text("Clients that keep connections open may never reach the new version"))
    return tuple(found)


def check_progressive(workload: Workload, stands: Progressive, *, is_told_anew: bool) -> None:
    """Refuses what cannot be driven soundly, and what is on its way already. One that gave a version up may be told
    another (`is_told_anew`), once its stable pods have everything."""
    args = {"name": workload.ref.name}
    if stands.limits:
        raise Preflight(
            text("Rollout {name} cannot be changed from here.", **args),
            why=stands.limits[0],
            next=text("Change it the way its team does, with kubectl or from Git."),
        )
    if workload.is_paused:
        raise Preflight(
            text("Rollout {name} is paused.", **args),
            why=text("A paused Rollout takes a change and does nothing with it."),
            next=text("Let it go on with kubectl argo rollouts promote, then try again."),
        )
    if stands.is_aborted and not is_told_anew:
        raise Preflight(
            text("Rollout {name} gave up its last version and is still told to run it.", **args),
            why=text("{words}", words=stands.words),
            next=text("Deploy another version first."),
        )
    is_back = stands.is_aborted and not stands.weight and workload.available >= workload.replicas
    if is_back and stands.stable_template is None:
        raise Preflight(
            text("Rollout {name} gave a version up, and what it ran before cannot be seen.", **args),
            why=text("{words}", words=stands.words),
            next=text("Tell it with kubectl to run the version before, then try again."),
        )
    if not workload.is_settled and not is_back:
        raise Preflight(
            text("Rollout {name} is in the middle of a rollout.", **args),
            why=_where(stands),
            next=text("Wait until it has ended, or look at it with `status`."),
        )


def standing(stands: Progressive, told: str) -> Text:
    """Where it is, for people; `told` is the version that it is told to run."""
    if stands.is_aborted:
        return text("*gave {told} up*: {words}", told=told, words=stands.words)
    if stands.is_promoted:
        return text("all steps done" if stands.is_healthy else "all steps done: {words}", words=stands.words)
    how = text("waits" if stands.is_waiting else "{words}", words=stands.words)
    return text(
        "{told} at {weight}, step {n} of {all}: {how}",
        told=told,
        weight=text("its pods' share") if stands.weight is None else text("{n} %", n=stands.weight),
        n=min(stands.index + 1, len(stands.steps)),
        all=len(stands.steps),
        how=how,
    )


def _where(stands: Progressive) -> Text:
    return text(
        "It is at step {n} of {all}, {weight} %: {words}",
        n=min(stands.index + 1, len(stands.steps)),
        all=len(stands.steps),
        weight=stands.weight or 0,
        words=stands.words or "it goes on",
    )
