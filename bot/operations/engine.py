"""The engine: claims operations that are due, looks at the world, decides, saves, acts. The only holder of Hands.

A tick derives everything from the stored row and a live observation, never from what was done last time: a crash at
any point costs nothing. At most one effect a tick, saved as intended before it is done. No audit, no action: a tick
whose transaction fails writes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from bot.audit.records import record
from bot.domain.clock import Clock
from bot.domain.codec import UnknownKind
from bot.domain.errors import (
    Conflict,
    IntegrationError,
    Missing,
    PilothouseError,
    Refused,
    Unavailable,
    Unsent,
    UserError,
)
from bot.domain.failpoints import failpoint
from bot.domain.operation import Decision, Operation, Phase, Progress, Standing, decide
from bot.domain.refs import AUTO, OperationId, Principal
from bot.domain.reply import Text, text
from bot.domain.workloads import Mark
from bot.operations.desk import announce, target_of, was_asked
from bot.operations.gate import Gate
from bot.operations.leases import Leases
from bot.operations.marks import creates, reason_of, removes, settle, step_key, until_nothing_arrives, writes_outside
from bot.operations.succession import Wait, record_intent, take_holds
from bot.operations.thread import say_it_waits, say_step, say_the_end, say_the_turn
from bot.operations.timekeeper import Timekeeper
from bot.operations.words import outcome_of
from bot.ports.store import Claim, LostClaim, Stale, StepState, Store, Tx
from bot.ports.world import Hands, World
from bot.steps.codec import load_steps
from bot.steps.step import Planned, Step

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=5)
UNKNOWN_KIND_WAIT = timedelta(seconds=30)
RETRY = timedelta(seconds=3)
"""After a backend that is needed before the first write did not answer."""


class Engine:
    def __init__(
        self,
        *,
        store: Store,
        gate: Gate,
        world: Callable[[Principal, Operation], World],
        hands: Callable[[Principal, Operation], Hands],
        clock: Clock,
        ended: Callable[[Tx, Operation], None] = lambda tx, op: None,  # in the transaction of its end
        owner: str = "",
        lease: timedelta = LEASE,
    ) -> None:
        self._store = store
        self._gate = gate
        self._ended = ended
        self._world = world
        self._hands = hands
        self._clock = clock
        self.timekeeper = Timekeeper(store, clock)
        self.leases = Leases(store, clock, self.timekeeper, owner=owner or secrets.token_hex(6), lease=lease)
        self._shown: dict[OperationId, tuple[float, Progress | None]] = {}
        """When the figures of an operation were last shown, and which."""

    def run_due(self, limit: int = 8) -> int:
        """One round in the calling thread: how many operations were looked at. For tests and a terminal alone."""
        claims = self.leases.claim(limit)
        for claim in claims:
            self.tick(claim)
        return len(claims)

    # --- one tick -----------------------------------------------------------------------------

    def tick(self, claim: Claim) -> None:
        """Never raises: what goes wrong is logged with a reference, and the operation is looked at again."""
        try:
            self._tick(claim)
        except (LostClaim, Stale):
            log.info("another worker has it now", operation=claim.id)
        except PilothouseError as error:
            log.warning("a tick could not be finished", operation=claim.id, error=str(error))
            self._let_go(claim, RETRY)
        except Exception:
            log.exception("a tick crashed", operation=claim.id, reference=secrets.token_hex(4))
            self._let_go(claim, RETRY)

    def _let_go(self, claim: Claim, wake: timedelta) -> None:
        def work(tx: Tx) -> None:
            op = tx.operations.lock(claim.id)
            if op is not None:
                tx.operations.save(op, claim=claim, wake=wake)
                tx.operations.release(claim)

        try:
            self._store.transact(work)
        except (LostClaim, Stale, Unavailable):
            log.info("the lease runs out by itself", operation=claim.id)

    def _tick(self, claim: Claim) -> None:
        op = self._store.read(lambda tx: tx.operations.load(claim.id))
        assert op is not None
        match op.phase:
            case Phase.READY:
                self._begin(op, claim)
            case Phase.RUNNING | Phase.PAUSED | Phase.UNDOING:
                try:
                    steps = load_steps(op.plan)
                except UnknownKind as unknown:
                    log.warning("a newer version has to do this", operation=op.id, kind=str(unknown))
                    self._let_go(claim, UNKNOWN_KIND_WAIT)
                    return
                self._advance(op, claim, steps)
            case _:
                self._store.transact(lambda tx: self._decide(tx, claim, None))

    def _begin(self, op: Operation, claim: Claim) -> None:
        """Re-authorise, re-plan, compare; then holds, fence and intent in one transaction, before any write."""
        failpoint("CP8")
        try:
            self._gate.check(op, self._world(op.requester, op))
        except Unavailable as error:
            why = error.what
            self._store.transact(lambda tx: self._not_yet(tx, claim, why))
            return
        except PilothouseError as error:
            code, why = error.code, reason_of(error)
            self._store.transact(lambda tx: self._refuse(tx, claim, code, why))
            return
        self._store.transact(lambda tx: self._take_holds(tx, claim))
        failpoint("CP9")

    def _not_yet(self, tx: Tx, claim: Claim, why: Text) -> None:
        op = self._locked(tx, claim)
        if tx.now >= op.expires:
            self._refuse(tx, claim, "unavailable", why)
            return
        op = replace(op, why=why)
        tx.operations.save(op, claim=claim, wake=RETRY)
        tx.operations.release(claim)

    def _take_holds(self, tx: Tx, claim: Claim) -> None:
        op = self._locked(tx, claim)
        decision = decide(op, None, tx.now)
        if decision.operation.phase is not Phase.READY:
            self._keep(tx, claim, op, decision)
            return
        action = self._gate.command(op).permission
        grip = take_holds(tx, op, action=action)
        if isinstance(grip, Wait):
            self._not_yet(tx, claim, grip.why)
            return
        if isinstance(grip, Text):
            self._refuse(tx, claim, "target-busy", grip)
            return
        started = replace(op, phase=Phase.RUNNING, cursor=grip.cursor, since=tx.now, started=tx.now, why=None)
        started = replace(started, fence=grip.fence)
        record_intent(tx, op, grip, action=action)
        self._save(tx, claim, started, timedelta(0))

    def _refuse(self, tx: Tx, claim: Claim, code: str, why: Text) -> None:
        op = self._locked(tx, claim)
        refused = replace(op, phase=Phase.REFUSED, why=why, ended=tx.now)
        self._record_outcome(tx, refused, code)
        self._save(tx, claim, refused, None)
        say_the_end(tx, refused)

    # --- steps --------------------------------------------------------------------------------

    def _advance(self, op: Operation, claim: Claim, steps: tuple[Planned, ...]) -> None:
        is_undo = op.phase is Phase.UNDOING
        step = steps[op.cursor].undo if is_undo else steps[op.cursor].do
        acting = self._acting(op, is_undo=is_undo)
        is_last = op.cursor == (0 if is_undo else len(steps) - 1)
        if step is None:
            if is_last:
                failpoint("CP13")
            if self._store.transact(lambda tx: self._decide(tx, claim, Progress(Standing.DONE))).operation.is_final:
                failpoint("CP14")
            return
        op, must_stamp = self._fence(op, claim)
        mark = Mark(op.id, step_key(op), op.fence)
        seen = self._stamp(step, op, mark, acting) if must_stamp else None
        seen = seen or self._look(step, op, mark, is_stamped=must_stamp)
        if seen.standing is Standing.DONE and is_last:
            failpoint("CP13")
        decision = self._store.transact(lambda tx: self._decide(tx, claim, seen))
        if decision.operation.is_final:
            failpoint("CP14")
        if decision.act is None:
            return
        self._act(step, decision.operation, claim, mark, acting)

    def _fence(self, op: Operation, claim: Claim) -> tuple[Operation, bool]:
        """After a take-over or a lost reply a write may still be on its way: a higher fence, to be stamped."""

        def work(tx: Tx) -> tuple[Operation, bool]:
            states = tx.steps.states(op.id)
            is_open = any(state is not StepState.DONE for _, state, _ in states)
            if not claim.is_takeover and not is_open:
                return op, False
            locked = self._locked(tx, claim)
            if not locked.holds:
                return locked, is_open
            fenced = replace(locked, fence=tx.holds.raise_fence(op.id))
            return tx.operations.save(fenced, claim=claim, wake=None), True

        return self._store.transact(work)

    def _stamp(self, step: Step, op: Operation, mark: Mark, acting: Principal) -> Progress | None:
        hands = self._hands(acting, op)
        failpoint("CP16")
        try:
            for target in step.targets():
                hands.cluster(target.cluster).workloads.stamp(target, mark=mark)
        except Conflict as error:
            return Progress(Standing.FAILED, why=error.what)
        except IntegrationError as error:
            return Progress(Standing.UNKNOWN, why=error.what)
        return None

    def _look(self, step: Step, op: Operation, mark: Mark, *, is_stamped: bool) -> Progress:
        seen = self._observe(step, op, mark)
        if is_stamped:
            self._store.transact(lambda tx: settle(tx, op, step, seen, mark.fence))
        if seen.standing is Standing.DONE and removes(step):
            return self._store.read(lambda tx: until_nothing_arrives(tx, op, seen))
        return seen

    def _observe(self, step: Step, op: Operation, mark: Mark) -> Progress:
        try:
            return self._gate.look(step, op, mark, self._world(op.requester, op))
        except Missing as error:
            return Progress(Standing.FAILED, why=error.what)
        except IntegrationError as error:
            return Progress(Standing.UNKNOWN, why=error.what)

    def _act(self, step: Step, op: Operation, claim: Claim, mark: Mark, acting: Principal) -> None:
        failed: Progress | None = None
        unsent: Progress | None = None
        state = StepState.DONE
        hands = replace(self._hands(acting, op), time_left=lambda: self.leases.left(op.id))
        failpoint("CP10")
        try:
            if creates(step) and not hands.time_left():
                # Whoever stood still until now is defeated by a stamp elsewhere; but nothing bears one here.
                raise Unsent("operations", text("There was not enough time left to send it."))
            step.act(hands, mark)
            failpoint("CP16" if op.phase is Phase.UNDOING else "CP11")
        except Conflict as error:
            log.info("the target moved on", operation=op.id, step=mark.step, error=str(error))
        except (Refused, Missing, UserError) as error:
            failed = Progress(Standing.FAILED, why=reason_of(error))
        except Unsent as error:
            unsent = Progress(Standing.UNKNOWN, why=error.what)
            log.info("a write was not sent", operation=op.id, step=mark.step, error=str(error))
        except Unavailable as error:
            state = StepState.UNKNOWN
            log.info("no answer to a write", operation=op.id, step=mark.step, error=str(error))
        if failed is not None and op.phase is Phase.UNDOING and acting != AUTO:
            failed = None

        def work(tx: Tx) -> None:
            tx.steps.mark(op.id, mark.step, state, fence=mark.fence)
            if failed is not None:
                self._decide(tx, claim, failed)
            elif unsent is not None:
                # Not tried: a step that may try only once may try again.
                tried = self._locked(tx, claim)
                untried = replace(tried, attempts=tried.attempts - 1, seen=unsent)
                self._save(tx, claim, untried, RETRY, is_shown=self._is_worth_showing(untried, moved=False))
            elif state is StepState.DONE:
                tx.operations.release(claim)

        self._store.transact(work)
        failpoint("CP12")

    def _acting(self, op: Operation, *, is_undo: bool) -> Principal:
        """Undo was approved with the plan: where the requester may not act any more, the service principal does."""
        if not is_undo:
            return op.requester
        return op.requester if op.attempts == 0 and self._gate.may_still(op) else AUTO

    # --- saving -------------------------------------------------------------------------------

    def _locked(self, tx: Tx, claim: Claim) -> Operation:
        op = tx.operations.lock(claim.id)
        assert op is not None
        return op

    def _decide(self, tx: Tx, claim: Claim, seen: Progress | None) -> Decision:
        self.timekeeper.check(tx.now)
        before = self._locked(tx, claim)
        return self._keep(tx, claim, before, decide(before, seen, tx.now))

    def _keep(self, tx: Tx, claim: Claim, before: Operation, decision: Decision) -> Decision:
        after = decision.operation
        if decision.act is not None:
            tx.steps.mark(after.id, step_key(after), StepState.SENDING, fence=after.fence)
        moved = after.phase is not before.phase or after.cursor != before.cursor
        if moved:
            self._record_move(tx, before, after)
        say_it_waits(tx, before, after)
        if after.is_final or after.phase is Phase.STUCK:
            say_the_end(tx, after)
            self._ended(tx, after)
        saved = self._save(
            tx,
            claim,
            after,
            decision.wake,
            is_shown=self._is_worth_showing(after, moved=moved),
            keeps_claim=decision.act is not None,
        )
        return replace(decision, operation=saved)

    def _save(
        self,
        tx: Tx,
        claim: Claim,
        op: Operation,
        wake: timedelta | None,
        *,
        is_shown: bool = True,
        keeps_claim: bool = False,
    ) -> Operation:
        if op.is_final:
            tx.holds.free(op.id)
        saved = tx.operations.save(op, claim=claim, wake=wake)
        if is_shown:
            announce(tx, saved)
        if not keeps_claim:
            tx.operations.release(claim)
        return saved

    def _is_worth_showing(self, after: Operation, *, moved: bool) -> bool:
        """A move, or figures that differ from those shown last, at most every 10 s: chat.update is scarce."""
        if after.is_final or after.phase is Phase.STUCK:
            self._shown.pop(after.id, None)
            return moved
        now = self._clock.elapsed()
        at, shown = self._shown.get(after.id, (-10.0, None))
        if not moved and (after.seen == shown or now - at < 10.0):
            return False
        self._shown[after.id] = (at if moved else now, after.seen)
        return True

    def _record_move(self, tx: Tx, before: Operation, after: Operation) -> None:
        if after.phase is Phase.EXPIRED and not was_asked(after):
            return
        if after.is_final or after.phase is Phase.STUCK:
            self._record_outcome(tx, after, after.phase.value)
            return
        if before.phase in {Phase.RUNNING, Phase.UNDOING} and after.cursor != before.cursor:
            say_step(tx, before, after)
        if after.phase is Phase.UNDOING and before.phase is not Phase.UNDOING:
            say_the_turn(tx, before, after)
        details = {"from": f"{before.phase.value} {before.cursor}", "to": f"{after.phase.value} {after.cursor}"}
        if after.why is not None and after.phase is Phase.UNDOING:
            details["why"] = after.why.plain()
        self._record(tx, after, "step", "undoing" if after.phase is Phase.UNDOING else "step", details)

    def _record_outcome(self, tx: Tx, op: Operation, code: str) -> None:
        writes = sum(
            1 for key, state, _ in tx.steps.states(op.id) if state is StepState.DONE and writes_outside(op, key)
        )
        self._record(tx, op, "outcome", code, {**outcome_of(op), "writes": str(writes)})

    def _record(self, tx: Tx, op: Operation, kind: str, outcome: str, details: dict[str, str]) -> None:
        tx.records.append(
            record(
                at=tx.now,
                actor=str(op.requester),
                action=self._gate.command(op).permission,
                target=target_of(op),
                op=op.id,
                kind=kind,
                outcome=outcome,
                details=details,
            )
        )
