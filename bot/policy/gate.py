"""The rules that stand between a request and a change: asked on the road, and again before the first write.

Pure: each raises the UserError that says what, why and the next step, or returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bot.command import AnyCommand, Changes
from bot.domain.errors import CapExceeded, Frozen, Locked, NotEnrolled, NotPermitted, TargetBusy
from bot.domain.operation import Operation, Quorum, SignalKind
from bot.domain.refs import OperationId, Principal
from bot.domain.reply import Button, Text, text
from bot.policy.judge import Denied, Judge
from bot.ports.apps import App
from bot.ports.people import Status
from bot.ports.world import World
from bot.steps.locking import ask_to_unlock, take_over
from bot.steps.step import Plan


def check_permitted(judge: Judge, principal: Principal, command: AnyCommand, app: App | None) -> None:
    denied = judge.authorise(principal, command.permission, app)
    if isinstance(denied, Denied):
        raise not_permitted(denied, command, app)


def not_permitted(denied: Denied, command: AnyCommand, app: App | None) -> NotPermitted:
    has = ", ".join(denied.elsewhere)
    if app and has:
        why = text(
            "It needs `{permission}` on {env}; you have it on {has}.",
            permission=denied.permission,
            env=str(app.env),
            has=has,
        )
    elif app:
        why = text("It needs `{permission}` on {env}.", permission=denied.permission, env=str(app.env))
    else:
        why = text("It needs `{permission}`.", permission=denied.permission)
    what = (
        text("You may not run {command} for {app} on {env}.", command=command.name, app=str(app.name), env=str(app.env))
        if app
        else text("You may not run {command}.", command=command.name)
    )
    granters = _people(denied.granters, denied.leads)
    runners = _people(denied.runners)
    next = text("Ask whoever keeps the policy file.")
    if granters and runners:
        next = text("{granters} can grant it, {runners} can run it for you.", granters=granters, runners=runners)
    elif granters:
        next = text("{granters} can grant it.", granters=granters)
    elif runners:
        next = text("{runners} can run it for you.", runners=runners)
    return NotPermitted(what, why=why, next=next, runners=denied.runners)


def _people(found: tuple[Principal, ...], leads: Mapping[Principal, str] | None = None) -> Text | None:
    """`leads`: which group somebody leads, which is why they can."""
    named = [
        text("{who} (lead of {group})", who=who, group=leads[who]) if leads and who in leads else text("{who}", who=who)
        for who in found
    ]
    if not named:
        return None
    return named[0] if len(named) == 1 else text("{a} or {b}", a=named[0], b=named[1])


def check_rules(judge: Judge, plan: Plan, app: App | None, asker: Principal, world: World) -> None:
    """Locks, freezes, caps and busy targets: asked when planned, and again before the first write."""
    if not plan.holds or app is None:
        return
    lock = world.book.lock(str(app.name), str(app.env))
    if lock is not None and lock.holder != asker:
        raise Locked(
            text("{app} on {env} is locked.", app=lock.app, env=lock.env),
            why=text(
                "{who} holds the lock since {at}{until}: {reason}",
                who=lock.holder,
                at=lock.at,
                until=text(", until {until}", until=lock.until) if lock.until else text(""),
                reason=lock.reason,
            ),
            next=text("Ask {who}, or take the lock over; {who} is then told.", who=lock.holder),
            buttons=(ask_to_unlock(lock), take_over(lock)),
        )
    check_freeze(judge, app, asker, world.now)
    if too_large := judge.cap(app, pods=plan.pods, share=plan.share):
        raise CapExceeded(
            text("This would replace {pods} pods, {share} % of the app.", pods=plan.pods, share=plan.share),
            why=text("The policy allows {limit}.", limit=too_large),
            next=text("Do it in smaller parts, or ask whoever keeps the policy file."),
        )
    for hold in plan.holds:
        holder = world.book.holder(hold)
        if holder is not None and holder != plan.takes_over:
            raise busy(world, hold, holder)


def check_freeze(judge: Judge, app: App, asker: Principal, now: datetime) -> None:
    if freeze := judge.freeze(app, now, asker):
        raise Frozen(
            text("{env} is frozen.", env=str(app.env)),
            why=text("{reason}, until {until}.", reason=freeze.reason, until=freeze.until),
            next=text("Wait until then, or ask {group}.", group=freeze.exempt or "whoever keeps the policy file"),
        )


def quorum_of(judge: Judge, command: AnyCommand, app: App | None, plan: Plan) -> tuple[Quorum, Text | None]:
    """Who has to agree to it, and why so, where the rules about another command make it so.

    What a plan may come to without being asked again is agreed to with the plan: a promoted canary is a deploy, so the
    rules about deploys count for it too. Of equally many votes those of the deploy's group are asked for.
    """
    own = judge.quorum(command.name, command.permission, app, pods=plan.pods, share=plan.share)
    if not isinstance(command.does, Changes) or command.does.ends_as is None:
        return own, None
    name, permission = command.does.ends_as
    ended = judge.quorum(name, permission, app, pods=plan.pods, share=plan.share)
    if ended == own or ended.votes < own.votes or not ended.votes:
        return own, None
    whose = ended.group or "anybody else"
    return ended, text(
        "{n} from {whose}, as for {name}: it may come to the same", n=ended.votes, whose=whose, name=name
    )


def busy(world: World, hold: str, holder: OperationId) -> TargetBusy:
    operation = world.book.operation(holder)
    app, _, env = hold.partition("/")
    what = text("{app} on {env} is busy.", app=app, env=env)
    if operation is None:
        return TargetBusy(what, why=text("{id} works on it.", id=holder))
    return TargetBusy(
        what,
        why=text(
            "{id}, {kind} by {who}, runs since {at}.",
            id=holder,
            kind=operation.kind,
            who=operation.requester,
            at=operation.started or operation.created,
        ),
        next=text("Ask {who}, or wait until it has ended.", who=operation.requester),
        buttons=(Button(text("Show it"), f"status {app} in {env}"),),
    )


def check_signal(
    judge: Judge,
    principal: Principal,
    command: AnyCommand,
    kind: SignalKind,
    operation: Operation,
    app: App | None,
    *,
    now: datetime,
) -> None:
    """A freeze keeps people from promoting; pausing and going back it does not."""
    is_own = principal == operation.requester
    match kind:
        case SignalKind.ASK:
            if not is_own:
                raise NotPermitted(
                    text("Only {who} can ask for this plan.", who=operation.requester),
                    why=text("A plan belongs to whoever made it."),
                    next=text("Write the command yourself to get your own plan."),
                )
            check_permitted(judge, principal, command, app)
        case SignalKind.CANCEL | SignalKind.ABORT if is_own:
            return
        case SignalKind.APPROVE | SignalKind.DENY:
            check_permitted(judge, principal, command, app)
            check_voter(judge, principal, kind, operation)
        case SignalKind.PROMOTE | SignalKind.PROMOTE_FULL:
            check_permitted(judge, principal, command, app)
            if app is not None:
                check_freeze(judge, app, principal, now)
        case _:
            check_permitted(judge, principal, command, app)


def check_voter(judge: Judge, principal: Principal, kind: SignalKind, operation: Operation) -> None:
    """Raises NotPermitted for the asker's own approval and for people outside the group."""
    if kind is SignalKind.APPROVE and principal == operation.requester:
        raise NotPermitted(
            text("You cannot approve your own request."),
            why=text("You asked for {id}; someone else approves.", id=operation.id),
            next=text("Somebody of {group} can approve it.", group=operation.quorum.group or "another team"),
        )
    if operation.quorum.group and not judge.is_voter(principal, operation.quorum.group):
        raise NotPermitted(
            text("You cannot vote on {id}.", id=operation.id),
            why=text("Its votes come from {group}.", group=operation.quorum.group),
            next=text("Somebody of {group} can.", group=operation.quorum.group),
        )


def check_standing(status: Status, *, is_change: bool) -> None:
    whys = {
        Status.STRANGER: text("You belong to another workspace."),
        Status.BOT: text("Bots and workflows are nobody here."),
        Status.GONE: text("Your account is deactivated."),
    }
    if status is Status.GUEST and is_change:
        raise NotEnrolled(
            text("Guests may not change anything."),
            why=text("You are a guest in this workspace."),
            next=text("Ask a member of the team to run it."),
        )
    if status in whys:
        raise NotEnrolled(text("I may not do this for you."), why=whys[status])
