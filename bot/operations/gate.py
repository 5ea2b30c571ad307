"""What the engine asks again before the first write: who, whether it may be, and whether it is still the same plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bot.command import AnyCommand
from bot.domain.errors import NotPermitted, PilothouseError, PlanChanged, Unavailable, UserError
from bot.domain.operation import Operation, Phase, Progress, SignalKind, Standing, voters
from bot.domain.refs import AppName, EnvName, Principal
from bot.domain.reply import Text, text
from bot.domain.workloads import Mark
from bot.operations.marks import reason_of
from bot.policy.gate import check_permitted, check_rules, check_voter, quorum_of
from bot.policy.judge import Judge
from bot.ports.apps import App, Apps
from bot.ports.people import People, Status
from bot.ports.world import World
from bot.steps.codec import hash_plan, load_face
from bot.steps.following import FollowLogs
from bot.steps.step import Face, Plan, Step

TERMINAL = "terminal"


class Planner(Protocol):
    """The road's side of an operation: its command, and its plan as it would be made now."""

    def command(self, op: Operation) -> AnyCommand: ...

    def plan(self, op: Operation, world: World) -> Plan: ...


class Gate:
    def __init__(self, *, judge: Callable[[], Judge], people: People, apps: Apps, planner: Planner) -> None:
        self._judge = judge
        self._people = people
        self._apps = apps
        self._planner = planner

    def command(self, op: Operation) -> AnyCommand:
        return self._planner.command(op)

    def check(self, op: Operation, world: World) -> None:
        """Raises the UserError that refuses it, or Unavailable when it cannot be known now."""
        judge, app = self._judge(), self._app(op)
        self._check_active(judge, op, op.requester)
        check_permitted(judge, op.requester, self.command(op), app)
        plan = self._planner.plan(op, world)
        if hash_plan(plan) != op.plan_hash:
            raise PlanChanged(
                text("The plan changed before anything was done."),
                why=_difference(load_face(op.face), plan.face)
                or text("It was {before}, it would now be {now}.", before=op.plan_hash[:8], now=hash_plan(plan)[:8]),
                next=text("Run `{line}` again and look at the new plan.", line=op.line),
            )
        check_rules(judge, plan, app, op.requester, world)
        self._check_votes(judge, op, app, plan)

    def may_still(self, op: Operation) -> bool:
        """The requester could act now; False also when it cannot be known."""
        try:
            self._check_requester(op)
        except (UserError, Unavailable):
            return False
        return True

    def look(self, step: Step, op: Operation, mark: Mark, world: World) -> Progress:
        """What a step sees. Raises IntegrationError.

        Rights end in the meantime. The requester is authorised at each look where people are shown what it reads, and
        before each write to a cluster: without the right it goes back, in the service principal's name."""
        held = world.now - (op.since or world.now)
        if not isinstance(step, FollowLogs):
            seen = step.observe(world, mark, held)
            is_write = seen.standing is Standing.ABSENT and op.phase is not Phase.UNDOING and bool(step.targets())
            lost = self._lost(op) if is_write else None
            return seen if lost is None else Progress(Standing.FAILED, why=reason_of(lost))
        try:
            self._check_requester(op)
            return step.observe(world, mark, held)
        except UserError as error:
            return Progress(Standing.FAILED, why=reason_of(error))

    def _lost(self, op: Operation) -> NotPermitted | None:
        """Why the requester may do this no more. Where it cannot be known now, what began goes on as it was agreed to."""
        try:
            self._check_requester(op)
        except NotPermitted as lost:
            return lost
        except PilothouseError:
            return None
        return None

    def _check_requester(self, op: Operation) -> None:
        judge = self._judge()
        self._check_active(judge, op, op.requester)
        check_permitted(judge, op.requester, self.command(op), self._app(op))

    def _check_votes(self, judge: Judge, op: Operation, app: App | None, plan: Plan) -> None:
        command = self.command(op)
        quorum, _ = quorum_of(judge, command, app, plan)
        counted = []
        for voter in voters(op):
            try:
                check_voter(judge, voter, SignalKind.APPROVE, op)
                if quorum.group and not judge.is_voter(voter, quorum.group):
                    continue  # the policy asks others by now
                self._check_active(judge, op, voter)
            except UserError:
                continue
            counted.append(voter)
        needed = max(quorum.votes, op.quorum.votes)
        if len(counted) < needed:
            raise NotPermitted(
                text("{n} of {needed} approvals still count.", n=len(counted), needed=needed),
                why=text("Somebody who approved may not do so any more, or the policy asks for more."),
                next=text("Run `{line}` again.", line=op.line),
            )

    def _check_active(self, judge: Judge, op: Operation, principal: Principal) -> None:
        """All accounts by which the policy knows this person, asked live.

        What was asked for in a terminal does not wait for an edge that is dark: the operating system vouches there.
        """
        for identity in judge.identities(principal):
            try:
                status = self._people.standing(identity).status
            except Unavailable:
                if op.origin != TERMINAL:
                    raise
                continue
            if status is not Status.ACTIVE:
                raise NotPermitted(
                    text("{who} may not act any more.", who=principal),
                    why=text("The account {user} is {status}.", user=identity.user, status=status.value),
                )

    def _app(self, op: Operation) -> App | None:
        if not op.app or not op.env:
            return None
        return self._apps.locate(AppName(op.app), EnvName(op.env))


def _difference(before: Face, now: Face) -> Text | None:
    """The first fact that people saw and that is another one now."""
    facts = {fact.label.plain(): fact.value for fact in before.facts}
    for fact in now.facts:
        was = facts.get(fact.label.plain())
        if was is not None and was.plain() != fact.value.plain():
            return text(
                "{label} was {was}, it is now {now}.", label=fact.label, was=_one_line(was), now=_one_line(fact.value)
            )
    return None


def _one_line(value: Text) -> str:
    return value.plain().replace("\n", ", ")
