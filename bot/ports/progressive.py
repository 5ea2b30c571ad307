"""Changes of workloads that lead a new version from share to share by themselves; reading them is `Workloads`' part."""

from __future__ import annotations

from typing import Protocol

from bot.domain.errors import Refused
from bot.domain.progressive import Program
from bot.domain.refs import ObjectRef
from bot.domain.reply import text
from bot.domain.workloads import Mark


class ProgressiveWriter(Protocol):
    """Writes as one acting person, by the rules of bot.ports.clusters.WorkloadWriter."""

    def put_program(
        self, ref: ObjectRef, *, before: Program, after: Program, mark: Mark, is_back: bool, is_aborted: bool
    ) -> None:
        """Template and steps in one patch. Forward it tests too whether the workload is aborted, as `is_aborted` says:
        a change of steps sets an aborted one off again. Back it tests that the new template has not become the stable
        one, as this would be no way back then.
        """
        ...

    def pass_step(self, ref: ObjectRef, *, program: Program, index: int, mark: Mark) -> None:
        """Ends the pause at this step. It is no field that people set, so that the mark cannot come with it: the mark
        is stamped first, and tested with program, step and pause. Beyond that step already is success."""
        ...


class NoProgressive:
    """Of a cluster that has no such workloads."""

    def put_program(
        self, ref: ObjectRef, *, before: Program, after: Program, mark: Mark, is_back: bool, is_aborted: bool
    ) -> None:
        raise _unknown()

    def pass_step(self, ref: ObjectRef, *, program: Program, index: int, mark: Mark) -> None:
        raise _unknown()


def _unknown() -> Refused:
    return Refused("workloads", text("This cluster has no workloads that go step by step."))
