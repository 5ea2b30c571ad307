"""The pictures under docs/images: taken by the browser tests, written where they are missing or wanted anew."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Page

FOLDER = Path(__file__).parents[2] / "docs" / "images"
WANTED = "UPDATE_PICTURES"
"""Set this variable to write all of them anew."""
LARGEST = 200_000


def take(page: Page, name: str) -> None:
    """One picture of the window as it stands."""
    page.wait_for_timeout(150)  # for transitions to end
    taken = page.screenshot(animations="disabled", caret="hide")
    assert len(taken) < LARGEST, f"{name} has {len(taken)} bytes"
    path = FOLDER / f"{name}.png"
    if WANTED in os.environ or not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        path.write_bytes(taken)
