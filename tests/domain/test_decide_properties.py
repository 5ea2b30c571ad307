"""`decide` over a modelled target: whatever is seen, asked and lost meanwhile, and however the clock moves, it ends closed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.operation import (
    ATTEMPTS,
    EXTENSION,
    FINAL,
    PAUSE_LIMIT,
    Act,
    Decision,
    Operation,
    Phase,
    Progress,
    Signal,
    SignalKind,
    Standing,
    StepFacts,
    decide,
    first,
    given_here,
    last,
    promoted,
)
from bot.domain.reply import text
from tests.kit.operations import ANA, BARE, T0

DEADLINE = timedelta(minutes=30)
HOLD = timedelta(minutes=10)
STEERING = (
    SignalKind.PAUSE,
    SignalKind.RESUME,
    SignalKind.PROMOTE,
    SignalKind.PROMOTE_FULL,
    SignalKind.EXTEND,
    SignalKind.ABORT,
)
LIFTS = (SignalKind.PAUSE, SignalKind.RESUME, SignalKind.PROMOTE, SignalKind.PROMOTE_FULL)


@dataclass(frozen=True)
class Kind:
    """A step as this model knows it: it writes, or it only watches; `holds` goes on by itself after HOLD."""

    writes: bool = True
    has_undo: bool = True
    holds: bool = False
    no_return: bool = False

    def facts(self) -> StepFacts:
        return StepFacts(DEADLINE, self.has_undo and self.writes, DEADLINE, self.no_return)


@dataclass(frozen=True)
class Turn:
    """What happens between two looks, and how the second is disturbed."""

    later: timedelta
    asks: SignalKind | None
    sees: Standing | None
    """In the place of what is so."""
    lands: bool
    """A write that is sent now."""


@dataclass
class Model:
    kinds: tuple[Kind, ...]
    op: Operation
    now: datetime = T0
    there: list[bool] = field(default_factory=list)
    """Which of the steps' effects the target has."""
    is_committed: bool = False
    is_deceived: bool = False
    """A step was shown as done, or as done but for its waiting, and was not: this is beyond what it can know."""

    def what_is_so(self) -> Standing:
        kind, is_there = self.kinds[self.op.cursor], self.there[self.op.cursor]
        if self.op.phase is Phase.UNDOING:
            return Standing.ABSENT if is_there and kind.writes else Standing.DONE
        if kind.writes:
            return Standing.DONE if is_there else Standing.ABSENT
        assert self.op.since is not None
        return Standing.DONE if kind.holds and self.now - self.op.since >= HOLD else Standing.WAITING

    def turn(self, turn: Turn) -> None:
        self.now += turn.later
        if turn.asks is not None:
            given = Signal(turn.asks, ANA, self.now, self.op.plan_hash, self.op.cursor)
            self.op = replace(self.op, signals=(*self.op.signals, given))
        before = self.op
        standing = turn.sees or self.what_is_so()
        if standing in {Standing.DONE, Standing.WAITING} and standing is not self.what_is_so():
            self.is_deceived = True
        decision = decide(before, Progress(standing, why=text("so it is")), self.now)
        self.check(before, standing, decision)
        self.op = decision.operation
        if decision.act is not None and turn.lands and self.kinds[self.op.cursor].writes:
            self.there[self.op.cursor] = decision.act is Act.DO
        self.is_committed = self.is_committed or self.op.is_committed

    def check(self, before: Operation, standing: Standing, decision: Decision) -> None:
        after = decision.operation
        if before.phase in FINAL:
            assert (after, decision.act, decision.wake) == (before, None, None)
            return
        if decision.act is not None:
            # Never sent without a look that found nothing, and never for ever.
            assert standing is Standing.ABSENT
            assert after.attempts == before.attempts + 1 <= ATTEMPTS
            assert decision.act is (Act.UNDO if before.phase is Phase.UNDOING else Act.DO)
        if self.is_committed:
            assert after.phase not in {Phase.UNDOING, Phase.UNDONE}
        if after.phase is Phase.STUCK:
            assert after.why is not None
        elif after.phase not in FINAL:
            assert decision.wake is not None
        if before.phase in {Phase.RUNNING, Phase.PAUSED}:
            self.check_forward(before, standing, after)
        if before.phase is Phase.UNDOING:
            assert after.cursor in {before.cursor, before.cursor - 1}
            assert after.phase in {Phase.UNDOING, Phase.UNDONE, Phase.STUCK}
            if after.cursor < before.cursor or after.phase is Phase.UNDONE:
                assert standing is Standing.DONE or not before.steps[before.cursor].has_undo

    def check_forward(self, before: Operation, standing: Standing, after: Operation) -> None:
        assert before.since is not None
        is_on = after.cursor > before.cursor or after.phase is Phase.DONE
        lifted = last(before, *LIFTS)
        is_paused = lifted is not None and lifted.kind is SignalKind.PAUSE
        is_stopped = first(before, SignalKind.ABORT, SignalKind.CANCEL) is not None and not before.is_committed
        is_late = self.now - before.since > DEADLINE + EXTENSION * given_here(before, SignalKind.EXTEND)
        is_turned = after.phase in {Phase.UNDOING, Phase.STUCK}
        if is_on:
            assert after.cursor in {before.cursor, before.cursor + 1}
            assert standing is Standing.DONE or (standing is Standing.WAITING and promoted(before))
            assert not is_paused
        assert not (is_on and is_stopped)
        if is_stopped or standing is Standing.FAILED:
            assert is_turned
        elif is_paused:
            assert lifted is not None
            assert is_turned == (self.now - lifted.at > PAUSE_LIMIT)
        elif not is_on:
            is_given_up = standing is Standing.ABSENT and before.attempts >= ATTEMPTS
            assert is_turned == (is_late or is_given_up)


def made(kinds: tuple[Kind, ...]) -> Model:
    operation = replace(
        BARE,
        kind="canary",
        line="canary web@2 10 to prod",
        steps=tuple(kind.facts() for kind in kinds),
        phase=Phase.RUNNING,
    )
    return Model(kinds, operation, there=[False] * len(kinds))


_LATER = st.one_of(
    st.integers(0, 90).map(lambda n: timedelta(seconds=n)),
    st.sampled_from([timedelta(minutes=20), timedelta(hours=2), timedelta(hours=25), -timedelta(hours=1)]),
)
_TURNS = st.builds(
    Turn,
    later=_LATER,
    asks=st.one_of(st.none(), st.none(), st.none(), st.sampled_from(STEERING)),
    sees=st.one_of(st.none(), st.none(), st.none(), st.sampled_from(list(Standing))),
    lands=st.booleans(),
)
_KINDS = st.lists(
    st.one_of(
        st.just(Kind()),
        st.just(Kind(has_undo=False)),
        st.just(Kind(writes=False)),
        st.just(Kind(writes=False, holds=True)),
    ),
    min_size=1,
    max_size=5,
).flatmap(
    lambda kinds: st.integers(0, len(kinds)).map(
        lambda at: tuple(replace(kind, no_return=n >= at) for n, kind in enumerate(kinds))
    )
)
QUIET = Turn(timedelta(minutes=1), None, None, lands=True)
MOST = int(PAUSE_LIMIT / QUIET.later) + 8 * int(2 * DEADLINE / QUIET.later)


@settings(max_examples=250, deadline=None)
@given(_KINDS, st.lists(_TURNS, max_size=40))
def test_whatever_happens_it_ends_all_new_all_old_or_explained(kinds: tuple[Kind, ...], turns: list[Turn]) -> None:
    model = made(kinds)
    for turn in turns:
        model.turn(turn)
    for _ in range(MOST):
        if model.op.phase in FINAL or model.op.phase is Phase.STUCK:
            break
        model.turn(QUIET)
    else:
        raise AssertionError(f"it does not end: {model.op.phase} at {model.op.cursor}")
    if model.is_deceived:
        return
    match model.op.phase:
        case Phase.DONE:
            assert all(there for there, kind in zip(model.there, kinds, strict=True) if kind.writes)
        case Phase.UNDONE:
            assert not any(there for there, kind in zip(model.there, kinds, strict=True) if kind.has_undo)
        case _:
            assert model.op.phase is Phase.STUCK
            assert model.op.why is not None


@settings(max_examples=150, deadline=None)
@given(_KINDS, st.integers(0, 60), st.sampled_from([SignalKind.ABORT, SignalKind.CANCEL]))
def test_stopped_at_any_moment_everything_that_can_go_back_does(
    kinds: tuple[Kind, ...], moment: int, kind: SignalKind
) -> None:
    model = made(kinds)
    promoting = replace(QUIET, asks=SignalKind.PROMOTE_FULL)
    for turn in [promoting, *[QUIET] * moment]:
        model.turn(turn)
    is_over, was_committed = model.op.phase in FINAL, model.op.is_committed
    model.turn(replace(QUIET, asks=kind))
    for _ in range(MOST):
        if model.op.phase in FINAL:
            break
        model.turn(QUIET)
    assert model.op.phase is (Phase.DONE if is_over or was_committed else Phase.UNDONE)
    if model.op.phase is Phase.UNDONE:
        assert not any(there for there, each in zip(model.there, kinds, strict=True) if each.has_undo)


@settings(max_examples=150, deadline=None)
@given(_KINDS, st.lists(_TURNS, min_size=5, max_size=30))
def test_the_way_back_leaves_out_nothing_that_was_done(kinds: tuple[Kind, ...], turns: list[Turn]) -> None:
    kinds = tuple(replace(kind, no_return=False) for kind in kinds)
    model = made(kinds)
    model.there = [kind.writes for kind in kinds]
    model.op = replace(model.op, phase=Phase.UNDOING, cursor=len(kinds) - 1)
    for turn in [*turns, *[QUIET] * MOST]:
        if model.op.phase in FINAL:
            break
        model.turn(turn)
    assert model.op.phase in {Phase.UNDONE, Phase.STUCK}
    if model.op.phase is Phase.UNDONE and not model.is_deceived:
        assert not any(there for there, each in zip(model.there, kinds, strict=True) if each.has_undo)
