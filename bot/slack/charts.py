"""Charts as Slack's own block where they are small enough, else as a Picture that the sender draws and uploads.

A chart never carries a fact that the sentences do not: where it cannot be shown it is left out. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from bot.domain.reply import Chart, Series, text
from bot.slack import limits
from bot.slack.blocks import Block
from bot.slack.mrkdwn import Ink, clipped, moment, plain, visible


@dataclass(frozen=True, slots=True)
class Picture:
    """To be drawn and uploaded; its image block belongs before the block number `at`."""

    at: int
    chart: Chart
    title: str
    alt: str


def native(chart: Chart, ink: Ink) -> Block | None:
    """The data_visualization block; None where the chart does not fit one."""
    lines = chart.series
    if not lines or not lines[0].points:
        return None
    moments = [at for at, _ in lines[0].points]
    extra = 0 if chart.limit is None else 1
    is_small = 2 <= len(moments) <= limits.CHART_POINTS and len(lines) + extra <= limits.CHART_SERIES
    is_even = all([at for at, _ in line.points] == moments for line in lines)
    is_whole = all(math.isfinite(value) for line in lines for _, value in line.points)
    if not (is_small and is_even and is_whole):
        return None
    labels = _labels(moments)
    names = [clipped(plain(line.name, ink), limits.CHART_LABEL) or "–" for line in lines]
    if chart.limit is not None:
        names.append("limit")
        lines = (*lines, Series(text("limit"), tuple((at, chart.limit) for at in moments)))
    if len(set(labels)) != len(labels) or len(set(names)) != len(names):
        return None
    series: list[Block] = [
        {
            "name": name,
            "data": [{"label": label, "value": value} for label, (_, value) in zip(labels, line.points, strict=True)],
        }
        for name, line in zip(names, lines, strict=True)
    ]
    axis: Block = {"categories": [*labels], "x_label": "UTC"}
    if chart.unit:
        axis["y_label"] = clipped(visible(chart.unit), limits.CHART_TITLE)
    drawn: Block = {"type": "line", "series": [*series], "axis_config": axis}
    title = clipped(plain(chart.title, ink), limits.CHART_TITLE) or "Chart"
    return {"type": "data_visualization", "title": title, "chart": drawn}


def _labels(moments: list[datetime]) -> list[str]:
    """The shortest form of the times that tells them apart."""
    for form in ("%H:%M", "%H:%M:%S", "%d %b %H:%M"):
        labels = [at.strftime(form) for at in moments]
        if len(set(labels)) == len(labels):
            return labels
    return [at.strftime("%d %b %H:%M:%S") for at in moments]


def thinned(chart: Chart, points: int = limits.CHART_POINTS) -> Chart:
    """The same lines with at most so many points: each the mean of its span. Spans that one line lacks are left out."""
    moments = [at for line in chart.series for at, _ in line.points]
    if not moments:
        return chart
    first = min(moments)
    width = (max(moments) - first) / points
    if not width:
        return chart
    spans: list[dict[int, list[float]]] = []
    for line in chart.series:
        found: dict[int, list[float]] = {}
        for at, value in line.points:
            if math.isfinite(value):
                found.setdefault(min(points - 1, int((at - first) / width)), []).append(value)
        spans.append(found)
    common = sorted(set.intersection(*(set(found) for found in spans)))
    series = tuple(
        Series(line.name, tuple((first + index * width, sum(found[index]) / len(found[index])) for index in common))
        for line, found in zip(chart.series, spans, strict=True)
    )
    return Chart(chart.title, chart.unit, series, chart.limit)


def described(chart: Chart, ink: Ink) -> str:
    """The alternative text: the span of time, and each line's range."""
    moments = [at for line in chart.series for at, _ in line.points]
    if not moments:
        return f"{plain(chart.title, ink)}: no data."
    parts = [f"{plain(chart.title, ink)}. Line chart, {moment(min(moments), None)} to {moment(max(moments), None)}."]
    for line in chart.series:
        values = [value for _, value in line.points if math.isfinite(value)]
        if values:
            unit = f" {visible(chart.unit)}" if chart.unit else ""
            parts.append(f"{plain(line.name, ink)} between {min(values):g} and {max(values):g}{unit}.")
    if chart.limit is not None:
        parts.append(f"Limit {chart.limit:g}.")
    return clipped(" ".join(parts), limits.ALT_TEXT)
