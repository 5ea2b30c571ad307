"""What holds for all tests: in CI a skipped test is a failed run, because nothing may be left out there; and no test
leaves its log behind. The long ones begin first."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path

import pytest
import structlog

_skipped: list[str] = []
_IN_MEMORY = Path("/dev/shm")
_ROOM = 2 << 30
"""Bytes."""
_LONG = (
    "test_succession_model.py",
    "test_dependencies.py",
    "test_approval_model.py",
    "test_canary_weights.py",
    "test_shutdown.py",
    "test_quick.py",
    "test_started_bot.py",
    "test_alert_rollback.py",
    "test_slack_troubles.py",
)
"""Files with tests of more than about ten seconds, the longest first. Most of that they wait, so that others run meanwhile."""


def pytest_configure() -> None:
    """Databases of tests in memory where there is room: kill -9 loses nothing there either, and nothing waits for a disk."""
    if os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_IN_MEMORY))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What collecting makes stays to the end: looking through it for garbage, then and later, finds nothing."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first in the share of each worker of xdist (equal parts of the list), so that none of them is alone at
    the end. Within a file, and of the others, the order is as random as before."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    if not workers:
        return
    long = sorted((item for item in items if item.path.name in _LONG), key=lambda item: _LONG.index(item.path.name))
    others = iter([item for item in items if item.path.name not in _LONG])
    left = len(items)
    items.clear()
    for number in range(workers):
        size = left // (workers - number)
        first = long[number::workers]
        items += first
        items += islice(others, max(0, size - len(first)))
        left -= size
    items += others


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """A program that a test runs sets up its log, which then writes to what was stderr within that test: until its end."""
    yield
    structlog.reset_defaults()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if os.environ.get("CI") == "true" and _skipped and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get("CI") == "true" and _skipped:
        terminalreporter.write_line(f"skipped in CI, which is an error: {', '.join(_skipped)}", red=True)
