"""What holds for all tests: in CI a skipped test is a failed run, because nothing may be left out there; and no test
leaves its log behind."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

_skipped: list[str] = []
_IN_MEMORY = Path("/dev/shm")
_ROOM = 2 << 30
"""Bytes."""


def pytest_configure() -> None:
    """Databases of tests in memory where there is room: kill -9 loses nothing there either, and nothing waits for a disk."""
    if os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_IN_MEMORY))


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
