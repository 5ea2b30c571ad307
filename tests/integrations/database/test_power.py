"""Losing power, at some of the places; `python -m tests.integrations.database.power` tries every byte."""

from __future__ import annotations

from pathlib import Path

from tests.integrations.database.power import Fate, tried


def test_nothing_is_missing_silently_wherever_the_files_end(tmp_path: Path) -> None:
    fates = tried(tmp_path, step=509)
    assert {kind for kind, _ in fates} == {"log cut", "database cut", "unsynced, cut", "unsynced, sectors lost"}
    assert fates["log cut", Fate.CLOSED] == 9
    assert fates["database cut", Fate.REFUSED] == 9
    assert {fate for kind, fate in fates if kind.startswith("unsynced")} == {Fate.WHOLE}
