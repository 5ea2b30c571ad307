"""The ProgressiveWriter port over simulated Rollouts, by the rules of the real one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.domain.errors import Conflict, Missing
from bot.domain.progressive import Program
from bot.domain.refs import ObjectRef
from bot.domain.reply import text
from bot.domain.workloads import Mark
from integrations.simulated import marks
from integrations.simulated.rollouts import SimulatedRollout
from integrations.simulated.writing import SYSTEM, Change, SimulatedWorkloadWriter, Writer, refuse


@dataclass(frozen=True, slots=True)
class SimulatedProgressiveWriter:
    writer: Writer

    def put_program(
        self, ref: ObjectRef, *, before: Program, after: Program, mark: Mark, is_back: bool, is_aborted: bool
    ) -> None:
        state = self.writer.state

        def value(found: SimulatedRollout) -> Program | None:
            """None where this may not be changed, whatever stands there."""
            stands = Program(found.template, found.steps)
            may = found.stable != found.current if is_back else found.is_aborted == is_aborted
            return stands if may or stands == after else None

        def put(found: SimulatedRollout) -> None:
            found.template, found.steps = after.template, after.steps
            found.managers = ()
            state.changed(found)

        words = f"program {before.template.hash} -> {after.template.hash}, {len(after.steps)} steps"
        change: Change[SimulatedRollout, Program | None] = Change(value, before, after, put, words)
        self.writer.apply("put_program", ref, self._find, change, mark)

    def pass_step(self, ref: ObjectRef, *, program: Program, index: int, mark: Mark) -> None:
        writer, state = self.writer, self.writer.state
        SimulatedWorkloadWriter(writer).stamp(ref, mark=mark)
        fault = writer.meet("pass_step")
        with state.world.entered():
            writer.pin()
            found = writer.find(ref, self._find)
            if found is None:
                raise Missing(SYSTEM, text("{target} is gone.", target=str(ref)))
            refuse(found, ref, mark)
            if marks.mark_of(found.labels) != mark or Program(found.template, found.steps) != program:
                raise Conflict(SYSTEM, text("Somebody else changed {target} meanwhile.", target=str(ref)))
            if found.index <= index and not (found.index == index and found.is_waiting):
                raise Conflict(SYSTEM, text("{target} does not wait at step {n}.", target=str(ref), n=index + 1))
            uid = found.uid

            def land() -> None:
                there = self._find(ref.namespace, ref.name)
                is_same = there is not None and there.uid == uid and marks.mark_of(there.labels) == mark
                if there is not None and is_same and there.index == index and there.is_waiting:
                    there.is_waiting = False
                    state.wake(there)
                    writer.note("pass_step", replace(ref, uid=uid), mark, f"on from step {index + 1}")

            if found.index == index:
                writer.send(fault, land)
        writer.answer(fault)

    def _find(self, namespace: str, name: str) -> SimulatedRollout | None:
        found = self.writer.state.namespace(namespace).deployments.get(name)
        return found if isinstance(found, SimulatedRollout) else None
