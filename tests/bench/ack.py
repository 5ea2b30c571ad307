"""How long a person waits for the acknowledgement of what is then durable, against Bolt alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.bench.edges import Sides, sides
from tests.bench.figures import Figure, Goal, in_turns, loaded_in_turns, us

ROUNDS, TIMES = 12, 60
IN_FLIGHT = 32


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name, sides(Path(name)) as both:
        yield from _one_at_a_time(both)
        yield from _many(both)


def _one_at_a_time(both: Sides) -> Iterator[Figure]:
    for what, make in (("slash command", both.post.command), ("button", both.post.click)):
        found = in_turns(
            {"ours": partial(both.ours, make), "base": partial(both.synced, make), "bare": partial(both.bare, make)},
            rounds=ROUNDS,
            times=TIMES,
        )
        ours, base, bare = found["ours"], found["base"], found["bare"]
        said = "bare Bolt + one synced INSERT"
        yield Figure("ack", f"{what}, p50", us(ours.p50), f"{said}: {us(base.p50)}", ours.p50 / base.p50, Goal(2))
        yield Figure("ack", f"{what}, p99", us(ours.p99), f"{said}: {us(base.p99)}", ours.p99 / base.p99, Goal(5))
        yield Figure("ack", f"{what}, p50", us(ours.p50), f"bare Bolt: {us(bare.p50)}", ours.p50 / bare.p50)


def _many(both: Sides) -> Iterator[Figure]:
    make = both.post.command
    found = loaded_in_turns(
        {"ours": partial(both.ours, make), "base": partial(both.bare, make), "synced": partial(both.synced, make)},
        rounds=6,
        in_flight=IN_FLIGHT,
        times=800,
    )
    ours = found["ours"].per_second
    for name, said, goal in (
        ("base", "bare Bolt", Goal(0.6, least=True)),
        ("synced", "bare Bolt + one synced INSERT", None),
    ):
        base = found[name].per_second
        yield Figure(
            "ack", f"{IN_FLIGHT} in flight, requests/s", f"{ours:.0f}/s", f"{said}: {base:.0f}/s", ours / base, goal
        )
