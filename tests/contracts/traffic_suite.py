"""What every adapter of the Traffic port must do, real or simulated. No router has to run: its word is the stage's."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import pytest

from bot.domain.errors import Conflict, Missing
from bot.domain.refs import ObjectRef, OperationId
from bot.domain.workloads import Mark
from bot.ports.clusters import Acting, Cluster
from bot.ports.traffic import Match, MatchKind, Route, Traffic, TrafficWriter

ANN = Acting("ann", ("devs",), "op-7")
NOBODY = "00000000-0000-4000-8000-000000000000"
CANARY = {"pilothouse.io/app": "web", "pilothouse.io/track": "canary"}


class TrafficStage(Protocol):
    """A cluster with an empty namespace; somebody else makes routes there and plays the router."""

    @property
    def cluster(self) -> Cluster: ...

    @property
    def namespace(self) -> str: ...

    def route(self, service: str) -> ObjectRef:
        """A Service and, before it, an HTTPRoute of the same name which a gateway accepts."""
        ...

    def meddle(self, ref: ObjectRef, service: str) -> None:
        """Somebody shares the route's requests by hand."""
        ...

    def observe(self, ref: ObjectRef) -> None:
        """The router has taken notice of the newest change."""
        ...


def mark(step: str = "1", *, op: int = 7, fence: int = 5) -> Mark:
    return Mark(OperationId(f"op-{op}"), step, fence)


class TrafficContract:
    @pytest.fixture
    def ref(self, stage: TrafficStage) -> ObjectRef:
        return stage.route("web")

    @pytest.fixture
    def reads(self, stage: TrafficStage) -> Traffic:
        return stage.cluster.reads().traffic

    @pytest.fixture
    def writes(self, stage: TrafficStage) -> TrafficWriter:
        return stage.cluster.writes(ANN).traffic

    @pytest.fixture
    def route(self, stage: TrafficStage, ref: ObjectRef, reads: Traffic) -> Route:
        [found] = reads.routes(stage.namespace, "web", canary="web-canary").splits
        assert found.ref == ref
        return found

    def test_a_service_without_a_route_is_reached_directly(self, stage: TrafficStage, reads: Traffic) -> None:
        stage.route("web")
        found = reads.routes(stage.namespace, "other", canary="other-canary")
        assert (found.splits, found.refused) == ((), ())

    def test_a_route_starts_with_nothing_for_the_canary(self, reads: Traffic, route: Route) -> None:
        split = reads.split(route)
        assert (split.weight, split.is_observed, split.mark) == (0, True, None)

    @pytest.mark.parametrize("weight", [1, 50, 99, 100])
    def test_a_weight_is_set_and_taken_back_exactly(
        self, stage: TrafficStage, reads: Traffic, writes: TrafficWriter, route: Route, weight: int
    ) -> None:
        writes.set_weight(route, before=(0,), after=weight, mark=mark())
        assert reads.split(route).weight == weight
        assert reads.split(route).mark == mark()
        writes.set_weight(route, before=(10, weight), after=0, mark=mark("u1"))
        assert reads.split(route).weight == 0
        stage.observe(route.ref)
        [again] = reads.routes(stage.namespace, "web", canary="web-canary").splits
        assert again.backends == route.backends

    @pytest.mark.parametrize("weight", [0, 10, 100])
    def test_some_requests_always_reach_the_canary_until_all_is_put_back(
        self, stage: TrafficStage, reads: Traffic, writes: TrafficWriter, ref: ObjectRef, weight: int
    ) -> None:
        match = Match(MatchKind.HEADER, "x-canary", "always")
        [route] = reads.routes(stage.namespace, "web", canary="web-canary", match=match).splits
        assert route.match == match
        assert (reads.split(route).weight, reads.split(route).is_matched) == (0, False)
        writes.set_weight(route, before=(0,), after=weight, mark=mark())
        writes.set_weight(route, before=(0,), after=weight, mark=mark())
        assert (reads.split(route).weight, reads.split(route).is_matched) == (weight, True)
        writes.set_weight(route, before=(weight,), after=50, mark=mark("2"))
        assert (reads.split(route).weight, reads.split(route).is_matched) == (50, True)
        with pytest.raises(Conflict):
            writes.restore(route, before=(10, 100, 0), mark=mark("u1"))
        writes.restore(route, before=(50, 0), mark=mark("u1"))
        assert (reads.split(route).weight, reads.split(route).is_matched) == (0, False)
        [again] = reads.routes(stage.namespace, "web", canary="web-canary", match=match).splits
        assert again == route

    def test_asked_is_not_achieved(
        self, stage: TrafficStage, reads: Traffic, writes: TrafficWriter, route: Route
    ) -> None:
        writes.set_weight(route, before=(0,), after=10, mark=mark())
        assert not reads.split(route).is_observed
        stage.observe(route.ref)
        assert reads.split(route).is_observed

    def test_the_same_write_again_is_success(self, reads: Traffic, writes: TrafficWriter, route: Route) -> None:
        for _ in range(2):
            writes.set_weight(route, before=(0,), after=10, mark=mark())
        assert reads.split(route).weight == 10

    def test_what_somebody_else_changed_is_left_alone(
        self, stage: TrafficStage, reads: Traffic, writes: TrafficWriter, route: Route
    ) -> None:
        stage.meddle(route.ref, "web")
        assert reads.split(route).weight is None
        for after in (10, 0):
            with pytest.raises(Conflict):
                writes.set_weight(route, before=(0, 10), after=after, mark=mark())
        assert reads.split(route).mark is None

    def test_a_route_that_is_shared_already_is_refused(
        self, stage: TrafficStage, reads: Traffic, ref: ObjectRef
    ) -> None:
        stage.meddle(ref, "web")
        found = reads.routes(stage.namespace, "web", canary="web-canary")
        assert found.splits == ()
        assert "shares requests already" in found.refused[0].plain()

    def test_an_unexpected_weight_is_a_conflict(self, reads: Traffic, writes: TrafficWriter, route: Route) -> None:
        writes.set_weight(route, before=(0,), after=10, mark=mark())
        with pytest.raises(Conflict):
            writes.set_weight(route, before=(25,), after=50, mark=mark("2"))
        assert reads.split(route).weight == 10

    def test_a_higher_fence_refuses_a_zombie(
        self, stage: TrafficStage, reads: Traffic, writes: TrafficWriter, route: Route
    ) -> None:
        stage.cluster.writes(ANN).workloads.stamp(route.ref, mark=mark(fence=6))
        with pytest.raises(Conflict):
            writes.set_weight(route, before=(0,), after=10, mark=mark(fence=5))
        assert reads.split(route).weight == 0

    def test_another_route_under_the_same_name_is_missing(
        self, reads: Traffic, writes: TrafficWriter, route: Route
    ) -> None:
        other = replace(route, ref=replace(route.ref, uid=NOBODY))
        with pytest.raises(Missing):
            reads.split(other)
        with pytest.raises(Missing):
            writes.set_weight(other, before=(0,), after=10, mark=mark())

    # --- the canary's own Service

    def service(self, stage: TrafficStage) -> ObjectRef:
        model = stage.cluster.reads().traffic.service(stage.namespace, "web")
        assert model is not None
        return model.ref

    def test_a_service_is_made_for_the_canarys_pods_and_removed(
        self, stage: TrafficStage, reads: Traffic, writes: TrafficWriter, route: Route
    ) -> None:
        model = self.service(stage)
        for _ in range(2):
            writes.create_service(model, name="web-canary", selector=CANARY, mark=mark())
        made = reads.service(stage.namespace, "web-canary")
        assert made is not None
        assert (made.selector, made.mark) == (CANARY, mark())
        for _ in range(2):
            writes.delete_service(replace(model, name="web-canary", uid=""), mark=mark("u1"))
        assert reads.service(stage.namespace, "web-canary") is None

    def test_a_service_of_another_operation_is_left_alone(
        self, stage: TrafficStage, reads: Traffic, writes: TrafficWriter, route: Route
    ) -> None:
        model = self.service(stage)
        writes.create_service(model, name="web-canary", selector=CANARY, mark=mark(op=6, fence=4))
        with pytest.raises(Conflict):
            writes.create_service(model, name="web-canary", selector=CANARY, mark=mark())
        with pytest.raises(Conflict):
            writes.delete_service(replace(model, name="web-canary", uid=""), mark=mark())
        with pytest.raises(Conflict):
            writes.delete_service(replace(model, uid=""), mark=mark())
        assert reads.service(stage.namespace, "web") is not None
