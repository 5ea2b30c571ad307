"""What every adapter of the Cluster port must do, real or simulated.

A test class of the adapter inherits `ClusterContract` and has a fixture `stage`. Nothing here waits for a pod: an API
server without nodes is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import pytest

from bot.domain.errors import Conflict, Missing
from bot.domain.refs import ObjectRef, OperationId
from bot.domain.workloads import Mark, Workload
from bot.ports.clusters import Acting, Cluster, ClusterWrites, Workloads

ANN = Acting("ann", ("devs",), "op-7")
NOBODY = "00000000-0000-4000-8000-000000000000"


class Stage(Protocol):
    """A cluster with an empty namespace, and somebody else who works there without us."""

    @property
    def cluster(self) -> Cluster: ...

    @property
    def namespace(self) -> str: ...

    def deploy(self, name: str, *, replicas: int = 2) -> Workload:
        """A Deployment with container `web`, labels and selector `app.kubernetes.io/name: NAME`, made by `kubectl`,
        nothing of ours on it; with a Service, a PodDisruptionBudget and an autoscaler (2 to 6 pods, 70 % CPU) of the same
        name. The autoscaler has no behaviour set."""
        ...

    def scale(self, name: str, replicas: int) -> None: ...

    def label(self, name: str, label: str, value: str) -> None: ...

    def unlabel(self, name: str) -> None:
        """Takes the Deployment's whole map of labels away."""
        ...

    def delete(self, name: str) -> None:
        """The Deployment, at once."""
        ...


def mark(step: str = "1", *, op: int = 7, fence: int = 5) -> Mark:
    return Mark(OperationId(f"op-{op}"), step, fence)


class ClusterContract:
    @pytest.fixture
    def web(self, stage: Stage) -> Workload:
        return stage.deploy("web")

    @pytest.fixture
    def reads(self, stage: Stage) -> Workloads:
        return stage.cluster.reads().workloads

    @pytest.fixture
    def writes(self, stage: Stage) -> ClusterWrites:
        return stage.cluster.writes(ANN)

    # --- reading

    def test_a_cluster_says_who_it_is(self, stage: Stage) -> None:
        assert stage.cluster.uid() in stage.cluster.ping()
        assert stage.cluster.reads().name == stage.cluster.name

    def test_a_workload_is_found_by_name_and_in_the_list(self, stage: Stage, reads: Workloads, web: Workload) -> None:
        other = stage.deploy("other", replicas=1)
        assert web.replicas == 2
        assert web.ref == ObjectRef(stage.cluster.name, stage.namespace, "Deployment", "web", web.ref.uid)
        assert web.mark is None
        assert web.selector == {"app.kubernetes.io/name": "web"}
        assert list(web.template.images) == ["web"]
        assert {each.ref for each in reads.list(stage.namespace)} == {web.ref, other.ref}

    def test_what_is_not_there_is_not_found(self, stage: Stage, reads: Workloads) -> None:
        assert reads.find(stage.namespace, "web") is None
        assert reads.list(stage.namespace) == ()
        with pytest.raises(Missing):
            reads.rollout(ObjectRef(stage.cluster.name, stage.namespace, "Deployment", "web", ""))

    def test_another_object_under_the_same_name_is_missing(self, reads: Workloads, web: Workload) -> None:
        with pytest.raises(Missing):
            reads.rollout(replace(web.ref, uid=NOBODY))

    def test_a_ref_without_uid_is_looked_up_by_name(self, reads: Workloads, web: Workload) -> None:
        assert reads.rollout(replace(web.ref, uid="")).workload.ref == web.ref

    def test_surroundings_are_those_of_the_workload_alone(self, stage: Stage, reads: Workloads, web: Workload) -> None:
        stage.deploy("other")
        around = reads.surroundings(web)
        assert [service.ref.name for service in around.services] == ["web"]
        assert around.services[0].selector == web.selector
        assert [budget.name for budget in around.budgets] == ["web"]
        assert around.autoscaler is not None
        assert around.autoscaler.ref.name == "web"
        assert (around.autoscaler.minimum, around.autoscaler.maximum) == (2, 6)
        assert around.autoscaler.target == "70 % CPU"
        assert around.autoscaler.scale_down == ""

    def test_config_that_is_missing_is_left_out(self, stage: Stage, reads: Workloads, writes: ClusterWrites) -> None:
        writes.configs.create(stage.namespace, "web-1", {"a": "1", "b": "zwei\n"}, mark=mark())
        assert reads.config(stage.namespace, ("web-1", "web-2")) == {"web-1": {"a": "1", "b": "zwei\n"}}

    def test_logs_of_another_object_are_missing(self, reads: Workloads, web: Workload) -> None:
        with pytest.raises(Missing):
            reads.logs(replace(web.ref, uid=NOBODY), since=timedelta(hours=1), limit=10)

    # --- writing

    def test_a_change_leaves_its_mark(self, reads: Workloads, writes: ClusterWrites, web: Workload) -> None:
        writes.workloads.scale(web.ref, before=2, after=3, mark=mark())
        changed = reads.rollout(web.ref).workload
        assert changed.replicas == 3
        assert changed.mark == mark()
        assert changed.template == web.template

    def test_a_template_is_replaced_whole_and_put_back(
        self, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        after = web.template.with_image("web", "registry.test/web:2").with_annotation("note", "a/b~c")
        writes.workloads.replace_template(web.ref, before=web.template, after=after, min_ready=(0, 10), mark=mark("1"))
        changed = reads.rollout(web.ref).workload
        assert (changed.template, changed.min_ready_seconds) == (after, 10)
        writes.workloads.replace_template(web.ref, before=after, after=web.template, min_ready=(10, 0), mark=mark("u1"))
        undone = reads.rollout(web.ref).workload
        assert (undone.template, undone.min_ready_seconds, undone.mark) == (web.template, 0, mark("u1"))

    @pytest.mark.parametrize("note", ["a && b", "<c>", "é ü 你", "\u2028 \u2029", "\x01 \t \x7f \\ \" '", "😀"])
    def test_characters_that_are_written_in_several_ways_do_not_stand_in_the_way(
        self, reads: Workloads, writes: ClusterWrites, web: Workload, note: str
    ) -> None:
        after = web.template.with_annotation("note", note)
        writes.workloads.replace_template(web.ref, before=web.template, after=after, min_ready=(0, 0), mark=mark("1"))
        assert reads.rollout(web.ref).workload.template == after
        writes.workloads.replace_template(web.ref, before=after, after=web.template, min_ready=(0, 0), mark=mark("u1"))
        assert reads.rollout(web.ref).workload.template == web.template

    def test_the_same_write_again_is_success(self, reads: Workloads, writes: ClusterWrites, web: Workload) -> None:
        for _ in range(2):
            writes.workloads.scale(web.ref, before=2, after=3, mark=mark())
        assert reads.rollout(web.ref).workload.replicas == 3

    def test_a_write_repeated_after_a_take_over_is_success_and_bears_the_new_fence(
        self, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        writes.workloads.scale(web.ref, before=2, after=3, mark=mark(fence=5))
        writes.workloads.scale(web.ref, before=2, after=3, mark=mark(fence=6))
        assert reads.rollout(web.ref).workload.mark == mark(fence=6)

    def test_what_somebody_else_changed_is_left_alone(
        self, stage: Stage, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        stage.scale("web", 4)
        with pytest.raises(Conflict):
            writes.workloads.scale(web.ref, before=2, after=3, mark=mark())
        left = reads.rollout(web.ref).workload
        assert (left.replicas, left.mark) == (4, None)

    def test_the_wanted_value_without_our_mark_is_somebody_elses(
        self, stage: Stage, writes: ClusterWrites, web: Workload
    ) -> None:
        stage.scale("web", 3)
        with pytest.raises(Conflict):
            writes.workloads.scale(web.ref, before=2, after=3, mark=mark())

    def test_labels_of_others_do_not_stand_in_the_way(
        self, stage: Stage, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        stage.label("web", "team", "blue")
        writes.workloads.scale(web.ref, before=2, after=3, mark=mark())
        assert reads.rollout(web.ref).workload.labels["team"] == "blue"

    def test_an_object_without_any_label_can_be_marked(
        self, stage: Stage, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        stage.unlabel("web")
        writes.workloads.scale(web.ref, before=2, after=3, mark=mark())
        assert reads.rollout(web.ref).workload.mark == mark()

    def test_a_higher_fence_refuses_a_zombie(self, reads: Workloads, writes: ClusterWrites, web: Workload) -> None:
        writes.workloads.stamp(web.ref, mark=mark(fence=6))
        late: tuple[Callable[[], None], ...] = (
            lambda: writes.workloads.scale(web.ref, before=2, after=3, mark=mark(fence=5)),
            lambda: writes.workloads.stamp(web.ref, mark=mark(fence=5)),
            lambda: writes.workloads.delete(web.ref, mark=mark(fence=5)),
        )
        for write in late:
            with pytest.raises(Conflict):
                write()
        left = reads.rollout(web.ref).workload
        assert (left.replicas, left.mark) == (2, mark(fence=6))

    def test_the_next_operation_goes_on_from_the_last_ones_mark(
        self, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        writes.workloads.scale(web.ref, before=2, after=3, mark=mark())
        writes.workloads.scale(web.ref, before=3, after=4, mark=mark(op=8, fence=6))
        assert reads.rollout(web.ref).workload.mark == mark(op=8, fence=6)

    def test_a_stamp_changes_nothing_but_the_mark(self, reads: Workloads, writes: ClusterWrites, web: Workload) -> None:
        writes.workloads.stamp(web.ref, mark=mark())
        stamped = reads.rollout(web.ref).workload
        assert stamped.mark == mark()
        assert (stamped.template, stamped.replicas, stamped.generation) == (web.template, 2, web.generation)

    def test_stamping_what_is_gone_is_success(self, stage: Stage, writes: ClusterWrites, web: Workload) -> None:
        writes.workloads.stamp(replace(web.ref, uid=NOBODY), mark=mark())
        stage.delete("web")
        writes.workloads.stamp(web.ref, mark=mark())

    def test_services_and_autoscalers_are_stamped_too(
        self, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        before = reads.surroundings(web)
        assert before.autoscaler is not None
        for ref in (before.services[0].ref, before.autoscaler.ref):
            writes.workloads.stamp(ref, mark=mark())
        after = reads.surroundings(web)
        assert after.services[0].mark == mark()
        assert after.autoscaler is not None
        assert after.autoscaler.mark == mark()

    def test_another_object_under_the_same_name_is_not_written(
        self, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        with pytest.raises(Missing):
            writes.workloads.scale(replace(web.ref, uid=NOBODY), before=2, after=3, mark=mark())
        writes.workloads.delete(replace(web.ref, uid=NOBODY), mark=mark())
        assert reads.rollout(web.ref).workload.replicas == 2

    def test_a_service_is_switched_to_other_pods(self, reads: Workloads, writes: ClusterWrites, web: Workload) -> None:
        service = reads.surroundings(web).services[0]
        wide: Mapping[str, str] = {"pilothouse.io/app": "web"}
        writes.services.select(service.ref, before=service.selector, after=wide, mark=mark())
        with pytest.raises(Conflict):
            writes.services.select(service.ref, before=service.selector, after={"x": "y"}, mark=mark("2"))
        writes.services.select(service.ref, before=wide, after=service.selector, mark=mark("u1"))
        found = reads.surroundings(web).services[0]
        assert (found.selector, found.mark) == (service.selector, mark("u1"))

    def test_an_autoscaler_gets_other_bounds(self, reads: Workloads, writes: ClusterWrites, web: Workload) -> None:
        autoscaler = reads.surroundings(web).autoscaler
        assert autoscaler is not None
        writes.autoscalers.bound(autoscaler.ref, before=(2, 6), after=(3, 9), mark=mark())
        with pytest.raises(Conflict):
            writes.autoscalers.bound(autoscaler.ref, before=(2, 6), after=(4, 4), mark=mark("2"))
        found = reads.surroundings(web).autoscaler
        assert found is not None
        assert (found.minimum, found.maximum, found.mark) == (3, 9, mark())

    def test_scaling_down_is_held_and_let_go(self, reads: Workloads, writes: ClusterWrites, web: Workload) -> None:
        autoscaler = reads.surroundings(web).autoscaler
        assert autoscaler is not None
        writes.autoscalers.hold_scale_down(autoscaler.ref, before="", after="Disabled", mark=mark())
        held = reads.surroundings(web).autoscaler
        assert held is not None
        assert held.scale_down == "Disabled"
        writes.autoscalers.hold_scale_down(autoscaler.ref, before="Disabled", after="", mark=mark("u1"))
        free = reads.surroundings(web).autoscaler
        assert free is not None
        assert free.scale_down == ""

    # --- the canary's own Deployment

    def copy(self, writes: ClusterWrites, web: Workload, by: Mark) -> ObjectRef:
        labels = {"pilothouse.io/app": "web", "pilothouse.io/track": "canary"}
        return writes.workloads.create_copy(
            web.ref,
            name="web-canary",
            template=web.template.with_labels(put=labels, drop=("app.kubernetes.io/name",)),
            selector=labels,
            replicas=1,
            mark=by,
        )

    def test_a_copy_stands_beside_its_source(self, reads: Workloads, writes: ClusterWrites, web: Workload) -> None:
        ref = self.copy(writes, web, mark())
        found = reads.rollout(ref).workload
        assert found.ref == ref
        assert (found.replicas, found.mark, found.managers) == (1, mark(), ())
        assert found.template.images == web.template.images
        assert found.template.labels == {"pilothouse.io/app": "web", "pilothouse.io/track": "canary"}
        assert "app.kubernetes.io/name" not in found.labels
        assert not {key for key in found.annotations if not key.startswith("deployment.kubernetes.io/")}

    def test_creating_the_copy_again_is_success(self, writes: ClusterWrites, web: Workload) -> None:
        assert self.copy(writes, web, mark()) == self.copy(writes, web, mark())

    def test_a_copy_of_another_operation_is_a_conflict(self, writes: ClusterWrites, web: Workload) -> None:
        self.copy(writes, web, mark(op=6, fence=4))
        with pytest.raises(Conflict):
            self.copy(writes, web, mark())

    def test_a_copy_of_what_is_gone_is_missing(self, writes: ClusterWrites, web: Workload) -> None:
        with pytest.raises(Missing):
            self.copy(writes, replace(web, ref=replace(web.ref, uid=NOBODY)), mark())

    def test_a_ref_without_uid_means_what_the_operation_itself_made(
        self, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        made = self.copy(writes, web, mark())
        unnamed = replace(made, uid="")
        writes.workloads.scale(unnamed, before=1, after=2, mark=mark("2"))
        assert reads.rollout(made).workload.replicas == 2
        strange: tuple[Callable[[], None], ...] = (
            lambda: writes.workloads.scale(unnamed, before=2, after=3, mark=mark(op=8, fence=9)),
            lambda: writes.workloads.delete(unnamed, mark=mark(op=8, fence=9)),
            lambda: writes.workloads.delete(replace(web.ref, uid=""), mark=mark()),
        )
        for write in strange:
            with pytest.raises(Conflict):
                write()
        assert reads.rollout(made).workload.mark == mark("2")

    def test_deleting_is_done_once_and_what_is_gone_is_success(
        self, stage: Stage, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        made = self.copy(writes, web, mark())
        for _ in range(2):
            writes.workloads.delete(replace(made, uid=""), mark=mark("2"))
            writes.workloads.delete(made, mark=mark("2"))
        assert reads.find(stage.namespace, "web-canary") is None
        assert reads.find(stage.namespace, "web") is not None

    # --- configuration

    def test_config_is_made_once_and_never_overwritten(
        self, stage: Stage, reads: Workloads, writes: ClusterWrites
    ) -> None:
        for by in (mark(), mark(op=8, fence=9)):
            writes.configs.create(stage.namespace, "web-1", {"a": "1"}, mark=by)
        with pytest.raises(Conflict):
            writes.configs.create(stage.namespace, "web-1", {"a": "2"}, mark=mark())
        assert reads.config(stage.namespace, ("web-1",)) == {"web-1": {"a": "1"}}
