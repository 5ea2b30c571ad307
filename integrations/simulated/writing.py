"""Changes of a simulated cluster in one acting person's name, by the rules of the real one: uid, fence, before-value.

Everything that is applied is listed in `world.effects`; a request whose answer is lost may be applied later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from bot.domain.errors import Conflict, Missing
from bot.domain.refs import ObjectRef
from bot.domain.reply import text
from bot.domain.templates import Template
from bot.domain.workloads import Mark
from bot.ports.clusters import Acting
from integrations.simulated import marks
from integrations.simulated.cluster_state import ClusterState
from integrations.simulated.faults import Effect, Fault, How, lost
from integrations.simulated.moments import moment
from integrations.simulated.objects import Deployment, Marked, SimulatedAutoscaler, SimulatedService

SYSTEM = "kubernetes"
M = TypeVar("M", bound=Marked)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Change(Generic[M, V]):
    """`value` reads what `put` changes."""

    value: Callable[[M], V]
    before: V
    after: V
    put: Callable[[M], None]
    words: str


@dataclass(frozen=True, slots=True)
class Writer:
    state: ClusterState
    acting: Acting
    pin: Callable[[], None]
    """Raises Refused where this is not the cluster that the settings pin."""

    def apply(
        self, method: str, ref: ObjectRef, find: Callable[[str, str], M | None], change: Change[M, V], mark: Mark
    ) -> None:
        fault = self.meet(method)
        with self.state.world.entered():
            self.pin()
            found = self.find(ref, find)
            if found is None:
                raise Missing(SYSTEM, text("{target} is gone.", target=str(ref)))
            refuse(found, ref, mark)
            standing, value = marks.mark_of(found.labels), change.value(found)
            is_made = standing is not None and standing.operation == mark.operation and value == change.after
            if not is_made and value != change.before:
                raise Conflict(SYSTEM, text("Somebody else changed {target} meanwhile.", target=str(ref)))
            uid, read = found.uid, marks.as_read(found.labels)

            def land() -> None:
                there = find(ref.namespace, ref.name)
                if (
                    there is not None
                    and there.uid == uid
                    and marks.as_read(there.labels) == read
                    and change.value(there) == value
                ):
                    change.put(there)
                    there.labels.update(marks.labels_of(mark))
                    self.note(method, replace(ref, uid=uid), mark, change.words)

            if not (is_made and standing == mark):
                self.send(fault, land)
        self.answer(fault)

    def find(self, ref: ObjectRef, find: Callable[[str, str], M | None]) -> M | None:
        """None where there is none of that name; Missing where it is another one."""
        found = find(ref.namespace, ref.name)
        if found is not None and ref.uid and found.uid != ref.uid:
            raise Missing(SYSTEM, text("Another {target} stands there now.", target=str(ref)))
        return found

    def meet(self, method: str) -> Fault | None:
        return self.state.world.meet(SYSTEM, method, user=self.acting.user, is_write=True)

    def send(self, fault: Fault | None, land: Callable[[], None]) -> None:
        """Now, or later where a fault says so."""
        if fault is not None and fault.how is How.LATE:
            self.state.world.timeline.after_clock(fault.delay.total_seconds(), land)
        else:
            land()

    def answer(self, fault: Fault | None) -> None:
        if fault is not None:
            raise lost(SYSTEM, is_write=True)

    def note(self, method: str, target: ObjectRef, mark: Mark, words: str) -> None:
        world = self.state.world
        world.effects.append(Effect(moment(world.timeline.now), method, target, mark, self.acting, words))


def refuse(found: Marked, ref: ObjectRef, mark: Mark) -> None:
    """Raises Conflict where a higher fence stands, and for a ref without uid where another operation made it."""
    standing = marks.mark_of(found.labels)
    if marks.fence_of(found.labels) > mark.fence:
        raise Conflict(SYSTEM, text("A later operation has taken over {target}.", target=str(ref)))
    if not ref.uid and (standing is None or standing.operation != mark.operation):
        raise Conflict(SYSTEM, text("{target} was not made by {op}.", target=str(ref), op=mark.operation))


@dataclass(frozen=True, slots=True)
class SimulatedWorkloadWriter:
    writer: Writer

    def replace_template(
        self, ref: ObjectRef, *, before: Template, after: Template, min_ready: tuple[int, int], mark: Mark
    ) -> None:
        state = self.writer.state

        def put(found: Deployment) -> None:
            found.template, found.min_ready_seconds = after, min_ready[1]
            found.managers = ()
            state.changed(found)

        change: Change[Deployment, tuple[Template, int]] = Change(
            value=lambda found: (found.template, found.min_ready_seconds),
            before=(before, min_ready[0]),
            after=(after, min_ready[1]),
            put=put,
            words=f"template {before.hash} -> {after.hash}",
        )
        self.writer.apply("replace_template", ref, self._find, change, mark)

    def scale(self, ref: ObjectRef, *, before: int, after: int, mark: Mark) -> None:
        state = self.writer.state

        def put(found: Deployment) -> None:
            found.replicas = after
            state.changed(found)

        change: Change[Deployment, int] = Change(
            lambda found: found.replicas, before, after, put, f"replicas {before} -> {after}"
        )
        self.writer.apply("scale", ref, self._find, change, mark)

    def create_copy(
        self,
        source: ObjectRef,
        *,
        name: str,
        template: Template,
        selector: Mapping[str, str],
        replicas: int,
        mark: Mark,
    ) -> ObjectRef:
        writer, state = self.writer, self.writer.state
        fault = writer.meet("create_copy")
        target = replace(source, name=name, uid="")
        with state.world.entered():
            writer.pin()
            model = writer.find(source, self._find)
            if model is None:
                raise Missing(SYSTEM, text("{target} is gone.", target=str(source)))

            def land() -> None:
                if self._find(target.namespace, name) is not None:
                    return
                made = state.add_deployment(
                    target.namespace,
                    name,
                    template,
                    replicas=replicas,
                    selector=selector,
                    labels={**_ours(template), **marks.labels_of(mark)},
                    min_ready_seconds=model.min_ready_seconds,
                    max_surge=model.max_surge,
                    max_unavailable=model.max_unavailable,
                    strategy=model.strategy,
                )
                writer.note("create_copy", replace(target, uid=made.uid), mark, f"{name} with {replicas}")

            there = self._find(target.namespace, name)
            if there is not None:
                refuse(there, target, mark)
            else:
                writer.send(fault, land)
                there = self._find(target.namespace, name)
        writer.answer(fault)
        assert there is not None
        return replace(target, uid=there.uid)

    def delete(self, ref: ObjectRef, *, mark: Mark) -> None:
        writer, state = self.writer, self.writer.state
        fault = writer.meet("delete")
        with state.world.entered():
            writer.pin()
            found = self._find(ref.namespace, ref.name)
            if found is not None and ref.uid in {"", found.uid}:
                refuse(found, ref, mark)
                uid, read = found.uid, marks.as_read(found.labels)

                def land() -> None:
                    there = self._find(ref.namespace, ref.name)
                    if there is not None and there.uid == uid and marks.as_read(there.labels) == read:
                        state.remove_deployment(ref.namespace, ref.name)
                        writer.note("delete", replace(ref, uid=uid), mark, "deleted")

                writer.send(fault, land)
        writer.answer(fault)

    def stamp(self, ref: ObjectRef, *, mark: Mark) -> None:
        change: Change[Marked, None] = Change(lambda _: None, None, None, lambda _: None, "stamped")
        try:
            self.writer.apply("stamp", ref, lambda namespace, name: self._any(ref.kind, namespace, name), change, mark)
        except Missing:
            return

    def _any(self, kind: str, namespace: str, name: str) -> Marked | None:
        found = self.writer.state.namespace(namespace)
        match kind:
            case "Service":
                return found.services.get(name)
            case "HTTPRoute":
                return found.routes.get(name)
            case "HorizontalPodAutoscaler":
                return found.autoscalers.get(name)
            case "ConfigMap":
                return found.configs.get(name)
            case _:
                return found.deployments.get(name)

    def _find(self, namespace: str, name: str) -> Deployment | None:
        return self.writer.state.namespace(namespace).deployments.get(name)


@dataclass(frozen=True, slots=True)
class SimulatedServiceWriter:
    writer: Writer

    def select(self, ref: ObjectRef, *, before: Mapping[str, str], after: Mapping[str, str], mark: Mark) -> None:
        state = self.writer.state

        def put(found: SimulatedService) -> None:
            found.selector = dict(after)
            state.routes_changed(found.namespace)

        change: Change[SimulatedService, dict[str, str]] = Change(
            lambda found: found.selector, dict(before), dict(after), put, f"selector {_said(before)} -> {_said(after)}"
        )
        self.writer.apply("select", ref, lambda ns, name: state.namespace(ns).services.get(name), change, mark)


@dataclass(frozen=True, slots=True)
class SimulatedAutoscalerWriter:
    writer: Writer

    def bound(self, ref: ObjectRef, *, before: tuple[int, int], after: tuple[int, int], mark: Mark) -> None:
        def put(found: SimulatedAutoscaler) -> None:
            found.minimum, found.maximum = after

        change: Change[SimulatedAutoscaler, tuple[int, int]] = Change(
            lambda found: (found.minimum, found.maximum), before, after, put, f"bounds {before} -> {after}"
        )
        self.writer.apply("bound", ref, self._find, change, mark)

    def hold_scale_down(self, ref: ObjectRef, *, before: str, after: str, mark: Mark) -> None:
        def put(found: SimulatedAutoscaler) -> None:
            found.scale_down = after

        change: Change[SimulatedAutoscaler, str] = Change(
            lambda found: found.scale_down, before, after, put, f"scale down {before!r} -> {after!r}"
        )
        self.writer.apply("hold_scale_down", ref, self._find, change, mark)

    def _find(self, namespace: str, name: str) -> SimulatedAutoscaler | None:
        return self.writer.state.namespace(namespace).autoscalers.get(name)


@dataclass(frozen=True, slots=True)
class SimulatedConfigWriter:
    writer: Writer

    def create(self, namespace: str, name: str, data: Mapping[str, str], *, mark: Mark) -> None:
        writer, state = self.writer, self.writer.state
        fault = writer.meet("create")
        with state.world.entered():
            writer.pin()
            configs = state.namespace(namespace).configs

            def land() -> None:
                if name in configs:
                    return
                made = state.add_config(namespace, name, data, labels=marks.labels_of(mark))
                made.is_immutable = True
                ref = ObjectRef(state.name, namespace, "ConfigMap", name, made.uid)
                writer.note("create", ref, mark, f"{len(data)} keys")

            standing = configs.get(name)
            if standing is None:
                writer.send(fault, land)
            elif standing.data != dict(data):
                raise Conflict(SYSTEM, text("ConfigMap {name} is there with other contents.", name=name))
        writer.answer(fault)


def _ours(template: Template) -> dict[str, str]:
    return {key: value for key, value in template.labels.items() if key.startswith("pilothouse.io/")}


def _said(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
