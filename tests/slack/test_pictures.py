"""Charts as pictures: what is on them, and that none is left of the one before."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from bot.domain.reply import Chart, Series, text
from bot.slack.pictures import png

BEGAN = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
WHITE = (255, 255, 255)
BLUE, RED, GREEN = (0x1D, 0x6F, 0xB8), (0xC4, 0x50, 0x1B), (0x3D, 0x8B, 0x37)


def chart(*heights: float, limit: float | None = None, every: timedelta = timedelta(minutes=1)) -> Chart:
    """Level lines, one at each height."""
    lines = tuple(
        Series(text("pod {n}", n=n), tuple((BEGAN + every * at, height) for at in range(60)))
        for n, height in enumerate(heights)
    )
    return Chart(text("Requests a second"), "1/s", lines, limit=limit)


def seen(picture: bytes, colour: tuple[int, int, int]) -> int:
    """Points of about this colour."""
    counts = Image.open(io.BytesIO(picture)).convert("RGB").getcolors(1 << 20) or []
    return sum(
        count
        for count, found in counts
        if isinstance(found, tuple) and all(abs(one - other) <= 8 for one, other in zip(found, colour, strict=True))
    )


def test_each_series_is_drawn_in_its_colour_on_white() -> None:
    picture = png(chart(10, 20, 30))
    image = Image.open(io.BytesIO(picture))
    assert (image.format, image.size) == ("PNG", (1200, 540))
    assert all(seen(picture, colour) > 500 for colour in (BLUE, RED, GREEN))
    assert seen(picture, WHITE) > 1200 * 540 * 0.8


def test_nothing_of_a_picture_is_left_in_the_next_one() -> None:
    two = chart(10, 20)
    first = png(two)
    other = png(chart(4000, 5000, 6_000_000, limit=7e6, every=timedelta(days=3)))
    assert seen(first, GREEN) == 0
    assert seen(other, GREEN) > 500
    assert png(two) == first


def test_pictures_drawn_at_once_are_those_drawn_one_by_one() -> None:
    charts = [chart(*range(1, count + 1)) for count in (1, 2, 3, 4)] * 3
    alone = [png(each) for each in charts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(png, charts)) == alone


@pytest.mark.parametrize("height", [3e-7, 0.02, 140, 999_999, 5e6, 7e11])
def test_the_title_stands_alone_above_the_axis(height: float) -> None:
    """Where matplotlib would put a power of ten."""
    named = chart(0, height)
    unnamed = Chart(text(" "), named.unit, named.series)
    above = Image.open(io.BytesIO(png(unnamed))).convert("L").crop((0, 0, 1200, 50))
    assert min(above.tobytes()) > 250
