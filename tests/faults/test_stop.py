"""SIGTERM is heard whenever it comes: before anybody waits for it, and again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEARD = """
import os, signal
from bot.app.programs import stop_signals
stopped = stop_signals()
for _ in range(70_000):
    os.kill(os.getpid(), signal.SIGTERM)
stopped.wait()
"""


def test_a_signal_that_came_before_anybody_waited_ends_the_wait_and_many_do_no_harm() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEARD], cwd=Path(__file__).parents[2], capture_output=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, b"")
