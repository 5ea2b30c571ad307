"""`approvals`, `review`, `plan`: what waits for votes, and everything that an operation changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bot.command import Answers, Arg, Command
from bot.domain.errors import UnknownName
from bot.domain.operation import Operation, Phase, voters
from bot.domain.refs import AppName, EnvName, OperationId
from bot.domain.reply import Block, Button, Buttons, Opens, Paragraph, Reply, Style, text
from bot.ports.store import OperationFilter
from bot.ports.world import World


@dataclass(frozen=True, slots=True)
class Approvals:
    everything: Annotated[bool, Arg("also what waits for others")] = False


@dataclass(frozen=True, slots=True)
class Show:
    operation: Annotated[OperationId, Arg("the operation")]


def answer(params: Approvals, world: World) -> Reply:
    waiting = [
        op for op in world.book.operations(OperationFilter(is_final=False, limit=200)) if op.phase is Phase.WAITING
    ]
    mine = [op for op in waiting if world.rules.waits_for(op)]
    shown = [op for op in waiting if _is_visible(world, op)] if params.everything else mine
    if not shown:
        words = text("Nothing waits for you.") if not params.everything else text("Nothing waits for anybody.")
        return Reply(text("Approvals"), (Paragraph(words),))
    blocks: list[Block] = []
    for op in shown[:15]:
        blocks.append(
            Paragraph(
                text(
                    "*{id}* {line}\nasked by {who}, {n} of {votes} approvals, open until {until}",
                    id=op.id,
                    line=op.line,
                    who=op.requester,
                    n=len(voters(op)),
                    votes=op.quorum.votes,
                    until=op.expires,
                )
            )
        )
        blocks.append(Buttons((Button(text("Review"), f"review {op.id}", Style.PRIMARY, opens=Opens.VIEW),)))
    return Reply(text("Approvals"), tuple(blocks))


def _is_visible(world: World, op: Operation) -> bool:
    """One's own, and those of apps that one may look at."""
    if op.requester == world.asker or not op.app:
        return True
    try:
        app = world.apps.locate(AppName(op.app), EnvName(op.env))
    except UnknownName:
        return False
    return world.rules.may("operations:read", app)


def find(params: Show, world: World) -> Operation:
    operation = world.book.operation(params.operation)
    if operation is None or not _is_visible(world, operation):
        raise UnknownName(
            text("There is no operation {id}.", id=params.operation), next=text("Write `approvals` or `status`.")
        )
    return operation


def review(params: Show, world: World) -> Reply:
    operation = find(params, world)
    return world.cards.review(operation, asker=world.asker, may_vote=world.rules.waits_for(operation))


def show(params: Show, world: World) -> Reply:
    return world.cards.review(find(params, world), asker=world.asker, may_vote=False)


COMMAND = Command(
    "approvals", "what waits for your vote", Approvals, "operations:read", Answers(answer), example="approvals"
)
REVIEW = Command(
    "review", "look at a plan, and approve it", Show, "operations:read", Answers(review), example="review op-1042"
)
PLAN = Command(
    "plan", "everything that an operation changes", Show, "operations:read", Answers(show), example="plan op-1042"
)
