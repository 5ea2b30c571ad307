"""What a benchmark yields, and how two things are timed side by side. Knows nothing of the product.

Ours and the baseline run in turns, in one process and one run: a noisy neighbour disturbs both alike. Absolute figures
are shown for orientation only; goals are ratios, except where a person waits.
"""

from __future__ import annotations

import itertools
import queue
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Goal:
    """`least`: the figure has to reach it, else it may not exceed it."""

    limit: float
    unit: str = "x"
    least: bool = False

    def is_met(self, value: float) -> bool:
        return value >= self.limit if self.least else value <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.least else '<='} {self.limit:g}{self.unit}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    bench: str
    what: str
    ours: str
    baseline: str
    """What it is compared with, and that one's figure; empty where the goal is absolute."""
    value: float
    """What the goal is about: a ratio, or an absolute figure in the goal's unit."""
    goal: Goal | None = None
    """None: shown for orientation."""

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return "met" if self.goal.is_met(self.value) else "**missed**"

    @property
    def shown(self) -> str:
        unit = self.goal.unit if self.goal else "x" if self.baseline else ""
        return f"{self.value:.2f}{unit}" if self.value < 1000 else f"{self.value:.0f}{unit}"


@dataclass(frozen=True, slots=True)
class Spans:
    """Seconds that single runs took, in the order in which they were measured, by round."""

    rounds: tuple[tuple[float, ...], ...]

    @property
    def all(self) -> list[float]:
        return sorted(itertools.chain.from_iterable(self.rounds))

    @property
    def p50(self) -> float:
        """Of the rounds the median one: what one bad round cannot move."""
        return statistics.median(statistics.median(one) for one in self.rounds)

    @property
    def p99(self) -> float:
        found = self.all
        return found[min(len(found) - 1, int(len(found) * 0.99))]


def in_turns(works: Mapping[str, Work], *, rounds: int, times: int) -> dict[str, Spans]:
    """Each so many times a round, one after the other, after one round that is not counted."""
    taken: dict[str, list[tuple[float, ...]]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            spans = tuple(_timed(work) for _ in range(times))
            if number:
                taken[name].append(spans)
    return {name: Spans(tuple(found)) for name, found in taken.items()}


def _timed(work: Work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def cpu_in_turns(works: Mapping[str, Work], *, rounds: int, times: int) -> dict[str, float]:
    """CPU seconds of the whole process for one run: the median of the rounds."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            started = time.process_time()
            for _ in range(times):
                work()
            if number:
                taken[name].append((time.process_time() - started) / times)
    return {name: statistics.median(found) for name, found in taken.items()}


@dataclass(frozen=True, slots=True)
class Load:
    per_second: float
    cpu: float
    """CPU seconds of the process for one."""


def loaded_in_turns(works: Mapping[str, Work], *, rounds: int, in_flight: int, times: int) -> dict[str, Load]:
    """So many in flight, each work `times` times a round; medians of the rounds."""
    taken: dict[str, list[Load]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            found = _loaded(work, in_flight, times)
            if number:
                taken[name].append(found)
    return {
        name: Load(statistics.median(one.per_second for one in found), statistics.median(one.cpu for one in found))
        for name, found in taken.items()
    }


def _loaded(work: Work, in_flight: int, times: int) -> Load:
    left: queue.SimpleQueue[None] = queue.SimpleQueue()
    for _ in range(times):
        left.put(None)
    gate = threading.Barrier(in_flight + 1)

    def run() -> None:
        gate.wait()
        while True:
            try:
                left.get_nowait()
            except queue.Empty:
                return
            work()

    threads = [threading.Thread(target=run) for _ in range(in_flight)]
    for thread in threads:
        thread.start()
    gate.wait()
    cpu, started = time.process_time(), time.perf_counter()
    for thread in threads:
        thread.join()
    return Load(times / (time.perf_counter() - started), (time.process_time() - cpu) / times)


def table(figures: Sequence[Figure]) -> str:
    """In Markdown, as docs/performance.md has it: a table for each benchmark."""
    head = ("What", "Ours", "Baseline of the same run", "Found", "Goal", "")
    parts = []
    for bench, found in itertools.groupby(figures, key=lambda figure: figure.bench):
        rows = [(f.what, f.ours, f.baseline, f.shown, str(f.goal) if f.goal else "", f.verdict) for f in found]
        widths = [max(3, *(len(row[n]) for row in (head, *rows))) for n in range(len(head))]
        lines = [head, tuple("-" * width for width in widths), *rows]
        drawn = [
            f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines
        ]
        parts.append("\n".join((f"## `{bench}`", "", *drawn)))
    return "\n\n".join(parts)


def us(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} us" if seconds < 0.001 else f"{seconds * 1e3:.2f} ms"
