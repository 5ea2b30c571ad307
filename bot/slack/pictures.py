"""A chart as a picture, for series too long for Slack's own block. matplotlib is imported when the first one is drawn."""

from __future__ import annotations

import io
import threading

from bot.domain.reply import Chart
from bot.slack.mrkdwn import Ink, plain

_WIDTH, _HEIGHT, _DPI = 8.0, 3.6, 150
_AXES = (0.115, 0.11, 0.865, 0.78)
"""Left, bottom, width, height in parts of the whole: room for labels of seven digits. To measure them anew for each chart
takes as long as to draw it."""
_COLOURS = ("#1d6fb8", "#c4501b", "#3d8b37", "#7a4fa3", "#8c6d1f", "#4d4d4d")
"""Told apart by people who see few colours; the lines also differ in style."""
_STYLES = ("-", "--", "-.", ":")
_lock = threading.Lock()


def png(chart: Chart) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
    from matplotlib.figure import Figure

    ink = Ink()
    with _lock:  # fonts and date converters are shared
        figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=_DPI, facecolor="white")
        axes = figure.add_axes(_AXES)
        for index, line in enumerate(chart.series):
            axes.plot(
                date2num([at for at, _ in line.points]),  # type: ignore[no-untyped-call]
                [value for _, value in line.points],
                label=plain(line.name, ink).replace("$", r"\$"),
                color=_COLOURS[index % len(_COLOURS)],
                linestyle=_STYLES[index % len(_STYLES)],
                linewidth=1.6,
            )
        if chart.limit is not None:
            axes.axhline(chart.limit, color="#b00020", linewidth=1.0, linestyle=(0, (2, 2)), label="limit")
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        axes.set_title(plain(chart.title, ink).replace("$", r"\$"), loc="left", fontsize=11)
        axes.set_ylabel(chart.unit.replace("$", r"\$"))
        axes.grid(visible=True, alpha=0.3)
        axes.legend(loc="best", fontsize=9, framealpha=0.85, edgecolor="none")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        out = io.BytesIO()
        FigureCanvasAgg(figure).print_png(out, pil_kwargs={"compress_level": 1})  # type: ignore[no-untyped-call]
    return out.getvalue()
