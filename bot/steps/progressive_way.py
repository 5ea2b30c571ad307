"""A canary of an app whose workload is a Rollout: its own controller moves pods and requests, by steps made for it."""

from __future__ import annotations

from bot.domain.progressive import StepList
from bot.ports.world import World
from bot.steps.adoption import adopt
from bot.steps.canary_ways import Ask, Way
from bot.steps.delivery import Target, candidate, proven
from bot.steps.preflight import check_room
from bot.steps.progressive_plan import Course, by_words, more_pods, progressive_steps, warnings_of
from bot.steps.weight_plan import pods_for


def by_its_steps(world: World, target: Target, ask: Ask) -> Way:
    workload = target.workload
    check_room(target, target.workload.template, more_pods(workload))
    known = world.book.releases(str(ask.app.name), str(ask.app.env), limit=50)
    course = Course(
        version=ask.version,
        old=ask.old,
        hold=ask.hold,
        deadline=world.rules.duration("deadline", ask.app.name, ask.app.env),
        wait=ask.wait,
        bake=world.rules.duration("bake", ask.app.name, ask.app.env),
        requests=ask.requests,
        measures=ask.measures,
    )
    final = target.running.with_image(target.container, ask.image)
    steps = [
        *adopt(world, ask.app, target, known=known, version=ask.old),
        candidate(world, ask.app, target, final, ask.version),
        *progressive_steps(workload, target.around.autoscaler, final, StepList.shares(ask.shares), course),
        proven(ask.app, ask.version),
    ]
    sizes = [pods_for(workload.replicas, share) for share in ask.shares]
    lines = (
        *(f"~ {share} % to {ask.version}, {size} pods" for share, size in zip(ask.shares, sizes, strict=True)),
        "",
        f"Promoted: 100 %, watched for {course.bake}, then Rollout {target.ref.name} has its own steps again",
    )
    warnings = warnings_of(workload, ask.shares)
    return Way("rollout", by_words(workload), steps, sizes, warnings, lines)
