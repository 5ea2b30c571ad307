"""How requests reach an app, and which share of them its canary gets: routes in front of a Service, in our words.

A route is read once, when a plan is made, and bound there with the lists of backends as they stand. What is done to it
later is said in whole percent; what that means on the object is the adapter's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.domain.errors import Refused
from bot.domain.refs import ObjectRef
from bot.domain.reply import Text, text
from bot.domain.workloads import Mark, Service


class MatchKind(StrEnum):
    HEADER = "header"
    COOKIE = "cookie"


@dataclass(frozen=True, slots=True)
class Match:
    """Requests that always reach the canary, at every share: those that carry this header, or this cookie."""

    kind: MatchKind
    name: str
    value: str

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.name}: {self.value}"
            if self.kind is MatchKind.HEADER
            else f"cookie {self.name}={self.value}"
        )


@dataclass(frozen=True, slots=True)
class Route:
    """One object that leads requests to the Service `service`, as it stood when the plan was made."""

    ref: ObjectRef
    """What is written: HTTPRoute, TraefikService, IngressRoute; the canary's own Ingress, which has no uid yet."""
    service: str
    canary: str
    """The canary's Service."""
    backends: Mapping[str, str]
    """Where on the object lists of backends stand (JSON pointer) and what they were: JSON in the adapter's own words. With
    a `match` the whole list of rules instead."""
    match: Match | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """A live look at a route."""

    weight: int | None
    """Per cent that go to the canary; None where somebody else changed the lists."""
    is_observed: bool
    """The router has taken notice of the newest change (observedGeneration); always so where a kind has no such word."""
    mark: Mark | None
    is_matched: bool = False
    """The requests of the route's `match` are led to the canary."""
    uid: str = ""
    """Of a canary's own Ingress, which the route does not know; empty where there is none, and for other kinds."""
    trouble: str = ""
    """Why the router does not accept it, in its own words, at most 300 characters."""


@dataclass(frozen=True, slots=True)
class FoundRoutes:
    """What leads to a Service. `splits` is empty where it is reached directly."""

    splits: tuple[Route, ...]
    refused: tuple[Text, ...] = ()
    """Routes that lead there too and cannot be split by us: why."""
    owners: tuple[Text, ...] = ()
    """Who else writes those that can."""
    unmatched: tuple[Text, ...] = ()
    """Of those that can: why some requests cannot be told apart there, where that was asked."""


class Traffic(Protocol):
    """Live reads by the bot's own read role."""

    def routes(self, namespace: str, service: str, *, canary: str, match: Match | None = None) -> FoundRoutes:
        """Of one kind only, the most exact that there is: HTTPRoute, then Traefik's own, then ingress-nginx. Those that
        cannot tell the requests of `match` apart come without it."""
        ...

    def split(self, route: Route) -> Split:
        """Raises Missing where the route is gone or another one (uid) stands in its place."""
        ...

    def service(self, namespace: str, name: str) -> Service | None: ...


class TrafficWriter(Protocol):
    """Writes as one acting person, by the rules of bot.ports.clusters.WorkloadWriter."""

    def set_weight(self, route: Route, *, before: tuple[int, ...], after: int, mark: Mark) -> None:
        """One patch that tests uid, marks and each whole list of backends, which has to be that of one of the weights
        `before`, and sets the lists; with the route's `match` its rules too. 0 without a match is `restore`."""
        ...

    def restore(self, route: Route, *, before: tuple[int, ...], mark: Mark) -> None:
        """In the same way, exactly what the plan found, to the letter."""
        ...

    def create_service(self, model: ObjectRef, *, name: str, selector: Mapping[str, str], mark: Mark) -> None:
        """With the ports of `model`, inside the cluster only. AlreadyExists with our operation's mark is success."""
        ...

    def delete_service(self, ref: ObjectRef, *, mark: Mark) -> None:
        """By name and mark, with UID precondition. Gone already is success."""
        ...


class NoTraffic:
    """Traffic and TrafficWriter of a cluster in which no routes are known: every Service is reached directly."""

    def routes(self, namespace: str, service: str, *, canary: str, match: Match | None = None) -> FoundRoutes:
        return FoundRoutes(())

    def split(self, route: Route) -> Split:
        raise _unknown()

    def service(self, namespace: str, name: str) -> Service | None:
        return None

    def set_weight(self, route: Route, *, before: tuple[int, ...], after: int, mark: Mark) -> None:
        raise _unknown()

    def restore(self, route: Route, *, before: tuple[int, ...], mark: Mark) -> None:
        raise _unknown()

    def create_service(self, model: ObjectRef, *, name: str, selector: Mapping[str, str], mark: Mark) -> None:
        raise _unknown()

    def delete_service(self, ref: ObjectRef, *, mark: Mark) -> None:
        raise _unknown()


def _unknown() -> Refused:
    return Refused("traffic", text("No routes are known in this cluster."))
