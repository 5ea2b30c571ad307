"""Crash points do nothing until they are armed, and then exactly what was said, once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.domain.failpoints import arm, failpoint
from tests.faults.cells import POINTS

ROOT = Path(__file__).parents[2]
HIT = "from bot.domain.failpoints import arm, failpoint; arm({spec!r}, latch={latch!r}); [failpoint('CP7') for _ in range(3)]"


def hit(spec: str, latch: str = "") -> int:
    return subprocess.run([sys.executable, "-c", HIT.format(spec=spec, latch=latch)], cwd=ROOT, check=False).returncode


def test_an_unarmed_point_does_nothing() -> None:
    arm("")
    failpoint("CP7")


@pytest.mark.parametrize(
    ("spec", "code"), [("CP7=exit", 137), ("CP7=exit@3", 137), ("CP7=exit@4", 0), ("CP8=exit", 0), ("CP7=term", -15)]
)
def test_a_process_ends_at_the_hit_that_was_named(spec: str, code: int) -> None:
    assert hit(spec) == code


def test_of_two_processes_with_one_latch_one_ends(tmp_path: Path) -> None:
    latch = str(tmp_path / "latch")
    assert [hit("CP7=exit", latch), hit("CP7=exit", latch)] == [137, 0]


@pytest.mark.parametrize("spec", ["CP17=exit", "CP7", "CP7=explode", "CP7=exit@0", "CP7=sleep(x)"])
def test_what_is_no_failpoint_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="no failpoint"):
        arm(spec)


def test_every_point_stands_somewhere_in_the_product() -> None:
    source = "".join(path.read_text() for path in (ROOT / "bot").rglob("*.py"))
    assert set(re.findall(r'"(CP\d+)"', source)) == set(POINTS)
