"""What holds for all tests: in CI a skipped test is a failed run, because nothing may be left out there; and no test
leaves its log behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import structlog

_skipped: list[str] = []


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
