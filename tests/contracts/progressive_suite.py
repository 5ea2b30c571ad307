"""What every adapter must do with workloads that go step by step, real or simulated. Their controller's word is the stage's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import pytest

from bot.domain.errors import Conflict, Missing
from bot.domain.progressive import Program, Progressive, StepList
from bot.domain.refs import ObjectRef, OperationId
from bot.domain.workloads import Mark, Workload
from bot.ports.clusters import Acting, Cluster, ClusterWrites, Workloads

ANN = Acting("ann", ("devs",), "op-7")
NOBODY = "00000000-0000-4000-8000-000000000000"
OWN: list[dict[str, Any]] = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "10m"}}]


class ProgressiveStage(Protocol):
    """A cluster with an empty namespace, in which somebody else makes Rollouts and plays their controller."""

    @property
    def cluster(self) -> Cluster: ...

    @property
    def namespace(self) -> str: ...

    def rollout(self, name: str, steps: Sequence[dict[str, Any]], *, is_routed: bool = False) -> Workload:
        """Two pods with container `web`, image `registry.test/web:1`, all steps done; nothing of ours on it."""
        ...

    def stand(self, ref: ObjectRef, *, index: int, is_waiting: bool = False, is_aborted: bool = False) -> None:
        """Its controller has seen the newest spec, and has not promoted its template."""
        ...


def mark(step: str = "1", *, op: int = 7, fence: int = 5) -> Mark:
    return Mark(OperationId(f"op-{op}"), step, fence)


class ProgressiveContract:
    @pytest.fixture
    def web(self, stage: ProgressiveStage) -> Workload:
        return stage.rollout("web", OWN)

    @pytest.fixture
    def reads(self, stage: ProgressiveStage) -> Workloads:
        return stage.cluster.reads().workloads

    @pytest.fixture
    def writes(self, stage: ProgressiveStage) -> ClusterWrites:
        return stage.cluster.writes(ANN)

    def told(self, reads: Workloads, web: Workload) -> Program:
        found = reads.find(web.ref.namespace, web.ref.name)
        assert found is not None
        assert found.progressive is not None
        return Program(found.template, found.progressive.steps)

    def stands(self, reads: Workloads, web: Workload) -> Progressive:
        found = reads.rollout(web.ref).workload.progressive
        assert found is not None
        return found

    def programs(self, web: Workload) -> tuple[Program, Program]:
        """What it is told, and what it is to be told."""
        assert web.progressive is not None
        new = web.template.with_image("web", "registry.test/web:2")
        return Program(web.template, web.progressive.steps), Program(new, StepList.shares([10]))

    # --- reading

    def test_it_is_found_by_name_and_in_the_list(
        self, stage: ProgressiveStage, reads: Workloads, web: Workload
    ) -> None:
        assert web.ref.kind == "Rollout"
        assert web.progressive is not None
        assert web.progressive.steps == StepList.of(OWN)
        assert (web.progressive.index, web.progressive.weight, web.progressive.is_promoted) == (4, None, True)
        assert web.progressive.limits == ()
        assert web.mark is None
        assert [each.ref for each in reads.list(stage.namespace)] == [web.ref]
        assert reads.find(stage.namespace, "other") is None

    def test_where_it_stands_is_read(self, stage: ProgressiveStage, reads: Workloads, web: Workload) -> None:
        stage.stand(web.ref, index=1, is_waiting=True)
        seen = self.stands(reads, web)
        assert (seen.index, seen.is_waiting, seen.is_aborted, seen.is_promoted) == (1, True, False, False)
        stage.stand(web.ref, index=0, is_aborted=True)
        seen = self.stands(reads, web)
        assert (seen.index, seen.is_waiting, seen.is_aborted) == (0, False, True)

    def test_with_a_router_it_has_a_weight(self, stage: ProgressiveStage, reads: Workloads) -> None:
        web = stage.rollout("web", OWN, is_routed=True)
        assert self.stands(reads, web).weight == 0

    def test_another_one_under_the_same_name_is_missing(
        self, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        other = replace(web.ref, uid=NOBODY)
        told, new = self.programs(web)
        with pytest.raises(Missing):
            reads.rollout(other)
        with pytest.raises(Missing):
            writes.progressive.put_program(other, before=told, after=new, mark=mark(), is_back=False, is_aborted=False)
        with pytest.raises(Missing):
            writes.progressive.pass_step(other, program=told, index=1, mark=mark())

    # --- template and steps

    def test_a_program_is_put_once_and_taken_back_exactly(
        self, stage: ProgressiveStage, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        told, new = self.programs(web)
        for _ in range(2):
            writes.progressive.put_program(
                web.ref, before=told, after=new, mark=mark(), is_back=False, is_aborted=False
            )
        assert self.told(reads, web) == new
        now = reads.rollout(web.ref).workload
        assert now.mark == mark()
        assert now.generation == web.generation + 1
        assert not now.is_observed
        stage.stand(web.ref, index=1, is_waiting=True)
        writes.progressive.put_program(web.ref, before=new, after=told, mark=mark("u1"), is_back=True, is_aborted=False)
        assert self.told(reads, web) == told

    def test_one_without_steps_has_none_again(
        self, stage: ProgressiveStage, reads: Workloads, writes: ClusterWrites
    ) -> None:
        web = stage.rollout("web", [])
        told, new = self.programs(web)
        writes.progressive.put_program(web.ref, before=told, after=new, mark=mark(), is_back=False, is_aborted=False)
        stage.stand(web.ref, index=1, is_waiting=True)
        writes.progressive.put_program(web.ref, before=new, after=told, mark=mark("u1"), is_back=True, is_aborted=False)
        assert self.told(reads, web) == told

    def test_other_steps_are_put_for_the_template_that_it_has(
        self, stage: ProgressiveStage, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        told, new = self.programs(web)
        writes.progressive.put_program(web.ref, before=told, after=new, mark=mark(), is_back=False, is_aborted=False)
        stage.stand(web.ref, index=1, is_waiting=True)
        other, by = replace(new, steps=StepList.other_shares([10], new.steps)), mark("2", op=8, fence=6)
        assert other != new
        for _ in range(2):
            writes.progressive.put_program(web.ref, before=new, after=other, mark=by, is_back=False, is_aborted=False)
        assert self.told(reads, web) == other
        assert not reads.rollout(web.ref).workload.is_observed
        with pytest.raises(Conflict):
            writes.progressive.pass_step(web.ref, program=new, index=1, mark=by)
        stage.stand(web.ref, index=2, is_waiting=True)
        with pytest.raises(Conflict):
            writes.progressive.put_program(web.ref, before=new, after=told, mark=by, is_back=True, is_aborted=False)
        writes.progressive.put_program(web.ref, before=other, after=told, mark=by, is_back=True, is_aborted=False)
        assert self.told(reads, web) == told

    def test_another_template_or_other_steps_are_a_conflict(
        self, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        told, new = self.programs(web)
        for before in (replace(told, template=new.template), replace(told, steps=StepList.of([]))):
            with pytest.raises(Conflict):
                writes.progressive.put_program(
                    web.ref, before=before, after=new, mark=mark(), is_back=False, is_aborted=False
                )
        assert self.told(reads, web) == told
        assert reads.rollout(web.ref).workload.mark is None

    def test_one_that_gave_up_is_not_set_off_again_by_chance(
        self, stage: ProgressiveStage, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        told, new = self.programs(web)
        stage.stand(web.ref, index=0, is_aborted=True)
        with pytest.raises(Conflict):
            writes.progressive.put_program(
                web.ref, before=told, after=new, mark=mark(), is_back=False, is_aborted=False
            )
        writes.progressive.put_program(web.ref, before=told, after=new, mark=mark(), is_back=False, is_aborted=True)
        assert self.told(reads, web) == new

    def test_there_is_no_way_back_once_it_is_promoted(
        self, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        told, new = self.programs(web)
        with pytest.raises(Conflict):
            writes.progressive.put_program(
                web.ref, before=told, after=new, mark=mark("u1"), is_back=True, is_aborted=False
            )
        assert self.told(reads, web) == told

    # --- pauses

    def test_a_pause_is_ended_once(
        self, stage: ProgressiveStage, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        told, _ = self.programs(web)
        stage.stand(web.ref, index=1, is_waiting=True)
        writes.progressive.pass_step(web.ref, program=told, index=1, mark=mark())
        assert not self.stands(reads, web).is_waiting
        assert reads.rollout(web.ref).workload.mark == mark()
        stage.stand(web.ref, index=3, is_waiting=True)
        writes.progressive.pass_step(web.ref, program=told, index=1, mark=mark())
        assert self.stands(reads, web).is_waiting

    def test_only_the_pause_that_is_meant_is_ended(
        self, stage: ProgressiveStage, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        told, new = self.programs(web)
        stage.stand(web.ref, index=1, is_waiting=True)
        for program, index in ((told, 3), (new, 1)):
            with pytest.raises(Conflict):
                writes.progressive.pass_step(web.ref, program=program, index=index, mark=mark())
        assert self.stands(reads, web).is_waiting
        stage.stand(web.ref, index=1)
        with pytest.raises(Conflict):
            writes.progressive.pass_step(web.ref, program=told, index=1, mark=mark("2"))

    # --- marks

    def test_a_higher_fence_refuses_a_zombie(
        self, stage: ProgressiveStage, reads: Workloads, writes: ClusterWrites, web: Workload
    ) -> None:
        told, new = self.programs(web)
        stage.stand(web.ref, index=1, is_waiting=True)
        writes.workloads.stamp(web.ref, mark=mark(fence=6))
        with pytest.raises(Conflict):
            writes.progressive.put_program(
                web.ref, before=told, after=new, mark=mark(fence=5), is_back=False, is_aborted=False
            )
        with pytest.raises(Conflict):
            writes.progressive.pass_step(web.ref, program=told, index=1, mark=mark(fence=5))
        assert self.told(reads, web) == told
        assert self.stands(reads, web).is_waiting

    def test_it_is_scaled_with_its_mark(self, reads: Workloads, writes: ClusterWrites, web: Workload) -> None:
        writes.workloads.scale(web.ref, before=2, after=3, mark=mark())
        now = reads.rollout(web.ref).workload
        assert (now.replicas, now.mark) == (3, mark())
