"""One lane and one turnstile: everybody gets an outcome, and in turn."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from integrations.database.lane import Attempt, Interrupted, Lane, Ticket, Turnstile
from tests.contracts.store.stage import in_threads


def doubled(tickets: Sequence[Ticket[int, int]]) -> None:
    for ticket in tickets:
        if ticket.item % 10 == 0:
            ticket.fail(ValueError(ticket.item))
        else:
            ticket.give(ticket.item * 2)


def test_everybody_gets_the_own_outcome() -> None:
    lane = Lane(doubled)
    outcomes = in_threads([lambda n=n: lane.put(n) for n in range(1, 65)])  # type: ignore[misc]
    for n, outcome in enumerate(outcomes, 1):
        if n % 10 == 0:
            assert isinstance(outcome, ValueError)
        else:
            assert outcome == n * 2


def test_what_waits_meanwhile_is_done_together_and_never_more_than_the_limit() -> None:
    sizes: list[int] = []
    first, rest = threading.Event(), threading.Event()

    def work(tickets: Sequence[Ticket[int, int]]) -> None:
        sizes.append(len(tickets))
        if len(sizes) == 1:
            first.set()
            rest.wait(10)
        doubled(tickets)

    lane = Lane(work, limit=8)

    def put(n: int) -> int:
        if n > 1:
            first.wait(10)
        if n == 20:
            threading.Timer(0.3, rest.set).start()
        return lane.put(n)

    in_threads([lambda n=n: put(n) for n in range(1, 21)])  # type: ignore[misc]
    assert sizes[0] == 1
    assert sum(sizes) == 20
    assert max(sizes) == 8


def test_who_works_for_others_and_is_stopped_leaves_nobody_waiting() -> None:
    def work(tickets: Sequence[Ticket[int, int]]) -> None:
        raise KeyboardInterrupt

    lane = Lane(work)
    with pytest.raises(KeyboardInterrupt):
        lane.put(1)
    with pytest.raises(KeyboardInterrupt):
        lane.put(2)


def test_what_was_not_settled_is_interrupted() -> None:
    lane: Lane[int, int] = Lane(lambda tickets: None)
    with pytest.raises(Interrupted):
        lane.put(1)


def test_an_attempt_keeps_errors_and_lets_through_what_ends_a_thread() -> None:
    with Attempt[int]() as attempt:
        raise LookupError
    assert isinstance(attempt.error, LookupError)
    with pytest.raises(SystemExit), Attempt[int]():
        raise SystemExit


def test_a_turnstile_lets_in_so_many_and_no_more() -> None:
    turnstile = Turnstile(2)
    assert turnstile.enter(timeout=0.01)
    assert turnstile.enter(timeout=0.01)
    assert not turnstile.enter(timeout=0.01)
    turnstile.leave()
    assert turnstile.enter(timeout=0.01)


def test_the_longest_waiting_goes_first() -> None:
    turnstile = Turnstile(1)
    turnstile.enter(timeout=1)
    order: list[int] = []
    waiting: list[threading.Thread] = []
    for n in range(5):

        def go(number: int = n) -> None:
            assert turnstile.enter(timeout=10)
            order.append(number)
            turnstile.leave()

        thread = threading.Thread(target=go)
        thread.start()
        while len(turnstile._waiting) == n:
            pass
        waiting.append(thread)
    turnstile.leave()
    for thread in waiting:
        thread.join(10)
    assert order == [0, 1, 2, 3, 4]
