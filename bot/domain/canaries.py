"""What a canary does where its asker says nothing: shares, hold, requests, deadline. Pure; the policy fills it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.analysis import AppMeasure

REQUESTS = 500
"""That a canary must have answered before its figures can pass, where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class CanaryDefaults:
    """Of one app in one env."""

    steps: tuple[int, ...] = ()
    """Per cent, growing, 1 to 99; empty: only the share that is asked for."""
    hold: timedelta | None = None
    """How long each share is watched; None: each waits for a person."""
    requests: int = REQUESTS
    deadline: timedelta | None = None
    """How long it waits for a person at one share; None: the timing `canary-deadline`."""
    measures: tuple[AppMeasure, ...] = ()
    """Of the app's own, beside errors and latency."""
    said: tuple[str, ...] = ()
    """The names of those above that the policy says."""
