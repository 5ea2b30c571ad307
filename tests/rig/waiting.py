"""Waiting for something to become true: the one place of the rig that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class WaitedInVainError(AssertionError):
    """What a test waited for did not come; an assertion, so that pytest shows it as a failure."""


def until(
    what: str,
    ready: Callable[[], T | None],
    *,
    seconds: float = 60,
    every: float = 0.1,
    detail: Callable[[], object] | None = None,
) -> T:
    """Returns the first true value of ready(), which may raise LookupError or OSError for "not yet".

    Raises WaitedInVainError with the last refusal, and with detail() where given, after the time is up.
    """
    end = time.monotonic() + seconds
    last: object = None
    while True:
        try:
            value = ready()
            if value:
                return value
            last = value
        except (LookupError, OSError) as error:
            last = error
        if time.monotonic() > end:
            more = f"; {detail()}" if detail else ""
            raise WaitedInVainError(f"waited {seconds:g} s in vain for {what} (last: {last!r}){more}")
        time.sleep(every)
