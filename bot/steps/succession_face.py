"""How a change of a running canary's share is shown before it is agreed to, and what it reaches. Pure."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.errors import QuotaExceeded
from bot.domain.operation import Operation
from bot.domain.reply import Fact, Text, Value, text
from bot.ports.world import World
from bot.steps.canary import look
from bot.steps.codec import load_face
from bot.steps.delivery import Target
from bot.steps.progressive import ready_of
from bot.steps.replica_plan import achieved
from bot.steps.step import Face
from bot.steps.succession import Climb, Running


def check_room(target: Target, now: Running, climb: Climb, world: World) -> None:
    """Raises QuotaExceeded where a quota leaves no room for the pods that the canary gets more."""
    pods = next((quota for quota in target.around.quotas if quota.resource == "pods"), None)
    rollout = look(world, now.made.target)
    size = rollout.workload.replicas if rollout is not None else 0
    if rollout is not None and now.is_progressive:
        # What it has are those of both versions.
        size = ready_of(rollout)
    more = max(*climb.sizes, climb.whole if now.is_exact else 0) - size
    if pods is not None and more > 0 and pods.used + more > pods.hard:
        raise QuotaExceeded(
            text("The quota {name} leaves no room for {n} more pods.", name=pods.name, n=more),
            why=text("{used} of {hard} pods are used.", used=int(pods.used), hard=int(pods.hard)),
        )


def successor_face(operation: Operation, now: Running, climb: Climb, target: Target) -> Face:
    was = load_face(operation.face)
    percent = climb.shares[0]
    path = " → ".join(f"{share} %" for share in climb.shares) + " → 100 %"
    subject = was.subject or was.title
    args: dict[str, Value] = {"subject": subject, "percent": percent, "now": now.percent, "path": path}
    kept = [fact for fact in was.facts if fact.label.plain() in {"Version", "Always"}]
    facts = (
        *kept,
        Fact(text("Shares"), text("now {now} %, then {path}", **args)),
        Fact(text("Pods"), text("{n} stable, {sizes} canary", n=target.workload.replicas, sizes=_sizes(climb))),
        Fact(text("Each share"), _patience(climb)),
    )
    return replace(
        was,
        title=text("{percent} % for canary {subject}", **args),
        asks=text("give the canary *{subject}* {percent} % instead of {now} %, then {path}", **args),
        go=text("Change the share"),
        warnings=tuple(_warnings(operation, now, climb, target)),
        facts=facts,
        diff=_diff(operation, now, climb, target),
        subject=subject,
    )


def _sizes(climb: Climb) -> str:
    return ", then ".join(map(str, climb.sizes))


def _patience(climb: Climb) -> Text:
    if climb.hold is None:
        return text("until somebody promotes it, at most {wait}", wait=climb.wait)
    return text("{hold} long", hold=climb.hold)


def _warnings(operation: Operation, now: Running, climb: Climb, target: Target) -> list[Text]:
    found = [text("It takes {id} over, which {who} asked for", id=operation.id, who=operation.requester)]
    if any(now.percent < share < climb.shares[0] for share in now.shares):
        found.append(text("Shares between {now} and {n} % are *left out*", now=now.percent, n=climb.shares[0]))
    if now.is_progressive:
        found.append(
            text("Its controller takes up other shares *with its pods*: while more start, stable has everything")
        )
    elif not now.is_exact:
        for share, size in zip(climb.shares, climb.sizes, strict=True):
            real = achieved(target.workload.replicas, size)
            if abs(real - share) > 2:
                found.append(text("*{share} % cannot be had*: it gets {real} %", share=share, real=real))
    return found


def _diff(operation: Operation, now: Running, climb: Climb, target: Target) -> str:
    made = now.made.target
    lines = [
        f"{made.kind} {made.name}, cluster {made.cluster}, namespace {made.namespace}",
        f"- {operation.id}  {operation.line}",
        *(f"+ {share} %, {size} pods" for share, size in zip(climb.shares, climb.sizes, strict=True)),
        "",
        "From whichever share it has then. Everything else is as in the plan of " + operation.id + ",",
        "also the way back: all requests to stable, then "
        + ("it has its own template and steps again" if now.is_progressive else "the canary is removed"),
    ]
    return "\n".join(lines)
