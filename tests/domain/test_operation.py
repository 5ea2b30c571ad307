"""`decide`, as a table of what happens next and as properties over random histories."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.operation import (
    ATTEMPTS,
    EXTENSION,
    FINAL,
    PATIENCE,
    PAUSE_LIMIT,
    Act,
    Operation,
    Phase,
    Progress,
    Quorum,
    Signal,
    SignalKind,
    Standing,
    StepFacts,
    decide,
    voters,
)
from bot.domain.refs import PlanHash, Principal
from bot.domain.reply import text
from tests.kit.operations import ANA, BARE, T0

BO, LEE = Principal("bo"), Principal("lee")
HASH = BARE.plan_hash


def op(
    phase: Phase = Phase.DRAFT, *, votes: int = 0, steps: int = 3, cursor: int = 0, no_return: int | None = None
) -> Operation:
    facts = tuple(StepFacts(timedelta(minutes=5), has_undo=n != 1, no_return=n == no_return) for n in range(steps))
    return replace(
        BARE,
        phase=phase,
        steps=facts,
        cursor=cursor,
        quorum=Quorum(votes, "sre" if votes else ""),
        expires=T0 + timedelta(minutes=15),
    )


def signal(kind: SignalKind, by: Principal = ANA, *, hash: str = HASH, step: int = 0, at: datetime = T0) -> Signal:
    return Signal(kind, by, at, PlanHash(hash), step)


def given_signals(operation: Operation, *signals: Signal) -> Operation:
    return replace(operation, signals=(*operation.signals, *signals))


def seen(standing: Standing) -> Progress:
    return Progress(standing, why=text("because"))


def test_a_draft_waits_for_its_asker() -> None:
    decision = decide(op(), None, T0)
    assert decision.operation.phase is Phase.DRAFT
    assert decision.wake == timedelta(minutes=15)


def test_an_asked_draft_without_a_quorum_is_ready() -> None:
    assert decide(given_signals(op(), signal(SignalKind.ASK)), None, T0).operation.phase is Phase.READY


def test_an_asked_draft_with_a_quorum_waits_for_votes() -> None:
    assert decide(given_signals(op(votes=1), signal(SignalKind.ASK)), None, T0).operation.phase is Phase.WAITING


def test_the_askers_own_approval_does_not_count() -> None:
    waiting = given_signals(op(Phase.WAITING, votes=1), signal(SignalKind.ASK), signal(SignalKind.APPROVE, ANA))
    assert decide(waiting, None, T0).operation.phase is Phase.WAITING
    assert voters(waiting) == ()


def test_one_person_approving_twice_is_one_vote() -> None:
    waiting = given_signals(
        op(Phase.WAITING, votes=2),
        signal(SignalKind.ASK),
        signal(SignalKind.APPROVE, BO),
        signal(SignalKind.APPROVE, BO),
    )
    assert decide(waiting, None, T0).operation.phase is Phase.WAITING
    agreed = given_signals(waiting, signal(SignalKind.APPROVE, LEE))
    assert decide(agreed, None, T0).operation.phase is Phase.READY


def test_an_approval_of_another_plan_does_not_count() -> None:
    waiting = given_signals(
        op(Phase.WAITING, votes=1), signal(SignalKind.ASK), signal(SignalKind.APPROVE, BO, hash="other")
    )
    assert decide(waiting, None, T0).operation.phase is Phase.WAITING


@pytest.mark.parametrize(
    ("kind", "phase"),
    [(SignalKind.DENY, Phase.DENIED), (SignalKind.CANCEL, Phase.WITHDRAWN), (SignalKind.ABORT, Phase.WITHDRAWN)],
)
@pytest.mark.parametrize("before", [Phase.WAITING, Phase.READY])
def test_a_denial_or_withdrawal_before_the_first_write_always_stops(
    kind: SignalKind, phase: Phase, before: Phase
) -> None:
    stopped = given_signals(
        op(before, votes=1), signal(SignalKind.ASK), signal(SignalKind.APPROVE, BO), signal(kind, LEE)
    )
    decision = decide(stopped, None, T0)
    assert decision.operation.phase is phase
    assert decision.act is None


def test_a_request_expires_at_its_deadline_and_not_before() -> None:
    waiting = given_signals(op(Phase.WAITING, votes=1), signal(SignalKind.ASK))
    assert decide(waiting, None, waiting.expires - timedelta(seconds=1)).operation.phase is Phase.WAITING
    assert decide(waiting, None, waiting.expires).operation.phase is Phase.EXPIRED


def test_votes_that_come_too_late_do_not_start_it() -> None:
    late = given_signals(op(Phase.WAITING, votes=1), signal(SignalKind.ASK), signal(SignalKind.APPROVE, BO))
    assert decide(late, None, late.expires).operation.phase is Phase.EXPIRED


def test_an_absent_step_is_acted_on_and_counted() -> None:
    decision = decide(op(Phase.RUNNING), seen(Standing.ABSENT), T0)
    assert decision.act is Act.DO
    assert decision.operation.attempts == 1


@pytest.mark.parametrize("standing", [Standing.UNDERWAY, Standing.UNKNOWN, Standing.WAITING])
def test_what_is_not_done_is_waited_for(standing: Standing) -> None:
    decision = decide(op(Phase.RUNNING), seen(standing), T0)
    assert decision.act is None
    assert (decision.operation.phase, decision.operation.cursor) == (Phase.RUNNING, 0)


def test_unknown_evidence_turns_back_only_at_the_deadline() -> None:
    running = op(Phase.RUNNING)
    assert decide(running, seen(Standing.UNKNOWN), T0 + timedelta(minutes=5)).operation.phase is Phase.RUNNING
    late = decide(running, seen(Standing.UNKNOWN), T0 + timedelta(minutes=5, seconds=1)).operation
    assert late.phase is Phase.UNDOING
    assert late.failed_step == 0


def test_an_extension_moves_the_deadline_of_its_step_only() -> None:
    running = given_signals(op(Phase.RUNNING), signal(SignalKind.EXTEND, step=0))
    late = T0 + timedelta(minutes=5) + EXTENSION
    assert decide(running, seen(Standing.UNDERWAY), late).operation.phase is Phase.RUNNING
    elsewhere = given_signals(op(Phase.RUNNING, cursor=2), signal(SignalKind.EXTEND, step=0))
    assert decide(elsewhere, seen(Standing.UNDERWAY), late).operation.phase is Phase.UNDOING


def test_the_last_done_step_ends_it() -> None:
    decision = decide(op(Phase.RUNNING, cursor=2), seen(Standing.DONE), T0)
    assert decision.operation.phase is Phase.DONE
    assert decision.operation.ended == T0


def test_a_failed_step_is_undone_and_says_why() -> None:
    failed = decide(op(Phase.RUNNING, cursor=1), seen(Standing.FAILED), T0).operation
    assert failed.phase is Phase.UNDOING
    assert failed.why == text("because")
    assert failed.failed_step == 1


def test_past_the_point_of_no_return_a_failure_is_stuck() -> None:
    assert decide(op(Phase.RUNNING, cursor=2, no_return=1), seen(Standing.FAILED), T0).operation.phase is Phase.STUCK


def test_an_abort_past_the_point_of_no_return_does_nothing() -> None:
    running = given_signals(op(Phase.RUNNING, cursor=2, no_return=1), signal(SignalKind.ABORT, BO))
    assert decide(running, seen(Standing.UNDERWAY), T0).operation.phase is Phase.RUNNING


def test_an_abort_turns_back_without_blaming_the_version() -> None:
    running = given_signals(op(Phase.RUNNING), signal(SignalKind.ABORT, BO))
    turned = decide(running, seen(Standing.UNDERWAY), T0).operation
    assert turned.phase is Phase.UNDOING
    assert turned.failed_step is None


def test_undoing_walks_back_over_steps_without_undo() -> None:
    undoing = op(Phase.UNDOING, cursor=2)
    for cursor in (1, 0):
        undoing = decide(undoing, seen(Standing.DONE), T0).operation
        assert (undoing.phase, undoing.cursor) == (Phase.UNDOING, cursor)
    assert decide(undoing, seen(Standing.DONE), T0).operation.phase is Phase.UNDONE


def test_an_undo_that_fails_is_stuck_and_says_both_reasons() -> None:
    undoing = replace(op(Phase.UNDOING), why=text("It crashed."))
    stuck = decide(undoing, seen(Standing.FAILED), T0).operation
    assert stuck.phase is Phase.STUCK
    assert stuck.why is not None
    assert "It crashed." in stuck.why.plain()
    assert "because" in stuck.why.plain()


def test_an_undo_whose_time_ran_out_unseen_is_tried_once_with_its_whole_time() -> None:
    """The bot was away, or the clock was set: nobody has tried yet."""
    undoing, back = op(Phase.UNDOING), T0 + timedelta(hours=2)
    tried = decide(undoing, seen(Standing.ABSENT), back)
    assert (tried.operation.phase, tried.act) == (Phase.UNDOING, Act.UNDO)
    limit = back + undoing.steps[0].undo_deadline
    waited = decide(tried.operation, seen(Standing.UNDERWAY), limit)
    assert (waited.operation.phase, waited.act) == (Phase.UNDOING, None)
    over = decide(waited.operation, seen(Standing.UNDERWAY), limit + timedelta(seconds=1)).operation
    assert over.phase is Phase.STUCK


@pytest.mark.parametrize("attempts", [0, 1])
def test_an_undo_of_which_nothing_can_be_seen_at_its_deadline_is_looked_at_a_while_longer(attempts: int) -> None:
    undoing = replace(op(Phase.UNDOING), attempts=attempts)
    limit = T0 + undoing.steps[0].undo_deadline + PATIENCE
    waited = decide(undoing, seen(Standing.UNKNOWN), limit)
    assert (waited.operation.phase, waited.act) == (Phase.UNDOING, None)
    assert waited.wake is not None
    assert decide(waited.operation, seen(Standing.DONE), limit).operation.phase is Phase.UNDONE
    over = decide(waited.operation, seen(Standing.UNKNOWN), limit + timedelta(seconds=1)).operation
    assert over.phase is Phase.STUCK


@pytest.mark.parametrize("attempts", [0, 1])
@pytest.mark.parametrize("away", [timedelta(minutes=17), timedelta(hours=2), timedelta(days=3)])
def test_an_undo_whose_time_ran_out_unseen_has_its_time_anew_also_when_nothing_can_be_seen(
    attempts: int, away: timedelta
) -> None:
    undoing, back = replace(op(Phase.UNDOING), attempts=attempts), T0 + away
    waited = decide(undoing, seen(Standing.UNKNOWN), back).operation
    assert waited.phase is Phase.UNDOING
    tried = decide(waited, seen(Standing.ABSENT), back + timedelta(minutes=9))
    assert (tried.operation.phase, tried.act) == (Phase.UNDOING, Act.UNDO)


def test_an_undo_of_which_nothing_can_ever_be_seen_is_stuck_in_the_end() -> None:
    undoing, now = op(Phase.UNDOING), T0 + timedelta(hours=2)
    for _ in range(1000):
        undoing, now = decide(undoing, seen(Standing.UNKNOWN), now).operation, now + timedelta(seconds=1)
    assert undoing.phase is Phase.STUCK


@pytest.mark.parametrize("standing", [Standing.UNDERWAY, Standing.ABSENT])
def test_an_undo_that_was_tried_is_stuck_at_its_deadline(standing: Standing) -> None:
    tried = replace(op(Phase.UNDOING), attempts=1)
    assert decide(tried, seen(standing), T0 + timedelta(minutes=11)).operation.phase is Phase.STUCK


def test_a_stuck_operation_is_closed_by_a_person_only() -> None:
    assert decide(op(Phase.STUCK), None, T0 + timedelta(days=30)).operation.phase is Phase.STUCK
    closed = given_signals(op(Phase.STUCK), signal(SignalKind.CANCEL, BO))
    assert decide(closed, None, T0).operation.phase is Phase.CLOSED


def test_a_promotion_ends_the_waiting_of_its_own_step_only() -> None:
    waiting = given_signals(op(Phase.RUNNING), signal(SignalKind.PROMOTE, BO, step=0))
    moved = decide(waiting, seen(Standing.WAITING), T0).operation
    assert moved.cursor == 1
    assert decide(moved, seen(Standing.WAITING), T0).operation.cursor == 1


def test_a_full_promotion_waits_at_no_step_until_somebody_pauses_it() -> None:
    waiting = given_signals(op(Phase.RUNNING), signal(SignalKind.PROMOTE_FULL, BO, step=0))
    moved = decide(waiting, seen(Standing.WAITING), T0).operation
    assert moved.cursor == 1
    assert decide(moved, seen(Standing.WAITING), T0).operation.cursor == 2
    assert decide(moved, seen(Standing.FAILED), T0).operation.phase is Phase.UNDOING
    assert decide(moved, seen(Standing.UNKNOWN), T0).operation.cursor == 1
    paused = given_signals(moved, signal(SignalKind.PAUSE, ANA), signal(SignalKind.RESUME, ANA))
    assert decide(paused, seen(Standing.WAITING), T0).operation.cursor == 1


def test_a_promotion_does_not_pass_a_step_that_is_not_in_place() -> None:
    underway = given_signals(op(Phase.RUNNING), signal(SignalKind.PROMOTE, BO, step=0))
    assert decide(underway, seen(Standing.UNDERWAY), T0).operation.cursor == 0


def test_a_pause_holds_until_it_is_lifted_and_never_for_ever() -> None:
    paused = given_signals(op(Phase.RUNNING), signal(SignalKind.PAUSE, BO))
    held = decide(paused, seen(Standing.DONE), T0).operation
    assert (held.phase, held.cursor) == (Phase.PAUSED, 0)
    resumed = given_signals(held, signal(SignalKind.RESUME, BO))
    assert decide(resumed, seen(Standing.DONE), T0).operation.cursor == 1
    over = decide(held, seen(Standing.WAITING), T0 + PAUSE_LIMIT + timedelta(seconds=1)).operation
    assert over.phase is Phase.UNDOING


def test_a_failure_turns_back_although_it_is_paused() -> None:
    paused = given_signals(op(Phase.PAUSED), signal(SignalKind.PAUSE, BO))
    assert decide(paused, seen(Standing.FAILED), T0).operation.phase is Phase.UNDOING


def test_writes_that_never_show_are_given_up() -> None:
    tried = replace(op(Phase.RUNNING), attempts=ATTEMPTS)
    assert decide(tried, seen(Standing.ABSENT), T0).operation.phase is Phase.UNDOING


@pytest.mark.parametrize("phase", sorted(FINAL))
@pytest.mark.parametrize("kind", list(SignalKind))
def test_nothing_moves_a_final_operation(phase: Phase, kind: SignalKind) -> None:
    ended = given_signals(op(phase), signal(kind, BO))
    decision = decide(ended, seen(Standing.ABSENT), T0 + timedelta(days=1))
    assert (decision.operation, decision.act, decision.wake) == (ended, None, None)


_MOVES = st.one_of(
    st.tuples(st.just("see"), st.sampled_from(list(Standing))),
    st.tuples(st.just("signal"), st.sampled_from(list(SignalKind))),
    st.tuples(st.just("wait"), st.integers(1, 60 * 26)),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_MOVES, max_size=60), st.integers(0, 2), st.one_of(st.none(), st.integers(0, 2)))
def test_any_history_keeps_the_rules(moves: list[tuple[str, object]], votes: int, no_return: int | None) -> None:
    """Nothing is written before it was agreed to; nothing is undone past the point of no return; ends are ends."""
    operation, now = op(votes=votes, no_return=no_return), T0
    people = [BO, LEE, ANA]
    for n, (what, value) in enumerate(moves):
        standing = Standing.UNDERWAY
        match what, value:
            case "wait", int(minutes):
                now += timedelta(minutes=minutes)
            case "signal", SignalKind() as kind:
                operation = given_signals(operation, signal(kind, people[n % 3], step=operation.cursor, at=now))
            case _, Standing() as standing:
                pass
        before = operation
        decision = decide(operation, seen(standing), now)
        operation = decision.operation
        if decision.act is not None:
            assert len(voters(operation)) >= votes
            assert any(s.kind is SignalKind.ASK for s in operation.signals)
        if decision.act is Act.UNDO:
            assert no_return is None or operation.cursor < no_return
        if before.phase in FINAL:
            assert operation is before
        assert 0 <= operation.cursor < len(operation.steps)
        assert (operation.ended is not None) == (operation.phase in FINAL)
