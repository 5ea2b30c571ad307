"""A chart as a picture, for series too long for Slack's own block. matplotlib is imported when the first one is drawn."""

from __future__ import annotations

import io
import threading
from functools import cache

from bot.domain.reply import Chart
from bot.slack.mrkdwn import Ink, plain

_WIDTH, _HEIGHT, _DPI = 8.0, 3.6, 150
_AXES = (0.115, 0.11, 0.865, 0.78)
"""Left, bottom, width, height in parts of the whole: room for labels of seven digits. To measure them anew for each chart
takes as long as to draw it."""
_COLOURS = ("#1d6fb8", "#c4501b", "#3d8b37", "#7a4fa3", "#8c6d1f", "#4d4d4d")
"""Told apart by people who see few colours; the lines also differ in style."""
_STYLES = ("-", "--", "-.", ":")
_COLOUR_COUNT = 256
"""A palette of so many is half the work of squeezing all colours, and nobody sees the difference."""
_LEAST, _MOST = 1e-3, 1e7
"""A largest value within them is written in digits, another one as 5M or 20µ."""
_DAY = 86_400
_lock = threading.Lock()


def png(chart: Chart) -> bytes:
    with _lock:  # one sheet; and fonts are shared
        return _sheet().drawn(chart)


class _Sheet:
    """A figure that is drawn on again and again: to make its axes and ticks takes as long as to draw them."""

    def __init__(self) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
        from matplotlib.figure import Figure
        from matplotlib.ticker import EngFormatter, ScalarFormatter

        figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=_DPI, facecolor="white")
        self._canvas = FigureCanvasAgg(figure)
        # Neither writes a power of ten above the axis, where the title is.
        self._digits = ScalarFormatter(useOffset=False)
        self._digits.set_scientific(False)
        self._thousands = EngFormatter(sep="")
        axes = self._axes = figure.add_axes(_AXES)
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        axes.xaxis.set_label_coords(0.5, 0)  # there is none: else a place is sought for it each time
        axes.grid(visible=True, alpha=0.3)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)

    def drawn(self, chart: Chart) -> bytes:
        from PIL import Image

        axes, ink = self._axes, Ink()
        for line in axes.get_lines():
            line.remove()
        for index, series in enumerate(chart.series):
            axes.plot(
                # matplotlib's own dates, days since 1970: its converter asks each time what a point is.
                [at.timestamp() / _DAY for at, _ in series.points],
                [value for _, value in series.points],
                label=plain(series.name, ink).replace("$", r"\$"),
                color=_COLOURS[index % len(_COLOURS)],
                linestyle=_STYLES[index % len(_STYLES)],
                linewidth=1.6,
            )
        if chart.limit is not None:
            axes.axhline(chart.limit, color="#b00020", linewidth=1.0, linestyle=(0, (2, 2)), label="limit")
        axes.relim()
        axes.autoscale_view()
        is_plain = _LEAST <= max(map(abs, axes.get_ylim())) < _MOST
        axes.yaxis.set_major_formatter(self._digits if is_plain else self._thousands)
        axes.set_title(plain(chart.title, ink).replace("$", r"\$"), loc="left", fontsize=11, y=1.0)
        axes.set_ylabel(chart.unit.replace("$", r"\$"))
        axes.legend(loc="best", fontsize=9, framealpha=0.85, edgecolor="none")
        self._canvas.draw()  # type: ignore[no-untyped-call]
        size = self._canvas.get_width_height()
        drawn = self._canvas.buffer_rgba()  # type: ignore[no-untyped-call]
        whole = Image.frombuffer("RGBA", size, drawn, "raw", "RGBA", 0, 1).convert("RGB")
        out = io.BytesIO()
        palette = whole.quantize(_COLOUR_COUNT, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        palette.save(out, "png", compress_level=1)
        return out.getvalue()


@cache
def _sheet() -> _Sheet:
    return _Sheet()
