"""The Traffic port over simulated routes: one HTTPRoute may stand before a service and share its requests by weight."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.domain.errors import Missing
from bot.domain.refs import ObjectRef
from bot.domain.reply import Text, text
from bot.domain.workloads import Mark, Service
from bot.ports.traffic import FoundRoutes, Match, Route, Split
from integrations.simulated import marks
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.objects import SimulatedRoute, SimulatedService
from integrations.simulated.world import SimulatedWorld
from integrations.simulated.writing import SYSTEM, Change, Writer, refuse

PLACE = "/spec/rules/0/backendRefs"
Weights = dict[str, int]


@dataclass(frozen=True, slots=True)
class SimulatedTraffic:
    world: SimulatedWorld
    state: ClusterState

    def routes(self, namespace: str, service: str, *, canary: str, match: Match | None = None) -> FoundRoutes:
        self.world.meet(SYSTEM, "routes")
        with self.world.entered():
            found = [each for each in self.state.namespace(namespace).routes.values() if each.service == service]
            whole = [each for each in found if list(each.weights) == [service]]
            refused: list[Text] = [
                text("HTTPRoute {name} *shares requests already*; it is left as it is", name=each.name)
                for each in found
                if each not in whole
            ]
            splits = [
                Route(
                    ObjectRef(self.state.name, namespace, "HTTPRoute", each.name, each.uid),
                    service,
                    canary,
                    {PLACE: json.dumps(each.weights, sort_keys=True)},
                    match,
                )
                for each in whole
            ]
            return FoundRoutes(tuple(splits), tuple(refused))

    def split(self, route: Route) -> Split:
        self.world.meet(SYSTEM, "split")
        with self.world.entered():
            found = self.state.namespace(route.ref.namespace).routes.get(route.ref.name)
            if found is None or found.uid != route.ref.uid:
                raise Missing(SYSTEM, text("{target} is gone.", target=str(route.ref)))
            is_observed = found.observed_generation == found.generation
            is_matched = found.match is not None
            weight = _weight(route, found.weights) if found.match in {None, route.match} else None
            return Split(weight, is_observed, marks.mark_of(found.labels), is_matched)

    def service(self, namespace: str, name: str) -> Service | None:
        self.world.meet(SYSTEM, "service")
        with self.world.entered():
            found = self.state.namespace(namespace).services.get(name)
            if found is None:
                return None
            ref = ObjectRef(self.state.name, namespace, "Service", name, found.uid)
            return Service(ref, dict(found.selector), found.has_session_affinity, marks.mark_of(found.labels))


@dataclass(frozen=True, slots=True)
class SimulatedTrafficWriter:
    writer: Writer

    def set_weight(self, route: Route, *, before: tuple[int, ...], after: int, mark: Mark) -> None:
        self._put(route, before, after, route.match, mark)

    def restore(self, route: Route, *, before: tuple[int, ...], mark: Mark) -> None:
        self._put(route, before, 0, None, mark)

    def _put(self, route: Route, before: tuple[int, ...], after: int, match: Match | None, mark: Mark) -> None:
        state = self.writer.state
        wanted = (_weights(route, after), match)
        with state.world.entered():
            there = state.namespace(route.ref.namespace).routes.get(route.ref.name)
            now = _weight(route, there.weights) if there else None
            led = there.match if there and there.match == route.match else None

        def put(found: SimulatedRoute) -> None:
            weights, found.match = wanted
            found.weights = dict(weights)
            state.route_changed(found)

        source = (_weights(route, now if now in before else before[0]), led)
        change: Change[SimulatedRoute, tuple[Weights, Match | None]] = Change(
            lambda found: (found.weights, found.match), source, wanted, put, f"weight {now} -> {after}"
        )
        self.writer.apply("set_weight", route.ref, lambda ns, name: state.namespace(ns).routes.get(name), change, mark)

    def create_service(self, model: ObjectRef, *, name: str, selector: Mapping[str, str], mark: Mark) -> None:
        writer, state = self.writer, self.writer.state
        fault = writer.meet("create_service")
        target = replace(model, name=name, uid="")
        with state.world.entered():
            writer.pin()
            if writer.find(model, self._service) is None:
                raise Missing(SYSTEM, text("{target} is gone.", target=str(model)))

            def land() -> None:
                if self._service(target.namespace, name) is None:
                    made = state.add_service(target.namespace, name, selector)
                    made.labels.update(marks.labels_of(mark))
                    writer.note("create_service", replace(target, uid=made.uid), mark, f"service {name}")

            there = self._service(target.namespace, name)
            if there is not None:
                refuse(there, target, mark)
            else:
                writer.send(fault, land)
        writer.answer(fault)

    def delete_service(self, ref: ObjectRef, *, mark: Mark) -> None:
        writer, state = self.writer, self.writer.state
        fault = writer.meet("delete_service")
        with state.world.entered():
            writer.pin()
            found = self._service(ref.namespace, ref.name)
            if found is not None:
                refuse(found, ref, mark)
                uid, read = found.uid, marks.as_read(found.labels)

                def land() -> None:
                    there = self._service(ref.namespace, ref.name)
                    if there is not None and there.uid == uid and marks.as_read(there.labels) == read:
                        del state.namespace(ref.namespace).services[ref.name]
                        state.routes_changed(ref.namespace)
                        writer.note("delete_service", replace(ref, uid=uid), mark, "deleted")

                writer.send(fault, land)
        writer.answer(fault)

    def _service(self, namespace: str, name: str) -> SimulatedService | None:
        return self.writer.state.namespace(namespace).services.get(name)


def _weights(route: Route, weight: int) -> Weights:
    if weight == 0:
        was: Weights = json.loads(route.backends[PLACE])
        return was
    return {route.service: 100 - weight, route.canary: weight}


def _weight(route: Route, weights: Weights) -> int | None:
    if weights == _weights(route, 0):
        return 0
    weight = weights.get(route.canary)
    return weight if weight is not None and weights == _weights(route, weight) else None
