"""A chart too long for Slack's own block, drawn as a picture: CPU of a warm one, and of the first with its imports."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from bot.domain.reply import Chart, Series, text
from bot.slack.pictures import png
from tests.bench.figures import Figure, Goal, cpu_in_turns, us

SERIES, POINTS = 3, 1000
ROUNDS, TIMES = 7, 10
BEGAN = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)


def chart() -> Chart:
    lines = tuple(
        Series(
            text("pod {n}", n=number),
            tuple(
                (BEGAN + timedelta(seconds=15 * at), 100 + 40 * math.sin(at / 50 + number) + at % 7)
                for at in range(POINTS)
            ),
        )
        for number in range(SERIES)
    )
    return Chart(text("Requests a second"), "1/s", lines)


def plain(drawn: Chart) -> bytes:
    """As matplotlib's own examples draw it without pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(8.0, 3.6), dpi=150)
    axes = figure.subplots()
    for line in drawn.series:
        axes.plot([at for at, _ in line.points], [value for _, value in line.points], label=line.name.template)  # type: ignore[arg-type]
    axes.legend()
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_png(out)  # type: ignore[no-untyped-call]
    return out.getvalue()


def figures() -> Iterator[Figure]:
    drawn = chart()
    started = time.process_time()
    assert png(drawn).startswith(b"\x89PNG")
    first = time.process_time() - started
    found = cpu_in_turns({"ours": partial(png, drawn), "plain": partial(plain, drawn)}, rounds=ROUNDS, times=TIMES)
    ours, base = found["ours"], found["plain"]
    what = f"{SERIES} series of {POINTS} points"
    yield Figure("charts", f"{what}, CPU", us(ours), "", ours * 1e3, Goal(40, " ms"))
    yield Figure("charts", f"{what}, CPU", us(ours), f"matplotlib, a new Figure: {us(base)}", ours / base)
    yield Figure("charts", "the first, with its imports, CPU", us(first), f"the following: {us(ours)}", first / ours)
