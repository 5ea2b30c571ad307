"""Who asks: the person whom the policy means by an account, and how that account stands now."""

from __future__ import annotations

from bot.domain.errors import NotEnrolled
from bot.domain.refs import Principal
from bot.domain.reply import text
from bot.policy.judge import Judge
from bot.ports.people import Identity, People, Status
from bot.road.request import Origin, Request


def identify(judge: Judge, identity: Identity) -> Principal:
    principal = judge.person(identity)
    if principal is None:
        raise NotEnrolled(
            text("I do not know you."),
            why=text("The policy names nobody with the id {user}.", user=identity.user),
            next=text("Ask whoever keeps the policy file to add you."),
        )
    return principal


def standings(judge: Judge, people: People, principal: Principal, request: Request) -> tuple[Status, ...]:
    """Of whoever asks; nobody stands before us for a schedule, so all accounts of the person count. Raises Unavailable."""
    if request.principal:
        return (Status.ACTIVE,)
    asked = judge.identities(principal) if request.origin is Origin.SCHEDULED else (request.identity,)
    return tuple(people.standing(identity).status for identity in asked)
