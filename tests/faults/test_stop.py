"""SIGTERM is heard whenever it comes: before anybody waits for it, and again; and no stop outlives its deadline."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot.app.ending import HUNG

HEARD = """
import os, signal
from bot.app.ending import StopSignals
stopped = StopSignals()
for _ in range(70_000):
    os.kill(os.getpid(), signal.SIGTERM)
stopped.wait()
"""
ELSEWHERE = """
import signal, threading, time
from bot.app.ending import StopSignals
stopped = StopSignals()
def gets_it():
    time.sleep(0.5)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    threading.Event().wait()
threading.Thread(target=gets_it, daemon=True).start()
stopped.wait()
"""
BEGIN = """
import os, signal, threading
from concurrent.futures import ThreadPoolExecutor
from bot.app.ending import StopSignals
stopped = StopSignals(within=0.5)
def waits_for_ever():
    threading.Event().wait()
os.kill(os.getpid(), signal.SIGTERM)
"""
HANGS = {
    "the main thread, while it stops": ("stopped.wait(); waits_for_ever()", "MainThread"),
    "the main thread, while it still starts": ("waits_for_ever()", "MainThread"),
    "a thread that keeps the process": ("threading.Thread(target=waits_for_ever, name='keeps').start()", "keeps"),
    "a pool that is waited for at the exit": (
        "ThreadPoolExecutor(1, thread_name_prefix='pool').submit(waits_for_ever)",
        "pool_0",
    ),
}


def run(words: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", words], cwd=root, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_signal_that_came_before_anybody_waited_ends_the_wait_and_many_do_no_harm() -> None:
    done = run(HEARD)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_signal_that_the_system_gives_to_another_thread_ends_the_wait_of_the_main_one() -> None:
    done = run(ELSEWHERE)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("hang", HANGS)
def test_a_stop_that_hangs_ends_at_its_deadline_and_says_what_still_ran(hang: str) -> None:
    words, thread = HANGS[hang]
    done = run(BEGIN + words)
    assert done.returncode == HUNG
    said = done.stdout + done.stderr
    assert "did not stop within 0.5 s" in said
    assert f"{thread} (<string>" in said, said
    assert "waits_for_ever" in said
